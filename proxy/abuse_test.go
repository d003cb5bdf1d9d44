package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rawUpstream answers everything with 204 and keeps what came, byte for byte.
type rawUpstream struct {
	mu   sync.Mutex
	came bytes.Buffer
}

func (u *rawUpstream) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.came.Write(p)
}

func (u *rawUpstream) text() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.came.String()
}

func startRaw(t *testing.T, name string) (*rawUpstream, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	u := &rawUpstream{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(io.TeeReader(c, u))
				for {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if _, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
						return
					}
				}
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return u, net.JoinHostPort(name, port)
}

// Law 2: whatever a client does to a request's framing, the upstream sees nothing
// that was not judged, framed in one way only, and nobody else sees anything.
func TestLaw2NoRequestIsSmuggled(t *testing.T) {
	const hidden = "DELETE /smuggled HTTP/1.1\r\nHost: evil.governed.test\r\nContent-Length: 0\r\n\r\n"
	for name, request := range map[string]string{
		"CL and TE":             "POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"TE and CL":             "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 500\r\n\r\n1\r\nx\r\n0\r\n\r\n" + hidden,
		"two lengths":           "POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nContent-Length: 90\r\n\r\n" + hidden,
		"a list of lengths":     "POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0, 90\r\n\r\n" + hidden,
		"a signed length":       "POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: +0\r\n\r\n" + hidden,
		"an unknown coding":     "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunked twice":         "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two codings":           "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"a folded header":       "POST /a HTTP/1.1\r\nHost: HOST\r\nX-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + hidden,
		"a folded coding":       "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + hidden,
		"a space before colon":  "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n" + hidden,
		"a NUL in a header":     "POST /a HTTP/1.1\r\nHost: HOST\r\nX-A: b\x00c\r\nContent-Length: 0\r\n\r\n" + hidden,
		"a bare CR":             "POST /a HTTP/1.1\r\nHost: HOST\r\nX-A: b\rContent-Length: 90\r\nContent-Length: 0\r\n\r\n" + hidden,
		"two Hosts":             "POST /a HTTP/1.1\r\nHost: HOST\r\nHost: evil.governed.test\r\nContent-Length: 0\r\n\r\n" + hidden,
		"a nested CONNECT":      "CONNECT evil.governed.test:443 HTTP/1.1\r\nHost: evil.governed.test:443\r\n\r\n" + hidden,
		"a chunk's extension":   "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0;\n" + "\r\n\r\n" + hidden,
		"an overlong chunk":     "POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx\r\n0\r\n\r\n" + hidden,
		"a length on a GET":     "GET /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 90\r\n\r\n" + hidden,
		"trailers that frame":   "POST /a HTTP/1.1\r\nHost: HOST\r\nTrailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 90\r\n\r\n" + hidden,
		"an upgrade to h2c":     "POST /a HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 0\r\n\r\n" + hidden,
		"the preface of h2":     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden,
		"a method with a space": "POST  /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n" + hidden,
		"HTTP/1.0 and chunked":  "POST /a HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"HTTP/0.9":              "GET /a\r\n" + hidden,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			good, addr := startRaw(t, "good.governed.test")
			evil, _ := startRaw(t, "evil.governed.test")
			c, resp := b.rawTunnel(addr)
			if resp.StatusCode != http.StatusOK {
				t.Fatal(resp.Status)
			}
			if _, err := io.WriteString(c, strings.ReplaceAll(request, "HOST", addr)); err != nil {
				t.Fatal(err)
			}
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			came := good.text()
			if evil.text() != "" {
				t.Errorf("evil saw %q", evil.text())
			}
			judged := map[string]bool{}
			for _, a := range b.gate.calls() {
				judged[a.Call.Method+" "+a.Call.URL.RequestURI()] = true
			}
			if strings.Contains(came, "smuggled") && !judged["GET /a"] && !judged["POST /a"] {
				t.Errorf("the upstream saw %q", came)
			}
			if judged["DELETE /smuggled"] { // its Host is another's: it MUST NOT come as far as that
				t.Error("the hidden request was taken for one of this tunnel")
			}
			for _, head := range strings.Split(came, "\r\n\r\n") {
				framings := 0
				for line := range strings.Lines(strings.ToLower(head)) {
					if strings.HasPrefix(line, "content-length") || strings.HasPrefix(line, "transfer-encoding") {
						framings++
					}
				}
				if framings > 1 {
					t.Errorf("the upstream saw two framings: %q", head)
				}
			}
		})
	}
}

// A thousand clients that send half a head are gone when its time is over, and do
// not keep others from being served.
func TestLaw3AThousandSlowHeadsAreClosed(t *testing.T) {
	const timeout = time.Second
	b := newBench(t, func(cfg *Config) { cfg.Limits.Header = timeout })
	addr := b.upstream("slow.governed.test", false, func(http.ResponseWriter, *http.Request) {})
	var conns []net.Conn
	for i := range 1000 {
		if i%4 == 0 { // inside a tunnel
			c, resp := b.rawTunnel(addr)
			if resp.StatusCode != http.StatusOK {
				t.Fatal(resp.Status)
			}
			conns = append(conns, c)
		} else {
			c, err := net.Dial("tcp", b.addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			conns = append(conns, c)
		}
		_, _ = fmt.Fprintf(conns[i], "GET / HTTP/1.1\r\nHost: %s\r\nX-A: ", addr) // the first may be closed already
	}
	began := time.Now()
	if status, _ := readAll2(b.client(true).Get("https://" + addr + "/")); status != 200 {
		t.Errorf("others are answered %d", status)
	}
	for i, c := range conns {
		_ = c.SetReadDeadline(began.Add(timeout + time.Minute))
		if _, err := io.Copy(io.Discard, c); late(err) {
			t.Fatalf("connection %d is still open %s later", i, time.Since(began))
		}
	}
	eventually(t, func() bool { return b.srv.Stats().Tunnels <= 1 })
}

// A panic in any stage refuses its own call. A hundred tunnels with a stream in
// each go on, nothing is forwarded that was not decided, and nothing that was
// forwarded has no outcome.
func TestLaw3APanicLeavesAHundredTunnelsAlone(t *testing.T) {
	var where atomic.Value
	where.Store("")
	trap := func(stage string) {
		if where.Load() == stage {
			panic(stage)
		}
	}
	var changes atomic.Int64
	var gate *fakeGate
	b := newBench(t, func(cfg *Config) {
		gate = cfg.Gate.(*fakeGate)
		cfg.Vouch = func(context.Context, string, string, http.Header) error { trap("vouch"); return nil }
		trust := cfg.TLS
		cfg.TLS = func(host string) *tls.Config { trap("trust"); return trust(host) }
		lookup := cfg.LookupNetIP
		cfg.LookupNetIP = func(ctx context.Context, network, host string) ([]netip.Addr, error) {
			trap("resolve")
			return lookup(ctx, network, host)
		}
	})
	gate.set(func(in Asked) Permit {
		trap("gate")
		p := gate.permit(in)
		if done := p.Close; done != nil {
			p.Close = func(ctx context.Context, a Answered) error {
				err := done(ctx, a)
				trap("close")
				return err
			}
		}
		return p
	})
	echo := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			changes.Add(1)
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(c, rw.Reader)
	}
	addr := b.upstream("calm.governed.test", false, echo)
	type stream struct {
		net.Conn
		*bufio.Reader
	}
	var streams []stream
	for range 100 {
		c := b.tunnel(addr, "calm.governed.test", "http/1.1")
		fmt.Fprintf(c, "GET /exec HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", addr)
		br := bufio.NewReader(c)
		if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
			t.Fatal(resp, err)
		}
		streams = append(streams, stream{c, br})
	}
	for _, stage := range []string{"gate", "close", "vouch", "trust", "resolve"} {
		where.Store(stage)
		b.srv.pools.close() // or a kept connection would need nothing of it
		sent, told := changes.Load(), len(gate.outcomes())
		status, _ := readAll2(b.client(false).Post("https://"+addr+"/change", "", strings.NewReader("x")))
		if status == 200 || status == 0 {
			t.Errorf("%s: the call was answered %d", stage, status)
		}
		if n := changes.Load() - sent; n != int64(map[string]int{"close": 1}[stage]) {
			t.Errorf("%s: %d changes were forwarded", stage, n)
		}
		if stage != "gate" && len(gate.outcomes()) != told+1 {
			t.Errorf("%s: a decided change has no outcome", stage)
		}
		for i, s := range streams {
			_ = s.SetDeadline(time.Now().Add(time.Minute))
			fmt.Fprint(s.Conn, "ping")
			got := make([]byte, 4)
			if _, err := io.ReadFull(s.Reader, got); err != nil || string(got) != "ping" {
				t.Fatalf("%s: tunnel %d: %q %v", stage, i, got, err)
			}
		}
	}
	where.Store("")
	if status, _ := readAll2(b.client(false).Post("https://"+addr+"/change", "", strings.NewReader("x"))); status != 200 {
		t.Errorf("afterwards others are answered %d", status)
	}
}

// What can be done to HTTP/2 with few bytes costs few bytes here, and the
// connection that does it, not its neighbours.
func TestLaw3HTTP2AbuseEndsItsOwnConnection(t *testing.T) {
	request := func(addr string, more ...string) []byte {
		var head bytes.Buffer
		enc := hpack.NewEncoder(&head)
		fields := append([]string{":method", "GET", ":scheme", "https", ":authority", addr, ":path", "/"}, more...)
		for i := 0; i < len(fields); i += 2 {
			_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		}
		return head.Bytes()
	}
	// What is refused piece by piece, or served within its bounds, need not end the
	// connection.
	mayGoOn := map[string]bool{"rapid reset": true, "HPACK bomb": true, "SETTINGS flood": true, "PING flood": true}
	for name, abuse := range map[string]func(*http2.Framer, string) error{
		"rapid reset": func(f *http2.Framer, addr string) error {
			block := request(addr)
			for id := uint32(1); id < 20_000; id += 2 {
				if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true}); err != nil {
					return err
				}
				if err := f.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
					return err
				}
			}
			return nil
		},
		"endless CONTINUATION": func(f *http2.Framer, addr string) error {
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: request(addr)}); err != nil {
				return err
			}
			block := request(addr, "x-a", strings.Repeat("a", 8<<10))
			for range 20_000 {
				if err := f.WriteContinuation(1, false, block[len(request(addr)):]); err != nil {
					return err
				}
			}
			return nil
		},
		"HPACK bomb": func(f *http2.Framer, addr string) error {
			var head bytes.Buffer
			enc := hpack.NewEncoder(&head)
			for _, kv := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", addr}, {":path", "/"}} {
				_ = enc.WriteField(hpack.HeaderField{Name: kv[0], Value: kv[1]})
			}
			for range 12_000 { // one byte each, 4,000 when unpacked
				_ = enc.WriteField(hpack.HeaderField{Name: "x-bomb", Value: strings.Repeat("b", 4000)})
			}
			for id := uint32(1); id < 600; id += 2 {
				block := head.Bytes()
				if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:min(len(block), 16<<10)], EndHeaders: true, EndStream: true}); err != nil {
					return err
				}
			}
			return nil
		},
		"SETTINGS flood": func(f *http2.Framer, _ string) error {
			for range 50_000 {
				if err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 16}); err != nil {
					return err
				}
			}
			return nil
		},
		"PING flood": func(f *http2.Framer, _ string) error {
			for range 50_000 {
				if err := f.WritePing(false, [8]byte{}); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			var came atomic.Int64
			b := newBench(t, nil)
			addr := b.upstream("abused.governed.test", false, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/" {
					came.Add(1)
				}
			})
			neighbour := b.client(true)
			if status, _ := readAll2(neighbour.Get("https://" + addr + "/neighbour")); status != 200 {
				t.Fatal(status)
			}
			peak, stop := watchHeap()
			c := b.tunnel(addr, "abused.governed.test", "h2")
			w := bufio.NewWriterSize(c, 64<<10)
			if _, err := io.WriteString(w, http2.ClientPreface); err != nil {
				t.Fatal(err)
			}
			f := http2.NewFramer(w, c)
			if err := f.WriteSettings(); err != nil {
				t.Fatal(err)
			}
			_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second)) // nothing is read: what it answers has to fit somewhere
			err := abuse(f, addr)
			if err == nil {
				err = w.Flush()
			}
			if !mayGoOn[name] {
				_ = c.SetReadDeadline(time.Now().Add(time.Minute))
				if _, gone := io.Copy(io.Discard, c); err == nil && late(gone) {
					t.Error("the connection is still served")
				}
			}
			// Both ends and the upstream are in this process, and so is their garbage.
			if grown := <-peak(stop); grown > 256<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
			_ = c.NetConn().Close()
			if status, _ := readAll2(neighbour.Get("https://" + addr + "/neighbour")); status != 200 {
				t.Errorf("a neighbour is answered %d", status)
			}
			eventually(t, func() bool { return b.srv.Stats().Requests == 0 && b.srv.Stats().Tunnels <= 1 })
			if n := came.Load(); n > 4*streamsPerTunnel+1000 {
				t.Errorf("%d requests came to the upstream", n)
			}
		})
	}
}
