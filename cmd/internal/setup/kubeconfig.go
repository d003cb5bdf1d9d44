package setup

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxKubeconfig bounds one kubeconfig in bytes; a hundred clusters with embedded
// certificates take a quarter of it.
const maxKubeconfig = 4 << 20

// Cluster is one API server that a kubeconfig knows.
type Cluster struct {
	Name   string
	Server string // as in the file
	Host   string // host:port, the port always there
	// PathPrefix is what stands before /api in the server's URL (a Rancher
	// gateway); empty for most.
	PathPrefix string
	// TLS is how the engine trusts, and is known to, the API server; nil for http.
	TLS *tls.Config
	// Token reads the bearer token of the one user that contexts bind to the cluster;
	// nil where there is none, or several users.
	Token func() (string, error)
	// Insecure: the kubeconfig turns verification off. The engine never does.
	Insecure bool
	// Loopback: Go clients send these calls past any proxy unless the overlay says
	// otherwise.
	Loopback bool
	// Pinned: the kubeconfig names its own CA, which beats any trust bundle.
	Pinned bool
}

// Kubeconfig is the merged content of the files in KUBECONFIG.
type Kubeconfig struct {
	Clusters []Cluster
	Notes    []Note
	root     *yaml.Node
}

// KubeconfigFiles returns the files that kubectl would read.
func KubeconfigFiles(getenv func(string) string, home string) []string {
	if list := getenv("KUBECONFIG"); list != "" {
		return slices.DeleteFunc(filepath.SplitList(list), func(p string) bool { return p == "" })
	}
	if home == "" {
		return nil
	}
	return []string{filepath.Join(home, ".kube", "config")}
}

// ReadKubeconfig reads and merges files as client-go does: the first that names a
// cluster, user, context or the current context wins. Files that do not exist are
// left out; with none at all the result is nil.
func ReadKubeconfig(files []string, read func(string) ([]byte, error)) (*Kubeconfig, error) {
	var k *Kubeconfig
	for _, path := range files {
		data, err := read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading kubeconfig: %w", err)
		}
		root, err := parseKubeconfig(data)
		if err != nil {
			return nil, fmt.Errorf("reading kubeconfig %s: %w", path, err)
		}
		if root == nil {
			continue
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("reading kubeconfig: %w", err)
		}
		absolute(root, filepath.Dir(abs))
		if k == nil {
			k = &Kubeconfig{root: root}
			continue
		}
		mergeKubeconfig(k.root, root)
	}
	if k == nil {
		return nil, nil
	}
	return k, k.describe(read)
}

// Clusters lists the clusters of kubeconfig files, for an engine that serves no
// child. A file that does not exist is an error: somebody named it, and its
// clusters would go ungoverned.
func Clusters(files []string) ([]Cluster, []Note, error) {
	for _, f := range files {
		if _, err := os.Stat(f); err != nil {
			return nil, nil, fmt.Errorf("reading kubeconfig: %w", err)
		}
	}
	k, err := ReadKubeconfig(files, ReadFile)
	if err != nil || k == nil {
		return nil, nil, err
	}
	return k.Clusters, k.Notes, nil
}

func parseKubeconfig(data []byte) (*yaml.Node, error) {
	if len(data) > maxKubeconfig {
		return nil, fmt.Errorf("larger than %d bytes", maxKubeconfig)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	root := doc.Content[0]
	if err := plain(root); err != nil {
		return nil, err
	}
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("not a mapping")
	}
	for _, list := range []string{"clusters", "users", "contexts"} {
		for _, entry := range items(root, list) {
			if text(entry, "name") == "" {
				return nil, fmt.Errorf("line %d: an entry of %s without a name", entry.Line, list)
			}
		}
	}
	return root, nil
}

// plain refuses what two readers could understand differently: aliases, merge
// keys, keys given twice.
func plain(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		return fmt.Errorf("line %d: an alias (*%s); write the value out", n.Line, n.Value)
	}
	if n.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if seen[key] || key == "<<" {
				return fmt.Errorf("line %d: key %q given twice, or a merge key", n.Content[i].Line, key)
			}
			seen[key] = true
		}
	}
	for _, c := range n.Content {
		if err := plain(c); err != nil {
			return err
		}
	}
	return nil
}

// absolute makes the paths of a file independent of where it lies.
func absolute(root *yaml.Node, dir string) {
	fix := func(n *yaml.Node, key string) {
		if v := field(n, key); v != nil && v.Kind == yaml.ScalarNode && v.Value != "" && !filepath.IsAbs(v.Value) {
			v.Value = filepath.Join(dir, v.Value)
		}
	}
	for _, c := range items(root, "clusters") {
		fix(field(c, "cluster"), "certificate-authority")
	}
	for _, u := range items(root, "users") {
		user := field(u, "user")
		for _, key := range []string{"client-certificate", "client-key", "tokenFile"} {
			fix(user, key)
		}
		// A bare command is looked up on PATH, as in client-go.
		if exec := field(user, "exec"); strings.ContainsAny(text(exec, "command"), `/\`) {
			fix(exec, "command")
		}
	}
}

func mergeKubeconfig(into, from *yaml.Node) {
	for i := 0; i+1 < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		mine := field(into, key.Value)
		switch {
		case mine == nil:
			into.Content = append(into.Content, key, value)
		case mine.Kind == yaml.SequenceNode && value.Kind == yaml.SequenceNode:
			for _, entry := range value.Content {
				if named(mine, text(entry, "name")) == nil {
					mine.Content = append(mine.Content, entry)
				}
			}
		case mine.Kind == yaml.ScalarNode && (mine.Value == "" || mine.Tag == "!!null"), mine.Kind == yaml.SequenceNode && len(mine.Content) == 0:
			*mine = *value
		}
	}
}

// describe lists the clusters, with how to reach them.
func (k *Kubeconfig) describe(read func(string) ([]byte, error)) error {
	for _, entry := range items(k.root, "clusters") {
		name, cluster := text(entry, "name"), field(entry, "cluster")
		server := text(cluster, "server")
		if server == "" {
			continue // kubectl cannot use it either
		}
		c, err := clusterAt(server)
		if err != nil {
			return fmt.Errorf("reading kubeconfig: cluster %s: %w", name, err)
		}
		c.Token = k.token(name, read)
		c.Name, c.Insecure = name, text(cluster, "insecure-skip-tls-verify") == "true"
		if !strings.HasPrefix(strings.ToLower(server), "http:") {
			if c.TLS, err = k.trust(cluster, name, read); err != nil {
				// A stale entry is no reason not to run: its calls come to the engine, which
				// then believes the system's roots alone, and presents nothing.
				k.note(fmt.Sprintf("cluster %s cannot be reached in this run: %v", name, err), "kubectl config delete-cluster "+name)
				c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
			}
			c.Pinned = c.TLS.RootCAs != nil
		}
		if c.Insecure && c.TLS != nil && !c.Pinned {
			k.note("cluster "+name+" turns verification off (insecure-skip-tls-verify); assent verifies it all the same, and sends it nothing unless its certificate is trusted",
				"once, on a network that you trust, take the cluster's own authority: kubectl get configmap kube-root-ca.crt -n default -o jsonpath='{.data.ca\\.crt}' > ca.crt && kubectl config set-cluster "+name+" --certificate-authority=ca.crt --embed-certs")
		}
		if old := text(cluster, "proxy-url"); old != "" {
			k.note("cluster "+name+" was reached through "+redacted(old)+"; assent connects directly", "")
		}
		k.add(c)
	}
	return nil
}

// clusterAt is the cluster of a server's URL, as far as that tells.
func clusterAt(server string) (Cluster, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return Cluster{}, fmt.Errorf("%q is not the URL of an API server", server)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return Cluster{Server: server, Host: hostPort(u.Hostname(), port), PathPrefix: strings.TrimRight(u.EscapedPath(), "/"), Loopback: loopback(u.Hostname())}, nil
}

// hostPort writes an address as the engine sees it in calls: lower case, without
// a trailing dot, IP addresses and ports in their short form.
func hostPort(name, port string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if ip, err := netip.ParseAddr(name); err == nil {
		name = ip.Unmap().String()
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		port = strconv.FormatUint(n, 10)
	}
	return net.JoinHostPort(name, port)
}

// add appends a cluster. Entries that lead to one API server are one cluster,
// known by its first name; and where several entries share an address, no client
// certificate is lent, since the calls of one cannot be told from the other's.
func (k *Kubeconfig) add(c Cluster) {
	for i := range k.Clusters {
		known := &k.Clusters[i]
		if known.Host != c.Host {
			continue
		}
		if known.TLS != nil && c.TLS != nil && len(known.TLS.Certificates)+len(c.TLS.Certificates) > 0 {
			known.TLS.Certificates, c.TLS.Certificates = nil, nil
			k.note("clusters "+known.Name+" and "+c.Name+" share the address "+c.Host+"; assent lends neither a client certificate",
				"use a token or an exec plugin for them")
		}
		if known.PathPrefix == c.PathPrefix {
			return
		}
	}
	k.Clusters = append(k.Clusters, c)
}

func (k *Kubeconfig) note(text, repair string) {
	k.Notes = append(k.Notes, Note{Text: text, Repair: repair})
}

func (k *Kubeconfig) trust(cluster *yaml.Node, name string, read func(string) ([]byte, error)) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: text(cluster, "tls-server-name")}
	ca, err := material(cluster, "certificate-authority", read)
	if err != nil {
		return nil, err
	}
	if len(ca) > 0 {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("certificate-authority: no certificate in it")
		}
	}
	user, others := k.onlyUser(name)
	if user == nil {
		if others {
			k.note("cluster "+name+" has several users, one with a client certificate, which cannot pass through a proxy; assent does not lend it to the others",
				"give each user a cluster entry of its own")
		}
		return cfg, nil
	}
	cert, err := material(user, "client-certificate", read)
	if err != nil || len(cert) == 0 {
		return cfg, err
	}
	key, err := material(user, "client-key", read)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("client-certificate: %w", err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return cfg, nil
}

// onlyUser returns the one user that contexts bind to a cluster. With several it
// is nil: presenting one's certificate for another's call would be a wrong
// identity, as API servers believe the certificate before the token.
func (k *Kubeconfig) onlyUser(cluster string) (user *yaml.Node, withCertificate bool) {
	names := map[string]bool{}
	for _, c := range items(k.root, "contexts") {
		if context := field(c, "context"); text(context, "cluster") == cluster {
			names[text(context, "user")] = true
		}
	}
	for name := range names {
		user = field(named(field(k.root, "users"), name), "user")
		if text(user, "client-certificate")+text(user, "client-certificate-data") != "" {
			withCertificate = true
		}
	}
	if len(names) != 1 {
		return nil, withCertificate
	}
	return user, withCertificate
}

// token is how to read the token of a cluster's only user, each time anew: a file's
// content is renewed, and a credential plugin's token ends.
func (k *Kubeconfig) token(cluster string, read func(string) ([]byte, error)) func() (string, error) {
	user, _ := k.onlyUser(cluster)
	inline, file := text(user, "token"), text(user, "tokenFile")
	switch {
	case file != "": // which wins, in client-go too
		return func() (string, error) {
			data, err := read(file)
			return strings.TrimSpace(string(data)), err
		}
	case inline != "":
		return func() (string, error) { return inline, nil }
	}
	if p := newPlugin(user, time.Now); p != nil {
		return p.Token
	}
	return nil
}

// material reads KEY-data, which wins, or the file that KEY names.
func material(n *yaml.Node, key string, read func(string) ([]byte, error)) ([]byte, error) {
	if data := text(n, key+"-data"); data != "" {
		out, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return nil, fmt.Errorf("%s-data: %w", key, err)
		}
		return out, nil
	}
	if path := text(n, key); path != "" {
		out, err := read(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		return out, nil
	}
	return nil, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
