package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A stream that was allowed is ended when it is allowed no longer, and that is
// recorded; one that still is goes on.
func TestAStreamEndsWhenItIsAllowedNoLonger(t *testing.T) {
	var revoked atomic.Value
	revoked.Store("")
	b := newBench(t, nil)
	b.gate.set(func(in Asked) Permit {
		p := b.gate.permit(in)
		p.Close = func(context.Context, Answered) error { return nil }
		p.Still = func(context.Context) string {
			if w := revoked.Load().(string); w != "" && strings.Contains(in.Call.URL.Path, w) {
				return "no clause covers it"
			}
			return ""
		}
		return p
	})
	gone := make(chan struct{}, 2)
	addr := b.upstream("exec.governed.test", false, func(w http.ResponseWriter, r *http.Request) {
		defer func() { gone <- struct{}{} }()
		if r.Header.Get("Upgrade") == "" { // an answer that goes on
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "tick")
				_ = http.NewResponseController(w).Flush()
				<-time.After(5 * time.Millisecond) // the pace of what is streamed
			}
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(c, rw.Reader)
	})
	open := func(path string) (io.ReadWriter, *bufio.Reader) {
		c := b.tunnel(addr, "exec.governed.test", "http/1.1")
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", path, addr)
		br := bufio.NewReader(c)
		if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
			t.Fatal(resp, err)
		}
		return c, br
	}
	kept, keptReader := open("/kept")
	_, closed := open("/revoked/exec")
	answer, err := b.client(true).Post("https://"+addr+"/revoked/log", "", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if n := b.srv.Review(t.Context()); n != 0 {
		t.Errorf("%d streams were ended though nothing has changed", n)
	}
	revoked.Store("revoked")
	if n := b.srv.Review(t.Context()); n != 2 {
		t.Errorf("%d streams were ended, want 2", n)
	}
	if _, err := closed.ReadByte(); err == nil {
		t.Error("the session goes on")
	}
	if _, err := io.Copy(io.Discard, answer.Body); err == nil {
		t.Error("an answer that was broken off looks whole")
	}
	for range 2 {
		select {
		case <-gone:
		case <-time.After(time.Minute): // far above what closing a connection takes
			t.Fatal("an upstream goes on with what was revoked")
		}
	}
	fmt.Fprint(kept, "ping")
	echo := make([]byte, 4)
	if _, err := io.ReadFull(keptReader, echo); err != nil || string(echo) != "ping" {
		t.Errorf("another session: %q %v", echo, err)
	}
	turned := b.gate.turnedAway()
	if len(turned) != 2 || !strings.Contains(turned[0].Reason, "dec_1 had allowed, was ended: no clause covers it") {
		t.Errorf("recorded %+v", turned)
	}
}
