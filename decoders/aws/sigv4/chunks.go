package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxChunk bounds a signed chunk: it is held until its own signature is checked,
	// which stands before it. Clients send 64 KiB to 1 MiB.
	maxChunk = 8 << 20
	// chunkStep is how much more is made room for than has arrived.
	chunkStep = 256 << 10
	// maxChunkLine bounds the line before a chunk, and maxTrailers what follows the last.
	maxChunkLine = 256
	maxTrailers  = 8 << 10

	chunkExtension  = "chunk-signature="
	trailerName     = "x-amz-trailer-signature"
	chunkAlgorithm  = hmacAlgorithm + "-PAYLOAD"
	trailAlgorithm  = hmacAlgorithm + "-TRAILER"
	emptyHash       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	signatureLength = 2 * sha256.Size
)

// ErrChunk: a chunk of the body is not signed as it has to be. What came before it
// has been sent; the upstream has no end of the body, and keeps none of it.
var ErrChunk = errors.New("a chunk of the body is not what was signed")

// chain is the row of signatures of a body's chunks: each covers the one before.
type chain struct {
	key      []byte
	at       string
	scope    string
	previous string
}

func newChain(s Signature, secret string) chain {
	return chain{derive(secret, s.Day, s.Region, s.Service), s.At.Format(timeFormat), s.Scope(), s.Value}
}

// next returns the signature of a chunk, and moves on to it.
func (c *chain) next(chunk []byte) string {
	return c.sign(chunkAlgorithm + "\n" + c.at + "\n" + c.scope + "\n" + c.previous + "\n" + emptyHash + "\n" + hashHex(chunk))
}

func (c *chain) trailer(text string) string {
	return c.sign(trailAlgorithm + "\n" + c.at + "\n" + c.scope + "\n" + c.previous + "\n" + hashHex([]byte(text)))
}

func (c *chain) sign(text string) string {
	c.previous = hex.EncodeToString(mac(c.key, text))
	return c.previous
}

// chunkKeys are the two chains of a body that is signed anew.
type chunkKeys struct {
	from, to chain
	trailer  bool
}

// Chunks returns the body with the signature of every chunk checked and made anew.
// Its length stays the same. A body without chunk signatures is returned as it is.
func (s Signed) Chunks(body io.Reader) io.Reader {
	if s.chunks == nil {
		return body
	}
	keys := *s.chunks // a body is read once, from the beginning
	return &chunkReader{in: bufio.NewReaderSize(body, 32<<10), keys: keys}
}

// chunkReader reads a chunk, checks it, and hands it on.
type chunkReader struct {
	in   *bufio.Reader
	keys chunkKeys
	data []byte       // room for a chunk
	out  bytes.Buffer // what waits to be read
	err  error        // after out
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for r.out.Len() == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.out.Reset()
		if r.err = r.chunk(); r.err != nil && !errors.Is(r.err, io.EOF) {
			r.out.Reset() // nothing of a chunk leaves that is not whole
		}
	}
	return r.out.Read(p)
}

// chunk moves one chunk; io.EOF follows the last.
func (r *chunkReader) chunk() error {
	line, err := r.line(maxChunkLine)
	if err != nil {
		return err
	}
	head, said, ok := strings.Cut(line, ";"+chunkExtension)
	size, bad := strconv.ParseUint(head, 16, 32)
	switch {
	case !ok || bad != nil || len(said) != signatureLength:
		return fmt.Errorf("%w: its line cannot be read", ErrChunk)
	case size > maxChunk:
		return fmt.Errorf("%w: it is larger than the %d MiB that are held at once", ErrChunk, maxChunk>>20)
	}
	if err := r.fill(int(size)); err != nil {
		return err
	}
	if !same(r.keys.from.next(r.data), said) {
		return fmt.Errorf("%w: its signature does not match", ErrChunk)
	}
	r.out.WriteString(head + ";" + chunkExtension + r.keys.to.next(r.data) + "\r\n")
	r.out.Write(r.data)
	if size == 0 && r.keys.trailer {
		return r.trailers()
	}
	if end, err := r.line(0); err != nil || end != "" {
		return fmt.Errorf("%w: it does not end where it says", ErrChunk)
	}
	r.out.WriteString("\r\n")
	if size > 0 {
		return nil
	}
	return r.end()
}

// fill reads a chunk's data, making room only for what arrives.
func (r *chunkReader) fill(size int) error {
	r.data = r.data[:0]
	for len(r.data) < size {
		at, step := len(r.data), min(size-len(r.data), chunkStep)
		r.data = slices.Grow(r.data, step)[:at+step]
		if _, err := io.ReadFull(r.in, r.data[at:]); err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// trailers moves the headers after the last chunk, whose last signs the others.
func (r *chunkReader) trailers() error {
	var text strings.Builder
	for text.Len() < maxTrailers {
		line, err := r.line(maxTrailers)
		if err != nil {
			return err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			break
		}
		if strings.EqualFold(strings.TrimSpace(name), trailerName) {
			if !same(r.keys.from.trailer(text.String()), strings.TrimSpace(value)) {
				return fmt.Errorf("%w: the signature of its trailers does not match", ErrChunk)
			}
			if end, err := r.line(0); err != nil || end != "" {
				return fmt.Errorf("%w: something follows its trailers", ErrChunk)
			}
			r.out.WriteString(name + ":" + r.keys.to.trailer(text.String()) + "\r\n\r\n")
			return r.end()
		}
		text.WriteString(strings.ToLower(strings.TrimSpace(name)) + ":" + strings.TrimSpace(value) + "\n")
		r.out.WriteString(line + "\r\n")
	}
	return fmt.Errorf("%w: its trailers are not signed", ErrChunk)
}

// end: nothing follows the last chunk.
func (r *chunkReader) end() error {
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the last", ErrChunk)
	}
	return io.EOF
}

// line reads a line of at most limit bytes, without its end.
func (r *chunkReader) line(limit int) (string, error) {
	var line []byte
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return "", unexpected(err)
		}
		line = append(line, c)
		if c == '\n' {
			text, ok := strings.CutSuffix(string(line), "\r\n")
			if !ok {
				return "", fmt.Errorf("%w: a line ends wrongly", ErrChunk)
			}
			return text, nil
		}
		if len(line) >= limit+2 {
			return "", fmt.Errorf("%w: a line is too long", ErrChunk)
		}
	}
}

// unexpected: the body ends before its last chunk. It MUST NOT look like an end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
