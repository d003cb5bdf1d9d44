package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
)

// told records what the head of an answer says became of the call. Where the
// protocol says so in the trailers, ending does, before they reach the caller.
func (e *exchange) told(resp *http.Response) {
	a := Answered{Result: ledger.Succeeded, Status: resp.StatusCode, RequestID: requestID(resp.Header)}
	if resp.StatusCode >= 400 {
		a.Result = ledger.Failed
	}
	ender, ok := e.decoder.(decoders.Ender)
	if !ok || a.Result == ledger.Failed {
		e.close(a)
		return
	}
	if status, fine, known := ender.Ended(e.call, resp.Header); known {
		e.close(ended(a, status, fine))
		return
	}
	e.ending = func(trailer http.Header, err error) {
		status, fine, known := ender.Ended(e.call, trailer)
		switch {
		case err != nil:
			a.Result, a.Reason = ledger.Unresolved, "the answer broke off before its status"
		case !known:
			a.Result, a.Reason = ledger.Unresolved, "the answer has no status"
		default:
			a = ended(a, status, fine)
		}
		e.close(a)
	}
}

func ended(a Answered, status string, fine bool) Answered {
	if !fine {
		a.Result, a.Reason = ledger.Failed, oneLine(status)
	}
	return a
}

// withTrailers gives a request the body that it came with, and after it the
// trailers that it announced. They are known once the body has ended.
func (e *exchange) withTrailers(out *http.Request) {
	var body io.Reader = bytes.NewReader(e.body)
	if e.call.Streamed {
		body = e.uploaded()
	}
	out.Trailer = make(http.Header, len(e.call.Trailer))
	for _, name := range e.call.Trailer {
		out.Trailer[name] = nil
	}
	out.Body, out.ContentLength = io.NopCloser(&trailing{body, out.Trailer, e.r}), -1
}

// trailing is a body that fills in the trailers when it ends.
type trailing struct {
	io.Reader
	into http.Header
	from *http.Request
}

func (t *trailing) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		for name := range t.into { // others were not announced, and so not judged
			t.into[name] = t.from.Trailer[name]
		}
	}
	return n, err
}
