package checks

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// join lists words, at most n of them.
func join(words []string, n int) string {
	if len(words) > n {
		return strings.Join(words[:n], ", ") + fmt.Sprintf(" and %d more", len(words)-n)
	}
	return strings.Join(words, ", ")
}

// quote writes a word so that it can stand in a YAML flow list.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// ask says who can declare something.
func (h *hearing) ask() string {
	a := h.d.Accountable
	if a.Owner == "" {
		return "whoever keeps the intent documents"
	}
	text := a.Owner + " (" + a.Person
	if a.Contact != "" {
		text += ", " + a.Contact
	}
	return text + ")"
}

func (s subject) name() string {
	if s.doc != nil {
		return s.doc.Name
	}
	if s.id == "" {
		return "an unknown caller"
	}
	return s.id
}

// spot says first where in a call a part of it stands: people look for the line.
func (l *leaf) spot() string {
	if l.Where == "" {
		return ""
	}
	return l.Where + ": "
}

// does says what a change does to a thing.
func does(l *leaf, t *thing) string {
	return string(l.Verb) + " " + string(t.urn) + " (" + l.Name() + ")"
}

func at(source string, pos intent.Pos) string {
	if pos.File == "" {
		return source
	}
	return source + ", " + pos.String()
}

func (h *hearing) neverFinding(n *never, l *leaf, t *thing) policy.Finding {
	why := does(l, t)
	if n.Reason != "" {
		why = n.Reason + " (" + why + ")"
	}
	why = l.spot() + why
	if e := h.lifted(n, t); e != nil {
		return policy.Finding{
			Code: CodeWaived, Title: "a never clause is waived", Verdict: policy.Allow,
			Why:    n.name + " forbids it: " + why + "; waived until " + string(e.Until) + " by " + e.ApprovedBy + ": " + e.Reason,
			Repair: "nothing to do until then", Source: at("Exception "+e.Name, e.Pos),
		}
	}
	return policy.Finding{
		Code: CodeNever, Title: "declared intent forbids this", Verdict: policy.Deny, Why: why,
		Repair: "do it another way; if the clause " + n.name + " is wrong, its owner " + n.by + " changes it",
		Source: at(n.name, n.Pos), Fix: narrowing(l, t),
	}
}

func (h *hearing) nothingFinding() policy.Finding {
	return policy.Finding{
		Code: CodeNothing, Title: "nothing is declared", Verdict: policy.Deny,
		Why:    "no intent document was found, and what is not declared is not intended",
		Repair: "assent intent suggest > intent/suggested.yaml drafts what was observed; a person has to sign it off",
	}
}

func (h *hearing) nobodyFinding(s subject, behind bool) policy.Finding {
	title, known := "this actor is not declared", "run: "+quote(s.id)
	if behind {
		title = "it acts for somebody who is not declared"
	}
	if s.id == "" {
		known = `run: "NAME"`
	}
	return policy.Finding{
		Code: CodeNobody, Title: title, Verdict: policy.Deny,
		Why:    "no Actor document is identified by " + s.name() + evidence(h.d.Action.Actor),
		Repair: fmt.Sprintf("run it as a declared actor (assent run --as NAME), or declare one: {apiVersion: %s, kind: Actor, metadata: {name: NAME}, spec: {kind: %s, identify: [{%s}], owner: OWNER}}", intent.APIVersion, kindOr(h.d.Action.Actor.Kind), known),
	}
}

func kindOr(k model.ActorKind) string {
	if k == "" {
		return "KIND"
	}
	return string(k)
}

func evidence(a model.Actor) string {
	if a.Authn == "" {
		return " (nothing vouches for it)"
	}
	return " (by " + a.Authn + ")"
}

func (h *hearing) behalfFinding(doc *intent.Actor) policy.Finding {
	return policy.Finding{
		Code: CodeBehalf, Title: "this actor has to say for whom it acts", Verdict: policy.Deny,
		Why:    "Actor " + doc.Name + " has onBehalfOf: required, and the call names nobody",
		Repair: "start it with the person it acts for; " + doc.Owner + " answers for " + doc.Name,
		Source: at(doc.Name, doc.Pos),
	}
}

func (h *hearing) placeFinding(t *thing) policy.Finding {
	if len(t.possible) > 0 {
		var names []string
		for _, e := range t.possible {
			names = append(names, e.Name)
		}
		return policy.Finding{
			Code: CodeUnknownPlace, Title: "which environment it is in cannot be told", Verdict: policy.Deny,
			Why:    string(t.urn) + " is in " + t.place.String() + ": it may be in " + join(names, 4),
			Repair: "let assent see the resource first (read it through assent), or name its account in the call",
		}
	}
	return policy.Finding{
		Code: CodeNoPlace, Title: "it is in no declared environment", Verdict: policy.Deny,
		Why:    string(t.urn) + " is in " + t.place.String() + ", which no Environment has in its scope",
		Repair: "if it belongs to one, add to that Environment's scope: - " + scopeFor(t.place),
		Fix:    h.asking(scopeFor(t.place)),
	}
}

func scopeFor(p intent.Place) string {
	switch p.Platform {
	case "aws":
		if p.Region == "" || p.Region == "*" {
			return "{aws: {accounts: [" + quote(p.Account) + "]}}"
		}
		return "{aws: {accounts: [" + quote(p.Account) + "], regions: [" + p.Region + "]}}"
	case "kubernetes":
		if p.Namespace == "" {
			return "{kubernetes: {clusters: [" + quote(p.Cluster) + "], clusterScoped: true}}"
		}
		return "{kubernetes: {clusters: [" + quote(p.Cluster) + "], namespaces: [" + quote(p.Namespace) + "]}}"
	}
	return "{hosts: [" + quote(p.Host) + "]}"
}

// grantFinding says that no clause covers a target, which came nearest, and what
// could be added.
func (h *hearing) grantFinding(s subject, l *leaf, t *thing) policy.Finding {
	why := l.spot() + s.name() + " may not " + does(l, t) + " in " + t.env.Name
	source := ""
	var fix *model.Repair
	if g, unmet := h.nearest(s, l, t); g != nil {
		fix = h.unmetMust(g, unmet, l)
		why += "; nearest is " + g.name + ", whose " + unmet + " does not cover it"
		source = at(g.name, g.Pos)
	}
	clause := fmt.Sprintf("{id: NAME, who: [%s], may: [%s], what: {capability: [%s], resource: [%s]}, in: [%s]}",
		s.name(), l.Verb, quote(l.Capability), quote(string(t.urn)), t.env.Name)
	if fix == nil {
		fix = h.asking(clause)
	}
	return policy.Finding{
		Code: CodeNoGrant, Title: "no intent allows this", Verdict: policy.Deny, Why: why,
		Repair: "ask " + h.ask() + " to add to an Intent's allow: - " + clause, Source: source, Fix: fix,
	}
}

// nearest returns the clause with the fewest unmet conditions, and the first of
// those. It runs on denials only.
func (h *hearing) nearest(s subject, l *leaf, t *thing) (best *grant, unmet string) {
	least := 3 // farther away is not near
	env := h.p.envs[t.env]
	for _, g := range h.p.grants {
		if !g.who.has(s.index) {
			continue
		}
		misses, first := 0, ""
		miss := func(missed bool, what string) {
			if missed {
				misses++
				if first == "" {
					first = what
				}
			}
		}
		_, what := g.covers(s.index, env, l, t)
		miss(!g.in.has(env), "in")
		miss(!containsVerb(g.May, l.Verb), "may")
		miss(len(g.What.Capability) > 0 && !some(g.What.Capability, l.Capability, intent.Match), "what.capability")
		if first == "" {
			miss(true, what)
		}
		if misses < least {
			best, unmet, least = g, first, misses
		}
	}
	return best, unmet
}

func containsVerb(verbs intent.Verbs, v model.Verb) bool {
	for _, known := range verbs {
		if known == v {
			return true
		}
	}
	return false
}

// overLimit says which limit a covering clause, or its environment, sets.
func (h *hearing) overLimit(g *grant, t *thing, targets int) {
	if !h.inWindow(g, t.env) {
		h.add(5, h.windowFinding(g, t))
		return
	}
	if !h.open(g, t.env) {
		h.add(5, h.unattached(g))
		return
	}
	if l := g.Limits.Targets; l != nil && targets > *l {
		h.add(5, policy.Finding{
			Code: CodeTargets, Title: "it changes too many resources at once", Verdict: policy.Deny,
			Why:    fmt.Sprintf("it changes %s, and %s allows %d", count(targets, "resource"), g.name, *l),
			Repair: fmt.Sprintf("split it into calls of at most %d, or ask %s to raise limits.targets", *l, h.ask()),
			Source: at(g.name, g.Pos),
			Fix:    &model.Repair{Kind: model.RepairSplit, Most: *l},
		})
		return
	}
	if !h.exposedWithin(g.Limits.Exposed) {
		h.add(5, h.exposedFinding(g))
		return
	}
	limit, source := g.Limits.Dependents, at(g.name, g.Pos)
	by := g.name
	if c := t.env.Caps.Dependents; c != nil && (limit == nil || *c < *limit) {
		limit, source, by = c, at("Environment "+t.env.Name, t.env.Pos), "environment "+t.env.Name
	}
	why := fmt.Sprintf("%s; %s allows %d", h.dependents(), by, *limit)
	if h.d.Radius.Dependents > 0 {
		why += h.because()
	}
	repair := "remove or move what depends on it first, or ask " + h.ask() + " to raise the limit"
	if r := h.d.Radius; !r.Complete && r.Dependents <= *limit {
		repair = "let it be read first (get, describe or list it through assent), then ask again"
	}
	use := &model.Repair{Kind: model.RepairUse, Use: repair}
	h.add(5, policy.Finding{
		Code: CodeDependents, Title: "too much depends on it", Verdict: policy.Deny,
		Why:    why,
		Repair: repair,
		Source: source, Fix: use,
	})
}

func (h *hearing) unknownFinding(l *leaf, t *thing) policy.Finding {
	return policy.Finding{
		Code: CodeUnknown, Title: "nobody knows what this operation does", Verdict: policy.Deny,
		Why:    l.spot() + l.Name() + " is not understood, and environment " + t.env.Name + " says unknownActions: " + string(orDeny(t.env.UnknownActions)),
		Repair: "use an operation that assent decodes, or let the environment's owner decide with unknownActions: hold or observe",
		Source: at("Environment "+t.env.Name, t.env.Pos),
		Fix:    &model.Repair{Kind: model.RepairUse, Use: "an operation that assent decodes"},
	}
}

func orDeny(u intent.OnUnknown) intent.OnUnknown {
	if u == "" {
		return intent.UnknownDeny
	}
	return u
}

func (h *hearing) partialFinding(l *leaf) policy.Finding {
	return policy.Finding{
		Code: CodePartial, Title: "parts of the call were not understood", Verdict: policy.Allow,
		Why:    l.spot() + l.Name() + ": " + join(l.Unknown, 8),
		Repair: "nothing to do; clauses that depend on these parts do not apply",
	}
}

func (h *hearing) targetFinding(l *leaf) policy.Finding {
	return policy.Finding{
		Code: CodeNoTarget, Title: "what it would touch cannot be told", Verdict: policy.Deny,
		Why:    l.spot() + l.Name() + " names no resource that was understood; unclear: " + join(append([]string(nil), l.Unknown...), 8),
		Repair: "name the resource in the call; if it does, report the call with the decision id",
	}
}

func (h *hearing) ownerFinding(t *thing) policy.Finding {
	return policy.Finding{
		Code: CodeNoOwner, Title: "nobody is declared accountable", Verdict: policy.Allow,
		Why:    "no Owner document owns " + string(t.urn) + " by urn, tag, namespace or account",
		Repair: "add to an Owner's owns: - {urn: " + quote(string(t.urn)) + "}",
	}
}

func (h *hearing) rivalsFinding(t *thing) policy.Finding {
	return policy.Finding{
		Code: CodeTwoOwners, Title: "two owners are equally near", Verdict: policy.Allow,
		Why:    string(t.urn) + " is owned by " + join(t.rivals, 4) + ", so nobody is accountable for it",
		Repair: "let one of them own it by urn: - {urn: " + quote(string(t.urn)) + "}",
	}
}
