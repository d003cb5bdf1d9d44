package actor

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
)

// exchangeOf is the door with everything behind it.
func exchangeOf(t *testing.T, o *OIDC) (*httptest.Server, *Sessions) {
	t.Helper()
	s := &Sessions{Now: o.now, Rand: rand.Reader}
	x := &Exchange{OIDC: o, Sessions: s, Life: time.Hour, NewRun: func() (string, error) { return "run_x", nil }, Proxy: "proxy.example:8080"}
	h, err := x.Handler()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv, s
}

func form(subject string) url.Values {
	return url.Values{"grant_type": {grantExchange}, "subject_token": {subject}, "subject_token_type": {tokenOfID}}
}

// A token is exchanged once for a run token, which ends.
func TestATokenIsExchangedForARunToken(t *testing.T) {
	p := newProvider(t)
	o, later := p.knower(t)
	srv, sessions := exchangeOf(t, o)
	resp, err := http.PostForm(srv.URL+ExchangePath, form(p.token("rsa-1", nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got Granted
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	if got.Run != "run_x" || got.Seconds != 3600 || got.Proxy != "proxy.example:8080" || got.Actor != p.url+"#repo:acme/shop:environment:prod" {
		t.Errorf("%+v", got)
	}
	who, run, ok := sessions.Authenticate(basic("run:" + got.Token))
	if !ok || who.ID != got.Actor || who.Authn != AuthnOIDC || run != "run_x" || who.Claims["environment"] != "prod" {
		t.Errorf("%+v %s %v", who, run, ok)
	}
	if _, _, ok := sessions.Authenticate(basic("run:" + got.Token + "x")); ok {
		t.Error("another token opens too")
	}
	later(time.Hour)
	if _, _, ok := sessions.Authenticate(basic("run:" + got.Token)); ok {
		t.Error("it opens after its end")
	}
	if len(sessions.open) != 0 || len(sessions.each) != 0 {
		t.Error("what has ended is kept")
	}
}

func TestTheExchangeRefusesWhatItIsNotFor(t *testing.T) {
	p := newProvider(t)
	o, _ := p.knower(t)
	srv, _ := exchangeOf(t, o)
	with := func(name, value string) url.Values {
		f := form(p.token("rsa-1", nil))
		f.Set(name, value)
		return f
	}
	for name, f := range map[string]url.Values{
		"another grant":     with("grant_type", "password"),
		"no token":          with("subject_token", ""),
		"no type":           with("subject_token_type", ""),
		"SAML":              with("subject_token_type", "urn:ietf:params:oauth:token-type:saml2"),
		"a forged token":    with("subject_token", "a.b.c"),
		"a forged actor":    func() url.Values { f := with("actor_token", "a.b.c"); f.Set("actor_token_type", tokenOfJWT); return f }(),
		"an untyped actor":  with("actor_token", p.token("rsa-1", nil)),
		"more than is read": with("more", strings.Repeat("x", exchangeBody)),
	} {
		resp, err := http.PostForm(srv.URL+ExchangePath, f)
		if err != nil {
			t.Fatal(err)
		}
		var got refused
		err = json.NewDecoder(resp.Body).Decode(&got)
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || err != nil || got.Error == "" || got.Text == "" {
			t.Errorf("%s: %s %+v %v", name, resp.Status, got, err)
		}
	}
	for name, do := range map[string]func() (*http.Response, error){
		"in the URL": func() (*http.Response, error) {
			return http.Post(srv.URL+ExchangePath+"?"+form(p.token("rsa-1", nil)).Encode(), "application/x-www-form-urlencoded", nil)
		},
		"as JSON": func() (*http.Response, error) {
			return http.Post(srv.URL+ExchangePath, "application/json", strings.NewReader("{}"))
		},
		"GET": func() (*http.Response, error) { return http.Get(srv.URL + ExchangePath + "?" + form("x").Encode()) },
	} {
		resp, err := do()
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	at := noon
	s := &Sessions{Now: func() time.Time { return at }, Rand: rand.Reader}
	who := model.Actor{ID: "a", Authn: AuthnOIDC}
	for range maxSessionsEach {
		if _, err := s.Open(who, "", time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Open(who, "", time.Minute); err == nil {
		t.Error("one actor has sessions without end")
	}
	if _, err := s.Open(model.Actor{ID: "b", Authn: AuthnOIDC}, "", time.Minute); err != nil {
		t.Errorf("another actor: %v", err)
	}
	at = at.Add(time.Minute)
	if _, err := s.Open(who, "", time.Minute); err != nil || len(s.open) != 1 {
		t.Errorf("after they ended: %v, %d are kept", err, len(s.open))
	}
	for name, bad := range map[string]model.Actor{"nobody": {Authn: "x"}, "no proof": {ID: "x"}} {
		if _, err := s.Open(bad, "", time.Minute); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
