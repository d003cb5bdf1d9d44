package proxy

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// idleTunnels is how many are opened, and idleBytes what one may cost.
const (
	idleTunnels = 200
	idleBytes   = 64 << 10
)

// A tunnel that has served a request and rests costs at most 64 KiB. Its clients are
// in another process, so that what is measured is ours.
func TestAnIdleTunnelCosts64KiBAtMost(t *testing.T) {
	for _, proto := range []string{"http/1.1", "h2"} {
		t.Run(proto, func(t *testing.T) {
			b := newBench(t, nil)
			addr := b.upstream("idle.governed.test", false, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
			if status, _ := readAll2(b.client(true).Get("https://" + addr + "/")); status != 200 { // pools and tables are made once
				t.Fatal(status)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestIdleClients$")
			cmd.Env = append(os.Environ(), "IDLE_PROXY="+b.addr, "IDLE_TARGET="+addr, "IDLE_PROTO="+proto,
				"IDLE_CA="+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.srv.cfg.Authority.Certificate().Raw})))
			stop, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			said, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			before := inUse()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(said)
			for lines.Scan() && lines.Text() != "ready" {
				t.Log(lines.Text())
			}
			if n := b.srv.Stats().Tunnels; n < idleTunnels {
				t.Fatalf("%d tunnels are open", n)
			}
			each := (inUse() - before) / idleTunnels
			t.Logf("%d bytes a tunnel", each)
			if each > idleBytes {
				t.Errorf("%d bytes a tunnel", each)
			}
			_ = stop.Close()
			_, _ = io.Copy(io.Discard, said)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// inUse is what live objects and stacks take.
func inUse() int64 {
	var m runtime.MemStats
	for range 3 { // pools are emptied by the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestIdleClients is the other process: it opens tunnels until its stdin ends.
func TestIdleClients(t *testing.T) {
	addr := os.Getenv("IDLE_PROXY")
	if addr == "" {
		return // it is the clients of TestAnIdleTunnelCosts64KiBAtMost
	}
	target := os.Getenv("IDLE_TARGET")
	name, _, _ := strings.Cut(target, ":")
	ca := x509.NewCertPool()
	ca.AppendCertsFromPEM([]byte(os.Getenv("IDLE_CA")))
	for range idleTunnels {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic %s\r\n\r\n", target, target, base64.StdEncoding.EncodeToString([]byte("run:secret")))
		if resp, err := http.ReadResponse(bufio.NewReader(oneByte{c}), nil); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		secure := tls.Client(c, &tls.Config{RootCAs: ca, ServerName: name, NextProtos: []string{os.Getenv("IDLE_PROTO")}})
		if err := secure.Handshake(); err != nil {
			t.Fatal(err)
		}
		if os.Getenv("IDLE_PROTO") == "h2" {
			if status := h2Status(t, secure, []string{":method", "GET", ":scheme", "https", ":authority", target, ":path", "/"}); status != "200" {
				t.Fatal(status)
			}
			continue
		}
		fmt.Fprintf(secure, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", target)
		_ = secure.SetReadDeadline(time.Now().Add(time.Minute))
		resp, err := http.ReadResponse(bufio.NewReader(secure), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
