package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
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

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
)

// Law 3: fail closed, never fall over.

func TestLaw3APanicRefusesAndTheProcessLives(t *testing.T) {
	for _, where := range []string{"claims", "gate", "refuse", "close", "learn"} {
		t.Run(where, func(t *testing.T) {
			var forwarded atomic.Int64
			var gate *fakeGate
			b := newBench(t, func(cfg *Config) {
				registry, err := decoders.NewRegistry([]decoders.Decoder{plainDecoder{panicIn: where}}, nil)
				if err != nil {
					t.Fatal(err)
				}
				cfg.Registry = registry
				gate = cfg.Gate.(*fakeGate)
			})
			gate.set(func(in Asked) Permit {
				if !strings.HasPrefix(in.Call.URL.Path, "/bad") {
					return gate.permit(in)
				}
				p := gate.permit(in)
				switch where {
				case "gate":
					panic("gate")
				case "refuse":
					return Permit{Refusal: &decoders.Refusal{Message: "no"}}
				case "close":
					p.Close = func(context.Context, Answered) error { panic("close") }
				case "learn":
					p.Learn = func(*decoders.Response) { panic("learn") }
				}
				return p
			})
			addr := b.upstream("panic.governed.test", true, func(_ http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					forwarded.Add(1)
				}
			})
			client := b.client(true)
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					resp, err := client.Post("https://"+addr+"/bad", "", strings.NewReader("x"))
					switch where {
					case "claims", "gate", "refuse":
						if err != nil || resp.StatusCode != http.StatusForbidden {
							t.Errorf("want 403, got %v %v", resp, err)
						}
					case "close":
						if err != nil || resp.StatusCode != http.StatusBadGateway || resp.Header.Get("X-Assent") != "outcome-unknown" {
							t.Errorf("want 502, got %v %v", resp, err)
						}
					case "learn":
						if err != nil || resp.StatusCode != http.StatusOK {
							t.Errorf("want 200, got %v %v", resp, err)
						}
					}
				})
			}
			wg.Wait()
			if where != "close" && where != "learn" && forwarded.Load() != 0 {
				t.Errorf("%d mutations were forwarded", forwarded.Load())
			}
			if where != "claims" {
				resp, err := client.Get("https://" + addr + "/good")
				if status, _ := readAll(t, resp, err); status != 200 {
					t.Errorf("afterwards others are answered %d", status)
				}
			}
		})
	}
}

func TestLaw3ABodyOverTheCapIsRefusedNatively(t *testing.T) {
	var forwarded atomic.Int64
	b := newBench(t, func(cfg *Config) { cfg.Limits.Body = 1000 })
	addr := b.upstream("cap.governed.test", false, func(http.ResponseWriter, *http.Request) { forwarded.Add(1) })
	for name, body := range map[string]func() io.Reader{
		"with a length": func() io.Reader { return bytes.NewReader(make([]byte, 5<<20)) },
		"chunked":       func() io.Reader { return io.MultiReader(bytes.NewReader(make([]byte, 5<<20))) },
	} {
		for _, h2 := range []bool{false, true} {
			resp, err := b.client(h2).Post("https://"+addr+"/x", "", body())
			status, text := readAll(t, resp, err)
			if status != 403 || resp.Header.Get("Content-Type") != "application/x-native" || !strings.Contains(text, "larger than the 1000 bytes") {
				t.Errorf("%s, h2 %v: %d %q", name, h2, status, text)
			}
		}
	}
	if forwarded.Load() != 0 || len(b.gate.turnedAway()) != 4 {
		t.Errorf("forwarded %d, recorded %d", forwarded.Load(), len(b.gate.turnedAway()))
	}
}

func TestLaw3AHeaderOf64MiBIsAnswered431(t *testing.T) {
	b := newBench(t, nil)
	addr := b.upstream("header.governed.test", false, func(http.ResponseWriter, *http.Request) {})
	c := b.tunnel(addr, "header.governed.test")
	go func() {
		_, _ = fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nX-Big: ", addr)
		chunk := bytes.Repeat([]byte("a"), 1<<20)
		for range 64 {
			if _, err := c.Write(chunk); err != nil {
				return
			}
		}
	}()
	head := make([]byte, 12)
	if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 431" {
		t.Errorf("answered %q (%v), want 431", head, err)
	}
}

func TestLaw3SlowHeadsAreClosed(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.Limits.Header = time.Second })
	addr := b.upstream("slow.governed.test", false, func(http.ResponseWriter, *http.Request) {})
	var wg sync.WaitGroup
	began := time.Now()
	for range 50 {
		c := b.tunnel(addr, "slow.governed.test")
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nX-Slow:", addr)
		wg.Go(func() { _, _ = io.Copy(io.Discard, c) }) // ends when the proxy closes
		silent, _ := b.rawTunnel(addr)                  // opened, and no TLS in it
		wg.Go(func() { _, _ = io.Copy(io.Discard, silent) })
	}
	wg.Wait()
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s to close them", took)
	}
}

func TestLaw3AnUnreachableUpstreamIsNotAPolicyRefusal(t *testing.T) {
	b := newBench(t, nil)
	status, body := readAll2(b.client(false).Post("https://nobody.governed.test:1/x", "", strings.NewReader("x")))
	if status != 502 || !strings.Contains(body, `"policy":false`) || !strings.Contains(body, `"sent":"no"`) ||
		!strings.Contains(body, `"kind":"Status"`) || !strings.Contains(body, `"message":"assent could not reach`) { // kubectl prints the message
		t.Errorf("%d %s", status, body)
	}
	if got := b.gate.outcomes(); len(got) != 1 || got[0].Result != ledger.NotForwarded {
		t.Errorf("outcomes %+v", got)
	}
}

func TestLaw3AnUpstreamWithAForeignCertificateIsRefused(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.TLS = nil }) // system roots: they do not know the test's CA
	var seen atomic.Int64
	addr := b.upstream("foreign.governed.test", false, func(http.ResponseWriter, *http.Request) { seen.Add(1) })
	status, body := readAll2(b.client(false).Post("https://"+addr+"/x", "", strings.NewReader("x")))
	if status != 502 || !strings.Contains(body, `"sent":"no"`) || seen.Load() != 0 {
		t.Errorf("%d %s, seen %d", status, body, seen.Load())
	}
	b = newBench(t, func(cfg *Config) {
		cfg.TLS = func(string) *tls.Config { return &tls.Config{InsecureSkipVerify: true} } //nolint:gosec // it must be refused
	})
	if status, body := readAll2(b.client(false).Get("https://" + addr + "/x")); status != 502 {
		t.Errorf("an unverified upstream was used: %d %s", status, body)
	}
}

func TestLaw3ForbiddenAddressesAreNotDialled(t *testing.T) {
	for address, why := range map[string]string{
		"127.0.0.1": "loopback", "169.254.169.254": "link-local", "0.0.0.0": "unspecified", "224.0.0.1": "multicast",
		"::1": "loopback", "fe80::1": "link-local", "fd00:ec2::254": "instance metadata", "::ffff:169.254.169.254": "link-local",
		"64:ff9b::a9fe:a9fe": "link-local", "2002:7f00:1::": "loopback", "100.100.100.200": "instance metadata",
		"100.64.0.1": "carrier-grade NAT", "100.127.255.254": "carrier-grade NAT", "0.1.2.3": "reserved", "198.18.0.1": "reserved", "240.0.0.1": "reserved",
		"192.0.0.1": "reserved", "192.0.0.192": "instance metadata", "168.63.129.16": "instance metadata", "fd20:ce::254": "instance metadata",
		"::a9fe:a9fe": "link-local", "::ffff:0:a9fe:a9fe": "link-local", "2001:0:1:2::5601:5601": "link-local", "fe80::5efe:7f00:1": "link-local",
		"2001:db8::5efe:7f00:1": "loopback", "64:ff9b:1::a9fe:a9fe": "link-local", "64:ff9b:1:a9fe:a9:fe00::": "link-local", "64:ff9b:1:a9:fe:a9fe::": "link-local", "64:ff9b:1:808:8:800::": "", "64:ff9b:1::808:808": "",
		"64:ff9b:1::a9:fea9:fe00:0": "link-local", "64:ff9b::808:808": "", "2600::1": "", "100.63.255.255": "", "100.128.0.1": "",
		"10.0.0.1": "", "192.168.1.1": "", "52.94.5.1": "", "fd00::1": "",
	} {
		got := ""
		for _, face := range faces(mustAddr(address)) {
			if got == "" {
				got = forbidden(face)
			}
		}
		if got != why {
			t.Errorf("%s: %q, want %q", address, got, why)
		}
	}
	var seen atomic.Int64
	b := newBench(t, func(cfg *Config) { cfg.AllowLoopback = nil })
	addr := b.upstream("rebound.governed.test", false, func(http.ResponseWriter, *http.Request) { seen.Add(1) })
	status, body := readAll2(b.client(false).Post("https://"+addr+"/x", "", strings.NewReader("x")))
	if status != 403 || !strings.Contains(body, "loopback") || seen.Load() != 0 {
		t.Errorf("%d %q, seen %d", status, body, seen.Load())
	}
	if c, resp := b.rawTunnel("127.0.0.1:9"); resp.StatusCode != 403 {
		t.Errorf("a blind tunnel to loopback: %s %v", resp.Status, c)
	}
	before := len(b.gate.turnedAway())
	status, body = readAll2(b.client(false).Get("http://169.254.169.254/latest/meta-data/"))
	turned := b.gate.turnedAway()
	if status != 403 || !strings.Contains(body, "link-local") || len(turned) != before+1 || !strings.Contains(turned[before].Reason, "link-local") {
		t.Errorf("a plain request to the metadata service: %d %q, recorded %+v", status, body, turned)
	}
	if passed := b.srv.Stats().Passed; len(passed) != 0 {
		t.Errorf("what was refused counts as passed: %v", passed)
	}
}

// A name that answers otherwise when it is asked again leads nowhere else: it is
// resolved once, and the address that was checked is the one that is dialled. An
// address among several that is forbidden is passed over.
func TestLaw2TheAddressThatWasCheckedIsDialled(t *testing.T) {
	var lookups atomic.Int64
	var mu sync.Mutex
	var dialled []string
	b := newBench(t, func(cfg *Config) {
		cfg.AllowLoopback = nil
		cfg.LookupNetIP = func(context.Context, string, string) ([]netip.Addr, error) {
			if lookups.Add(1)%2 == 1 {
				return []netip.Addr{mustAddr("169.254.169.254"), mustAddr("203.0.113.7")}, nil
			}
			return []netip.Addr{mustAddr("127.0.0.1")}, nil // the second answer rebinds
		}
		cfg.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialled = append(dialled, address)
			return nil, errors.New("nobody is there")
		}
	})
	for range 4 {
		lookups.Store(0)
		status, _ := readAll2(b.client(false).Post("https://rebind.governed.test/x", "", strings.NewReader("x")))
		if n := lookups.Load(); status != 502 && status != 403 || n != 1 {
			t.Errorf("%d after %d lookups", status, n)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, address := range dialled {
		if address != "203.0.113.7:443" {
			t.Errorf("dialled %s", address)
		}
	}
	if len(dialled) != 4 {
		t.Errorf("dialled %v", dialled)
	}
}

func TestLaw3ItNeverProxiesItself(t *testing.T) {
	b := newBench(t, nil)
	if _, resp := b.rawTunnel(b.addr); resp.StatusCode != 403 {
		t.Errorf("a tunnel to itself: %s", resp.Status)
	}
}

func TestLaw3OnlyStreamsThatBelongToTheCallAreUpgraded(t *testing.T) {
	for value, want := range map[string]string{"websocket": "websocket", "SPDY/3.1": "SPDY/3.1", "h2c": "", "TLS/1.0": "", "websocket, h2c": ""} {
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Connection", "keep-alive, Upgrade")
		r.Header.Set("Upgrade", value)
		if got := upgradeOf(r); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

func readAll2(resp *http.Response, err error) (int, string) {
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }
