package proxy

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/assent-iom/assent/certs"
)

// oddTargets are what naive proxies rewrite.
func oddTargets() []string {
	return []string{"/", "//bucket//key", "/a/../b/./c", "/%2F%2f", "/%20+%2B", "/~%7E", "/!$&'()*+,;=:@", "/%00", "/?", "/??", "/?a=1;b=2", "/%zz", "/?%zz=%", "/?b=2&a=1&a=0",
		"/[]{}|^`\\\"", "/?[]{}|^`\\\"", "/\xc3\xbc/\xe2\x82\xac", "/\xff\xfe", "/a?X-Amz-Signature=0&X-Amz-Credential=a%2Fb", "/;x=y", "/.", "/..", "/x//", "/?=&&=", "/#", "/a?b#c", "//", "///x"}
}

// wire is a proxy whose upstream keeps each request line as it came.
func wire(t testing.TB) (b *bench, target string, lines chan string) {
	authority, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf("wire.governed.test")
	if err != nil {
		t.Fatal(err)
	}
	b = newBench(t, nil)
	b.roots.AddCert(authority.Certificate())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	lines = make(chan string, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*leaf}}))
				line, err := r.ReadString('\n')
				for h := line; err == nil && strings.TrimSpace(h) != ""; { // these requests have no body
					h, err = r.ReadString('\n')
				}
				if err == nil {
					lines <- strings.TrimRight(line, "\r\n")
				}
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return b, net.JoinHostPort("wire.governed.test", port), lines
}

// FuzzWire: the request target that a client writes, over HTTP/1.1 or HTTP/2, is the
// one that the upstream reads, byte for byte; or nothing is sent.
func FuzzWire(f *testing.F) {
	for _, s := range oddTargets() {
		f.Add(s, false)
		f.Add(s, true)
	}
	b, host, lines := wire(f)
	f.Fuzz(func(t *testing.T, target string, h2 bool) {
		if !strings.HasPrefix(target, "/") || len(target) > 4096 {
			return
		}
		if !h2 && strings.ContainsAny(target, " \r\n\t") {
			return // another request line, by HTTP/1.1's own rules
		}
		mine := *b
		mine.t = t
		send := overH1
		if h2 {
			send = overH2
		}
		status := send(t, &mine, host, target)
		select {
		case got := <-lines:
			if want := "GET " + target + " HTTP/1.1"; got != want {
				t.Fatalf("written was %q, and read %q", want, got)
			}
		default:
			if status == 0 || status < 400 {
				t.Fatalf("%q was answered %d and did not arrive", target, status)
			}
		}
	})
}

// overH1 sends a target as it is, and returns the answer's status; 0: none came.
func overH1(t *testing.T, b *bench, host, target string) int {
	c := b.tunnel(host, "wire.governed.test", "http/1.1")
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, host); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// overH2 is overH1 with frames of its own: Go's client would not write such a :path.
func overH2(t *testing.T, b *bench, host, target string) int {
	c := b.tunnel(host, "wire.governed.test", "h2")
	defer c.Close()
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(c, c)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", host}, {":path", target}} {
		if err := enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return 400 // the connection was ended for it
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			var status int
			_, _ = fmt.Sscan(frame.PseudoValue("status"), &status)
			return status
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return 400
		}
	}
}
