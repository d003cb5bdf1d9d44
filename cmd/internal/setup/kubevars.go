package setup

import (
	"bytes"
	"crypto/tls"
	"path/filepath"
	"slices"
	"strings"
)

// KubeconfigVariable is a variable that names kubeconfigs, with the files that it
// names.
type KubeconfigVariable struct {
	Name  string
	Files []string
}

// KubeconfigVariables returns KUBECONFIG, with kubectl's default, and what other
// programs read instead: Terraform's providers for Kubernetes and Helm ignore
// KUBECONFIG and its default. Each variable keeps its own overlay, since each may
// mean another current context.
func KubeconfigVariables(getenv func(string) string, home string) []KubeconfigVariable {
	all := []KubeconfigVariable{{"KUBECONFIG", KubeconfigFiles(getenv, home)}}
	for _, name := range []string{"KUBE_CONFIG_PATH", "KUBE_CONFIG_PATHS"} {
		value := getenv(name)
		if value == "" {
			continue
		}
		files := []string{value}
		if strings.HasSuffix(name, "S") {
			files = slices.DeleteFunc(filepath.SplitList(value), func(p string) bool { return p == "" })
		}
		for i, file := range files {
			if rest, ok := strings.CutPrefix(file, "~/"); ok && home != "" {
				files[i] = filepath.Join(home, rest)
			}
		}
		all = append(all, KubeconfigVariable{name, files})
	}
	return all
}

// Join takes in the clusters and notes of another kubeconfig of the same child.
func (k *Kubeconfig) Join(other *Kubeconfig) {
	for _, c := range other.Clusters {
		if !slices.ContainsFunc(k.Clusters, c.same) { // two variables often name one file
			k.add(c)
		}
	}
	for _, n := range other.Notes {
		if !slices.Contains(k.Notes, n) {
			k.Notes = append(k.Notes, n)
		}
	}
}

// same reports whether two entries reach one API server as one user.
func (c Cluster) same(d Cluster) bool {
	if c.Server != d.Server || (c.TLS == nil) != (d.TLS == nil) {
		return false
	}
	return c.TLS == nil || slices.EqualFunc(c.TLS.Certificates, d.TLS.Certificates, func(a, b tls.Certificate) bool {
		return slices.EqualFunc(a.Certificate, b.Certificate, bytes.Equal)
	})
}
