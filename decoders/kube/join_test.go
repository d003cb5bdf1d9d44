package kube

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

func TestTheDecisionIsTheAuditID(t *testing.T) {
	d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "c.example"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ decision, said, want string }{
		{"dec_1", "", "dec_1"},
		{"dec_1", "a-client's-own", "dec_1"},
		{"", "", ""},
		{"", "a-client's-own", "a-client's-own"},
		{"", "dec_1", ""}, // a read that would pass for a decision
	} {
		h := http.Header{}
		if tc.said != "" {
			h.Set("Audit-ID", tc.said)
		}
		d.Join(tc.decision, h)
		if got := h.Get("Audit-ID"); got != tc.want {
			t.Errorf("decision %q, client's %q: %q, want %q", tc.decision, tc.said, got, tc.want)
		}
	}
	call := decoders.Call{Method: "DELETE", Scheme: "https", Host: "c.example", URL: &url.URL{Path: "/api/v1/namespaces/x/pods/y"}, Header: http.Header{"Audit-Id": {"a-client's-own"}}}
	a, err := d.Decode(context.Background(), call)
	if err != nil || a.Actor.Said["audit-id"] != "a-client's-own" {
		t.Errorf("the client's own is not kept as said: %+v, %v", a.Actor, err)
	}
	if call.Header.Get("Audit-Id") != "a-client's-own" {
		t.Error("decoding changed the call")
	}
}
