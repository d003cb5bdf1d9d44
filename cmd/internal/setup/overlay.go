package setup

import (
	"encoding/base64"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Overlay returns the merged kubeconfig with every cluster led through the proxy
// and our CA in the place of its own. Users, contexts and whatever else is in the
// files stay as they are. It may be called once.
func (k *Kubeconfig) Overlay(proxyURL string, ca []byte) ([]byte, error) {
	for _, entry := range items(k.root, "clusters") {
		cluster := field(entry, "cluster")
		if cluster == nil || cluster.Kind != yaml.MappingNode {
			continue
		}
		set(cluster, "proxy-url", proxyURL)
		for _, key := range []string{"certificate-authority", "insecure-skip-tls-verify", "tls-server-name"} {
			remove(cluster, key)
		}
		set(cluster, "certificate-authority-data", base64.StdEncoding.EncodeToString(ca))
	}
	out, err := yaml.Marshal(k.root)
	if err != nil {
		return nil, fmt.Errorf("writing the kubeconfig overlay: %w", err)
	}
	return out, nil
}

// field returns the value of a mapping's key, or nil.
func field(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// text returns the scalar at a key, or "".
func text(n *yaml.Node, key string) string {
	if v := field(n, key); v != nil && v.Kind == yaml.ScalarNode && v.Tag != "!!null" {
		return v.Value
	}
	return ""
}

// items returns the mappings in the list at a key.
func items(n *yaml.Node, key string) (out []*yaml.Node) {
	list := field(n, key)
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	for _, entry := range list.Content {
		if entry.Kind == yaml.MappingNode {
			out = append(out, entry)
		}
	}
	return out
}

// named returns the entry of a list with a name, or nil.
func named(list *yaml.Node, name string) *yaml.Node {
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	for _, entry := range list.Content {
		if text(entry, "name") == name {
			return entry
		}
	}
	return nil
}

func set(n *yaml.Node, key, value string) {
	if v := field(n, key); v != nil {
		*v = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
		return
	}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key},
		&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value})
}

func remove(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i], n.Content[i+2:]...)
			return
		}
	}
}
