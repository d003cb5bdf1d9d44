package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// kubeIdentity runs a daemon that knows its callers by what the cluster says of their
// own tokens: no run token, no certificate, through the proxy and through the gateway.
func kubeIdentity(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "identified").enforcing()
	port, gateway := freePort(t), freePort(t)
	k.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nmode: enforce\nintent: intent\nclusters: [%q]\nidentity: {kubernetes: true}\n", port, gateway, c.Kubeconfig["admin"]))
	good := k.read("intent/shop.yaml")
	k.write("intent/shop.yaml", strings.Replace(good, "{run: deploy-agent}", "{kubernetes: {user: admin}}", 1))
	d := k.serve()

	through := func(name, token string) []string {
		proxy := k.write("proxy-"+name, fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: x,
clusters: [{name: x, cluster: {server: %q, certificate-authority: %q, proxy-url: "http://127.0.0.1:%s"}}],
users: [{name: u, user: {token: %q}}], contexts: [{name: x, context: {cluster: x, user: u, namespace: identified}}]}`, c.Server, d.caFile, port, token))
		door := k.write("gateway-"+name, fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: x,
clusters: [{name: x, cluster: {server: "https://127.0.0.1:%s/k8s/k8sbox", certificate-authority: %q}}],
users: [{name: u, user: {token: %q}}], contexts: [{name: x, context: {cluster: x, user: u, namespace: identified}}]}`, gateway, d.caFile, token))
		return []string{proxy, door}
	}
	create := func(config, name string) result {
		return k.run(k.kubectl, "--kubeconfig", config, "create", "deployment", name, "--image=registry.example/web", "--replicas=0", "--validate=false")
	}
	for i, config := range through("admin", c.Token["admin"]) {
		if r := create(config, fmt.Sprint("web-", i)); r.code != 0 {
			t.Errorf("%s: %v", filepath.Base(config), r)
		}
	}
	for i, config := range through("alice", c.Token["alice"]) {
		if r := create(config, fmt.Sprint("alice-", i)); r.code == 0 || !strings.Contains(r.errOut, "AssentDenied") && !strings.Contains(r.errOut, "assent refused this call") {
			t.Errorf("somebody whom nothing declares, %s: %v", filepath.Base(config), r)
		}
	}
	for _, config := range through("nobody", "guessed") {
		if r := create(config, "nobody"); r.code == 0 || !strings.Contains(r.errOut, "the cluster does not know its token") {
			t.Errorf("somebody whom the cluster does not know, %s: %v", filepath.Base(config), r)
		}
	}
	if made := k.direct("-n", "identified", "get", "deployments", "-o", "name"); strings.Count(made, "deployment") != 2 {
		t.Errorf("made was %s", made)
	}
	tail := k.must(binary, "ledger", "tail", "--all", "--json").out
	contains(t, "the ledger", tail, `"authn":"kubernetes"`, `"id":"admin"`, `"id":"alice"`)
	for _, secret := range []string{c.Token["admin"], c.Token["alice"]} {
		if strings.Contains(tail+d.out.String()+d.errOut.String(), secret) {
			t.Error("a token is in the ledger or the log")
		}
	}
}
