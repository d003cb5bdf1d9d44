package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
)

// Law 6: a mutation is sent at most once.

// closing is an upstream that answers a connection's first request and closes it
// upon the second without an answer, as a load balancer's idle timeout does.
type closing struct {
	mu   sync.Mutex
	seen map[string]int // request line → times
}

func (c *closing) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			br := bufio.NewReader(conn)
			for i := 0; ; i++ {
				r, err := http.ReadRequest(br)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				c.mu.Lock()
				c.seen[r.Method+" "+r.RequestURI]++
				c.mu.Unlock()
				if i > 0 || strings.HasSuffix(r.RequestURI, "!") {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}()
	}
}

func TestLaw6NoMutationIsSentAgainWhenTheUpstreamCloses(t *testing.T) {
	b := newBench(t, nil)
	up := &closing{seen: map[string]int{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go up.serve(l)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	base := "http://once.governed.test:" + port
	client := b.client(false)

	n := 0
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
		for _, body := range []string{"", "payload"} {
			for _, key := range []string{"", "yes"} {
				for _, end := range []string{"", "!"} {
					for range 3 { // the second one finds a connection that closes upon use
						n++
						req, _ := http.NewRequest(method, fmt.Sprintf("%s/%d%s", base, n, end), strings.NewReader(body))
						if body == "" {
							req.Body = nil
						}
						if key != "" {
							req.Header.Set("Idempotency-Key", key)
						}
						status, text := readAll2(client.Do(req))
						if status != 200 && (status != 502 || !strings.Contains(text, `"sent":"unknown"`)) {
							t.Errorf("%s %s: %d %s", method, req.URL, status, text)
						}
					}
				}
			}
		}
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	for line, times := range up.seen {
		if times != 1 {
			t.Errorf("%s was sent %d times", line, times)
		}
	}
	outcomes := b.gate.outcomes()
	if len(outcomes) != n {
		t.Errorf("%d mutations have %d outcomes", n, len(outcomes))
	}
	for _, o := range outcomes {
		if o.Result != ledger.Succeeded && o.Result != ledger.Unresolved {
			t.Errorf("outcome %+v", o)
		}
	}
}

func TestLaw6NoMutationIsSentAgainOverH2(t *testing.T) {
	b := newBench(t, nil)
	var streams atomic.Int64
	addr := b.upstream("h2.governed.test", true, func(_ http.ResponseWriter, r *http.Request) {
		streams.Add(1)
		if r.Method != http.MethodGet {
			panic(http.ErrAbortHandler) // RST_STREAM
		}
	})
	client := b.client(true)
	for _, method := range []string{"POST", "DELETE"} {
		for _, body := range []string{"", "x"} {
			before := streams.Load()
			req, _ := http.NewRequest(method, "https://"+addr+"/x", strings.NewReader(body))
			status, text := readAll2(client.Do(req))
			if status != 502 || !strings.Contains(text, `"sent":"unknown"`) || streams.Load()-before != 1 {
				t.Errorf("%s %q: %d %s, %d times", method, body, status, text, streams.Load()-before)
			}
		}
	}
}

func TestLaw6AReadIsTriedAgain(t *testing.T) {
	b := newBench(t, nil)
	up := &closing{seen: map[string]int{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go up.serve(l)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	client := b.client(false)
	for i := range 4 {
		if status, text := readAll2(client.Get(fmt.Sprintf("http://reads.governed.test:%s/%d", port, i))); status != 200 {
			t.Errorf("read %d: %d %s", i, status, text)
		}
	}
}

func TestLaw6TheOutcomeIsKnownThoughTheCallerLeft(t *testing.T) {
	b := newBench(t, nil)
	arrived, finish := make(chan struct{}), make(chan struct{})
	addr := b.upstream("left.governed.test", false, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-finish
		w.Header().Set("X-Amzn-Requestid", "req-1")
		w.WriteHeader(201)
	})
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+addr+"/x", strings.NewReader("x"))
	gone := make(chan struct{})
	go func() { _, _ = b.client(false).Do(req); close(gone) }()
	<-arrived
	cancel()
	<-gone
	close(finish)
	eventually(t, func() bool { return len(b.gate.outcomes()) == 1 })
	if o := b.gate.outcomes()[0]; o.Result != ledger.Succeeded || o.Status != 201 || o.RequestID != "req-1" {
		t.Errorf("outcome %+v", o)
	}
}

// eventually waits for something that another goroutine does; it fails after a minute.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("it did not happen within a minute")
		case <-tick.C:
		}
	}
}

func TestShutdownDrains(t *testing.T) {
	b := newBench(t, nil)
	arrived, finish := make(chan struct{}), make(chan struct{})
	addr := b.upstream("drain.governed.test", true, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	idle := b.tunnel(addr, "drain.governed.test") // must not hold it up
	answered := make(chan string, 1)
	go func() {
		_, body := readAll2(b.client(true).Post("https://"+addr+"/x", "", strings.NewReader("x")))
		answered <- body
	}()
	<-arrived
	down := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		down <- b.srv.Shutdown(ctx)
	}()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("an idle tunnel stays open")
	}
	select {
	case err := <-down:
		t.Errorf("shutdown did not wait for a mutation (%v)", err)
	default:
	}
	close(finish)
	if body := <-answered; body != "done" {
		t.Errorf("the caller got %q", body)
	}
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if o := b.gate.outcomes(); len(o) != 1 || o[0].Result != ledger.Succeeded {
		t.Errorf("outcomes %+v", o)
	}
	if c, err := tls.Dial("tcp", b.addr, nil); err == nil {
		_ = c.Close()
		t.Error("it still accepts")
	}
}
