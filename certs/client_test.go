package certs

import (
	"crypto/tls"
	"net/url"
	"testing"
	"time"
)

func TestAClientCertificateIsGoodForItsActorItsTimeAndNothingElse(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	ours, others := newTestAuthority(t, clock), newTestAuthority(t, clock)
	who := &url.URL{Scheme: "assent", Host: "actor", Path: "/deploy-agent"}
	certPEM, keyPEM, err := ours.Client(who, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	if len(pair.Leaf.URIs) != 1 || pair.Leaf.URIs[0].String() != who.String() {
		t.Errorf("it is for %v, not %s", pair.Leaf.URIs, who)
	}
	if err := ours.VerifyClient(pair.Leaf); err != nil {
		t.Errorf("its own authority does not know it: %v", err)
	}
	if others.VerifyClient(pair.Leaf) == nil {
		t.Error("another authority takes it")
	}
	host, err := ours.Leaf("cluster.example")
	if err != nil {
		t.Fatal(err)
	}
	if ours.VerifyClient(host.Leaf) == nil {
		t.Error("a host's certificate is taken for a client's")
	}
	now = now.Add(2 * time.Hour)
	if ours.VerifyClient(pair.Leaf) == nil {
		t.Error("it is good after its end")
	}
	for name, wrong := range map[string]func() error{
		"for nobody":    func() error { _, _, err := ours.Client(nil, time.Hour); return err },
		"for ever":      func() error { _, _, err := ours.Client(who, 365*24*time.Hour); return err },
		"for no moment": func() error { _, _, err := ours.Client(who, 0); return err },
	} {
		if wrong() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
