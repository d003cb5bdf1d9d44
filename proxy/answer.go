package proxy

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/decoders"
)

// answer passes the upstream's answer on as it comes, and keeps a bounded copy
// to learn from. Learning ends before the answer does: what a client creates is
// known before it can ask about it.
func (e *exchange) answer(resp *http.Response) {
	h := e.w.Header()
	for k, v := range endToEnd(resp.Header) {
		h[k] = v
	}
	delete(h, "Te")
	if e.permit.Warning != "" && e.decoder.Name() == "kubernetes" {
		h.Add("Warning", `299 - "`+quoted(e.permit.Warning)+`"`)
	}
	announced := make([]string, 0, len(resp.Trailer))
	for k := range resp.Trailer {
		announced = append(announced, k)
	}
	if len(announced) > 0 {
		h.Set("Trailer", strings.Join(announced, ", "))
	}
	asIs(h)
	e.wrote = true
	e.w.WriteHeader(resp.StatusCode)

	streaming := resp.ContentLength < 0
	rc := http.NewResponseController(e.w)
	if streaming {
		_ = rc.Flush() // a watch without events still has a head
	}
	copyOf := &keeper{bound: learnCap, room: &e.s.copies}
	if e.permit.Learn == nil {
		copyOf.bound = 0
	} else if e.follows(resp) {
		copyOf.lines = func(whole []byte) { e.teach(resp, whole, false) }
	}
	defer copyOf.drop()
	err := e.stream(resp.Body, rc, copyOf, streaming)
	if e.ending != nil {
		e.ending(resp.Trailer, err)
	}
	if err == nil {
		trailers(h, rc, resp.Trailer, len(announced))
	}
	if e.permit.Learn != nil {
		// Of lines that were followed only what came after the last is left.
		e.teach(resp, copyOf.buf.Bytes(), copyOf.over || err != nil && copyOf.lines == nil)
	}
	if err != nil {
		// The answer is broken off: so is ours, or the caller would take it for whole.
		panic(http.ErrAbortHandler)
	}
}

// copyBuffer is what one body needs to be passed on.
const copyBuffer = 32 << 10

// buffer lends a buffer; release takes it back.
func (s *Server) buffer() *[]byte {
	if b, ok := s.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, copyBuffer)
	return &b
}

func (s *Server) release(b *[]byte) { s.buffers.Put(b) }

func (e *exchange) stream(from io.Reader, rc *http.ResponseController, keep *keeper, flush bool) error {
	lent := e.s.buffer()
	defer e.s.release(lent)
	buf := *lent
	var wrote int64
	for {
		n, err := from.Read(buf)
		if n > 0 {
			keep.add(buf[:n])
			if err := e.write(buf[:n], wrote, flush, rc); err != nil {
				return err
			}
			wrote += int64(n)
			keep.passOn()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// trailers passes trailers on: those that were announced under their names, and
// if there are others all with net/http's prefix.
func trailers(h http.Header, rc *http.ResponseController, t http.Header, announced int) {
	if len(t) == 0 {
		return
	}
	_ = rc.Flush() // without it a short answer gets a length, and no trailers
	prefix := ""
	if len(t) != announced {
		prefix = http.TrailerPrefix
	}
	for k, vs := range t {
		for _, v := range vs {
			h.Add(prefix+k, v)
		}
	}
}

// follows asks the decoder whether the answer is one of lines that are learnt as
// they pass.
func (e *exchange) follows(resp *http.Response) (yes bool) {
	defer func() {
		if p := recover(); p != nil {
			e.s.cfg.Log.Error("a decoder panicked on the head of an answer", zap.Any("panic", p))
			yes = false
		}
	}()
	f, ok := e.decoder.(decoders.Follower)
	return ok && resp.Header.Get("Content-Encoding") == "" && f.Follows(e.call, &decoders.Response{Status: resp.StatusCode, Header: resp.Header})
}

// teach gives what was kept of the answer to the gate. It never breaks the call.
func (e *exchange) teach(resp *http.Response, body []byte, truncated bool) {
	defer func() {
		if p := recover(); p != nil {
			e.s.cfg.Log.Error("learning from an answer panicked", zap.Any("panic", p))
		}
	}()
	out := &decoders.Response{Status: resp.StatusCode, Header: resp.Header.Clone(), Body: body, Truncated: truncated}
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		body, whole := inflate(out.Body, learnCap)
		out.Body, out.Truncated = body, out.Truncated || !whole
		out.Header.Del("Content-Encoding")
		out.Header.Del("Content-Length")
	}
	e.permit.Learn(out)
}

// inflate unpacks at most bound bytes: a small answer may claim to be huge.
func inflate(packed []byte, bound int64) (body []byte, whole bool) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, false
	}
	body, err = io.ReadAll(io.LimitReader(z, bound+1))
	if int64(len(body)) > bound {
		return body[:bound], false
	}
	return body, err == nil
}

// keeper keeps the first bytes of a stream, as long as there is room for the
// copies of all streams together: a thousand watches are open for hours.
type keeper struct {
	bound int
	room  *budget
	lines func(whole []byte) // takes whole lines as they come; nil: all is kept until the end
	buf   bytes.Buffer
	held  int64 // bytes taken from room
	over  bool
}

func (k *keeper) add(p []byte) {
	if k.over {
		return // what follows a gap would be read as if it followed what is kept
	}
	if room := k.bound - k.buf.Len(); len(p) > room {
		p, k.over = p[:max(room, 0)], true
	}
	if !k.room.take(int64(len(p))) {
		k.over = true
		return
	}
	k.held += int64(len(p))
	k.buf.Write(p)
}

// passOn hands on the lines that are whole.
func (k *keeper) passOn() {
	if k.lines == nil || k.over {
		return
	}
	if end := bytes.LastIndexByte(k.buf.Bytes(), '\n') + 1; end > 0 {
		k.lines(k.buf.Next(end))
		k.room.give(int64(end))
		k.held -= int64(end)
	}
}

// drop gives the room back. What was kept MUST NOT be used after it.
func (k *keeper) drop() {
	k.room.give(k.held)
	k.held, k.buf = 0, bytes.Buffer{}
}

// quoted makes a text safe inside a quoted string (RFC 9110 §5.6.4).
func quoted(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(oneLine(s))
}

// switched joins the client's connection and the upstream's after a 101.
func (e *exchange) switched(ctx context.Context, resp *http.Response) {
	up, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || e.upgrade == "" || !strings.EqualFold(strings.TrimSpace(resp.Header.Get("Upgrade")), e.upgrade) {
		e.sayTrouble("upstream-protocol", "the upstream switched to a protocol that was not asked for", true)
		return
	}
	e.wrote = true
	conn, rw, err := http.NewResponseController(e.w).Hijack()
	if err != nil {
		e.s.cfg.Log.Error("a connection could not be taken over", zap.Error(err))
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Time{})
	head := &http.Response{StatusCode: resp.StatusCode, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: endToEnd(resp.Header)}
	head.Header.Set("Connection", "Upgrade")
	head.Header["Upgrade"] = resp.Header["Upgrade"]
	if e.permit.Warning != "" && e.decoder.Name() == "kubernetes" {
		head.Header.Add("Warning", `299 - "`+quoted(e.permit.Warning)+`"`)
	}
	both := closers{conn, up}
	ended := e.s.stream(both)
	defer ended()
	// Before the client is told: from then on whoever revokes it has to find it.
	defer e.s.live.begins(e, func() { _ = both.Close() })()
	if ctx.Err() != nil || head.Write(conn) != nil { // broken off meanwhile
		_ = both.Close()
		return
	}
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(up, rw.Reader); done <- struct{}{} }() // rw.Reader has what came early
	go func() { _, _ = io.Copy(conn, up); done <- struct{}{} }()
	<-done
	_ = both.Close() // neither side is left waiting for the other
	<-done
}

// closers closes several things as one.
type closers [2]io.Closer

func (c closers) Close() error { return errors.Join(c[0].Close(), c[1].Close()) }
