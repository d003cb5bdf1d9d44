package setup

import (
	"crypto/tls"
	"reflect"
	"testing"
)

func TestKubeconfigVariables(t *testing.T) {
	env := map[string]string{"KUBE_CONFIG_PATH": "~/tf", "KUBE_CONFIG_PATHS": "/a::/b"}
	got := KubeconfigVariables(func(name string) string { return env[name] }, "/home/ines")
	want := []KubeconfigVariable{
		{"KUBECONFIG", []string{"/home/ines/.kube/config"}},
		{"KUBE_CONFIG_PATH", []string{"/home/ines/tf"}},
		{"KUBE_CONFIG_PATHS", []string{"/a", "/b"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestJoinedKubeconfigsKnowEachClusterOnce(t *testing.T) {
	k := &Kubeconfig{Clusters: []Cluster{{Name: "a", Server: "https://h", Host: "h:443"}}, Notes: []Note{{Text: "n"}}}
	k.Join(&Kubeconfig{Clusters: []Cluster{{Name: "b", Server: "https://h:443", Host: "h:443"}, {Name: "c", Server: "https://i", Host: "i:443"}}, Notes: []Note{{Text: "n"}}})
	if len(k.Clusters) != 2 || k.Clusters[1].Name != "c" || len(k.Notes) != 1 {
		t.Errorf("%+v", k)
	}
}

// A client certificate is lent to nobody where two users share an address; one
// file that two variables name has one user.
func TestOneFileUnderTwoVariablesKeepsItsCertificate(t *testing.T) {
	entry := func(cert string) *Kubeconfig {
		return &Kubeconfig{Clusters: []Cluster{{Name: "a", Server: "https://h", Host: "h:443",
			TLS: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{[]byte(cert)}}}}}}}
	}
	for other, lent := range map[string]int{"ines": 1, "carol": 0} {
		k := entry("ines")
		k.Join(entry(other))
		if len(k.Clusters) != 1 || len(k.Clusters[0].TLS.Certificates) != lent {
			t.Errorf("joined with %s: %+v", other, k.Clusters)
		}
	}
}
