package graph

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// labelPrefix begins the keys under which a selector finds what it may select:
// cluster and namespace, and there one label, or none.
const labelPrefix = " label "

func labelKey(k *kind, label string) string {
	return labelPrefix + k.account + "/" + k.region + " " + label
}

// labels returns the labels that selectors look at, as k=v: those of a pod, or
// those of the pods that a workload makes.
func (n *node) labels(f func(key, value string)) {
	if strings.HasSuffix(n.kind.lower, "/pod") {
		for i := 0; i < len(n.tags); i += 2 {
			f(n.tags[i], n.tags[i+1])
		}
		return
	}
	const template = "spec.template.metadata.labels."
	walk(n.attrs, func(path []byte, s string) {
		if strings.HasPrefix(string(path), template) {
			f(string(path[len(template):]), s)
		}
	})
}

func (n *node) labelKeys(f func(key string)) {
	if !n.kind.rules.selectable {
		return
	}
	f(labelKey(n.kind, ""))
	n.labels(func(k, v string) { f(labelKey(n.kind, k+"="+v)) })
}

// labelled reports whether a label key is one of the resource's.
func (n *node) labelled(key string) bool {
	if !n.kind.rules.selectable {
		return false
	}
	label, ok := strings.CutPrefix(key, labelKey(n.kind, ""))
	if !ok || label == "" {
		return ok
	}
	found := false
	n.labels(func(k, v string) { found = found || label == k+"="+v })
	return found
}

// selector is a Kubernetes label selector: matchLabels, with matchExpressions.
type selector struct {
	labels      map[string]string
	expressions []expression
}

type expression struct {
	Key      string
	Operator string
	Values   []string
}

// selectorAt reads the selector at a path. A Service's is a plain map; where it
// has none, it selects nothing. An empty selector of any other kind selects all.
func selectorAt(attrs, path string) (s selector, ok bool) {
	data := json.RawMessage(attrs)
	for _, key := range strings.Split(path, ".") {
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil {
			return s, false
		}
		if data, ok = object[key]; !ok {
			return s, false
		}
	}
	var long struct {
		MatchLabels      map[string]string
		MatchExpressions []expression
	}
	if json.Unmarshal(data, &s.labels) == nil {
		return s, s.labels != nil
	}
	if json.Unmarshal(data, &long) != nil {
		return s, false
	}
	return selector{long.MatchLabels, long.MatchExpressions}, true
}

// selects reports whether the selector is about a resource. An operator that
// nobody knows selects nothing, as the API server refuses it.
func (s selector) selects(n *node) bool {
	has := map[string]string{}
	n.labels(func(k, v string) { has[k] = v })
	for k, v := range s.labels {
		if got, ok := has[k]; !ok || got != v {
			return false
		}
	}
	for _, e := range s.expressions {
		v, ok := has[e.Key]
		in := ok && slices.Contains(e.Values, v)
		switch {
		case e.Operator == "In" && in, e.Operator == "NotIn" && !in, e.Operator == "Exists" && ok, e.Operator == "DoesNotExist" && !ok:
		default:
			return false
		}
	}
	return true
}

// selectors relates the resource to what it selects in its namespace, and waits
// for what it may select: under the label that the fewest have.
func (l *linking) selectors(r *rule) {
	s, ok := selectorAt(l.n.attrs, strings.Join(r.path, ""))
	if !ok || len(s.labels)+len(s.expressions) == 0 && strings.HasSuffix(l.n.kind.lower, "/service") {
		return
	}
	key, may := "", []uint32(nil)
	for k, v := range s.labels {
		one := labelKey(l.n.kind, k+"="+v)
		if ids := l.holders(one); key == "" || len(ids) < len(may) {
			key, may = one, ids
		}
	}
	if key == "" {
		key = labelKey(l.n.kind, "")
		may = l.holders(key)
	}
	l.waits = append(l.waits, l.hash(key))
	for _, id := range may {
		n := l.node(id)
		if id != l.id && r.to.Fits(n.kind.lower) && s.selects(n) {
			l.add(id, r, []byte(strings.Join(r.path, "")), model.Ruled)
		}
	}
}
