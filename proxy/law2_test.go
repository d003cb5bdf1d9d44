package proxy

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Law 2: what was judged is what is forwarded.

func TestLaw2AuthoritiesAgreeOrTheCallIsRefused(t *testing.T) {
	var good, evil atomic.Int64
	b := newBench(t, nil)
	goodAddr := b.upstream("good.governed.test", true, func(http.ResponseWriter, *http.Request) { good.Add(1) })
	evilAddr := b.upstream("evil.test", true, func(http.ResponseWriter, *http.Request) { evil.Add(1) })
	_, evilPort, _ := net.SplitHostPort(evilAddr)
	_, goodPort, _ := net.SplitHostPort(goodAddr)

	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"inner Host":     {"GET / HTTP/1.1\r\nHost: " + evilAddr + "\r\n\r\n", 421},
		"absolute form":  {"GET https://" + evilAddr + "/ HTTP/1.1\r\nHost: " + goodAddr + "\r\n\r\n", 421},
		"nested CONNECT": {"CONNECT " + evilAddr + " HTTP/1.1\r\nHost: " + evilAddr + "\r\n\r\n", 400},
		"port change":    {"GET / HTTP/1.1\r\nHost: good.governed.test:" + evilPort + "\r\n\r\n", 421},
		"asterisk":       {"OPTIONS * HTTP/1.1\r\nHost: " + goodAddr + "\r\n\r\n", 400},
		"two Hosts":      {"GET / HTTP/1.1\r\nHost: " + goodAddr + "\r\nHost: " + evilAddr + "\r\n\r\n", 400},
		"no Host":        {"GET / HTTP/1.1\r\n\r\n", 400},
		"empty Host":     {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 421},
		"userinfo":       {"GET / HTTP/1.1\r\nHost: " + goodAddr + "@evil.test\r\n\r\n", 400},
		"fragment":       {"GET /a#b HTTP/1.1\r\nHost: " + goodAddr + "\r\n\r\n", 400},
	} {
		t.Run("h1 "+name, func(t *testing.T) {
			c1 := b.tunnel(goodAddr, "good.governed.test")
			if _, err := io.WriteString(c1, c.request); err != nil {
				t.Fatal(err)
			}
			head := make([]byte, 12)
			if _, err := io.ReadFull(c1, head); err != nil || string(head) != fmt.Sprintf("HTTP/1.1 %d", c.status) {
				t.Errorf("answered %q (%v), want %d", head, err, c.status)
			}
		})
	}
	for name, fields := range map[string][]string{
		":authority":             {":method", "GET", ":scheme", "https", ":authority", evilAddr, ":path", "/"},
		"Host beside :authority": {":method", "GET", ":scheme", "https", ":authority", goodAddr, ":path", "/", "host", evilAddr},
		"port change":            {":method", "GET", ":scheme", "https", ":authority", "good.governed.test:" + evilPort, ":path", "/"},
		"absolute path":          {":method", "GET", ":scheme", "https", ":authority", goodAddr, ":path", "https://" + evilAddr + "/"},
		"CONNECT":                {":method", "CONNECT", ":authority", evilAddr},
		"asterisk":               {":method", "OPTIONS", ":scheme", "https", ":authority", goodAddr, ":path", "*"},
	} {
		t.Run("h2 "+name, func(t *testing.T) {
			if status := h2Status(t, b.tunnel(goodAddr, "good.governed.test", "h2"), fields); status == "200" {
				t.Errorf("answered %s", status)
			}
		})
	}
	t.Run("foreign SNI", func(t *testing.T) {
		c1 := b.tunnel(goodAddr, "evil.test")
		fmt.Fprintf(c1, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", goodAddr)
		head := make([]byte, 12)
		if _, err := io.ReadFull(c1, head); err != nil || string(head) != "HTTP/1.1 421" {
			t.Errorf("answered %q (%v), want 421", head, err)
		}
	})
	t.Run("address in CONNECT, governed SNI", func(t *testing.T) {
		c, resp := b.rawTunnel("127.0.0.1:" + goodPort)
		if resp.StatusCode != 200 {
			t.Fatalf("CONNECT: %s", resp.Status)
		}
		if err := clientHello(c, "good.governed.test"); err == nil {
			t.Error("the handshake went through")
		}
	})
	t.Run("address in CONNECT, governed Host in the clear", func(t *testing.T) {
		c, _ := b.rawTunnel("127.0.0.1:" + goodPort)
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: good.governed.test\r\n\r\n")
		head := make([]byte, 12)
		if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 421" {
			t.Errorf("answered %q (%v), want 421", head, err)
		}
	})
	if n := evil.Load(); n != 0 {
		t.Errorf("evil saw %d requests", n)
	}
	if n := good.Load(); n != 0 {
		t.Errorf("good saw %d requests, though every one was contradictory", n)
	}
	if len(b.gate.turnedAway()) < 12 {
		t.Errorf("only %d refusals were recorded", len(b.gate.turnedAway()))
	}
}

func TestLaw2TheTrailingDotIsTheSameHost(t *testing.T) {
	b := newBench(t, nil)
	addr := b.upstream("dot.governed.test", false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	_, port, _ := net.SplitHostPort(addr)
	c := b.tunnel("DOT.Governed.Test.:"+port, "dot.governed.test")
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: dot.governed.test.:%s\r\n\r\n", port)
	head := make([]byte, 12)
	if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 204" || len(b.gate.calls()) != 1 {
		t.Errorf("answered %q (%v), judged %d", head, err, len(b.gate.calls()))
	}
}

func TestLaw2AJudgedHeaderIsAForwardedHeader(t *testing.T) {
	b := newBench(t, nil)
	seen := make(chan http.Header, 1)
	addr := b.upstream("hop.governed.test", false, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header })
	c := b.tunnel(addr, "hop.governed.test")
	fmt.Fprintf(c, "POST /x HTTP/1.1\r\nHost: %s\r\nConnection: X-Amz-Target\r\nX-Amz-Target: Delete\r\nUpgrade: h2c\r\nProxy-Authorization: Basic AAAA\r\nContent-Length: 0\r\n\r\n", addr)
	up := <-seen
	judged := b.gate.calls()[0].Call.Header
	for _, name := range []string{"X-Amz-Target", "Upgrade", "Proxy-Authorization", "Connection"} {
		if judged.Get(name) != "" || (up.Get(name) != "" && name != "Connection") {
			t.Errorf("%s: judged %q, forwarded %q", name, judged.Get(name), up.Get(name))
		}
	}
}

func clientHello(c net.Conn, name string) error {
	return tls.Client(c, &tls.Config{ServerName: name}).Handshake()
}

func TestLaw2TargetsAndHeadersArriveByteForByte(t *testing.T) {
	b := newBench(t, nil)
	type got struct {
		uri    string
		header http.Header
		body   string
		length int64
		host   string
		te     []string
	}
	seen := make(chan got, 1)
	addr := b.upstream("exact.governed.test", false, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- got{r.RequestURI, r.Header, string(body), r.ContentLength, r.Host, r.TransferEncoding}
	})
	for _, target := range []string{
		"/", "/?", "//bucket//key", "/a/../b/./c", "/a%2Fb/%2f", "/a%20b+c", "/~x%7E!*'();:@&=+$,", "/%00", "/x?a=1&b&&c=;d=%zz",
		"/a[1]{x}|^`\"\\", "/ü/€", "/q?x={y}&z=[1]|", "/d//e", "/%e2%82%ac", "/x?", "/x?y=a%2Fb/c?d",
	} {
		for _, method := range []string{"GET", "DELETE", "PUT"} {
			c := b.tunnel(addr, "exact.governed.test")
			head := method + " " + target + " HTTP/1.1\r\nHost: " + addr + "\r\nAccept-Encoding: identity;q=1, gzip\r\nX-Two: a\r\nX-Two: b\r\nAuthorization: AWS4-HMAC-SHA256 x=y,  z\r\nX-Odd: \xe2\x82\xac \"\\\r\n"
			body := ""
			if method == "PUT" {
				body = "payload"
				head += "Content-Length: 7\r\n"
			}
			if method == "DELETE" {
				head += "Content-Length: 0\r\n"
			}
			if _, err := io.WriteString(c, head+"\r\n"+body); err != nil {
				t.Fatal(err)
			}
			g := <-seen
			if g.uri != target || g.host != addr || g.body != body || g.length != int64(len(body)) || len(g.te) != 0 {
				t.Errorf("%s %s arrived as %q host %q body %q length %d %v", method, target, g.uri, g.host, g.body, g.length, g.te)
			}
			if method == "DELETE" && g.header.Get("Content-Length") != "0" {
				t.Errorf("%s %s: Content-Length: 0 was lost", method, target)
			}
			for name, want := range map[string]string{
				"Accept-Encoding": "identity;q=1, gzip", "Authorization": "AWS4-HMAC-SHA256 x=y,  z", "X-Odd": "\xe2\x82\xac \"\\",
			} {
				if g.header.Get(name) != want {
					t.Errorf("%s: %q, want %q", name, g.header.Get(name), want)
				}
			}
			if _, ok := g.header["User-Agent"]; ok || len(g.header["X-Two"]) != 2 {
				t.Errorf("headers changed: %v", g.header)
			}
		}
	}
}

func TestLaw2ChunkedStaysChunked(t *testing.T) {
	b := newBench(t, nil)
	seen := make(chan string, 2)
	addr := b.upstream("chunked.governed.test", false, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- fmt.Sprint(r.TransferEncoding, string(body))
	})
	for _, path := range []string{"/x", "/stream"} {
		c := b.tunnel(addr, "chunked.governed.test")
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", path, addr)
		if got := <-seen; got != "[chunked]abc" {
			t.Errorf("%s arrived as %s", path, got)
		}
	}
}

func FuzzParseAuthority(f *testing.F) {
	for _, s := range []string{"a", "a:1", "[::1]:443", "::1", "a.:443", "A:0443", "a:", "[::ffff:10.0.0.1]", "a@b", "a:b:c", "10.0.0.1", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAuthority(s, "443")
		if err != nil {
			return
		}
		again, err := parseAuthority(a.hostPort(), "443")
		if err != nil || again != a {
			t.Fatalf("%q → %+v → %+v (%v)", s, a, again, err)
		}
		if again, err = parseAuthority(a.host("https"), "443"); err != nil || again != a {
			t.Fatalf("%q: host form %q → %+v (%v)", s, a.host("https"), again, err)
		}
	})
}

func FuzzServerName(f *testing.F) {
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Add([]byte("\x16\x03"))
	f.Fuzz(func(_ *testing.T, hello []byte) { serverName(hello) })
}

// h2Status sends one request's fields as they are and returns the status, or the
// reason why there is none.
func h2Status(t *testing.T, c io.ReadWriter, fields []string) string {
	t.Helper()
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(c, c)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = framer.WriteSettings()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return f.ErrCode.String()
		case *http2.GoAwayFrame:
			return strings.ToLower(f.ErrCode.String())
		}
	}
}
