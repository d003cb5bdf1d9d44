package setup

import (
	"crypto/rand"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
)

func TestACompanysOwnRootsAreTrustedUpstream(t *testing.T) {
	authority, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf("api.corp.example")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "corp.pem")
	if err := os.WriteFile(path, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	from := func(env map[string]string) func(string) string { return func(name string) string { return env[name] } }
	pool, err := UpstreamRoots(from(map[string]string{"AWS_CA_BUNDLE": path, "CURL_CA_BUNDLE": "/no/such/file"}))
	if err != nil || pool == nil {
		t.Fatal(pool, err)
	}
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "api.corp.example"}); err != nil {
		t.Errorf("a certificate of the company: %v", err)
	}
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "other.example"}); err == nil {
		t.Error("a certificate for another name is accepted")
	}
	for _, env := range []map[string]string{{}, {"AWS_CA_BUNDLE": "/no/such/file"}} {
		if pool, err := UpstreamRoots(from(env)); pool != nil || err != nil {
			t.Errorf("%v: %v %v, want the system's roots alone", env, pool, err)
		}
	}
}

func TestAnAPIServerIsWrittenAsItsCallsAre(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"API.Example.com.", "6443"}: "api.example.com:6443",
		{"FD00:0:0::1", "06443"}:     "[fd00::1]:6443",
		{"::ffff:10.0.0.1", "443"}:   "10.0.0.1:443",
	} {
		if got := hostPort(in[0], in[1]); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}
