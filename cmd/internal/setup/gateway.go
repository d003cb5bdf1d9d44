package setup

import (
	"encoding/base64"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Gateway is what a kubeconfig needs to lead to Assent's gateway.
type Gateway struct {
	// Address is where it is: https://HOST:PORT.
	Address string
	CA      []byte // PEM
	// Cert and Key, both PEM, tell the gateway whose kubeconfig it is. They take the
	// place of client certificates, which end at the gateway; tokens and plugins
	// stay, and are the cluster's.
	Cert, Key []byte
	// Path is the path of a cluster at the gateway; empty for one that it does not
	// serve.
	Path func(Cluster) string
}

// Through returns the merged kubeconfig with the gateway as the server of every
// cluster. Clusters that the gateway does not serve are taken out, with what uses
// them, and returned by name: left in, they would lead past it. It may be called
// once.
func (k *Kubeconfig) Through(g Gateway) (out []byte, left []string, err error) {
	data := base64.StdEncoding.EncodeToString
	clusters := field(k.root, "clusters")
	if clusters == nil {
		return nil, nil, fmt.Errorf("writing a kubeconfig for the gateway: there are no clusters in it")
	}
	kept := clusters.Content[:0:0]
	for _, entry := range items(k.root, "clusters") {
		name, cluster := text(entry, "name"), field(entry, "cluster")
		path := ""
		if of, ok := k.at(text(cluster, "server")); ok {
			path = g.Path(of)
		}
		if path == "" {
			left = append(left, name)
			continue
		}
		set(cluster, "server", g.Address+path)
		for _, key := range []string{"certificate-authority", "insecure-skip-tls-verify", "tls-server-name", "proxy-url"} {
			remove(cluster, key)
		}
		set(cluster, "certificate-authority-data", data(g.CA))
		kept = append(kept, entry)
	}
	clusters.Content = kept
	k.dropContexts(left)
	k.addUser()
	for _, entry := range items(k.root, "users") {
		user := field(entry, "user")
		if user == nil || user.Kind != yaml.MappingNode {
			continue
		}
		remove(user, "client-certificate")
		remove(user, "client-key")
		set(user, "client-certificate-data", data(g.Cert))
		set(user, "client-key-data", data(g.Key))
	}
	if out, err = yaml.Marshal(k.root); err != nil {
		return nil, nil, fmt.Errorf("writing a kubeconfig for the gateway: %w", err)
	}
	return out, left, nil
}

// at finds the cluster of a server's URL: entries with one address are one.
func (k *Kubeconfig) at(server string) (Cluster, bool) {
	c, err := clusterAt(server)
	if err != nil {
		return Cluster{}, false
	}
	i := slices.IndexFunc(k.Clusters, func(known Cluster) bool { return known.Host == c.Host && known.PathPrefix == c.PathPrefix })
	if i < 0 {
		return Cluster{}, false
	}
	return k.Clusters[i], true
}

// dropContexts takes out the contexts of clusters.
func (k *Kubeconfig) dropContexts(clusters []string) {
	list := field(k.root, "contexts")
	if list == nil {
		return
	}
	list.Content = slices.DeleteFunc(list.Content, func(entry *yaml.Node) bool {
		return slices.Contains(clusters, text(field(entry, "context"), "cluster"))
	})
	if current := field(k.root, "current-context"); current != nil && named(list, current.Value) == nil {
		remove(k.root, "current-context")
	}
}

// gatewayUser is the user of contexts that have none.
const gatewayUser = "assent-gateway"

// addUser gives contexts without a user one that the certificate can be put into:
// the cluster wants to know of nobody, the gateway does.
func (k *Kubeconfig) addUser() {
	users, needed := field(k.root, "users"), false
	for _, entry := range items(k.root, "contexts") {
		context := field(entry, "context")
		if context == nil || context.Kind != yaml.MappingNode || field(named(users, text(context, "user")), "user") != nil {
			continue
		}
		set(context, "user", gatewayUser)
		needed = true
	}
	if !needed {
		return
	}
	if users == nil || users.Kind != yaml.SequenceNode {
		remove(k.root, "users")
		users = &yaml.Node{Kind: yaml.SequenceNode}
		k.root.Content = append(k.root.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "users"}, users)
	}
	user := &yaml.Node{Kind: yaml.MappingNode}
	set(user, "name", gatewayUser)
	user.Content = append(user.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "user"}, &yaml.Node{Kind: yaml.MappingNode})
	users.Content = append(users.Content, user)
}
