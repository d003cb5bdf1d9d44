package suggest

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// write renders the draft, sorted throughout.
func (d *draft) write() []byte {
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# A draft, made from %d observed changes. It is a proposal: nothing in it is", d.considered)
	p("# intended until a person has read it, filled in what is marked, and keeps it.")
	if len(d.groups) > 0 {
		if len(d.aws)+len(d.kube)+len(d.hosts) > 0 {
			d.environment(p)
		}
		names := d.actorNames()
		answers := d.people(p, names)
		d.clauses(p, names, answers)
	}
	d.remainder(p)
	return b.Bytes()
}

type printer func(format string, args ...any)

func document(p printer, kind, metadata string) {
	p("---")
	p("apiVersion: %s", intent.APIVersion)
	p("kind: %s", kind)
	p("metadata: {%s}", metadata)
	p("spec:")
}

func (d *draft) environment(p printer) {
	document(p, "Environment", "name: "+environment)
	p("  # tier: production        # a person must say: production, staging, development or sandbox")
	p("  unknownActions: deny")
	p("  scope:")
	for _, account := range keys(d.aws) {
		p("    - {aws: {accounts: [%s], regions: %s}}", quote(account), quoted(keys(d.aws[account])))
	}
	for _, cluster := range keys(d.kube) {
		var namespaces []string
		for _, n := range keys(d.kube[cluster]) {
			if n == "*" || n == "" {
				continue // all of them is for a person to say
			}
			namespaces = append(namespaces, n)
		}
		switch {
		case len(namespaces) == 0:
			p("    - {kubernetes: {clusters: [%s]}}", quote(cluster))
		default:
			p("    - {kubernetes: {clusters: [%s], namespaces: %s, clusterScoped: %v}}", quote(cluster), quoted(namespaces), d.scoped[cluster])
		}
	}
	if hosts := keys(d.hosts); len(hosts) > 0 {
		p("    - {hosts: %s}", quoted(hosts))
	}
}

// actorNames gives every actor a document name of its own.
func (d *draft) actorNames() map[string]string {
	names, taken := map[string]string{}, map[string]bool{}
	if d.set != nil {
		for _, a := range d.set.Actors {
			taken[a.Name] = true
		}
	}
	for _, id := range keys(d.actors) {
		if n := d.known[id]; n != "" {
			names[id] = n
			continue
		}
		n := name(id)
		for i := 2; taken[n]; i++ {
			n = fmt.Sprintf("%s-%d", name(id), i)
		}
		names[id], taken[n] = n, true
	}
	return names
}

// people writes the owner and the actors that are not declared yet, and returns the
// owner that the clauses are to have.
func (d *draft) people(p printer, names map[string]string) string {
	answers := owner
	if d.set != nil && len(d.set.Owners) == 1 {
		answers = d.set.Owners[0].Name
	}
	if answers == owner && !d.owned(owner) {
		document(p, "Owner", "name: "+owner)
		p("  accountable: human:fill-me-in   # a person must fill this in: exactly one, who answers for these resources")
		p("  contact: {todo: \"fill me in\"}   # where to reach them: slack, oncall, mail")
		var accounts []string
		for _, account := range keys(d.aws) {
			if !d.owns(account) {
				accounts = append(accounts, account)
			}
		}
		if len(accounts) > 0 {
			p("  owns:")
		}
		for _, account := range accounts {
			p("    - {aws: {account: %s}}", quote(account))
		}
	}
	for _, id := range keys(d.actors) {
		if d.known[id] != "" {
			continue
		}
		kind := d.actors[id].Kind
		document(p, "Actor", "name: "+names[id])
		switch kind {
		case model.Human, model.Pipeline, model.Agent, model.Controller:
			p("  kind: %s", kind)
		default:
			p("  kind: agent   # not known; agent is the strictest. human, pipeline, agent or controller")
		}
		p("  identify: [{run: %s}]", quote(id))
		p("  owner: %s", answers)
	}
	return answers
}

// owned reports whether an Owner is declared.
func (d *draft) owned(name string) bool {
	return d.set != nil && slices.ContainsFunc(d.set.Owners, func(o *intent.Owner) bool { return o.Name == name })
}

// owns reports whether some Owner has an account already.
func (d *draft) owns(account string) bool {
	return d.set != nil && slices.ContainsFunc(d.set.Owners, func(o *intent.Owner) bool {
		return slices.ContainsFunc(o.Owns, func(s intent.Selector) bool { return s.AWS != nil && s.AWS.Account == account })
	})
}

// title is a name that no Intent has yet.
func (d *draft) title() string {
	name := environment
	for i := 2; d.set != nil && slices.ContainsFunc(d.set.Intents, func(doc *intent.Intent) bool { return doc.Name == name }); i++ {
		name = fmt.Sprintf("%s-%d", environment, i)
	}
	return name
}

func (d *draft) clauses(p printer, names map[string]string, answers string) {
	document(p, "Intent", "name: "+d.title()+", owner: "+answers)
	p("  purpose: What was observed   # a person must say what this is for")
	p("  allow:")
	groups := make([]group, 0, len(d.groups))
	for g := range d.groups {
		groups = append(groups, g)
	}
	sort.Slice(groups, func(i, j int) bool {
		a, b := groups[i], groups[j]
		return a.actor+"\n"+a.capability+"\n"+a.kind+"\n"+a.verb+"\n"+a.env < b.actor+"\n"+b.capability+"\n"+b.kind+"\n"+b.verb+"\n"+b.env
	})
	taken := map[string]bool{}
	for _, g := range groups {
		drafted := d.groups[g]
		id := unused(name(names[g.actor]+"-"+g.verb+"-"+g.capability), taken)
		resources := keys(drafted.resources)
		if len(resources) > maxResources {
			p("    # %d resources more are left out: a person must generalise this clause", len(resources)-maxResources)
			resources = resources[:maxResources]
		}
		p("    - id: %s   # seen %d times, by %s", id, drafted.calls, line(strings.Join(keys(drafted.operations), ", ")))
		p("      who: [%s]", names[g.actor])
		p("      may: [%s]", g.verb)
		p("      what:")
		if g.capability != "" {
			p("        capability: [%s]", quote(g.capability))
		}
		if g.kind != "" {
			p("        type: [%s]", quote(g.kind))
		}
		if drafted.open { // the cloud makes the name up, so say at least which call makes it
			p("        operation: %s", quoted(keys(drafted.operations)))
		}
		p("        resource:")
		for _, r := range resources {
			p("          - %s", quote(r))
		}
		p("      in: [%s]", g.env)
		if g.verb == string(model.Delete) {
			p("      limits: {dependents: 0}")
		}
	}
	d.setApart(p, names)
}

// unused makes an id that no other clause has.
func unused(base string, taken map[string]bool) string {
	base = strings.Trim(base, "-")
	id := base
	for i := 2; taken[id]; i++ {
		id = fmt.Sprintf("%s-%d", base, i)
	}
	taken[id] = true
	return id
}

// remainder lists what is never drafted.
func (d *draft) remainder(p printer) {
	if len(d.left) == 0 {
		return
	}
	p("")
	p("# Not drafted; a person must write this, if it is meant to be:")
	for i, text := range keys(d.left) {
		if i == maxListed {
			p("#   … and %d more; assent ledger tail shows them", len(d.left)-maxListed)
			return
		}
		p("#   - %s (%d×)", text, d.left[text])
	}
}
