package k8sboxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

// tries is how often a request may coincide with a write of the server's own (a
// lease, every ten seconds) before it is taken for the cause.
const tries = 4

// TestWhatIsNoMutationWritesNothing asks etcd: its revision grows with each
// write, whoever made it and whatever the audit log says.
func TestWhatIsNoMutationWritesNothing(t *testing.T) {
	for _, v := range Versions {
		t.Run(v.String(), func(t *testing.T) { testWritesNothing(t, v.Start(t, "--controllers=false")) })
	}
}

func testWritesNothing(t *testing.T, c *Cluster) {
	f := newForwarder(t, c)
	const cms = "/api/v1/namespaces/default/configmaps"
	setUp := []rawRequest{
		{"POST", cms, "", `{"metadata":{"name":"kept"},"data":{"a":"b"}}`},
		{"POST", "/api/v1/namespaces/default/serviceaccounts", "", `{"metadata":{"name":"robot"}}`},
	}
	for _, r := range setUp {
		f.send(t, c, r)
	}
	asked := []rawRequest{
		{"GET", cms, "", ""}, {"GET", cms + "/kept", "", ""}, {"GET", "/api/v1/secrets", "", ""},
		{"GET", "/api/v1/namespaces/default%2fconfigmaps", "", ""}, {"HEAD", cms + "/kept", "", ""},
		{"POST", cms + "?dryRun=All", "", `{"metadata":{"name":"dry"}}`},
		{"PUT", cms + "/kept?dryRun=All", "", `{"metadata":{"name":"kept"}}`},
		{"PATCH", cms + "/kept?dryRun=All", "application/merge-patch+json", `{"data":{"a":"c"}}`},
		{"PATCH", cms + "/new?dryRun=All&fieldManager=t", "application/apply-patch+yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\n"},
		{"DELETE", cms + "/kept?dryRun=All", "", ""},
		{"DELETE", cms + "/kept", "", `{"dryRun":["All"]}`},
		{"DELETE", cms + "/kept", "application/yaml", "dryRun: [All]\n"},
		{"DELETE", cms + "/kept", "application/vnd.kubernetes.protobuf", "k8s\x00\x0a\x13\x0a\x02v1\x12\x0dDeleteOptions\x12\x05\x2a\x03All"},
		{"DELETE", cms + "?dryRun=All", "", ""},
		{"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "", `{"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}}`},
		{"POST", "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews", "", `{"spec":{"user":"alice","resourceAttributes":{"namespace":"default","verb":"get","resource":"pods"}}}`},
		{"POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "", `{}`},
		{"POST", "/apis/authentication.k8s.io/v1/tokenreviews", "", `{"spec":{"token":"x"}}`},
		{"POST", "/api/v1/namespaces/default/serviceaccounts/robot/token", "", `{}`},
		{"GET", "/openapi/v2", "", ""}, {"GET", "/version", "", ""},
	}
	for _, r := range asked {
		if action := f.judge(t, r); action.mutates {
			t.Errorf("%s %s %s: judged as a mutation", r.method, r.path, r.body)
			continue
		}
		wrote := false
		for range tries {
			before := revision(t, c)
			f.send(t, c, r)
			if wrote = revision(t, c) != before; !wrote {
				break
			}
		}
		if wrote {
			t.Errorf("%s %s %s: judged as no mutation, and wrote", r.method, r.path, r.body)
		}
	}
	// And the other way round: what looks like a dry run and is none.
	for _, r := range []rawRequest{
		{"POST", cms + "?dryrun=All", "", `{"metadata":{"name":"case"}}`},
		{"POST", cms + "?dryRun=All;x=1", "", `{"metadata":{"name":"semicolon"}}`},
		{"DELETE", cms + "/case?dryRun=All", "", "{}"},
		{"DELETE", cms + "/semicolon?dryRun=All", "", `{"kind":"DeleteOptions","apiVersion":"v1"}`},
		{"DELETE", cms + "/kept?dryRun=All", "", "null"},
	} {
		if !f.judge(t, r).mutates {
			t.Errorf("%s %s %s: judged as no mutation", r.method, r.path, r.body)
		}
		before := revision(t, c)
		if status := f.send(t, c, r); status < 300 && revision(t, c) == before {
			t.Errorf("%s %s %s: wrote nothing", r.method, r.path, r.body)
		}
	}
}

type rawRequest = struct{ method, path, contentType, body string }

type judgement struct{ mutates bool }

// judge decodes a request without sending it.
func (f *forwarder) judge(t *testing.T, r rawRequest) judgement {
	t.Helper()
	u, err := url.Parse("https://" + f.host + r.path)
	if err != nil {
		t.Fatal(err)
	}
	call := decoders.Call{Method: r.method, Scheme: "https", Host: f.host, URL: u, Header: http.Header{}, Body: []byte(r.body)}
	if r.contentType != "" {
		call.Header.Set("Content-Type", r.contentType)
	}
	action, err := f.decoder.Decode(context.Background(), call)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return judgement{action.Mutates()}
}

// send sends a request and returns the status.
func (f *forwarder) send(t *testing.T, c *Cluster, r rawRequest) int {
	t.Helper()
	req, err := http.NewRequest(r.method, f.server.URL+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token["admin"])
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	resp, err := f.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode > 299 {
		t.Logf("%s %s %s: %s %.200s", r.method, r.path, r.body, resp.Status, body)
	}
	return resp.StatusCode
}

// revision is etcd's: the number of writes so far.
func revision(t *testing.T, c *Cluster) string {
	t.Helper()
	resp, err := http.Post(c.Etcd+"/v3/maintenance/status", "application/json", bytes.NewReader([]byte("{}")))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var status struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil || status.Header.Revision == "" {
		t.Fatalf("reading etcd's status: %v", err)
	}
	return status.Header.Revision
}
