package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
)

func TestRequestTrailersPass(t *testing.T) {
	for _, upH2 := range []bool{false, true} {
		for _, h2 := range []bool{false, true} {
			for _, path := range []string{"/judged", "/stream/judged by its head"} {
				for _, text := range []string{"body", ""} {
					b := newBench(t, nil)
					addr := b.upstream("trailers.governed.test", upH2, func(w http.ResponseWriter, r *http.Request) {
						body, err := io.ReadAll(r.Body)
						fmt.Fprintf(w, "%s %v %s %s", body, err, r.Trailer.Get("X-Sum"), r.Trailer.Get("X-Forged"))
					})
					req, _ := http.NewRequest(http.MethodPost, "https://"+addr+strings.ReplaceAll(path, " ", "-"), nil)
					req.Trailer = http.Header{"X-Sum": nil}
					req.ContentLength, req.Body = -1, io.NopCloser(&trailing{strings.NewReader(text), req.Trailer, &http.Request{Trailer: http.Header{"X-Sum": {"42"}}}})
					status, got := readAll2(b.client(h2).Do(req))
					if status != 200 || got != text+" <nil> 42 " {
						t.Errorf("client h2 %v, upstream h2 %v, %s, %q: %d %q", h2, upH2, path, text, status, got)
					}
					if calls := b.gate.calls(); len(calls) != 1 || !slices.Equal(calls[0].Call.Trailer, []string{"X-Sum"}) {
						t.Errorf("the gate is not told of the trailer")
					}
				}
			}
		}
	}
}

// Law 2: a trailer that was not announced in the head was not judged, and does not
// go on.
func TestLaw2ATrailerThatWasNotAnnouncedDoesNotPass(t *testing.T) {
	for _, upH2 := range []bool{false, true} {
		for _, path := range []string{"/judged", "/stream/judged"} {
			for _, announced := range []string{"", "Trailer: X-Sum\r\n"} {
				b := newBench(t, nil)
				seen := make(chan string, 1)
				addr := b.upstream("trailers.governed.test", upH2, func(_ http.ResponseWriter, r *http.Request) {
					_, _ = io.ReadAll(r.Body)
					seen <- fmt.Sprint(r.Trailer)
				})
				c := b.tunnel(addr, "trailers.governed.test")
				fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\n%sTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 42\r\nX-Forged: 1\r\n\r\n", path, addr, announced)
				if got := <-seen; strings.Contains(got, "Forged") || announced == "" && strings.Contains(got, "Sum") {
					t.Errorf("upstream h2 %v, %s, announced %q: %s arrived", upH2, path, announced, got)
				}
			}
		}
	}
}

// What a governed upstream, or the gate, does not want is not sent: an upload that
// asks first sends no byte of its body.
func TestAnUploadThatAsksFirstSendsNothingWhenItIsRefused(t *testing.T) {
	for _, by := range []string{"upstream", "gate"} {
		for _, upH2 := range []bool{false, true} {
			for _, h2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("by the %s, client h2 %v, upstream h2 %v", by, h2, upH2), func(t *testing.T) {
					b := newBench(t, nil)
					if by == "gate" {
						b.gate.set(refusing)
					}
					addr := b.upstream("ask.governed.test", upH2, func(w http.ResponseWriter, r *http.Request) {
						if r.ProtoMajor == 1 && r.Header.Get("Expect") != "100-continue" { // h2 servers do not see it
							t.Error("the upstream was not asked first")
						}
						w.WriteHeader(http.StatusForbidden) // unread
					})
					client := b.client(h2)
					client.Transport.(*http.Transport).ExpectContinueTimeout = 20 * time.Second
					body := &counting{Reader: io.LimitReader(zeroReader{}, 1<<20)}
					req, _ := http.NewRequest(http.MethodPut, "https://"+addr+"/stream/x", body)
					req.ContentLength = 1 << 20
					req.Header.Set("Expect", "100-continue")
					status, _ := readAll2(client.Do(req))
					if n := body.n.Load(); status != 403 || n != 0 {
						t.Errorf("%d; %d bytes were sent", status, n)
					}
				})
			}
		}
	}
}

// An upload that is wanted is answered 100 by whoever wants it: the upstream.
func TestAnUploadThatAsksFirstIsSentWhenItIsWanted(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		b := newBench(t, nil)
		addr := b.upstream("ask.governed.test", h2, func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
		})
		client := b.client(h2)
		client.Transport.(*http.Transport).ExpectContinueTimeout = 20 * time.Second
		req, _ := http.NewRequest(http.MethodPut, "https://"+addr+"/stream/x", io.LimitReader(zeroReader{}, 1<<20))
		req.ContentLength = 1 << 20
		req.Header.Set("Expect", "100-continue")
		if status, got := readAll2(client.Do(req)); status != 200 || got != "1048576" {
			t.Errorf("h2 %v: %d %s", h2, status, got)
		}
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type counting struct {
	io.Reader
	n atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// Server-sent events pass one by one, as a watch does.
func TestServerSentEventsPassWhenTheyHappen(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		b := newBench(t, nil)
		next := make(chan struct{})
		addr := b.upstream("sse.governed.test", h2, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "id: %d\ndata: x\n\n", i)
				_ = http.NewResponseController(w).Flush()
				<-next
			}
		})
		resp, err := b.client(h2).Get("https://" + addr + "/events")
		if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatal(resp, err)
		}
		lines := bufio.NewReader(resp.Body)
		for i := range 3 {
			for _, want := range []string{fmt.Sprintf("id: %d\n", i), "data: x\n", "\n"} {
				if line, err := lines.ReadString('\n'); err != nil || line != want {
					t.Fatalf("%q %v, want %q", line, err, want)
				}
			}
			next <- struct{}{}
		}
		_ = resp.Body.Close()
	}
}

// WebSocket and SPDY, from clients that offer h2 and clients that do not, to
// upstreams that speak h2 and upstreams that do not: an upgrade belongs to
// HTTP/1.1, and is judged, answered and spliced in all of them.
func TestUpgradesPassWhateverElseIsSpoken(t *testing.T) {
	for _, protocol := range []string{"websocket", "SPDY/3.1"} {
		for _, upH2 := range []bool{false, true} {
			for _, h2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, client h2 %v, upstream h2 %v", protocol, h2, upH2), func(t *testing.T) {
					b := newBench(t, nil)
					addr := b.upstream("exec.governed.test", upH2, func(w http.ResponseWriter, r *http.Request) {
						if r.Header.Get("Upgrade") == "" {
							_, _ = io.WriteString(w, r.Proto)
							return
						}
						c, rw, err := http.NewResponseController(w).Hijack()
						if err != nil {
							t.Errorf("an upgrade over %s: %v", r.Proto, err)
							return
						}
						defer c.Close()
						fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
						_, _ = io.Copy(c, rw.Reader)
					})
					client := b.client(h2)
					if status, _ := readAll2(client.Get("https://" + addr + "/")); status != 200 { // it has an h2 connection now, if it can
						t.Fatal(status)
					}
					protos := []string{"http/1.1"} // what clients offer for an upgrade, also those that speak h2 else
					c := b.tunnel(addr, "exec.governed.test", protos...)
					fmt.Fprintf(c, "GET /exec HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\nping", addr, protocol)
					br := bufio.NewReader(c)
					resp, err := http.ReadResponse(br, nil)
					if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
						t.Fatal(resp, err)
					}
					echo := make([]byte, 4)
					if _, err := io.ReadFull(br, echo); err != nil || string(echo) != "ping" {
						t.Errorf("%q %v", echo, err)
					}
				})
			}
		}
	}
}

// Over h2 a WebSocket would be an extended CONNECT (RFC 8441). We do not announce
// it, so no client may try; one that does reaches nobody.
func TestAnExtendedConnectReachesNobody(t *testing.T) {
	var came atomic.Int64
	b := newBench(t, nil)
	addr := b.upstream("exec.governed.test", true, func(http.ResponseWriter, *http.Request) { came.Add(1) })
	status := h2Status(t, b.tunnel(addr, "exec.governed.test", "h2"),
		[]string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", addr, ":path", "/exec"})
	if status == "200" || came.Load() != 0 || len(b.gate.calls()) != 0 {
		t.Errorf("answered %s, %d came, %d judged", status, came.Load(), len(b.gate.calls()))
	}
}

// A call's outcome is what its protocol says it is, and recorded before its caller
// can know: where trailers say so, before the trailers.
func TestTheTrailersTellTheOutcomeWhereTheProtocolSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		status  string
		abort   bool
		outcome Answered
	}{
		"it succeeded":       {"0", false, Answered{Result: ledger.Succeeded, Status: 200}},
		"it failed":          {"7", false, Answered{Result: ledger.Failed, Status: 200, Reason: "said 7"}},
		"it has no status":   {"", false, Answered{Result: ledger.Unresolved, Status: 200, Reason: "the answer has no status"}},
		"it was broken off":  {"0", true, Answered{Result: ledger.Unresolved, Status: 200, Reason: "the answer broke off before its status"}},
		"the head says more": {"head", false, Answered{Result: ledger.Failed, Status: 200, Reason: "said head"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(cfg *Config) {
				r, err := decoders.NewRegistry([]decoders.Decoder{enderDecoder{}}, nil)
				if err != nil {
					t.Fatal(err)
				}
				cfg.Registry = r
			})
			addr := b.upstream("late.governed.test", true, func(w http.ResponseWriter, _ *http.Request) {
				if c.status == "head" {
					w.Header().Set("X-Status", c.status)
					return
				}
				w.Header().Set("Trailer", "X-Status")
				_, _ = io.WriteString(w, "body")
				_ = http.NewResponseController(w).Flush()
				if c.abort {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("X-Status", c.status)
			})
			resp, err := b.client(true).Post("https://"+addr+"/", "", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			eventually(t, func() bool { return len(b.gate.outcomes()) == 1 })
			o := b.gate.outcomes()[0]
			if o.Result != c.outcome.Result || o.Reason != c.outcome.Reason || o.Status != c.outcome.Status {
				t.Errorf("%+v", o)
			}
		})
	}
}

type enderDecoder struct{ plainDecoder }

func (enderDecoder) Ended(_ decoders.Call, h http.Header) (string, bool, bool) {
	s := h.Get("X-Status")
	return "said " + s, s == "0", s != ""
}
