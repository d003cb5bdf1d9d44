package certs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestBundleKeepsWhatWasThere(t *testing.T) {
	system, users, ours := newTestAuthority(t, time.Now), newTestAuthority(t, time.Now), newTestAuthority(t, time.Now)
	path := filepath.Join(t.TempDir(), "system.pem")
	if err := os.WriteFile(path, append([]byte("# comment\n"), system.PEM()...), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Bundle([]string{"/nonexistent/bundle.pem", path}, [][]byte{users.PEM(), system.PEM(), nil}, ours.PEM())
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Join([][]byte{system.PEM(), users.PEM(), ours.PEM()}, nil)
	if !bytes.Equal(got, want) {
		t.Errorf("want system roots, the user's and ours, each once; got\n%s", got)
	}
	if parsed, skipped := Parse(got); len(parsed) != 3 || skipped != 0 {
		t.Errorf("parsed %d, skipped %d", len(parsed), skipped)
	}
}

func TestBundleRefusesWhatIsNoCertificate(t *testing.T) {
	ours := newTestAuthority(t, time.Now)
	if _, err := Bundle(nil, [][]byte{[]byte("not PEM")}, ours.PEM()); err == nil {
		t.Error("an extra file without a certificate was accepted")
	}
	if _, err := Bundle(nil, nil, []byte("nothing")); err == nil {
		t.Error("a CA that is no certificate was accepted")
	}
}

func FuzzBundle(f *testing.F) {
	ours := newTestAuthority(f, time.Now)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add(ours.PEM())
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nX: y\n\nAAAA\n-----END CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, extra []byte) {
		out, err := Bundle(nil, [][]byte{extra}, ours.PEM())
		if err != nil {
			return
		}
		if !bytes.Contains(out, bytes.TrimSpace(ours.PEM())) {
			t.Fatal("our CA is not in the bundle")
		}
		again, err := Bundle(nil, [][]byte{out}, ours.PEM())
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("bundling a bundle changed it (%v)", err)
		}
	})
}
