package certs

import (
	"net/url"
	"testing"
	"time"
)

// An authority that was replaced signs, and is trusted, as the new one, for whoever
// holds it.
func TestAReplacedAuthorityIsTheNewOne(t *testing.T) {
	a, b := newTestAuthority(t, time.Now), newTestAuthority(t, time.Now)
	who, _ := url.Parse("spiffe://assent/actor/x")
	oldClient, _, err := a.Client(who, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Leaf("h.example"); err != nil { // in the cache of the old one
		t.Fatal(err)
	}
	a.Replace(b)
	leaf, err := a.Leaf("h.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := leaf.Leaf.CheckSignatureFrom(b.Certificate()); err != nil {
		t.Errorf("the old authority signs on: %v", err)
	}
	if !a.Certificate().Equal(b.Certificate()) || string(a.PEM()) != string(b.PEM()) {
		t.Error("it shows its old certificate")
	}
	parsed, _ := Parse(oldClient)
	if len(parsed) != 1 || a.VerifyClient(parsed[0]) == nil {
		t.Error("a client of the old authority is still known")
	}
}
