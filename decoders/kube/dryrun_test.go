package kube

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// A dry run changes nothing, and is let pass unrecorded. It MUST NOT be a way to
// read a secret, or to take another's identity.
func TestADryRunIsNoWayToReadASecret(t *testing.T) {
	d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "api.test"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, target, user string
		verb                 model.Verb
		dry                  bool
	}{
		{"PATCH", "/api/v1/namespaces/n/secrets/db?dryRun=All", "", model.Reveal, false},
		{"PUT", "/api/v1/namespaces/n/secrets/db?dryRun=All", "", model.Reveal, false},
		{"DELETE", "/api/v1/namespaces/n/secrets/db?dryRun=All", "", model.Reveal, false},
		{"DELETE", "/api/v1/namespaces/n/secrets?dryRun=All", "", model.Reveal, false},
		{"POST", "/api/v1/namespaces/n/secrets?dryRun=All", "", model.Create, true},
		{"PATCH", "/api/v1/namespaces/n/configmaps/m?dryRun=All", "", model.Update, true},
		{"PATCH", "/api/v1/namespaces/n/configmaps/m?dryRun=All", "admin", model.Update, false},
	} {
		u, err := url.Parse(c.target)
		if err != nil {
			t.Fatal(err)
		}
		call := decoders.Call{Method: c.method, Scheme: "https", Host: "api.test", URL: u, Header: http.Header{}}
		if c.method == "PATCH" {
			call.Header.Set("Content-Type", "application/merge-patch+json")
			call.Body = []byte(`{}`)
		}
		if c.user != "" {
			call.Header.Set("Impersonate-User", c.user)
		}
		a, err := d.Decode(context.Background(), call)
		if err != nil || a.Verb != c.verb || a.DryRun != c.dry {
			t.Errorf("%s %s as %q: %s, dry run %v, %v", c.method, c.target, c.user, a.Verb, a.DryRun, err)
		}
		if c.user != "" && !a.Mutates() {
			t.Errorf("%s %s as %q is not judged", c.method, c.target, c.user)
		}
	}
}
