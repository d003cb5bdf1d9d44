package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/assent-iom/assent/decoders"
)

// uploaded is the body that is streamed from the client. One of which nothing comes
// for too long is broken off: it would hold a request of its actor, and an upstream.
// A stream of messages (decoders.Ender) may rest as long as it likes.
func (e *exchange) uploaded() io.Reader {
	if _, messages := e.decoder.(decoders.Ender); messages {
		return e.r.Body
	}
	e.upload = &paced{Reader: e.r.Body, set: http.NewResponseController(e.w).SetReadDeadline, server: e.s}
	return e.upload
}

// paced gives each read its time. The deadline is taken back after it: one that
// passes while the upstream is slow would not be the client's fault.
type paced struct {
	io.Reader
	server *Server

	mu  sync.Mutex // guards set
	set func(time.Time) error
}

func (p *paced) Read(b []byte) (int, error) {
	p.deadline(time.Now().Add(p.server.patience))
	n, err := p.Reader.Read(b)
	if late(err) {
		p.server.bounds.add(boundSlow)
	} else {
		p.deadline(time.Time{})
	}
	return n, err
}

func (p *paced) deadline(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set != nil {
		_ = p.set(at) // a connection that cannot have one is closed by its end
	}
}

// over ends the pacing: a transport may read on when the exchange has ended, and
// the connection is another's by then.
func (p *paced) over() {
	p.mu.Lock()
	p.set = nil
	p.mu.Unlock()
}

// write writes a piece of the answer. A client that does not take it for too long is
// cut off. What fits into buffers anyway needs no deadline.
func (e *exchange) write(p []byte, before int64, flush bool, rc *http.ResponseController) error {
	op := func() (int, error) {
		n, err := e.w.Write(p)
		if err == nil && flush {
			err = rc.Flush()
		}
		return n, err
	}
	if before < copyBuffer {
		_, err := op()
		return err
	}
	_ = rc.SetWriteDeadline(time.Now().Add(e.s.patience))
	_, err := op()
	switch {
	case late(err):
		e.s.bounds.add(boundSlow)
	case err == nil:
		_ = rc.SetWriteDeadline(time.Time{}) // over h2 one that passes would end a stream that only rests
	}
	return err
}

// late reports that a deadline has passed.
func late(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
