package config

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger/withhold"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// maxEntries bounds a list or map in the file: far more than anybody writes, and
// little enough that every call can look through them.
const maxEntries = 1024

// Parse reads one file's content. name stands in errors and origins; relative
// paths start at dir.
func Parse(name, dir string, data []byte) (Config, error) {
	c := Config{origin: map[string]string{}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return c, nil // an empty file sets nothing
	case err != nil:
		return Config{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("%s: more than one document", name)
	}
	r := reader{name: name, dir: dir}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return c, nil
	}
	err := r.fields(root, Fields(), func(key string, at, value *yaml.Node) error {
		if err := r.field(&c, key, value); err != nil {
			return err
		}
		c.origin[key] = fmt.Sprintf("%s:%d", name, at.Line)
		return nil
	})
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

// reader turns nodes into values, with errors that name the place.
type reader struct{ name, dir string }

func (r reader) bad(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d:%d: %s", r.name, n.Line, n.Column, fmt.Sprintf(format, args...))
}

// fields calls f for each field of a mapping, refusing what is not known.
func (r reader) fields(n *yaml.Node, known []string, f func(key string, at, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return r.bad(n, "expected fields (name: value)")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at, value := n.Content[i], n.Content[i+1]
		key := at.Value
		switch {
		case at.Kind != yaml.ScalarNode:
			return r.bad(at, "a field's name must be a word")
		case known != nil && !slices.Contains(known, key):
			if near := intent.Nearest(key, known); near != "" {
				return r.bad(at, "unknown field %q; did you mean %q?", key, near)
			}
			return r.bad(at, "unknown field %q; the fields are %s", key, strings.Join(known, ", "))
		case seen[key]:
			return r.bad(at, "field %q is given twice", key)
		case i/2 >= maxEntries:
			return r.bad(at, "more than %d fields", maxEntries)
		}
		seen[key] = true
		if err := f(key, at, value); err != nil {
			return err
		}
	}
	return nil
}

func (r reader) text(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		return "", r.bad(n, "expected a text")
	}
	return n.Value, nil
}

func (r reader) path(n *yaml.Node) (string, error) {
	s, err := r.text(n)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(s) {
		s = filepath.Join(r.dir, s)
	}
	return filepath.Clean(s), nil
}

func (r reader) choice(n *yaml.Node, choices ...string) (string, error) {
	s, err := r.text(n)
	if err != nil {
		return "", err
	}
	if slices.Contains(choices, s) {
		return s, nil
	}
	if near := intent.Nearest(s, choices); near != "" {
		return "", r.bad(n, "%q is not a choice; did you mean %q?", s, near)
	}
	return "", r.bad(n, "%q is not a choice; expected %s", s, strings.Join(choices, " or "))
}

func (r reader) field(c *Config, key string, n *yaml.Node) (err error) {
	switch key {
	case FieldMode:
		var word string
		if word, err = r.choice(n, policy.Observe.String(), policy.Enforce.String()); err == nil {
			err = c.Mode.UnmarshalText([]byte(word))
		}
	case FieldEgress:
		var word string
		word, err = r.choice(n, "allow", "deny")
		c.Egress = proxy.EgressDeny
		if word == "allow" {
			c.Egress = proxy.EgressAllow
		}
	case FieldIntent:
		c.Intent, err = r.path(n)
	case FieldLedger:
		c.Ledger, err = r.path(n)
	case FieldLedgerServer:
		c.LedgerServer, err = r.ledgerServer(n)
	case FieldModel:
		c.Model, err = r.path(n)
	case FieldStore:
		c.Store, err = r.store(n)
	case FieldCA:
		c.CA, err = r.path(n)
	case FieldListen:
		c.Listen, c.Listeners, err = r.listen(n)
	case FieldGateway:
		c.Gateway, err = r.address(n)
	case FieldAdmission:
		c.Admission, err = r.address(n)
	case FieldGoverned:
		c.Governed, err = r.governed(n)
	case FieldUpstreams:
		c.Upstreams, err = r.upstreams(n)
	case FieldClusters:
		c.Clusters, err = r.clusters(n)
	case FieldGuarded:
		c.Guarded, err = r.names(n)
	case FieldExact:
		c.Exact, err = r.names(n)
	case FieldTokens:
		c.Tokens, err = r.tokens(n)
	case FieldIdentity:
		c.Identity, err = r.identity(n)
	case FieldMayDial:
		c.MayDial, err = r.hosts(n)
	case FieldInbox:
		c.Inbox, err = r.path(n)
	case FieldTables:
		c.Tables, err = r.path(n)
	case FieldBudgets:
		c.Budgets, err = r.path(n)
	case FieldCollect:
		c.Collect, err = r.collect(n)
	case FieldOwners:
		c.Owners, err = r.owners(n)
	case FieldSigners:
		c.Signers, err = r.signers(n)
	case FieldWebhook:
		c.Webhook, err = r.webhook(n)
	case FieldAdmin:
		c.Admin, err = r.admin(n)
	case FieldLimits:
		c.Limits, err = r.limits(n)
	case FieldWait:
		var text string
		if text, err = r.text(n); err == nil {
			var bad error
			if c.Wait, bad = time.ParseDuration(text); bad != nil || c.Wait < 0 || c.Wait > LongestWait {
				err = r.bad(n, "%q is not a length of time up to %s; expected such as 10m, or 0s", text, LongestWait)
			}
		}
	case FieldCosigner:
		if c.Cosigner, err = r.text(n); err == nil && !strings.Contains(c.Cosigner, "://") {
			c.Cosigner, err = r.path(n)
		}
	case FieldWithhold:
		if c.Withhold, err = r.text(n); err == nil {
			if _, bad := withhold.NewSealer(c.Withhold, nil); bad != nil {
				err = r.bad(n, "%v; make one with: assent ledger disclose --new-key FILE", bad)
			}
		}
	case FieldWitnesses:
		c.Witnesses, err = r.witnesses(n)
	case FieldHeartbeat:
		var text string
		if text, err = r.text(n); err == nil {
			var bad error
			if c.Heartbeat, bad = time.ParseDuration(text); bad != nil || c.Heartbeat != 0 && c.Heartbeat < ShortestHeartbeat || c.Heartbeat > LongestHeartbeat {
				err = r.bad(n, "%q is not a length of time from %s to %s; expected such as 5m, or 0s for none", text, ShortestHeartbeat, LongestHeartbeat)
			}
		}
	}
	return err
}

func (r reader) address(n *yaml.Node) (string, error) {
	s, err := r.text(n)
	if err != nil {
		return "", err
	}
	if _, _, err := net.SplitHostPort(s); err != nil {
		return "", r.bad(n, "%q is not an address; expected HOST:PORT, such as 127.0.0.1:8080", s)
	}
	return s, nil
}

func (r reader) governed(n *yaml.Node) (out []decoders.Binding, err error) {
	err = r.fields(n, nil, func(host string, at, value *yaml.Node) error {
		platform, err := r.text(value)
		if err != nil {
			return err
		}
		if host == "" || strings.ContainsAny(host, "/ @") {
			return r.bad(at, "%q is not a host; expected a name, with * for any part of it", host)
		}
		out = append(out, decoders.Binding{Host: strings.ToLower(host), Platform: platform})
		return nil
	})
	return out, err
}

func (r reader) upstreams(n *yaml.Node) (out []proxy.Upstream, err error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxEntries {
		return nil, r.bad(n, "expected a list of at most %d upstreams: - {hosts: PATTERN, to: URL}", maxEntries)
	}
	for _, item := range n.Content {
		var u proxy.Upstream
		err := r.fields(item, []string{"hosts", "to"}, func(key string, _, value *yaml.Node) error {
			s, err := r.text(value)
			if err != nil {
				return err
			}
			if key == "hosts" {
				u.Hosts = strings.ToLower(s)
				return nil
			}
			u.To, err = r.server(value)
			return err
		})
		if err != nil {
			return nil, err
		}
		if u.Hosts == "" || u.To == nil {
			return nil, r.bad(item, "an upstream needs both hosts and to")
		}
		out = append(out, u)
	}
	return out, nil
}

func (r reader) clusters(n *yaml.Node) (out []string, err error) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	if len(items) > maxEntries {
		return nil, r.bad(n, "more than %d kubeconfig files", maxEntries)
	}
	for _, item := range items {
		path, err := r.path(item)
		if err != nil {
			return nil, err
		}
		out = append(out, path)
	}
	return out, nil
}

// tokens reads actor: sha256:HEX.
func (r reader) tokens(n *yaml.Node) (out []Token, err error) {
	err = r.fields(n, nil, func(actor string, _, value *yaml.Node) error {
		s, err := r.text(value)
		if err != nil {
			return err
		}
		digest, ok := strings.CutPrefix(s, "sha256:")
		raw, bad := hex.DecodeString(digest)
		if !ok || bad != nil || len(raw) != 32 || actor == "" {
			return r.bad(value, "the entry of %q is not sha256: and 64 hexadecimal digits; make it with: printf %%s TOKEN | sha256sum", actor)
		}
		out = append(out, Token{Actor: actor, Digest: [32]byte(raw)})
		return nil
	})
	slices.SortFunc(out, func(a, b Token) int { return strings.Compare(a.Actor, b.Actor) })
	return out, err
}

func (r reader) names(n *yaml.Node) (out []string, err error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxEntries {
		return nil, r.bad(n, "expected a list of at most %d names", maxEntries)
	}
	for _, item := range n.Content {
		name, err := r.text(item)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}

func (r reader) hosts(n *yaml.Node) (out []string, err error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxEntries {
		return nil, r.bad(n, "expected a list of at most %d hosts", maxEntries)
	}
	for _, item := range n.Content {
		host, err := r.text(item)
		if err != nil {
			return nil, err
		}
		out = append(out, strings.ToLower(host))
	}
	return out, nil
}

// collect reads what is collected, by platform.
func (r reader) collect(n *yaml.Node) (out Collect, err error) {
	err = r.fields(n, []string{"kubernetes", "aws"}, func(key string, _, value *yaml.Node) (err error) {
		if key == "aws" {
			out.AWS, err = r.collectAccounts(value)
		} else {
			out.Kubernetes, err = r.collectClusters(value)
		}
		return err
	})
	return out, err
}

func (r reader) collectClusters(n *yaml.Node) (out []CollectCluster, err error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxEntries {
		return nil, r.bad(n, "expected a list of at most %d clusters: - {cluster: NAME}", maxEntries)
	}
	for _, item := range n.Content {
		var c CollectCluster
		err := r.fields(item, []string{"cluster", "kubeconfig"}, func(key string, _, value *yaml.Node) (err error) {
			if key == "cluster" {
				c.Cluster, err = r.text(value)
			} else {
				c.Kubeconfig, err = r.path(value)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if c.Cluster == "" {
			return nil, r.bad(item, "it needs the name of a cluster: - {cluster: NAME}")
		}
		if slices.ContainsFunc(out, func(o CollectCluster) bool { return o.Cluster == c.Cluster }) {
			return nil, r.bad(item, "cluster %q is given twice", c.Cluster)
		}
		out = append(out, c)
	}
	return out, nil
}
