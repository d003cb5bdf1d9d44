package checks

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// leaf is one action without parts, in the light of its whole.
type leaf struct {
	model.Action
	changed []*thing // targets that it changes, deletes, creates or reads
	path    []int    // its indices into Parts, from the whole action
}

// unclear reports whether no decoder understood what the action is.
func (l *leaf) unclear() bool {
	return l.Fidelity == model.Opaque || l.Verb == model.Unknown || !l.Verb.Valid()
}

// covers reports whether an allow clause surely covers a thing, its limits apart.
// On no, what says which condition is not met.
func (g *grant) covers(who int, env int, l *leaf, t *thing) (ok bool, what string) {
	switch {
	case !g.who.has(who):
		return false, "who"
	case !g.in.has(env):
		return false, "in"
	case !slices.Contains(g.May, l.Verb):
		return false, "may"
	case len(g.What.Capability) > 0 && !some(g.What.Capability, l.Capability, intent.Match):
		return false, "what.capability"
	case len(g.What.Operation) > 0 && !some(g.What.Operation, l.Name(), intent.Match):
		return false, "what.operation"
	case len(g.What.Type) > 0 && !some(g.What.Type, t.kind, intent.Match):
		return false, "what.type"
	case len(g.What.Resource) > 0 && !named(g.What.Resource, t, intent.Match, t.urn):
		return false, "what.resource"
	case g.What.Owner != "" && (t.owner == nil || t.owner.Name != g.What.Owner):
		return false, "what.owner"
	case g.What.Owner != "" && len(t.others) > 0:
		return false, "what.owner (its tags were never read)"
	}
	for k, v := range g.What.Tag {
		if got, ok := t.tags[k]; !ok || !intent.Match(v, got) {
			return false, "what.tag"
		}
	}
	if unmet := g.must(l); unmet != "" {
		return false, unmet
	}
	return true, ""
}

// forbids reports whether a never clause may be about a thing. An unknown part
// counts as being about it.
func (n *never) forbids(p *Program, l *leaf, t *thing) bool {
	switch {
	case len(n.May) == 0 && !l.Verb.Mutates() && l.Verb != model.Reveal,
		len(n.May) > 0 && !slices.Contains(n.May, l.Verb) && !l.unclear(),
		!maybe(n.What.Capability, l.Capability),
		len(n.What.Operation) > 0 && !maybe(n.What.Operation, l.Name()),
		!maybe(n.What.Type, t.kind) && (t.perhaps == "" || !maybe(n.What.Type, t.perhaps)),
		len(n.folded) > 0 && !t.overlaps(n.folded),
		n.What.Owner != "" && t.rivals == nil && (t.owner == nil || t.owner.Name != n.What.Owner) && !slices.Contains(t.others, n.What.Owner):
		return false
	}
	if t.known {
		for k, v := range n.What.Tag {
			if got, ok := t.tags[k]; !ok || !intent.Match(v, got) {
				return false
			}
		}
	}
	if n.in == nil || n.any {
		return true
	}
	for _, e := range t.possible {
		if n.in.has(p.envs[e]) {
			return true
		}
	}
	return false
}

// maybe reports whether a text, which may not be known, may be what words are about.
func maybe(words intent.Words, text string) bool {
	return len(words) == 0 || text == "" || some(words, text, intent.Overlaps)
}

// overlaps reports whether folded patterns may be about a thing. Many a service takes
// PROD for prod (RDS, ElastiCache, IAM), and what is never to be touched is not
// touched under another spelling. An allow clause stays with the letter.
func (t *thing) overlaps(folded intent.Words) bool {
	if t.folded == nil {
		t.folded = &spelling{strings.ToLower(t.name), strings.ToLower(string(t.urn)), strings.ToLower(string(t.canon))}
	}
	for _, p := range folded {
		if p == "*" {
			return true
		}
		if !strings.Contains(p, ":") {
			if intent.Overlaps(p, t.folded.name) {
				return true
			}
		} else if intent.Overlaps(p, t.folded.urn) || intent.Overlaps(p, t.folded.canon) {
			return true
		}
	}
	return false
}

// spelling is the names of a thing without case.
type spelling struct{ name, urn, canon string }

func some(patterns intent.Words, text string, holds func(pattern, text string) bool) bool {
	for _, p := range patterns {
		if holds(p, text) {
			return true
		}
	}
	return false
}

// named holds resource patterns against URNs, and those without a colon against
// the name.
func named(patterns intent.Words, t *thing, holds func(pattern, text string) bool, urns ...model.URN) bool {
	for _, p := range patterns {
		if p == "*" {
			return true
		}
		if !strings.Contains(p, ":") {
			if holds(p, t.name) {
				return true
			}
			continue
		}
		for _, urn := range urns {
			if holds(p, string(urn)) {
				return true
			}
		}
	}
	return false
}
