package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
)

// Law 9: a refusal is an answer, in the caller's own protocol, inside the tunnel.

func refusing(Asked) Permit {
	return Permit{DecisionID: "dec_9", Refusal: &decoders.Refusal{Code: decoders.DeniedCode, Message: "assent: no", DecisionID: "dec_9"}}
}

const nativeRefusal = "<denied>assent: no</denied>"

func TestLaw9ARefusalArrivesByteForByte(t *testing.T) {
	var forwarded atomic.Int64
	b := newBench(t, nil)
	b.gate.set(refusing)
	addr := b.upstream("deny.governed.test", true, func(http.ResponseWriter, *http.Request) { forwarded.Add(1) })
	for _, h2 := range []bool{false, true} {
		resp, err := b.client(h2).Post("https://"+addr+"/x", "", strings.NewReader("x"))
		status, body := readAll(t, resp, err)
		if status != 403 || body != nativeRefusal || resp.Header.Get("X-Native-Id") != "dec_9" || resp.Header.Get("Content-Type") != "application/x-native" {
			t.Errorf("h2 %v: %d %q %v", h2, status, body, resp.Header)
		}
		if h2 != (resp.ProtoMajor == 2) {
			t.Errorf("the answer came over %s", resp.Proto)
		}
	}
	c := b.tunnel(addr, "deny.governed.test")
	fmt.Fprintf(c, "DELETE /x HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", addr)
	raw, err := io.ReadAll(c)
	want := "HTTP/1.1 403 Forbidden\r\nContent-Length: 27\r\nContent-Type: application/x-native\r\nX-Native-Id: dec_9\r\nConnection: close\r\n\r\n" + nativeRefusal
	if err != nil || string(raw) != want {
		t.Errorf("on the wire (%v):\n%q, want\n%q", err, raw, want)
	}
	if forwarded.Load() != 0 {
		t.Errorf("%d calls were forwarded", forwarded.Load())
	}
}

func TestLaw9ARefusedUploadIsAnsweredBeforeItsBody(t *testing.T) {
	b := newBench(t, nil)
	b.gate.set(refusing)
	addr := b.upstream("upload.governed.test", false, func(http.ResponseWriter, *http.Request) { t.Error("forwarded") })

	t.Run("100-continue", func(t *testing.T) {
		c := b.tunnel(addr, "upload.governed.test")
		fmt.Fprintf(c, "PUT /stream HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n", addr)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if status, body := readAll(t, resp, err); status != 403 || body != nativeRefusal {
			t.Errorf("%d %q", status, body)
		}
	})
	t.Run("a client that writes everything before it reads", func(t *testing.T) {
		c := b.tunnel(addr, "upload.governed.test")
		const size = 20 << 20
		fmt.Fprintf(c, "PUT /stream HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", addr, size)
		if _, err := io.Copy(c, bytes.NewReader(make([]byte, size))); err != nil {
			t.Fatalf("the connection was cut while uploading: %v", err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if status, body := readAll(t, resp, err); status != 403 || body != nativeRefusal {
			t.Errorf("%d %q", status, body)
		}
	})
}

func TestLaw9CurlPrintsTheRefusal(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("NOT RUN: curl is not installed")
	}
	b := newBench(t, nil)
	b.gate.set(refusing)
	for _, version := range []string{"--http1.1", "--http2"} {
		out, err := exec.Command(curl, "-sS", "-k", version, "--proxy", b.proxyURL().String(), "-X", "DELETE", "-w", " %{http_code} %{http_connect}",
			"https://curl.governed.test/thing").CombinedOutput()
		if err != nil || string(out) != nativeRefusal+" 403 200" {
			t.Errorf("curl %s: %v %q", version, err, out)
		}
	}
}

func TestStrangersAreAnswered407(t *testing.T) {
	b := newBench(t, nil)
	for _, target := range []string{"https://x.governed.test/", "http://x.governed.test/"} {
		u := b.proxyURL()
		u.User = nil
		client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}}
		resp, err := client.Get(target)
		if err == nil && resp.StatusCode != 407 {
			t.Errorf("%s: %s", target, resp.Status)
		}
		if err != nil && !strings.Contains(err.Error(), "Proxy Authentication Required") {
			t.Errorf("%s: %v", target, err)
		}
	}
	if len(b.gate.calls()) != 0 {
		t.Error("a stranger's call was judged")
	}
}

func TestDistrustIsReportedWithinASecond(t *testing.T) {
	told := make(chan string, 8)
	b := newBench(t, func(cfg *Config) { cfg.OnDistrust = func(host string, err error) { told <- host + " " + err.Error() } })
	addr := b.upstream("distrust.governed.test", false, func(http.ResponseWriter, *http.Request) {})
	wait := func(name string) {
		select {
		case got := <-told:
			if !strings.HasPrefix(got, "distrust.governed.test:") {
				t.Errorf("%s: told %q", name, got)
			}
		case <-time.After(time.Second):
			t.Errorf("%s: not told within a second", name)
		}
	}
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		c, _ := b.rawTunnel(addr)
		if err := tls.Client(c, &tls.Config{ServerName: "distrust.governed.test", MaxVersion: version}).Handshake(); err == nil {
			t.Fatal("the handshake went through")
		}
		wait(name)
	}
	for _, client := range [][]string{
		{"curl", "-sS", "--proxy", b.proxyURL().String(), "https://" + addr},
		{"git", "ls-remote", "https://" + addr + "/x.git"},
		{"python3", "-c", "import urllib.request,os; urllib.request.urlopen('https://" + addr + "')"},
	} {
		path, err := exec.LookPath(client[0])
		if err != nil {
			t.Logf("NOT RUN: %s is not installed", client[0])
			continue
		}
		cmd := exec.Command(path, client[1:]...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "HTTPS_PROXY=" + b.proxyURL().String()}
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("%s trusted us", client[0])
		} else {
			t.Logf("%s says: %s", client[0], out)
		}
		wait(client[0])
	}
}

func TestDistrustOfTheGatewayIsReportedLikeTheProxys(t *testing.T) {
	told := make(chan string, 8)
	g := newGatewayBench(t, "", func(http.ResponseWriter, *http.Request) {}, func(cfg *Config) {
		cfg.OnDistrust = func(host string, err error) { told <- host + " " + err.Error() }
	})
	for name, conf := range map[string]*tls.Config{
		"TLS 1.2": {MaxVersion: tls.VersionTLS12}, "TLS 1.3": {}, "h2": {NextProtos: []string{"h2"}},
	} {
		if _, err := tls.Dial("tcp", g.gatewayAddr, conf); err == nil {
			t.Fatal("the handshake went through")
		}
		select {
		case got := <-told:
			if !strings.HasPrefix(got, g.gatewayAddr+" ") || !strings.Contains(got, "certificate") {
				t.Errorf("%s: told %q", name, got)
			}
		case <-time.After(time.Second):
			t.Errorf("%s: not told within a second", name)
		}
	}
	// A client that speaks no TLS is told so, and one that trusts us is no news.
	c, err := net.Dial("tcp", g.gatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if said, _ := io.ReadAll(c); !strings.Contains(string(said), "use https://") {
		t.Errorf("a client without TLS reads %q", said)
	}
	trusting := g.dial()
	if _, err := io.WriteString(trusting, "GET /k8s/box/api HTTP/1.1\r\nHost: "+g.gatewayAddr+"\r\nProxy-Authorization: "+asTester+"\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(trusting); err != nil || !strings.HasPrefix(string(said), "HTTP/1.1 200") {
		t.Errorf("%q, %v", said, err)
	}
	if len(told) != 0 {
		t.Errorf("told %q", <-told)
	}
}
