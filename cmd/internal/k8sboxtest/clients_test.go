package k8sboxtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programs are the cluster's own kubectl and, where this machine has one, the
// newest that is older than WebSockets: it execs with POST, over SPDY.
func programs(c *Cluster) []string {
	all := []string{c.Kubectl}
	path, err := exec.LookPath("kubectl")
	if err != nil {
		return all
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return all
	}
	for _, name := range []string{"kubectl.1.29", "kubectl.1.28", "kubectl.1.27"} { // as Debian's alternatives have them
		if old := filepath.Join(filepath.Dir(path), name); exec.Command(old, "version", "--client").Run() == nil {
			return append(all, old)
		}
	}
	return all
}

// elsewhere is a command in another namespace.
func elsewhere(args []string) []string {
	out := append([]string(nil), args...)
	for i, arg := range out {
		if arg == "shop" && (i == 0 || out[i-1] == "-n" || out[i-1] == "namespace") {
			out[i] = "mall"
		}
	}
	return out
}

// python is what scripts of people do: no client library, every method.
const python = `
import json, ssl, sys, urllib.request
server, ca, token = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
def call(method, path, body=None, kind="application/json"):
    r = urllib.request.Request(server + path, data=None if body is None else json.dumps(body).encode(), method=method)
    r.add_header("Authorization", "Bearer " + token)
    r.add_header("Content-Type", kind)
    with urllib.request.urlopen(r, context=context) as answer:
        answer.read()
maps = "/api/v1/namespaces/default/configmaps"
call("GET", "/version")
call("GET", maps + "?limit=1")
call("POST", maps, {"metadata": {"name": "python"}, "data": {"a": "b"}})
call("POST", maps + "?dryRun=All", {"metadata": {"name": "pythons-dry"}})
call("PUT", maps + "/python", {"metadata": {"name": "python"}, "data": {"a": "c"}})
call("PATCH", maps + "/python", {"data": {"a": "d"}}, "application/merge-patch+json")
call("PATCH", maps + "/python", [{"op": "remove", "path": "/data/a"}], "application/json-patch+json")
call("PATCH", maps + "/python", {"metadata": {"labels": {"x": "y"}}}, "application/strategic-merge-patch+json")
call("GET", maps + "?labelSelector=x%3Dy&fieldSelector=metadata.name%3Dpython")
call("DELETE", maps + "/python?dryRun=All")
call("DELETE", maps + "/python", {"propagationPolicy": "Background"})
`

// scripts sends requests with Python and curl, which read no kubeconfig.
func (f *forwarder) scripts(t *testing.T, c *Cluster) {
	t.Helper()
	config := f.kubeconfig(t, c, "admin").Kubeconfig["admin"]
	ca := ""
	data, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, rest, ok := strings.Cut(string(data), `certificate-authority: "`); ok {
		ca, _, _ = strings.Cut(rest, `"`)
	}
	server := strings.Replace(f.server.URL, "localhost", "127.0.0.1", 1)
	if out, err := exec.Command("python3", "-c", python, server, ca, c.Token["admin"]).CombinedOutput(); err != nil {
		t.Errorf("python: %v: %s", err, out)
	}
	for _, line := range []string{
		"-X GET PATH", "-X POST PATH -d {\"metadata\":{\"name\":\"curl\"}} -H Content-Type:application/json",
		"-X PATCH PATH/curl -d {\"data\":{\"a\":\"b\"}} -H Content-Type:application/merge-patch+json", "-X DELETE PATH/curl",
		"--path-as-is PATH/?limit=1", "-G PATH --data-urlencode fieldSelector=metadata.name=curl",
	} {
		args := strings.Fields(strings.Replace(line, "PATH", server+"/api/v1/namespaces/default/configmaps", 1))
		args = append([]string{"-sS", "--fail", "--cacert", ca, "-H", "Authorization: Bearer " + c.Token["admin"]}, args...)
		if out, err := exec.Command("curl", args...).CombinedOutput(); err != nil {
			t.Errorf("curl %s: %v: %.300s", line, err, out)
		}
	}
}
