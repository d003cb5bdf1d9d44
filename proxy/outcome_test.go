package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/assent-iom/assent/ledger"
)

// An upstream that is cut off at each point of a change: what is recorded is never
// more than what is known, and a change that was carried out is never called not
// sent.
func TestTheOutcomeIsWhatIsKnownWhereverTheUpstreamIsCutOff(t *testing.T) {
	for _, c := range []struct {
		point   string
		serve   func(net.Conn, *atomic.Int64) // nil: nobody listens
		result  string
		status  int
		sent    string // of the answer that the caller gets instead
		carried int64
	}{
		{"before it accepts", nil, ledger.NotForwarded, 0, `"sent":"no"`, 0},
		{"before it has read it", func(c net.Conn, _ *atomic.Int64) {
			_, _ = c.Read(make([]byte, 1)) // a reset before that may come while the proxy still connects
			_ = c.(*net.TCPConn).SetLinger(0)
		}, ledger.Unresolved, 0, `"sent":"unknown"`, 0},
		{"when it has carried it out", func(c net.Conn, carried *atomic.Int64) {
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				carried.Add(1)
			}
		}, ledger.Unresolved, 0, `"sent":"unknown"`, 1},
		{"in the head of its answer", func(c net.Conn, carried *atomic.Int64) {
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				carried.Add(1)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Amzn-Requ")
			}
		}, ledger.Unresolved, 0, `"sent":"unknown"`, 1},
		{"in the body of its answer", func(c net.Conn, carried *atomic.Int64) {
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				carried.Add(1)
				_, _ = io.WriteString(c, "HTTP/1.1 201 Created\r\nX-Amzn-Requestid: req-7\r\nContent-Length: 100\r\n\r\nhalf")
			}
		}, ledger.Succeeded, 201, "", 1},
	} {
		t.Run(c.point, func(t *testing.T) {
			b := newBench(t, nil)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var carried, came atomic.Int64
			if c.serve == nil {
				_ = l.Close()
			}
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					came.Add(1)
					c.serve(conn, &carried)
					_ = conn.Close()
				}
			}()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			status, body := readAll2(b.client(false).Post(fmt.Sprintf("http://cut.governed.test:%s/x", port), "", strings.NewReader("x")))
			if c.sent != "" && (status != http.StatusBadGateway || !strings.Contains(body, c.sent)) {
				t.Errorf("the caller got %d %s", status, body)
			}
			if c.sent == "" && !strings.Contains(body, "EOF") { // a broken answer is not taken for whole
				t.Errorf("the caller got %d %s", status, body)
			}
			eventually(t, func() bool { return len(b.gate.outcomes()) == 1 })
			o := b.gate.outcomes()[0]
			if o.Result != c.result || o.Status != c.status || (c.status != 0 && o.RequestID != "req-7") {
				t.Errorf("recorded %+v", o)
			}
			if carried.Load() != c.carried || came.Load() > 1 {
				t.Errorf("carried out %d times over %d connections", carried.Load(), came.Load())
			}
		})
	}
}

// A caller that hangs up while its call waits for an approval is noticed, and
// nothing is sent for it.
func TestACallerThatHangsUpWhileItWaitsIsNoticed(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		var came atomic.Int64
		b := newBench(t, nil)
		waiting, noticed := make(chan struct{}), make(chan struct{})
		addr := b.upstream("park.governed.test", h2, func(http.ResponseWriter, *http.Request) { came.Add(1) })
		b.srv.cfg.Gate = parking{b.gate, waiting, noticed}
		ctx, leave := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+addr+"/x", strings.NewReader("a body"))
		done := make(chan struct{})
		go func() { readAll2(b.client(h2).Do(req)); close(done) }()
		<-waiting
		leave()
		<-noticed
		<-done
		eventually(t, func() bool { return len(b.gate.outcomes()) == 1 })
		if o := b.gate.outcomes()[0]; o.Result != ledger.NotForwarded || came.Load() != 0 {
			t.Errorf("h2 %v: %+v, %d came", h2, o, came.Load())
		}
	}
}

// parking lets a call pass once its caller has left.
type parking struct {
	*fakeGate
	waiting, noticed chan struct{}
}

func (p parking) Judge(ctx context.Context, in Asked) Permit {
	close(p.waiting)
	<-ctx.Done()
	close(p.noticed)
	return p.fakeGate.Judge(ctx, in)
}
