package kube

import (
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

// However a kubeconfig spells an API server, the calls to it are governed.
func TestAClusterIsGovernedUnderEverySpelling(t *testing.T) {
	for _, c := range []struct{ config, scheme, call string }{
		{"API.Example.com.:6443", "https", "api.example.com:6443"},
		{"api.example.com", "https", "api.example.com"},
		{"api.example.com:443", "https", "api.example.com"},
		{"api.example.com:06443", "https", "api.example.com:6443"},
		{"[FD00:0:0::1]:6443", "https", "[fd00::1]:6443"},
		{"[::ffff:10.0.0.1]:6443", "https", "10.0.0.1:6443"},
		{"dev.example.com:80", "http", "dev.example.com"},
		{"dev.example.com:443", "http", "dev.example.com:443"},
	} {
		d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: c.config}}})
		if err != nil {
			t.Fatal(err)
		}
		if !d.Claims(decoders.Call{Method: "CONNECT", Scheme: c.scheme, Host: c.call, URL: &url.URL{}}).Mine {
			t.Errorf("%s is not governed as %s://%s", c.config, c.scheme, c.call)
		}
		got, _, inside := d.find(decoders.Call{Scheme: c.scheme, Host: c.call, URL: &url.URL{Path: "/"}})
		if !inside || got.Name != "c" {
			t.Errorf("%s: a call to %s is of %q", c.config, c.call, got.Name)
		}
	}
}
