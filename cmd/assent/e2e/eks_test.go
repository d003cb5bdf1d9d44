package e2e

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// kubectl gets its token from `aws eks get-token`, which makes it with the placeholder
// key pair: the cluster is given one of the real credential in its place.
func TestATokenOfEKSIsMadeAnew(t *testing.T) {
	w := newWorld(t)
	w.env["AWS_SECRET_ACCESS_KEY"], w.env["AWS_SESSION_TOKEN"] = realSecret, realToken
	judge := &fakeCloud{key: accessKey, secret: realSecret, token: realToken}
	var mu sync.Mutex
	var verdicts []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		why := "no token of EKS"
		raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer k8s-aws-v1.")
		if text, err := base64.RawURLEncoding.DecodeString(raw); ok && err == nil {
			if u, err := url.Parse(string(text)); err == nil {
				why = judge.verdict(&http.Request{Method: http.MethodGet, Host: u.Host, RequestURI: u.RequestURI(), Header: http.Header{"X-K8s-Aws-Id": {"shop"}}}, nil)
			}
		}
		mu.Lock()
		verdicts = append(verdicts, r.Method+" "+r.URL.Path+" "+why)
		mu.Unlock()
		rw.Header().Set("Content-Type", "application/json")
		if why != "" {
			rw.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(rw, `{"kind":"NamespaceList","apiVersion":"v1","items":[]}`)
	}))
	defer server.Close()
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	kubectl := k8sboxtest.Older.Kubectl(t)
	w.env["KUBECONFIG"] = w.write("kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: x,
clusters: [{name: "arn:aws:eks:us-east-1:123456789012:cluster/shop", cluster: {server: %q, certificate-authority-data: %q}}],
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: aws, args: [eks, get-token, --cluster-name, shop, --region, us-east-1], interactiveMode: Never}}}],
contexts: [{name: x, context: {cluster: "arn:aws:eks:us-east-1:123456789012:cluster/shop", user: u}}]}`, server.URL, ca))
	r := w.assent("run", "--broker", "--", kubectl, "get", "--raw", "/api/v1/namespaces")
	if r.code != 0 || len(verdicts) == 0 {
		t.Errorf("%v", r)
	}
	for _, v := range verdicts {
		if !strings.HasSuffix(v, "/namespaces ") {
			t.Error(v)
		}
	}
	secretsStay(t, w)
}
