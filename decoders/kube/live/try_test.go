package live

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/kube"
)

func TestATryIsADryRunAsItsCaller(t *testing.T) {
	var got *http.Request
	var body []byte
	status, answer := http.StatusCreated, `{"kind":"ConfigMap","data":{"a":"b"}}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer s.Close()
	base, _ := url.Parse(s.URL)
	tries, err := NewTries(TryConfig{URL: base, Transport: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	attempt := func(target string) kube.Attempt {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		return kube.Attempt{Method: "POST", URL: u, Header: http.Header{"Authorization": {"Bearer t"}, "Content-Type": {"application/json"}}, Body: []byte("{}"), Decision: "dec_1"}
	}
	object, err := tries.Try(context.Background(), attempt("/api/v1/namespaces/x/configmaps?fieldManager=k&dryRun=All"))
	if err != nil || object["kind"] != "ConfigMap" {
		t.Fatalf("%v, %v", object, err)
	}
	if got.RequestURI != "/api/v1/namespaces/x/configmaps?fieldManager=k&dryRun=All" || got.Header.Get("Audit-Id") != "dec_1-dry" || got.Header.Get("Authorization") != "Bearer t" || string(body) != "{}" {
		t.Errorf("sent %s %v %s", got.RequestURI, got.Header, body)
	}
	status, answer = http.StatusForbidden, `{"kind":"Status","message":"not you"}`
	if _, err := tries.Try(context.Background(), attempt("/api/v1/namespaces/x/configmaps?dryRun=All")); err == nil || !strings.Contains(err.Error(), "not you") {
		t.Errorf("%v", err)
	}
	// The last look: whatever is not a dry run, as a server reads it, is not sent.
	got = nil
	for _, query := range []string{"", "?dryRun=all", "?dryrun=All", "?dryRun=All;x=1", "?dryRun=&dryRun=All"} {
		if _, err := tries.Try(context.Background(), attempt("/api/v1/namespaces/x/configmaps"+query)); err == nil || got != nil {
			t.Errorf("%q was sent: %v", query, err)
		}
	}
}
