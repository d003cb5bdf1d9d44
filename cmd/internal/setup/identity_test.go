package setup

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
)

// pair returns a certificate and its key as a kubeconfig carries them.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	a, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := a.Leaf("client.example")
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, bytes []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return encode("CERTIFICATE", leaf.Certificate[0]), encode("PRIVATE KEY", der)
}

// A client certificate is lent to the calls of its one user, and never to the
// calls of another: API servers believe the certificate before the token.
func TestAClientCertificateIsNeverLentToAnotherUser(t *testing.T) {
	cert, key := pair(t)
	user := "users:\n- {name: u, user: {client-certificate-data: " + cert + ", client-key-data: " + key + "}}\n- {name: v, user: {token: t}}\n"
	one := "- {name: c, cluster: {server: 'https://k:6443'}}\n"
	for name, tc := range map[string]struct {
		text string
		lent bool
	}{
		"one user":      {user + "clusters:\n" + one + "contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: c, user: u}}]", true},
		"two users":     {user + "clusters:\n" + one + "contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: c, user: v}}]", false},
		"token user":    {user + "clusters:\n" + one + "contexts: [{name: b, context: {cluster: c, user: v}}]", false},
		"no context":    {user + "clusters:\n" + one, false},
		"one address":   {user + "clusters:\n" + one + "- {name: d, cluster: {server: 'https://k:6443'}}\ncontexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: d, user: v}}]", false},
		"other cluster": {user + "clusters:\n" + one + "contexts: [{name: a, context: {cluster: elsewhere, user: u}}]", false},
	} {
		k, err := ReadKubeconfig([]string{"k"}, func(string) ([]byte, error) { return []byte(tc.text), nil })
		if err != nil || len(k.Clusters) != 1 {
			t.Errorf("%s: %+v, %v", name, k, err)
			continue
		}
		if got := len(k.Clusters[0].TLS.Certificates) == 1; got != tc.lent {
			t.Errorf("%s: lent %v, want %v", name, got, tc.lent)
		}
	}
}

// A stale entry is said and does not keep other commands from running; its calls
// meet an engine that trusts and presents nothing of it.
func TestAStaleClusterIsSaid(t *testing.T) {
	text := "users: [{name: u, user: {client-certificate: c.pem, client-key: k.pem}}]\nclusters: [{name: c, cluster: {server: 'https://k'}}, {name: d, cluster: {server: 'https://d', certificate-authority-data: '!'}}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]"
	k, err := ReadKubeconfig([]string{"k"}, func(path string) ([]byte, error) {
		if path == "k" {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	})
	if err != nil || len(k.Notes) != 2 || !strings.Contains(k.Notes[0].Text, "cluster c cannot be reached") || k.Notes[1].Repair == "" {
		t.Fatalf("%+v, %v", k, err)
	}
	for _, c := range k.Clusters {
		if c.TLS == nil || c.TLS.RootCAs != nil || len(c.TLS.Certificates) > 0 {
			t.Errorf("%+v", c)
		}
	}
}

func FuzzNoProxy(f *testing.F) {
	f.Add("internal.example,.amazonaws.com", "*", "10.1.2.3:6443")
	f.Add("[::1]:443 ::1, 10.0.0.0/8", "", "*.corp.example")
	f.Fuzz(func(t *testing.T, upper, lower, governed string) {
		list := append(CloudDomains(), governed)
		kept, _ := noProxy(upper, lower, list)
		if again, taken := noProxy(kept, "", list); again != kept || len(taken) > 0 {
			t.Errorf("%q is not settled: %q, taken %q", kept, again, taken)
		}
	})
}
