package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
)

func (b *bench) reverse(r Reverse) string {
	b.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.srv.ServeReverse(l, r) }()
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = b.srv.Shutdown(ctx)
		if err := <-served; err != nil {
			b.t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String()
}

// Law 2: whatever is sent to a reverse listener is a call to its server, judged and
// forwarded as one, byte for byte, over TLS and without.
func TestLaw2AReverseListenerStandsForOneServer(t *testing.T) {
	b := newBench(t, nil)
	addr := b.upstream("good.governed.test", true, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Host, r.RequestURI, body)
	})
	own := b.reverse(Reverse{To: &url.URL{Scheme: "https", Host: addr}, Actor: model.Actor{ID: "batch", Authn: "listener"}})
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.ca}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	client := &http.Client{Transport: tr, Timeout: 30 * time.Second}
	for _, base := range []string{"http://" + own, "https://" + own} {
		status, body := readAll2(client.Post(base+"/a%2Fb//c?x=%zz", "", strings.NewReader("hello")))
		if status != 200 || body != addr+" /a%2Fb//c?x=%zz hello" {
			t.Errorf("%s: %d %q", base, status, body)
		}
	}
	calls := b.gate.calls()
	if len(calls) != 2 || calls[0].Actor.ID != "batch" || calls[1].Call.Host != addr {
		t.Fatalf("judged %+v", calls)
	}
	for _, head := range []string{
		"GET https://" + addr + "/ HTTP/1.1\r\nHost: " + own, "GET / HTTP/1.1\r\nHost: " + own + "\r\nHost: " + addr,
		"CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr, "OPTIONS * HTTP/1.1\r\nHost: " + own,
	} {
		c, err := net.Dial("tcp", own)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "%s\r\n\r\n", head)
		if got := first(t, c, 10); got != "HTTP/1.1 4" {
			t.Errorf("%q: %q", head, got)
		}
	}
	if n := len(b.gate.calls()); n != 2 {
		t.Errorf("%d calls were judged", n)
	}
}

func TestAReverseListenerWithoutAnActorWantsAToken(t *testing.T) {
	b := newBench(t, nil)
	addr := b.upstream("good.governed.test", false, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Proxy-Authorization"))
	})
	own := b.reverse(Reverse{To: &url.URL{Scheme: "https", Host: addr}})
	req, _ := http.NewRequest(http.MethodGet, "http://"+own+"/", nil)
	if status, _ := readAll2(http.DefaultClient.Do(req)); status != 401 {
		t.Errorf("without a token: %d", status)
	}
	req.SetBasicAuth("run", "secret")
	req.Header.Set("Proxy-Authorization", req.Header.Get("Authorization"))
	req.Header.Del("Authorization")
	if status, body := readAll2(http.DefaultClient.Do(req)); status != 200 || body != "" {
		t.Errorf("with a token: %d %q", status, body)
	}
}

func TestAReverseListenerStandsForAGovernedServerAlone(t *testing.T) {
	b := newBench(t, nil)
	for _, to := range []string{"https://free.test", "ftp://good.governed.test", "https://good.governed.test/path", "https://u:p@good.governed.test", "https://"} {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.srv.Check(Reverse{To: u}); err == nil {
			t.Errorf("%s is taken", to)
		}
	}
	if err := b.srv.Check(Reverse{}); err == nil {
		t.Error("nothing is taken")
	}
}
