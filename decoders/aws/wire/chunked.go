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

// dechunk takes the payload out of an aws-chunked body, and its trailers. Chunk
// signatures are left to the service. The framing is
//
//	HEX-SIZE[;chunk-signature=…]CRLF DATA CRLF … 0[;…]CRLF [NAME:VALUE CRLF]… CRLF
//
// (Amazon S3 API reference, "Signature calculations: transferring payload in
// multiple chunks"). The result never has more bytes than the body.
func dechunk(body []byte) (payload []byte, trailer http.Header, err error) {
	payload = make([]byte, 0, len(body))
	for {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		if !ok {
			return nil, nil, errors.New("truncated chunk header")
		}
		sizeText, _, _ := strings.Cut(string(line), ";")
		size, err := strconv.ParseUint(sizeText, 16, 32)
		if err != nil {
			return nil, nil, fmt.Errorf("chunk size %.20q", sizeText)
		}
		body = rest
		if size == 0 {
			trailer, err := trailers(body)
			return payload, trailer, err
		}
		if uint64(len(body)) < size+2 || body[size] != '\r' || body[size+1] != '\n' {
			return nil, nil, errors.New("truncated chunk")
		}
		payload = append(payload, body[:size]...)
		body = body[size+2:]
	}
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
// only those that X-Amz-Trailer announced.
func (m *message) unchunk() error {
	if m.streamed || !isChunked(m.header) {
		return nil
	}
	payload, trailer, err := dechunk(m.body)
	if err != nil {
		return fmt.Errorf("aws-chunked body: %w", err)
	}
	if want := m.header.Get("X-Amz-Decoded-Content-Length"); want != "" && want != strconv.Itoa(len(payload)) {
		return fmt.Errorf("aws-chunked body: %d bytes, x-amz-decoded-content-length says %.20s", len(payload), want)
	}
	announced := strings.ToLower(strings.Join(m.header["X-Amz-Trailer"], ","))
	for name, value := range trailer {
		if name == "X-Amz-Trailer-Signature" {
			continue
		}
		if !listed(announced, strings.ToLower(name)) || m.header[name] != nil {
			return fmt.Errorf("aws-chunked body: trailer %.40q was not announced, or is a header too", name)
		}
		m.header[name] = value
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
