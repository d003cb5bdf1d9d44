package proxy

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
)

// zeros is a body of a given length that costs no memory.
type zeros int64

func (z *zeros) Read(p []byte) (int, error) {
	if *z <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), int64(*z))
	clear(p[:n])
	*z -= zeros(n)
	return int(n), nil
}

func digest(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)) }

// A body of any size is streamed in the same memory: 2 GiB in CI, an eighth of it on
// a workstation. Client, proxy and upstream are all in the memory that is measured.
func TestAPutOf2GiBStreamsInFlatMemory(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		size := int64(256 << 20)
		if os.Getenv("CI") != "" && !h2 { // a minute; h2 is no different but for its frames
			size = 2 << 30
		}
		want := crc32.NewIEEE()
		z := zeros(size)
		_, _ = io.Copy(want, &z)
		b := newBench(t, nil)
		addr := b.upstream("big.governed.test", h2, func(w http.ResponseWriter, r *http.Request) {
			h := crc32.NewIEEE()
			n, _ := io.Copy(h, r.Body)
			fmt.Fprintf(w, "%d %s %d", n, digest(h), r.ContentLength)
		})
		body := zeros(size)
		req, _ := http.NewRequest(http.MethodPut, "https://"+addr+"/stream/big", &body)
		req.ContentLength = size
		peak, stop := watchHeap()
		client := b.client(h2)
		client.Timeout = 10 * time.Minute // a loaded machine is not a fault
		status, got := readAll2(client.Do(req))
		grown := <-peak(stop)
		if status != 200 || got != fmt.Sprintf("%d %s %d", size, digest(want), size) {
			t.Errorf("h2 %v: %d %s", h2, status, got)
		}
		if grown > 32<<20 {
			t.Errorf("h2 %v: the memory grew by %d MiB", h2, grown>>20)
		}
		if !b.gate.calls()[0].Call.Streamed || b.gate.calls()[0].Call.Body != nil {
			t.Error("the judged call does not say that it is streamed")
		}
	}
}

// resident is what the process has of the machine's memory, or of the heap where the
// system does not tell.
func resident() uint64 {
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(statm)); len(f) > 1 {
			if pages, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				return pages * uint64(os.Getpagesize())
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// watchHeap samples the memory until stopped.
func watchHeap() (func(chan struct{}) <-chan uint64, chan struct{}) {
	debug.FreeOSMemory()
	base, stop, out := resident(), make(chan struct{}), make(chan uint64, 1)
	go func() {
		var most uint64
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				out <- most
				return
			case <-tick.C:
				if now := resident(); now > base {
					most = max(most, now-base)
				}
			}
		}
	}()
	return func(c chan struct{}) <-chan uint64 { close(c); return out }, stop
}

func TestAWatchEventPassesWhenItHappens(t *testing.T) {
	for _, upH2 := range []bool{false, true} {
		for _, h2 := range []bool{false, true} {
			b := newBench(t, nil)
			next := make(chan struct{})
			addr := b.upstream("watch.governed.test", upH2, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(200)
				_ = http.NewResponseController(w).Flush()
				for i := range 3 {
					<-next
					fmt.Fprintf(w, "event %d\n", i)
					_ = http.NewResponseController(w).Flush()
				}
			})
			resp, err := b.client(h2).Get("https://" + addr + "/watch")
			if err != nil { // the head MUST come before any event
				t.Fatal(err)
			}
			lines := bufio.NewReader(resp.Body)
			for i := range 3 {
				next <- struct{}{} // nothing follows that would push this event out
				line, err := lines.ReadString('\n')
				if err != nil || line != fmt.Sprintf("event %d\n", i) {
					t.Fatalf("%q %v", line, err)
				}
			}
			_ = resp.Body.Close()
		}
	}
}

// following is a decoder whose answers below /watch go on for ever.
type following struct{ plainDecoder }

func (following) Follows(c decoders.Call, _ *decoders.Response) bool { return c.URL.Path == "/watch" }

func TestAWatchThatTheClientCutsTeachesWhatItSaw(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		learnt := make(chan string, 8)
		b := newBench(t, func(cfg *Config) {
			registry, err := decoders.NewRegistry([]decoders.Decoder{following{}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Registry = registry
		})
		b.gate.set(func(Asked) Permit {
			return Permit{Learn: func(r *decoders.Response) {
				if r.Truncated {
					t.Error("what passed is called truncated")
				}
				learnt <- string(r.Body)
			}}
		})
		over := make(chan struct{})
		defer close(over)
		addr := b.upstream("watch.governed.test", true, func(w http.ResponseWriter, r *http.Request) {
			for _, part := range []string{"one\ntwo\nth", "ree\nfo"} {
				_, _ = io.WriteString(w, part)
				_ = http.NewResponseController(w).Flush()
				select { // the next only when the last was learnt
				case got := <-learnt:
					learnt <- got
				case <-r.Context().Done():
				}
			}
			select {
			case <-r.Context().Done():
			case <-over:
			}
		})
		resp, err := b.client(h2).Get("https://" + addr + "/watch")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, len("one\ntwo\nthree\nfo"))); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // the client has seen enough
		var all string
		for !strings.HasSuffix(all, "fo") {
			select {
			case got := <-learnt:
				all += got
			case <-time.After(time.Minute):
				t.Fatalf("learnt is %q", all)
			}
		}
		if all != "one\ntwo\nthree\nfo" {
			t.Errorf("learnt is %q", all)
		}
	}
}

func TestTrailersPass(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		b := newBench(t, nil)
		addr := b.upstream("trailers.governed.test", h2, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Announced")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Announced", "one")
			if h2 {
				w.Header().Set(http.TrailerPrefix+"X-Late", "two")
			}
		})
		resp, err := b.client(h2).Get("https://" + addr + "/")
		if _, body := readAll(t, resp, err); body != "body" || resp.Trailer.Get("X-Announced") != "one" || (h2 && resp.Trailer.Get("X-Late") != "two") {
			t.Errorf("h2 %v: %q %v", h2, body, resp.Trailer)
		}
	}
}

func TestUpgradesAreSplicedBothWaysAfterBeingJudged(t *testing.T) {
	for _, protocol := range []string{"websocket", "SPDY/3.1"} {
		b := newBench(t, nil)
		addr := b.upstream("exec.governed.test", true, func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 1 || r.Header.Get("Upgrade") != protocol || r.Header.Get("Connection") != "Upgrade" {
				http.Error(w, "Upgrade request required", 400)
				return
			}
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nX-Stream-Protocol-Version: v4\r\n\r\nhello ", protocol)
			_, _ = io.Copy(c, rw.Reader) // echo
		})
		c := b.tunnel(addr, "exec.governed.test")
		// The first bytes of the stream come with the head, as some clients send them.
		fmt.Fprintf(c, "POST /exec?command=sh HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\nearly ", addr, protocol)
		br := bufio.NewReader(c)
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != protocol || resp.Header.Get("X-Stream-Protocol-Version") != "v4" {
			t.Fatalf("%s: %v %v", protocol, resp, err)
		}
		fmt.Fprint(c, "late")
		got := make([]byte, len("hello early late"))
		if _, err := io.ReadFull(br, got); err != nil || string(got) != "hello early late" {
			t.Errorf("%s: %q %v", protocol, got, err)
		}
		if o := b.gate.outcomes(); len(o) != 1 || o[0].Status != 101 {
			t.Errorf("outcomes %+v", o)
		}
		_ = c.Close()

		b.gate.set(refusing)
		c = b.tunnel(addr, "exec.governed.test")
		fmt.Fprintf(c, "POST /exec HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", addr, protocol)
		resp, err = http.ReadResponse(bufio.NewReader(c), nil)
		if status, body := readAll(t, resp, err); status != 403 || body != nativeRefusal {
			t.Errorf("%s refused: %d %q", protocol, status, body)
		}
	}
}

func TestTheAnswerIsLearntFromUnpacked(t *testing.T) {
	b := newBench(t, nil)
	addr := b.upstream("learn.governed.test", false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, `{"kind":"Pod"}`)
		_ = z.Close()
	})
	req, _ := http.NewRequest(http.MethodGet, "https://"+addr+"/", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := b.client(false).Do(req)
	if _, body := readAll(t, resp, err); !strings.HasPrefix(body, "\x1f\x8b") || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("the caller got %q", body)
	}
	eventually(t, func() bool { b.gate.mu.Lock(); defer b.gate.mu.Unlock(); return len(b.gate.learnt) == 1 })
	if got := b.gate.learnt[0]; string(got.Body) != `{"kind":"Pod"}` || got.Truncated {
		t.Errorf("learnt %q", got.Body)
	}
}

func TestAWarningReachesKubernetesClients(t *testing.T) {
	b := newBench(t, nil)
	b.gate.set(func(in Asked) Permit {
		p := b.gate.permit(in)
		p.Warning = `would be "refused"` + "\n"
		return p
	})
	addr := b.upstream("warn.governed.test", false, func(http.ResponseWriter, *http.Request) {})
	resp, err := b.client(false).Get("https://" + addr + "/")
	readAll(t, resp, err)
	if got := resp.Header.Get("Warning"); got != `299 - "would be \"refused\" "` {
		t.Errorf("%q", got)
	}
}

func TestABrokenAnswerIsBrokenForTheCallerToo(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		b := newBench(t, nil)
		addr := b.upstream("broken.governed.test", h2, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		resp, err := b.client(h2).Get("https://" + addr + "/")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("h2 %v: a broken answer looks whole", h2)
		}
	}
}

func TestUngovernedHostsPassBlindAndAreCounted(t *testing.T) {
	passed := make(chan string, 4)
	b := newBench(t, func(cfg *Config) { cfg.OnPassed = func(host string) { passed <- host } })
	addr := b.upstream("free.test", true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "free") })
	c, _ := b.rawTunnel(addr)
	_ = c.Close()
	<-passed
	client := b.client(true)
	client.Transport.(*http.Transport).TLSClientConfig.RootCAs = b.roots // the real certificate, not ours
	status, body := readAll2(client.Get("https://" + addr + "/"))
	if status != 200 || body != "free" || <-passed != addr {
		t.Errorf("%d %q", status, body)
	}
	client.CloseIdleConnections()
	eventually(t, func() bool { p := b.srv.Stats().Passed[addr]; return p.Times == 2 && p.BytesUp > 0 && p.BytesDown > 0 })

	deny := newBench(t, func(cfg *Config) { cfg.Egress = EgressDeny })
	if _, resp := deny.rawTunnel(addr); resp.StatusCode != 403 || len(deny.gate.turnedAway()) != 1 {
		t.Errorf("egress deny: %s, recorded %d", resp.Status, len(deny.gate.turnedAway()))
	}
}

func TestPlainRequestsAreJudgedOrPassed(t *testing.T) {
	b := newBench(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.RequestURI, " ", r.Host, " ", r.Header.Get("Proxy-Authorization"))
	})}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"plain.governed.test:" + port, "free.test:" + port} {
		status, body := readAll2(b.client(false).Get("http://" + host + "/a%2Fb?c"))
		if status != 200 || body != "/a%2Fb?c "+host+" " {
			t.Errorf("%s: %d %q", host, status, body)
		}
	}
	if len(b.gate.calls()) != 1 || b.gate.calls()[0].Call.Scheme != "http" || b.gate.calls()[0].Call.Host != "plain.governed.test:"+port {
		t.Errorf("judged %+v", b.gate.calls())
	}
}

func TestCurlGoesThroughOverBothProtocols(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("NOT RUN: curl is not installed")
	}
	b := newBench(t, nil)
	addr := b.upstream("curl.governed.test", true, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.UserAgent(), body)
	})
	for _, version := range []string{"--http1.1", "--http2"} {
		out, err := exec.Command(curl, "-sS", "-k", version, "-A", "agent/1", "--proxy", b.proxyURL().String(), "--data-binary", "hello", "https://"+addr+"/").CombinedOutput()
		if err != nil || string(out) != "agent/1 hello" {
			t.Errorf("%s: %v %q", version, err, out)
		}
	}
	if said := b.gate.calls()[0].Actor.Said["user-agent"]; said != "agent/1" {
		t.Errorf("said %q", said)
	}
}

func TestBytesSentWithTheConnectAreNotLost(t *testing.T) {
	b := newBench(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) }))
	}() //nolint:gosec // a test's server
	for _, name := range []string{"early.governed.test", "early.test"} {
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		target := name + ":" + port
		req, _ := http.NewRequest(http.MethodGet, "http://"+target+"/", nil)
		req.SetBasicAuth("run", "secret")
		fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: %s\r\n\r\nGET / HTTP/1.1\r\nHost: %s\r\n\r\n",
			target, target, req.Header.Get("Authorization"), target)
		br := bufio.NewReader(c)
		if resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect}); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %v %v", name, resp, err)
		}
		resp, err := http.ReadResponse(br, req)
		if status, body := readAll(t, resp, err); status != 200 || body != target {
			t.Errorf("%s: %d %q", name, status, body)
		}
	}
	if len(b.gate.calls()) != 1 {
		t.Errorf("judged %d calls, want the governed one", len(b.gate.calls()))
	}
}
