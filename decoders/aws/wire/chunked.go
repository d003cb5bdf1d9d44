package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// signedChunks says whether the chunks of a body carry signatures.
type signedChunks uint8

const (
	maySign  signedChunks = iota // the head does not say
	mustSign                     // STREAMING-AWS4-HMAC-SHA256-PAYLOAD and its like
	mayNot                       // STREAMING-UNSIGNED-PAYLOAD-TRAILER
)

// signing reads what the payload hash in the head says of the chunks.
func signing(hash string) signedChunks {
	switch {
	case strings.HasPrefix(hash, "STREAMING-UNSIGNED-"):
		return mayNot
	case strings.HasPrefix(hash, "STREAMING-AWS4-"):
		return mustSign
	}
	return maySign
}

// dechunk takes the payload out of an aws-chunked body, and its trailers. Chunk
// signatures have to be there, or not, as the head says, and to look like ones;
// whether they are right is the service's to say. The framing is
//
//	HEX-SIZE[;chunk-signature=…]CRLF DATA CRLF … 0[;…]CRLF [NAME:VALUE CRLF]… CRLF
//
// (Amazon S3 API reference, "Signature calculations: transferring payload in
// multiple chunks"). The result never has more bytes than the body.
func dechunk(body []byte, sign signedChunks) (payload []byte, trailer http.Header, err error) {
	payload = make([]byte, 0, len(body))
	for first := true; ; first = false {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		if !ok {
			return nil, nil, errors.New("truncated chunk header")
		}
		size, signed, err := chunkHeader(string(line))
		if err != nil {
			return nil, nil, err
		}
		if first && sign == maySign {
			if sign = mayNot; signed {
				sign = mustSign
			}
		}
		if signed != (sign == mustSign) {
			return nil, nil, errors.New("a chunk is signed where it must not be, or not where it must")
		}
		body = rest
		if size == 0 {
			trailer, err := trailers(body)
			return payload, trailer, err
		}
		if len(body) < size+2 || body[size] != '\r' || body[size+1] != '\n' {
			return nil, nil, errors.New("truncated chunk")
		}
		payload = append(payload, body[:size]...)
		body = body[size+2:]
	}
}

// maxSizeDigits bounds the hexadecimal digits of a chunk's size: 256 MiB is more
// than any buffered body.
const maxSizeDigits = 7

// chunkHeader reads HEX-SIZE[;chunk-signature=HEX]. Nothing else may follow the
// size: what one reader takes for an extension is a parameter to another.
func chunkHeader(line string) (size int, signed bool, err error) {
	digits, extension, signed := strings.Cut(line, ";")
	n, err := strconv.ParseUint(digits, 16, 31)
	if err != nil || len(digits) > maxSizeDigits || digits[0] == '+' {
		return 0, false, fmt.Errorf("chunk size %.20q", digits)
	}
	if !signed {
		return int(n), false, nil
	}
	signature, ok := strings.CutPrefix(extension, "chunk-signature=")
	if !ok || !isSignature(signature) {
		return 0, false, fmt.Errorf("chunk extension %.40q is not a signature", extension)
	}
	return int(n), true, nil
}

// isSignature reports 64 hexadecimal digits (HMAC-SHA256), or up to 144 filled up
// with asterisks (ECDSA).
func isSignature(s string) bool {
	if len(s) != 64 && len(s) != 144 {
		return false
	}
	if len(s) == 144 {
		s = strings.TrimRight(s, "*")
	}
	return len(s) >= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// maxTrailers bounds the lines after the last chunk: a checksum and its signature.
const maxTrailers = 16

func trailers(body []byte) (http.Header, error) {
	trailer := http.Header{}
	for n := 0; ; n++ {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		if !ok && len(body) > 0 {
			return nil, errors.New("truncated trailer")
		}
		if len(line) == 0 {
			if len(rest) > 0 {
				return nil, errors.New("data after the last chunk")
			}
			return trailer, nil
		}
		name, value, ok := strings.Cut(string(line), ":")
		name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))
		if !ok || trailer[name] != nil || n >= maxTrailers {
			return nil, fmt.Errorf("trailer %.40q", line)
		}
		trailer[name] = []string{strings.TrimSpace(value)}
		body = rest
	}
}

// isChunked reports whether the body is aws-chunked: the Content-Encoding says so,
// or the signature's payload hash does.
func isChunked(h http.Header) bool {
	for _, coding := range codings(h) {
		if coding == "aws-chunked" {
			return true
		}
	}
	hash := h.Get("X-Amz-Content-Sha256")
	return strings.HasPrefix(hash, "STREAMING-") && !strings.HasSuffix(hash, "-EVENTS")
}

// unchunk replaces a chunked message by its payload. Trailers become headers, but
// only those that X-Amz-Trailer announced. The length and the checksums that the
// call says of its payload have to be the payload's.
func (m *message) unchunk() error {
	if m.streamed || !isChunked(m.header) {
		return nil
	}
	for _, name := range []string{"X-Amz-Content-Sha256", "X-Amz-Decoded-Content-Length"} {
		if len(m.header[name]) > 1 {
			return fmt.Errorf("aws-chunked body: header %s twice", name)
		}
	}
	hash := m.header.Get("X-Amz-Content-Sha256")
	payload, trailer, err := dechunk(m.body, signing(hash))
	if err != nil {
		return fmt.Errorf("aws-chunked body: %w", err)
	}
	if want := m.header.Get("X-Amz-Decoded-Content-Length"); want != "" && want != strconv.Itoa(len(payload)) {
		return fmt.Errorf("aws-chunked body: %d bytes, x-amz-decoded-content-length says %.20s", len(payload), want)
	}
	announced := strings.ToLower(strings.Join(m.header["X-Amz-Trailer"], ","))
	for name, value := range trailer {
		if name == "X-Amz-Trailer-Signature" {
			if signing(hash) == mayNot {
				return errors.New("aws-chunked body: a signed trailer where nothing is signed")
			}
			continue
		}
		if !listed(announced, strings.ToLower(name)) || m.header[name] != nil {
			return fmt.Errorf("aws-chunked body: trailer %.40q was not announced, or is a header too", name)
		}
		if err := checkTrailer(name, value[0], payload); err != nil {
			return fmt.Errorf("aws-chunked body: %w", err)
		}
		m.header[name] = value
	}
	for name := range strings.SplitSeq(announced, ",") {
		if name = strings.TrimSpace(name); name != "" && trailer.Get(name) == "" {
			return fmt.Errorf("aws-chunked body: trailer %.40q was announced and is not there", name)
		}
	}
	m.body = payload
	return nil
}

func listed(list, name string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(item) == name {
			return true
		}
	}
	return false
}
