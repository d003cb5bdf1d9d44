package graph

import (
	"net/url"
	"strings"

	"github.com/assent-iom/assent/model"
)

// namePrefix begins the keys of plain names. Like every key that is not an
// identifier it starts with a space.
const namePrefix = " name "

func nameKey(name string) string { return namePrefix + name }

// nameKeys calls f for the keys of the plain names of a resource that some rule
// names so: what it is called, and the end of its ARN.
func (n *node) nameKeys(f func(key string)) {
	if !n.kind.rules.named {
		return
	}
	last := n.lastName()
	if last != "" {
		f(nameKey(last))
	}
	if n.name != "" && n.name != last {
		f(nameKey(n.name))
	}
}

// lastName is the name at the end of an ARN. A log group's begins with a slash
// and has more inside; its ARN may end in :*.
func (n *node) lastName() string {
	a, ok := parseARN(n.urn)
	if !ok {
		return ""
	}
	if group, ok := strings.CutPrefix(a.resource, "log-group:"); ok {
		return strings.TrimSuffix(group, ":*")
	}
	return a.resource[strings.LastIndexAny(a.resource, "/:")+1:]
}

// answers reports whether key is one of the resource's plain names or labels.
func (n *node) answers(key string) bool {
	if name, ok := strings.CutPrefix(key, namePrefix); ok {
		return n.kind.rules.named && (name == n.name || name == n.lastName())
	}
	return strings.HasPrefix(key, labelPrefix) && n.labelled(key)
}

// near reports whether a plain name that a says may mean b: in the same account
// and region, as far as both are known.
func near(a, b *kind) bool {
	return a.platform == b.platform && partFits(a.account, b.account) && partFits(a.region, b.region)
}

// name relates the resource to what a rule says that a plain name is of. A name
// that two could have is nobody's.
func (l *linking) name(path []byte, s string) {
	if s == "" || len(s) > maxIdentifier {
		return
	}
	rules := l.n.kind.rules.names
	for i := range rules {
		r := &rules[i]
		if !r.path.Fits(string(path)) {
			continue
		}
		key := nameKey(s)
		l.waits = append(l.waits, l.hash(key))
		found, count := uint32(0), 0
		for _, id := range l.holders(key) {
			if id != l.id && r.to.Fits(l.node(id).kind.lower) && near(l.n.kind, l.node(id).kind) {
				found = id
				count++
			}
		}
		if count == 1 {
			l.add(found, r, path, model.Named)
		}
	}
}

// host relates the resource to the Kubernetes Service that a value calls: the
// host of a URL, NAME:PORT, or NAME.NAMESPACE.svc with or without more.
func (l *linking) host(path []byte, s string) {
	rules := l.n.kind.rules.hosts
	for i := range rules {
		r := &rules[i]
		if !r.path.Fits(string(path)) {
			continue
		}
		name, namespace, ok := serviceHost(s)
		if !ok {
			continue
		}
		if namespace == "" {
			namespace = l.n.kind.region
		}
		key := "k8s://" + l.n.kind.account + "/core/Service/" + namespace + "/" + name
		for _, to := range l.look(key) {
			if to != l.id {
				l.add(to, r, path, model.Named)
			}
		}
	}
}

// serviceHost reads the name and namespace of a Service out of an address.
func serviceHost(s string) (name, namespace string, ok bool) {
	if len(s) > maxIdentifier {
		return "", "", false
	}
	certain := false // a bare word is no address
	if _, rest, found := strings.Cut(s, "://"); found {
		u, err := url.Parse(s)
		if err != nil || rest == "" {
			return "", "", false
		}
		s, certain = u.Hostname(), true
	} else if host, port, found := strings.Cut(s, ":"); found {
		port, _, _ = strings.Cut(port, "/")
		if port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return "", "", false
		}
		s, certain = host, true
	}
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	switch {
	case !isLabel(labels[0]):
		return "", "", false
	case len(labels) == 1:
		return labels[0], "", certain
	case !isLabel(labels[1]):
		return "", "", false
	case len(labels) == 2:
		return labels[0], labels[1], certain
	}
	return labels[0], labels[1], labels[2] == "svc"
}

// isLabel: a DNS label that does not begin with a digit, as Services are named.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] < 'a' || s[0] > 'z' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
