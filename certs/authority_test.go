package certs

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newTestAuthority(t testing.TB, now func() time.Time) *Authority {
	t.Helper()
	a, err := New(Config{Now: now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestLeafIsShortRandomAndStrict(t *testing.T) {
	a := newTestAuthority(t, time.Now)
	for _, host := range []string{"s3.amazonaws.com", "10.0.0.7", "[2001:db8::1]", "a_b.example", strings.Repeat("a", 63) + ".example"} {
		c, err := a.Leaf(host)
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		leaf := c.Leaf
		if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 7*24*time.Hour {
			t.Errorf("%s: lives %s, want at most seven days", host, life)
		}
		if leaf.SerialNumber.BitLen() < 64 {
			t.Errorf("%s: serial of %d bits", host, leaf.SerialNumber.BitLen())
		}
		if leaf.Subject.String() != "" || len(leaf.DNSNames)+len(leaf.IPAddresses) != 1 {
			t.Errorf("%s: subject %q, names %v %v: want one alternative name alone", host, leaf.Subject, leaf.DNSNames, leaf.IPAddresses)
		}
		if len(leaf.SubjectKeyId) == 0 || string(leaf.AuthorityKeyId) != string(a.cert.SubjectKeyId) {
			t.Errorf("%s: key identifiers do not chain", host)
		}
		roots := x509.NewCertPool()
		roots.AddCert(a.cert)
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestLeafRefusesWhatIsNoHost(t *testing.T) {
	a := newTestAuthority(t, time.Now)
	for _, host := range []string{"", ".", "a..b", "*.example", "a b", "a/b", "host:443", "é.example", strings.Repeat("a", 64), strings.Repeat("a.", 130) + "b"} {
		if _, err := a.Leaf(host); err == nil {
			t.Errorf("a leaf was issued for %q", host)
		}
	}
}

func TestCacheIssuesOncePerNameAndAgainNearTheEnd(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := newTestAuthority(t, func() time.Time { return now })
	first, err := a.Leaf("Example.COM.")
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := a.Leaf("example.com"); again != first {
		t.Error("the same name was issued twice")
	}
	now = first.Leaf.NotAfter.Add(-leafMargin + time.Minute)
	if renewed, err := a.Leaf("example.com"); err != nil || renewed == first {
		t.Errorf("near its end the leaf was not renewed (%v)", err)
	}
}

func TestCacheSingleFlightAndBound(t *testing.T) {
	c := newLeafCache(2)
	var issued atomic.Int32
	gate := make(chan struct{})
	issue := func() (*tls.Certificate, error) {
		issued.Add(1)
		<-gate
		return &tls.Certificate{Leaf: &x509.Certificate{NotAfter: time.Unix(1<<40, 0)}}, nil
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { _, _ = c.get("one", time.Unix(0, 0), issue) })
	}
	close(gate)
	wg.Wait()
	if n := issued.Load(); n != 1 {
		t.Errorf("issued %d times, want 1", n)
	}
	for _, name := range []string{"two", "three"} {
		_, _ = c.get(name, time.Unix(0, 0), issue)
	}
	if c.order.Len() != 2 || len(c.byName) != 2 || c.byName["one"] != nil {
		t.Errorf("the cache holds %d of at most 2, or dropped the wrong one", c.order.Len())
	}
	failing := func() (*tls.Certificate, error) { return nil, errors.New("no randomness") }
	if _, err := c.get("bad", time.Unix(0, 0), failing); err == nil || c.byName["bad"] != nil {
		t.Error("an error was cached")
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	a := newTestAuthority(t, time.Now)
	if err := a.Save(cert, key); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Now: time.Now, Rand: rand.Reader}
	b, err := Load(cfg, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if string(a.PEM()) != string(b.PEM()) {
		t.Error("another certificate came back")
	}
	if runtime.GOOS != "windows" {
		if info, _ := os.Stat(key); info.Mode().Perm() != 0o600 {
			t.Errorf("the key has mode %#o", info.Mode().Perm())
		}
		if err := os.Chmod(key, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(cfg, cert, key); err == nil {
			t.Error("a key that others can read was loaded")
		}
		_ = os.Chmod(key, 0o600)
	}
	other := newTestAuthority(t, time.Now)
	if err := other.Save(filepath.Join(dir, "other.pem"), key); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(cfg, cert, key); err == nil {
		t.Error("a key of another CA was loaded")
	}
	late := cfg
	late.Now = func() time.Time { return time.Now().Add(maxLifetime) }
	if _, err := Load(late, filepath.Join(dir, "other.pem"), key); err == nil {
		t.Error("an expired CA was loaded")
	}
}

func TestNewChecksItsConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no clock":      {Rand: rand.Reader},
		"no randomness": {Now: time.Now},
		"too long":      {Now: time.Now, Rand: rand.Reader, Lifetime: maxLifetime + 1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkNewLeaf(b *testing.B) {
	a := newTestAuthority(b, time.Now)
	name, ip, _ := subject("bench.example")
	for b.Loop() {
		if _, err := a.issue(name, ip); err != nil {
			b.Fatal(err)
		}
	}
}
