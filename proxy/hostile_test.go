package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Law 2: over h2 a :path may hold a space; over HTTP/1.1 that would end the
// target, and the upstream would act on less than what was judged.
func TestLaw2ATargetWithASpaceIsNotForwarded(t *testing.T) {
	var came atomic.Int64
	b := newBench(t, nil)
	addr := b.upstream("good.governed.test", false, func(http.ResponseWriter, *http.Request) { came.Add(1) })
	for _, path := range []string{
		"/prod HTTP/1.1", "/?Action=Terminate&Id=prod HTTP/1.1&DryRun=true", "/a b", "/a\tb", "/a\x01b", "/a\r\nX-Evil: 1", "/a\x7fb",
	} {
		for _, method := range []string{"GET", "DELETE"} {
			fields := []string{":method", method, ":scheme", "https", ":authority", addr, ":path", path}
			if status := h2Status(t, b.tunnel(addr, "good.governed.test", "h2"), fields); status == "200" {
				t.Errorf("%s %q answered %s", method, path, status)
			}
		}
	}
	if n := came.Load(); n != 0 {
		t.Errorf("%d calls reached the upstream", n)
	}
	if n := len(b.gate.calls()); n != 0 {
		t.Errorf("%d calls were judged", n)
	}
}

// A body that is announced and not sent holds no memory, and one actor cannot
// hold all of it.
func TestAnAnnouncedBodyHoldsNothing(t *testing.T) {
	b := newBench(t, nil)
	addr := b.upstream("good.governed.test", false, func(http.ResponseWriter, *http.Request) {})
	c := b.tunnel(addr, "good.governed.test")
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", addr, 16<<20)
	head := make([]byte, 12)
	if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 100" { // it waits for the body now
		t.Fatalf("%q %v", head, err)
	}
	if held := b.srv.bodies.all.held.Load(); held > readStep {
		t.Errorf("%d bytes are held for a body of which nothing came", held)
	}
}

func TestNoActorHoldsAllBodies(t *testing.T) {
	s := newShares(10, &budget{bound: 15})
	if !s.take("a", 10) || s.take("a", 1) || !s.take("b", 5) || s.take("c", 1) {
		t.Error("the bounds do not hold")
	}
	s.give("a", 10)
	if !s.take("c", 10) || len(s.held) != 2 {
		t.Errorf("what was given back is not there: %v", s.held)
	}
}

// Copies to learn from are bounded together: a thousand open watches are not a
// thousand times the bound of one.
func TestCopiesOfAnswersAreBoundedTogether(t *testing.T) {
	room := &budget{bound: 10}
	first, second := &keeper{bound: 8, room: room}, &keeper{bound: 8, room: room}
	first.add(make([]byte, 8))
	second.add(make([]byte, 2))
	second.add(make([]byte, 1))
	first.drop()
	second.add(make([]byte, 1)) // after a gap nothing is kept
	if first.over || !second.over || second.buf.Len() != 2 || room.held.Load() != 2 {
		t.Errorf("%v %v %d, %d held", first.over, second.over, second.buf.Len(), room.held.Load())
	}
}

// A company's own roots are trusted where no upstream's own are named, and they
// do not replace verification.
func TestRootsAreTrustedWhereNoOthersAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		roots  bool
		own    *tls.Config
		status int
	}{
		"with the roots":            {true, nil, 200},
		"without them":              {false, nil, 502},
		"an upstream's own roots":   {true, &tls.Config{RootCAs: x509.NewCertPool()}, 502},
		"an identity, and no roots": {true, &tls.Config{MinVersion: tls.VersionTLS12}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			pool := x509.NewCertPool()
			b := newBench(t, func(cfg *Config) {
				cfg.TLS = func(string) *tls.Config { return c.own }
				cfg.Roots = pool
			})
			if c.roots {
				b.roots = pool
			}
			addr := b.upstream("good.governed.test", true, func(http.ResponseWriter, *http.Request) {})
			resp, err := b.client(true).Get("https://" + addr + "/")
			if status, body := readAll(t, resp, err); status != c.status {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// Judging takes many times a body's size: large bodies take turns, small ones
// never wait behind them.
func TestLargeBodiesAreJudgedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(2 * smallBody)
		first := turns.begin(100 * smallBody) // above the bound: it goes alone
		var began atomic.Int64
		for range 3 {
			go func() {
				end := turns.begin(smallBody + 1)
				began.Add(1)
				time.Sleep(time.Second)
				end()
			}()
		}
		turns.begin(smallBody)()
		synctest.Wait()
		if n := began.Load(); n != 0 {
			t.Errorf("%d began beside it", n)
		}
		first()
		synctest.Wait()
		if n := began.Load(); n != 1 {
			t.Errorf("%d began at once, want 1", n)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := began.Load(); n != 3 || turns.under != 0 {
			t.Errorf("%d had their turn, %d left", n, turns.under)
		}
	})
}

// A request that comes in pieces through a blind tunnel is still looked at.
func TestAHeadInPiecesIsNoWayThroughABlindTunnel(t *testing.T) {
	var came atomic.Int64
	b := newBench(t, nil)
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) })}
	go func() { _ = srv.Serve(up) }()
	t.Cleanup(func() { _ = srv.Close() })
	for _, pieces := range [][]string{
		{"G", "ET / HTTP/1.1\r\nHost: good.governed.test\r\n\r\n"},
		{"\r\n", "GET / HTTP/1.1\r\nHost: good.governed.test\r\n\r\n"},
		{"GET / HTTP/1.1\r\n", "Host: good.gov", "erned.test\r\n", "\r\n"},
	} {
		c, resp := b.rawTunnel(up.Addr().String())
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				t.Fatal(err)
			}
			runtime.Gosched()
			time.Sleep(5 * time.Millisecond) // a packet each, as far as can be had
		}
		head := make([]byte, 12)
		if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 421" {
			t.Errorf("%q: %q %v", pieces, head, err)
		}
	}
	if n := came.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

// crumbs writes each byte of the first write as a TLS record of its own.
type crumbs struct {
	net.Conn
	done bool
}

func (c *crumbs) Write(p []byte) (int, error) {
	if c.done {
		return c.Conn.Write(p)
	}
	c.done = true
	var out []byte
	for _, b := range p[5:] {
		out = append(out, 0x16, 3, 1, 0, 1, b)
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// A ClientHello that does not come to its end, as far as it is read, is refused: the
// governed name in it would not be seen.
func TestAHelloThatIsNotSeenWholeGoesNowhere(t *testing.T) {
	b := newBench(t, nil)
	addr := b.upstream("good.governed.test", false, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := net.SplitHostPort(addr)
	c, resp := b.rawTunnel("127.0.0.1:" + port)
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	conf := &tls.Config{RootCAs: b.roots, ServerName: "good.governed.test"}
	for i := range 70 { // 14 KiB, in six times as many bytes
		conf.NextProtos = append(conf.NextProtos, fmt.Sprintf("%0200d", i))
	}
	conf.NextProtos = append(conf.NextProtos, "http/1.1")
	if err := tls.Client(&crumbs{Conn: c}, conf).Handshake(); err == nil {
		t.Error("a governed server is spoken to, and nothing is judged")
	}
	if away := b.gate.turnedAway(); len(away) != 1 || away[0].Status != http.StatusForbidden {
		t.Errorf("%+v", away)
	}
}

func TestOnlyRequestsAreWaitedFor(t *testing.T) {
	for text, want := range map[string]bool{
		"G": true, "GET /x": true, "GET / HTTP/1.1\r\nHost": true, "\r\n": true, "VERSION-CONTROL ": true,
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n": false, "GET / HTTP/1.1\r\n\r\n": false, "GET / HTTP/1.0\n\n": false,
		"SSH-2.0-OpenSSH\r\n": false, "EHLO me\r\n": false, "AMQP\x00\x00\x09\x01": false, "*1\r\n$4\r\n": false, "\x00\x00\x00\x08": false,
	} {
		if got := mayBeRequest([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
