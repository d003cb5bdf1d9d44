package reconcile

import (
	"fmt"
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Standing is how a resource that is running stands against what was built.
func (in Input) Standing(r model.Resource, b model.Built) model.Standing {
	s := model.Standing{URN: r.URN, Settled: b.Settled()}
	if !s.Settled {
		return s
	}
	for _, f := range in.drift(r, b) {
		if f.State == Drifted {
			s.Drifted = append(s.Drifted, model.Deviation{Path: f.Path, Was: f.Built, Now: f.Running, Critical: f.Critical})
		}
	}
	return s
}

// Unmet are the claims that a resource, as it was last read, does not meet. Whose
// controller a field is, is not asked: what is declared outright is meant.
func Unmet(rules *Rules, r model.Resource, claims []Claim) (out []Field) {
	now := withTags(r.Attrs, r.Tags)
	for _, c := range claims {
		if f, unmet := unmet(rules, r, now, c); unmet && f.State == Violating {
			out = append(out, f)
		}
	}
	return out
}

// unmet holds one claim against what is running.
func unmet(rules *Rules, r model.Resource, now any, c Claim) (Field, bool) {
	if c.Reserved {
		return Field{}, false
	}
	want := c.Want()
	have := lookup(now, c.Path)
	f := Field{Path: c.Path, State: Violating, Running: have, Declared: want, Of: c.Owner, Source: c.Source, Critical: rules.is(critical, r.Type, plainPath(c.Path))}
	if !kept(r, now, c.Path) {
		f.State, f.Critical = Unknown, false
		return f, true
	}
	return f, !Meets(rules, r.Type, c.Path, want, have)
}

// Want is what the field has to be; nil: it has to be absent.
func (c Claim) Want() any {
	if len(c.Value) == 0 {
		return nil
	}
	return parse(c.Value)
}

// kept reports whether a field would be in what is known of a resource, if it were
// there: collectors keep parts of Kubernetes objects, and then no apiVersion.
func kept(r model.Resource, now any, path string) bool {
	m, _ := now.(map[string]any)
	if !strings.HasPrefix(string(r.URN), "k8s://") || m["apiVersion"] != nil {
		return true
	}
	if _, inner, ok := strings.Cut(plainPath(path), "emplate."); ok && !strings.HasPrefix(inner, "metadata.labels") { // of a pod's template little is kept
		return lookup(now, path) != nil
	}
	steps := strings.SplitN(plainPath(path), ".", 3)
	for _, step := range steps[:min(len(steps), 2)] {
		inner, there := m[step]
		if !there {
			return step == "tags"
		}
		if m, there = inner.(map[string]any); !there {
			return true
		}
	}
	return true
}

// slimmer returns the smaller of what was built and what is running, where one was seen
// whole and of the other a collector has kept parts.
func slimmer(r model.Resource, b model.Built) (part any, ok bool) {
	if !strings.HasPrefix(string(r.URN), "k8s://") {
		return nil, false
	}
	was, now := withTags(b.Attrs, b.Tags), withTags(r.Attrs, r.Tags)
	switch wasWhole, isWhole := lookup(was, "apiVersion") != nil, lookup(now, "apiVersion") != nil; {
	case wasWhole && !isWhole:
		return now, true
	case !wasWhole && isWhole:
		return was, true
	}
	return nil, false
}

// Meets reports whether a value is as it is declared: what the declaration does not
// mention is not asked. Lists are sets, unless their order counts; of each, one item
// has to be there for one that is declared, and none beside.
func Meets(rules *Rules, kind, path string, want, have any) bool {
	c := &comparing{rules: rules, kind: kind}
	return c.meets(plainPath(path), want, have, 0)
}

func (c *comparing) meets(plain string, want, have any, depth int) bool {
	want, have = said(want), said(have)
	if depth > maxDepth {
		return false
	}
	if empty(want) && empty(have) {
		return true
	}
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for name, v := range w {
			if !c.meets(join(plain, name), v, h[name], depth+1) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		if !ok {
			return len(w) == 1 && c.meets(plain, w[0], have, depth+1) // a policy's one for a list of it
		}
		return c.meetAll(plain, c.spread(plain, w), c.spread(plain, h), depth)
	}
	if h, ok := have.([]any); ok && len(h) == 1 {
		return c.meets(plain, want, h[0], depth+1)
	}
	switch have.(type) {
	case map[string]any, []any:
		return false
	}
	return fmt.Sprint(want) == fmt.Sprint(have) // SQS writes "30", and people 30
}

// meetAll finds an item for each that is declared; those that say most choose first.
func (c *comparing) meetAll(plain string, want, have []any, depth int) bool {
	if len(want) != len(have) {
		return false
	}
	order := make([]int, len(want))
	for i := range order {
		order[i] = i
	}
	inOrder := c.rules.is(ordered, c.kind, plain)
	if !inOrder {
		sort.SliceStable(order, func(i, j int) bool { return len(canonical(want[order[i]])) > len(canonical(want[order[j]])) })
	}
	used := make([]bool, len(have))
next:
	for _, i := range order {
		for j := range have {
			if (!inOrder || i == j) && !used[j] && c.meets(plain, want[i], have[j], depth+1) {
				used[j] = true
				continue next
			}
		}
		return false
	}
	return true
}

// spread takes the items of a list apart that stand for several: a rule of a firewall
// with two sources is two rules.
func (c *comparing) spread(plain string, list []any) []any {
	rows := c.rules.of(spread, c.kind, plain)
	if len(rows) == 0 {
		return list
	}
	members := strings.Split(rows[0].who, ",")
	var out []any
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			return list
		}
		rest := map[string]any{}
		for name, v := range m {
			rest[name] = v
		}
		for _, name := range members {
			delete(rest, name)
		}
		before := len(out)
		for _, name := range members {
			inner, _ := m[name].([]any)
			for _, v := range inner {
				one := map[string]any{name: []any{v}}
				for k, r := range rest {
					one[k] = r
				}
				out = append(out, one)
			}
		}
		if len(out) == before {
			out = append(out, rest)
		}
	}
	return out
}
