package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// pythonClient does with the official client what scripts of people do. It is asked
// to wait for no retry: a refusal is an answer.
const pythonClient = `
import sys
from kubernetes import client, config
config.load_kube_config()
v1, namespace = client.CoreV1Api(), sys.argv[1]
print("pods", len(v1.list_namespaced_pod(namespace).items))
apps = client.AppsV1Api()
apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 2}})
print("scaled")
try:
    apps.delete_namespaced_deployment("web", namespace)
    print("deleted")
except client.ApiException as e:
    print("status", e.status, e.body)
`

// kubeRunGateway: the child of assent run --gateway gets a kubeconfig whose servers
// are the gateway, for a cluster on this machine, and needs no proxy for it.
func kubeRunGateway(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "run-gateway").enforcing()
	run := func(command ...string) result {
		return k.assent(append([]string{"run", "--gateway", "--as", "deploy-agent", "--"}, command...)...)
	}
	r := run("sh", "-c", `cat "$KUBECONFIG"; echo "NO_PROXY=$NO_PROXY"`)
	contains(t, "the child's kubeconfig", r.out, "https://localhost:", "/k8s/k8sbox", "client-certificate-data", c.Token["admin"], "NO_PROXY=localhost\n")
	for _, not := range []string{"proxy-url", strings.TrimPrefix(c.Server, "https://")} {
		if strings.Contains(r.out, not) {
			t.Errorf("the child's kubeconfig has %q:\n%s", not, r.out)
		}
	}
	for _, program := range kubectls(c) {
		before := len(k.entries())
		// The second has no proxy at all, as a program has one that ignores proxies.
		for _, line := range []string{
			"KUBECTL create deployment web --image=registry.example/web --replicas=0",
			"env -u HTTPS_PROXY -u https_proxy -u HTTP_PROXY -u http_proxy KUBECTL scale deployment web --replicas=1",
			"KUBECTL get deployments -o name",
		} {
			if r := run(strings.Fields(strings.Replace(line, "KUBECTL", program, 1))...); r.code != 0 {
				t.Errorf("%s: %v", line, r)
			}
		}
		if made := k.entries()[before:]; len(made) != 2 || made[0].Grant != "deploys/workloads" || made[1].Action.Verb != "scale" || made[1].request != made[1].ID {
			t.Errorf("%s: want two decisions: %+v", program, made)
		}
		before = len(k.entries())
		k.refused(run(program, "delete", "deployment", "web"), before)
		k.direct("-n", k.namespace, "delete", "deployment", "web")
	}
	// Other clients: the certificate and the address are all that they need.
	k.direct("-n", k.namespace, "create", "deployment", "web", "--image=registry.example/web", "--replicas=0")
	const curl = `server=$(KUBECTL config view --raw -o jsonpath='{.clusters[0].cluster.server}')
for part in certificate key; do KUBECTL config view --raw -o jsonpath="{.users[0].user.client-$part-data}" | base64 -d > $part.pem; done
token=$(KUBECTL config view --raw -o jsonpath='{.users[0].user.token}')
curl -sS --cacert "$ASSENT_CA" --cert certificate.pem --key key.pem -H "Authorization: Bearer $token" "$server/api/v1/namespaces/run-gateway/pods" -o /dev/null -w '%{http_code}\n'
curl -sS --cacert "$ASSENT_CA" --cert certificate.pem --key key.pem -H "Authorization: Bearer $token" -X DELETE "$server/apis/apps/v1/namespaces/run-gateway/deployments/web"
`
	r = run("sh", "-c", strings.ReplaceAll(curl, "KUBECTL", k.kubectl))
	contains(t, "curl", r.out, "200\n", "assent refused this call", `"code":403`)
	k.direct("-n", k.namespace, "get", "deployment", "web")
	if exec.Command("python3", "-c", "import kubernetes").Run() != nil {
		t.Log("NOT RUN: the Python client is not installed")
		return
	}
	r = run("python3", "-c", pythonClient, k.namespace)
	contains(t, "the Python client", r.out, "pods 0", "scaled", "status 403", "assent refused this call")
	k.direct("-n", k.namespace, "get", "deployment", "web")
}
