package actor

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

func basic(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

func TestTokensKnowWhoHoldsThem(t *testing.T) {
	token, err := NewRunToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var tokens Tokens
	if err := tokens.Add(token, model.Actor{ID: "agent:deploy", Kind: model.Agent}, "run_1"); err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{
		"as password":     basic("run:" + token),
		"as user alone":   basic(token),
		"with empty pass": basic(token + ":"),
		"bearer":          "Bearer " + token,
		"odd case":        "bAsIc" + strings.TrimPrefix(basic("run:"+token), "Basic"),
	} {
		actor, run, ok := tokens.Authenticate(header)
		if !ok || actor.ID != "agent:deploy" || run != "run_1" || actor.Authn != "run-token" {
			t.Errorf("%s: got %+v %q %v", name, actor, run, ok)
		}
	}
	for name, header := range map[string]string{
		"nothing":     "",
		"other":       basic("run:" + strings.Repeat("0", 64)),
		"prefix":      basic("run:" + token[:60]),
		"not base64":  "Basic %%%",
		"other way":   "Digest " + token,
		"huge":        basic("run:" + token + strings.Repeat("x", maxHeader)),
		"empty":       basic(":"),
		"token alone": token,
	} {
		if _, _, ok := tokens.Authenticate(header); ok {
			t.Errorf("%s: a stranger was let in", name)
		}
	}
	tokens.Remove(token)
	if _, _, ok := tokens.Authenticate(basic("run:" + token)); ok {
		t.Error("a removed token still opens")
	}
}

func TestAddRefusesWhatWouldConfuse(t *testing.T) {
	var tokens Tokens
	long := strings.Repeat("a", minToken)
	if err := tokens.Add(long, model.Actor{ID: "one"}, ""); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"same token": tokens.Add(long, model.Actor{ID: "two"}, ""),
		"short":      tokens.Add("short", model.Actor{ID: "two"}, ""),
		"no id":      tokens.Add(long+"b", model.Actor{}, ""),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewRunTokenNeedsRandomness(t *testing.T) {
	if _, err := NewRunToken(bytes.NewReader([]byte("too little"))); err == nil {
		t.Error("a token was made of too little randomness")
	}
	token, err := NewRunToken(rand.Reader)
	if err != nil || Userinfo(token).String() != "run:"+token {
		t.Errorf("%q does not survive a URL: %v", token, err)
	}
}

func FuzzAuthenticate(f *testing.F) {
	var tokens Tokens
	token := strings.Repeat("k", 64)
	if err := tokens.Add(token, model.Actor{ID: "one"}, ""); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "Basic", "Basic ", basic("run:" + token), "Bearer " + token, "basic\t" + token} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if _, _, ok := tokens.Authenticate(header); !ok {
			return
		}
		if got, _ := tokenOf(header); got != token {
			t.Fatalf("%q was let in with %q", header, got)
		}
	})
}
