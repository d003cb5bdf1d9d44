package setup

import (
	"io/fs"
	"strings"
	"testing"
)

func through(t *testing.T, content string, path func(Cluster) string) (*Kubeconfig, string, []string) {
	t.Helper()
	read := func(name string) ([]byte, error) {
		if name != "/k/config" {
			return nil, fs.ErrNotExist
		}
		return []byte(content), nil
	}
	k, err := ReadKubeconfig([]string{"/k/config"}, read)
	if err != nil {
		t.Fatal(err)
	}
	out, left, err := k.Through(Gateway{Address: "https://localhost:8443", CA: []byte("ca"), Cert: []byte("cert"), Key: []byte("key"), Path: path})
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadKubeconfig([]string{"/k/config"}, func(string) ([]byte, error) {
		return []byte(strings.NewReplacer("Y2VydA==", "", "a2V5", "", "Y2E=", "").Replace(string(out))), nil
	})
	if err != nil {
		t.Fatalf("what was written does not read: %v\n%s", err, out)
	}
	return again, string(out), left
}

// Whoever follows the kubeconfig is known at the gateway, also where the cluster
// wants to know of nobody.
func TestEachContextHasAUserWithTheCertificate(t *testing.T) {
	for name, content := range map[string]string{
		"no users at all": `{clusters: [{name: a, cluster: {server: "http://127.0.0.1:8001"}}], contexts: [{name: a, context: {cluster: a}}], current-context: a}`,
		"null":            `{clusters: [{name: a, cluster: {server: "http://127.0.0.1:8001"}}], users: null, contexts: [{name: a, context: {cluster: a, user: ""}}]}`,
		"one that is not there": `{clusters: [{name: a, cluster: {server: "https://127.0.0.1:6443"}}], users: [{name: b, user: {token: x}}],
			contexts: [{name: a, context: {cluster: a, user: c}}, {name: b, context: {cluster: a, user: b}}]}`,
	} {
		k, out, left := through(t, content, func(c Cluster) string { return "/k8s/" + c.Name })
		if len(left) != 0 || len(k.Clusters) != 1 || k.Clusters[0].Server != "https://localhost:8443/k8s/a" {
			t.Errorf("%s: left out %q: %s", name, left, out)
		}
		for _, context := range items(k.root, "contexts") {
			user := field(named(field(k.root, "users"), text(field(context, "context"), "user")), "user")
			if field(user, "client-certificate-data") == nil || field(user, "client-key-data") == nil {
				t.Errorf("%s: context %s has no certificate:\n%s", name, text(context, "name"), out)
			}
		}
		if name == "one that is not there" && (strings.Count(out, "token: x") != 1 || strings.Count(out, gatewayUser) != 2) {
			t.Errorf("%s: the users are not as they were, and one more:\n%s", name, out)
		}
	}
}

func TestAClusterThatIsNotServedIsTakenOutWithItsContexts(t *testing.T) {
	k, out, left := through(t, `{clusters: [{name: a, cluster: {server: "https://a.example"}}, {name: b, cluster: {server: "https://b.example", insecure-skip-tls-verify: true}}],
		users: [{name: u, user: {token: x}}], contexts: [{name: a, context: {cluster: a, user: u}}, {name: b, context: {cluster: b, user: u}}], current-context: a}`,
		func(c Cluster) string {
			if c.Name == "a" {
				return ""
			}
			return "/k8s/b"
		})
	if len(left) != 1 || left[0] != "a" || len(k.Clusters) != 1 || strings.Contains(out, "a.example") || strings.Contains(out, "current-context") || strings.Contains(out, "insecure-skip-tls-verify") {
		t.Errorf("left out %q:\n%s", left, out)
	}
}
