package setup

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
)

func params() Params {
	return Params{Proxy: "127.0.0.1:4321", Run: "run_1", Token: "s3cret", Bundle: "/r/b.pem", CA: "/r/ca.pem",
		TrustStore: "/r x/b.p12", Password: "changeit", OS: "linux", Governed: []string{"10.1.2.3:6443", "*.corp.example"}}
}

func lookup(env []string, name string) string {
	e := environment{vars: env}
	return e.get(name)
}

func TestWhatWasSetIsExtendedNeverLost(t *testing.T) {
	base := []string{"PATH=/bin", "NO_PROXY=internal.example,.amazonaws.com,10.0.0.0/8", "no_proxy=localhost,internal.example",
		"JAVA_TOOL_OPTIONS=-Xmx1g", "AWS_EC2_METADATA_DISABLED=false", "HTTPS_PROXY=http://me:pw@corp:3128"}
	env, notes, err := Environ(base, params())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"PATH": "/bin", "NO_PROXY": "internal.example,localhost", "no_proxy": "internal.example,localhost",
		"HTTPS_PROXY": "http://run_1:s3cret@127.0.0.1:4321", "http_proxy": "http://run_1:s3cret@127.0.0.1:4321",
		"AWS_CA_BUNDLE": "/r/b.pem", "PIP_CERT": "/r/b.pem", "NODE_USE_ENV_PROXY": "1", "ASSENT_RUN": "run_1",
		"ASSENT_CA": "/r/ca.pem", "AWS_EC2_METADATA_DISABLED": "false", "KUBECONFIG": "",
	} {
		if got := lookup(env, name); got != want {
			t.Errorf("%s=%s, want %s", name, got, want)
		}
	}
	options := lookup(env, "JAVA_TOOL_OPTIONS")
	for _, part := range []string{"-Xmx1g ", "-Dhttps.proxyPort=4321", `-Djavax.net.ssl.trustStore="/r x/b.p12"`} {
		if !strings.Contains(options, part) {
			t.Errorf("JAVA_TOOL_OPTIONS=%s: no %s", options, part)
		}
	}
	said := ""
	for _, n := range notes {
		said += n.Text + "\n"
	}
	if !strings.Contains(said, ".amazonaws.com, 10.0.0.0/8") || !strings.Contains(said, "http://corp:3128") || strings.Contains(said, "pw") {
		t.Errorf("notes: %s", said)
	}
	if !slices.Contains(base, "JAVA_TOOL_OPTIONS=-Xmx1g") {
		t.Error("the base environment was changed")
	}
}

func TestWhatBypassesIsTakenOut(t *testing.T) {
	for entry, want := range map[string]bool{
		"*": true, ".amazonaws.com": true, "*.amazonaws.com": true, "s3.amazonaws.com": true, "com": true, "amazonaws.com:443": true,
		"API.AWS": true, "corp.example": true, "a.corp.example": true, "10.0.0.0/8": true, "10.1.2.3": true,
		"myamazonaws.com": false, "localhost": false, "127.0.0.1": false, "169.254.169.254": false, "192.168.0.0/16": false, "::1": false, "": false,
	} {
		if got := bypasses(entry, append(CloudDomains(), params().Governed...)); got != want {
			t.Errorf("%q bypasses: %v, want %v", entry, got, want)
		}
	}
}

func authority(t *testing.T) []byte {
	t.Helper()
	a, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return a.PEM()
}

func TestTheRoomIsPrivateAndLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	old := filepath.Join(t.TempDir(), "corp.pem")
	corp := authority(t)
	if err := os.WriteFile(old, corp, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := NewRoom()
	if err != nil {
		t.Fatal(err)
	}
	var in Params
	ours := authority(t)
	getenv := func(k string) string { return map[string]string{"AWS_CA_BUNDLE": old, "PIP_CERT": "/absent"}[k] }
	notes, err := r.Trust(&in, getenv, ours, rand.Reader)
	if err != nil || len(notes) != 1 {
		t.Fatalf("%v, %v", notes, err)
	}
	bundle, _ := os.ReadFile(in.Bundle)
	if !strings.Contains(string(bundle), strings.TrimSpace(string(corp))) || !strings.Contains(string(bundle), strings.TrimSpace(string(ours))) {
		t.Error("the bundle lost the user's CA or ours")
	}
	if info, _ := os.Stat(r.dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the room is open: %v", info.Mode())
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the room is still there")
	}
}

const kubeconfig = `apiVersion: v1
kind: Config
current-context: a
preferences: {}
clusters:
- name: local
  cluster: {server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true, tls-server-name: k, x-unknown: kept}
- name: cloud
  cluster: {server: https://ABC.eks.amazonaws.com}
users:
- name: u
  user: {exec: {command: ./get-token, apiVersion: client.authentication.k8s.io/v1}, tokenFile: t}
contexts:
- {name: a, context: {cluster: local, user: u}}
`

func TestOverlayLeadsEveryClusterThroughUs(t *testing.T) {
	files := map[string]string{"/k/one": kubeconfig, "/k/two": "clusters: [{name: local, cluster: {server: 'https://other'}}, {name: third, cluster: {server: 'http://third'}}, {name: again, cluster: {server: 'http://THIRD:80/'}}, {name: path, cluster: {server: 'http://third/k/c1/'}}]\ncurrent-context: b\n"}
	k, err := ReadKubeconfig([]string{"/absent", "/k/one", "/k/two"}, func(p string) ([]byte, error) {
		if s, ok := files[p]; ok {
			return []byte(s), nil
		}
		return nil, fs.ErrNotExist
	})
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, c := range k.Clusters {
		hosts = append(hosts, c.Name+"="+c.Host)
	}
	if got := strings.Join(hosts, " "); got != "local=127.0.0.1:6443 cloud=abc.eks.amazonaws.com:443 third=third:80 path=third:80" {
		t.Errorf("clusters: %s", got)
	}
	if c := k.Clusters[0]; !c.Insecure || !c.Loopback || c.TLS.ServerName != "k" || c.TLS.InsecureSkipVerify {
		t.Errorf("local: %+v", c)
	}
	out, err := k.Overlay("http://run:t@127.0.0.1:1", []byte("PEM"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	if strings.Count(text, "proxy-url") != 5 || strings.Contains(text, "insecure-skip") || strings.Contains(text, "tls-server-name") ||
		!strings.Contains(text, "x-unknown: kept") || !strings.Contains(text, "/k/get-token") || !strings.Contains(text, "tokenFile: /k/t") || !strings.Contains(text, "current-context: a") {
		t.Errorf("overlay:\n%s", text)
	}
}

func TestOddKubeconfigsAreRefused(t *testing.T) {
	for content, want := range map[string]string{
		"clusters: &a [{name: x}]\nusers: *a": "alias",
		"clusters: []\nclusters: []":          "twice",
		"[]":                                  "not a mapping",
		"clusters: [{cluster: {}}]":           "without a name",
		"clusters: [{name: x, cluster: {server: 'ftp://x'}}]": "not the URL",
	} {
		_, err := ReadKubeconfig([]string{"k"}, func(string) ([]byte, error) { return []byte(content), nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
	if k, err := ReadKubeconfig(nil, os.ReadFile); k != nil || err != nil {
		t.Errorf("no kubeconfig: %v, %v", k, err)
	}
}

func FuzzReadKubeconfig(f *testing.F) {
	f.Add([]byte(kubeconfig))
	f.Add([]byte("clusters: [{name: x, cluster: [1]}]\nusers: 3\ncontexts: [[]]"))
	f.Add([]byte("clusters: [{name: x, cluster: {server: 'https://[::1]'}}]\ncontexts: [{name: c, context: {cluster: x, user: u}}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ReadKubeconfig([]string{"k"}, func(p string) ([]byte, error) {
			if p == "k" {
				return data, nil
			}
			return nil, fs.ErrPermission
		})
		if err != nil || k == nil {
			return
		}
		out, err := k.Overlay("http://r:t@127.0.0.1:1", []byte("PEM"))
		if err != nil {
			return
		}
		if _, err := parseKubeconfig(out); err != nil {
			t.Errorf("the overlay cannot be read back: %v\n%s", err, out)
		}
	})
}

func TestANamedKubeconfigMustExist(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if clusters, _, err := Clusters([]string{file}); err != nil || len(clusters) != 2 {
		t.Errorf("%v, %v", clusters, err)
	}
	if _, _, err := Clusters([]string{file, file + ".absent"}); err == nil {
		t.Error("a named kubeconfig that does not exist leaves its clusters ungoverned")
	}
}

func TestTheGatewayIsReachedWithoutTheProxy(t *testing.T) {
	for old, want := range map[string]string{"": "localhost", "internal.example,127.0.0.0/8,10.1.2.3": "internal.example,127.0.0.0/8,localhost"} {
		in := params()
		in.Direct = "localhost"
		env, _, err := Environ([]string{"NO_PROXY=" + old}, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := lookup(env, "NO_PROXY"); got != want || lookup(env, "no_proxy") != want {
			t.Errorf("NO_PROXY=%s, want %s", got, want)
		}
	}
}
