package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	socks "golang.org/x/net/proxy"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
)

// proving knows connections by tokens (run:NAME), and calls by X-Proof. A call whose
// proof is a name is given assent's credential.
type proving struct{ namedTokens }

func (proving) Opens(host string) bool { return strings.HasPrefix(host, "open.") }

func (proving) Prove(_ context.Context, c Carried) (Proof, bool, error) {
	name := c.Header.Get("X-Proof")
	switch name {
	case "":
		return Proof{}, false, nil
	case "forged":
		return Proof{}, false, errors.New("the proof does not hold")
	case "panic":
		panic("prove")
	}
	return Proof{Actor: model.Actor{ID: name, Authn: "proof"}, Run: "run_2", Renew: func(_ context.Context, h http.Header) (Renewed, error) {
		if name == "broke" {
			return Renewed{}, errors.New("no credential of " + name)
		}
		h.Set("X-Proof", "the real one")
		out := Renewed{Signed: ledger.Signed{Key: "REAL", Instead: name, Changed: []string{"X-Proof"}}}
		if strings.Contains(c.Target, "sig=") {
			out.Target = strings.Replace(c.Target, "sig=old", "sig=new", 1)
		}
		out.Body = func(in io.Reader) io.Reader {
			data, _ := io.ReadAll(in)
			return strings.NewReader(strings.ReplaceAll(string(data), "old", "new"))
		}
		return out, nil
	}}, true, nil
}

// proven is a proxy whose callers may prove themselves by their calls, and what its
// upstream saw.
func proven(t *testing.T) (b *bench, up string, seen func() []string) {
	b = newBench(t, func(c *Config) { c.Authenticator = proving{} })
	var mu sync.Mutex
	var all []string
	up = b.upstream("open.governed.test", true, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, fmt.Sprintf("%s %s %s %q", r.Method, r.RequestURI, r.Header.Get("X-Proof"), body))
	})
	return b, up, func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(all) }
}

// through is a client with a proxy user, or none.
func (b *bench) through(user string, h2 bool) *http.Client {
	u := &url.URL{Scheme: "http", Host: b.addr}
	if user != "" {
		u.User = url.UserPassword("run", user)
	}
	tr := &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{RootCAs: b.ca}, ForceAttemptHTTP2: h2}
	b.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

func send(t *testing.T, c *http.Client, method, url, body string, header ...string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	status, text := readAll(t, resp, nil)
	return status, text, nil
}

// A call that proves who makes it needs no token on its connection, and goes out with
// assent's credential in the place of the caller's; nothing else of it changes.
func TestACallMayProveItsMaker(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		b, up, seen := proven(t)
		c := b.through("", h2)
		for _, method := range []string{"POST", "GET"} {
			if status, text, err := send(t, c, method, "https://"+up+"/a%2Fb?sig=old&x=%20", "old body", "X-Proof", "alice"); err != nil || status != http.StatusOK {
				t.Fatalf("h2 %v: %d %s %v", h2, status, text, err)
			}
		}
		want := []string{`POST /a%2Fb?sig=new&x=%20 the real one "new body"`, `GET /a%2Fb?sig=new&x=%20 the real one "new body"`}
		if got := seen(); !slices.Equal(got, want) {
			t.Errorf("h2 %v: the upstream saw\n%s", h2, strings.Join(got, "\n"))
		}
		asked := b.gate.calls()[0]
		if asked.Actor.ID != "alice" || asked.Actor.Authn != "proof" || asked.Run != "run_2" || asked.Call.Header.Get("X-Proof") != "alice" {
			t.Errorf("judged was %+v by %+v", asked.Call, asked.Actor)
		}
		if got := b.gate.outcomes()[0].Signed; got == nil || got.Key != "REAL" || got.Instead != "alice" {
			t.Errorf("recorded was %+v", got)
		}
	}
}

// Who proves nothing, or something that does not hold, has nothing sent.
func TestNobodyIsSentForAStranger(t *testing.T) {
	b, up, seen := proven(t)
	closed := b.upstream("shut.governed.test", true, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	other := b.upstream("elsewhere.test", true, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	for name, c := range map[string]struct {
		user, url, proof string
		status           int    // 0: no tunnel
		says             string // or in the error
	}{
		"no proof":              {"", up, "", 403, "carries a proof"},
		"a forged proof":        {"", up, "forged", 403, "does not hold"},
		"a prover that panics":  {"", up, "panic", 403, "fault inside assent"},
		"no proof can be there": {"", closed, "alice", 0, "Proxy Authentication Required"},
		"not governed":          {"", other, "alice", 0, "Proxy Authentication Required"},
		"two who differ":        {"bob", up, "alice", 403, "the connection is bob's"},
		"no credential":         {"", up, "broke", 502, "no credential of broke"},
	} {
		status, text, err := send(t, b.through(c.user, true), "POST", "https://"+c.url+"/x", "", "X-Proof", c.proof)
		if status != c.status || !strings.Contains(text+fmt.Sprint(err), c.says) {
			t.Errorf("%s: %d %s %v", name, status, text, err)
		}
	}
	if got := seen(); len(got) > 0 {
		t.Errorf("sent was %q", got)
	}
	if got := b.gate.outcomes(); len(got) != 1 || got[0].Result != ledger.NotForwarded {
		t.Errorf("outcomes: %+v", got)
	}
}

// What a client merely says (a header with a name in it) is recorded as said at most,
// and makes nobody of anybody.
func TestWhatAClientSaysIsNotWhoItIs(t *testing.T) {
	b, up, _ := proven(t)
	forged := []string{"User-Agent", "alice/1.0", "X-Forwarded-User", "alice", "X-Remote-User", "alice", "X-Forwarded-Client-Cert", `URI="spiffe://example.org/alice"`,
		"X-Amzn-Oidc-Identity", "alice", "X-Actor", "alice", "Forwarded", "for=alice", "Via", "alice", "Assent-Actor", "alice", "X-Assent-Actor", "alice", "From", "alice"}
	if status, text, err := send(t, b.through("bob", true), "POST", "https://"+up+"/x", "", forged...); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, text, err)
	}
	who := b.gate.calls()[0].Actor
	if who.ID != "bob" || who.Authn != "test" || len(who.For) > 0 || len(who.Said) != 1 || who.Said["user-agent"] != "alice/1.0" {
		t.Errorf("the caller is %+v", who)
	}
	if status, _, err := send(t, b.through("", true), "POST", "https://"+up+"/x", "", forged...); err != nil || status != http.StatusForbidden {
		t.Errorf("headers alone: %d %v", status, err)
	}
}

// Over SOCKS too a call may prove its maker, and a stranger opens nothing else.
func TestACallOverSOCKSMayProveItsMaker(t *testing.T) {
	b, up, _ := proven(t)
	closed := b.upstream("shut.governed.test", true, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	dialer, err := socks.SOCKS5("tcp", b.addr, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: dialer.(socks.ContextDialer).DialContext, TLSClientConfig: &tls.Config{RootCAs: b.ca}}
	t.Cleanup(tr.CloseIdleConnections)
	c := &http.Client{Transport: tr, Timeout: 30 * time.Second}
	if status, text, err := send(t, c, "POST", "https://"+up+"/x", "", "X-Proof", "alice"); err != nil || status != http.StatusOK || b.gate.calls()[0].Actor.ID != "alice" {
		t.Errorf("%d %s %v", status, text, err)
	}
	if status, _, err := send(t, c, "POST", "https://"+up+"/x", ""); err != nil || status != http.StatusForbidden {
		t.Errorf("without a proof: %d %v", status, err)
	}
	if status, _, err := send(t, c, "POST", "https://"+closed+"/x", "", "X-Proof", "alice"); err == nil {
		t.Errorf("where no proof can be: %d", status)
	}
}
