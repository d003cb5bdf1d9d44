// Package suggest drafts the intent document that would have allowed what was
// observed, for a person to read, complete and sign. It proposes; it never makes
// anything intent.
//
// The draft holds one Environment over the places that were seen, an Actor for
// each actor, an Owner whose name and person are left to fill in, and one allow
// clause for each (actor, verb, capability, type) with the exact resources. Only
// a name that the cloud makes up is left open, and the clause then names the
// operations instead.
//
// Never drafted are: calls that nobody understood, grants of permissions, remote
// execution, deletes of what others depend on, and actors that nothing vouches
// for. They are listed in comments: a person must write those.
//
// A call that hands a role to a service, or a script to a machine, is drafted
// without that right. The clause for it stands beside the others, written out and
// commented: whoever takes the comment away has decided that the actor may do,
// through the service, whatever the role may.
package suggest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

const (
	// maxListed bounds the comments; the ledger has them all.
	maxListed = 50
	// maxResources bounds one clause's list: past it nobody reads it.
	maxResources = 500
	owner        = "to-be-named"
	environment  = "observed"
)

// group is what becomes one clause. env is a declared environment, or the drafted
// one.
type group struct{ actor, verb, capability, kind, env string }

// drafted collects what is seen of one group.
type drafted struct {
	resources  map[string]bool
	operations map[string]bool
	calls      int
	open       bool // some resource has a name that is not known beforehand
}

// draft collects everything.
type draft struct {
	aws        map[string]map[string]bool // account → regions
	kube       map[string]map[string]bool // cluster → namespaces
	scoped     map[string]bool            // clusters with cluster-scoped objects
	hosts      map[string]bool
	actors     map[string]model.Actor
	groups     map[group]*drafted
	passes     map[pass]*drafted
	left       map[string]int // what a person must write → how often
	considered int

	set   *intent.Set       // what is declared already; it is not drafted again
	known map[string]string // declared actors by the id that they are known by
}

// Suggest drafts the document. Reads need no intent and are left out. Environments,
// actors and owners that are declared already (set, which may be nil) are named, and
// not drafted again: the draft can be put beside them. The result is the same for
// the same decisions in any order.
func Suggest(decisions []policy.Decision, set *intent.Set) ([]byte, error) {
	d := &draft{set: set, known: map[string]string{}, aws: map[string]map[string]bool{}, kube: map[string]map[string]bool{}, scoped: map[string]bool{}, hosts: map[string]bool{},
		actors: map[string]model.Actor{}, groups: map[group]*drafted{}, passes: map[pass]*drafted{}, left: map[string]int{}}
	if set != nil {
		for _, a := range set.Actors {
			for _, id := range a.Identify {
				if id.Run != "" {
					d.known[id.Run] = a.Name
				}
			}
		}
	}
	for _, decision := range decisions {
		if a := decision.Action; a.Mutates() {
			d.considered++
			if why := refuse(decision); why != "" {
				d.leave(a, why)
				continue
			}
			for _, leaf := range leaves(a, nil) {
				if apart(leaf, a) {
					d.pass(leaf, decision)
				} else {
					d.add(leaf, a.Actor)
				}
			}
		}
	}
	return d.write(), nil
}

// refuse says why a decision's action is not to be drafted; empty: it may be.
// An action with parts is drafted whole or not at all.
func refuse(d policy.Decision) string {
	if d.Action.Actor.ID == "" || !strings.HasPrefix(d.Action.Actor.Authn, "run") {
		return "nothing that a draft could name vouches for the actor"
	}
	for _, a := range leaves(d.Action, nil) {
		switch {
		case apart(a, d.Action):
			continue
		case a.Fidelity == model.Opaque || a.Verb == model.Unknown || !a.Verb.Valid():
			return "nobody understands the operation"
		case a.Verb == model.Grant:
			return "it hands out permissions"
		case a.Verb == model.Execute:
			return "it executes something out of sight"
		case strings.HasPrefix(a.Capability, "identity.") || a.Capability == "k8s.rbac" || a.Capability == "k8s.admission" || a.Capability == "org.guardrail" || strings.HasPrefix(a.Capability, "audit."):
			return "it changes who may do what, or who sees it"
		case a.Verb == model.Delete && d.Radius.Dependents > 0:
			return fmt.Sprintf("it deletes what %d others depend on", d.Radius.Dependents)
		case a.Verb == model.Delete && !d.Radius.Complete:
			return "it deletes something whose dependents are not known"
		}
		if len(targets(a)) == 0 {
			return "what it touches is not known"
		}
		for _, t := range targets(a) {
			if why := vague(a, t); why != "" {
				return why
			}
		}
	}
	return ""
}

// vague says why a target cannot be named in a draft.
func vague(a model.Action, t model.Target) string {
	urn := string(t.URN)
	if !strings.Contains(urn, "*") || t.Role == model.RoleCreated {
		if a.Platform == "aws" && account(a, urn) == "" {
			return "its account is not known"
		}
		return ""
	}
	return "which resource it touches is not known"
}

// leaves lists the changes of an action.
func leaves(a model.Action, out []model.Action) []model.Action {
	if len(a.Parts) == 0 || len(a.Targets) > 0 || a.Fidelity == model.Opaque {
		alone := a
		if alone.Parts = nil; alone.Mutates() { // a change set's parts do not happen yet
			out = append(out, alone)
		}
	}
	for _, part := range a.Parts {
		if part.Platform == "" {
			part.Platform = a.Platform
		}
		if part.Account == "" {
			part.Account = a.Account
		}
		if part.Region == "" {
			part.Region = a.Region
		}
		out = leaves(part, out)
	}
	return out
}

// targets are those that need a grant.
func targets(a model.Action) []model.Target {
	var out []model.Target
	for _, t := range a.Targets {
		if t.Role != model.RoleDependency {
			out = append(out, t)
		}
	}
	return out
}

func (d *draft) leave(a model.Action, why string) {
	names := make([]string, 0, len(a.Targets))
	for _, t := range targets(a) {
		names = append(names, string(t.URN))
	}
	d.left[line(fmt.Sprintf("%s by %s on %s: %s", a.Name(), a.Actor.ID, strings.Join(names, ", "), why))]++
}

func (d *draft) add(a model.Action, actor model.Actor) {
	d.actors[actor.ID] = actor
	for _, t := range targets(a) {
		key := group{actor.ID, string(a.Verb), a.Capability, t.Type, d.place(a, string(t.URN))}
		g := d.groups[key]
		if g == nil {
			g = &drafted{resources: map[string]bool{}, operations: map[string]bool{}}
			d.groups[key] = g
		}
		g.calls++
		g.resources[string(t.URN)] = true
		g.operations[a.Name()] = true
		g.open = g.open || strings.Contains(string(t.URN), "*")
	}
}

func account(a model.Action, urn string) string {
	if f := strings.SplitN(urn, ":", 6); len(f) == 6 && f[0] == "arn" && f[4] != "" && f[4] != "*" {
		return f[4]
	}
	return strings.Trim(a.Account, "*")
}

// place returns the environment that a target is in: a declared one, or the drafted
// one, which is widened to it.
func (d *draft) place(a model.Action, urn string) string {
	put := func(m map[string]map[string]bool, outer, inner string) {
		if m[outer] == nil {
			m[outer] = map[string]bool{}
		}
		m[outer][inner] = true
	}
	switch {
	case strings.HasPrefix(urn, "k8s://"):
		f := strings.Split(strings.TrimPrefix(urn, "k8s://"), "/")
		if len(f) < 5 {
			return environment
		}
		n := len(f)
		cluster := unescape(strings.Join(f[:n-4], "/"))
		namespace := unescape(f[n-2])
		if f[n-3] == "Namespace" {
			namespace = unescape(f[n-1])
		}
		if env := d.declared(intent.Place{Platform: "kubernetes", Cluster: cluster, Namespace: namespace}); env != "" {
			return env
		}
		if namespace == "" {
			d.scoped[cluster] = true
		}
		put(d.kube, cluster, namespace)
	case a.Platform == "aws":
		region, global := "", false
		if f := strings.SplitN(urn, ":", 6); len(f) == 6 && f[0] == "arn" {
			region, global = f[3], f[3] == "" && f[2] != "s3"
		}
		if region == "" || region == "*" {
			region = a.Region
		}
		if env := d.declared(intent.Place{Platform: "aws", Account: account(a, urn), Region: region, Global: global}); env != "" {
			return env
		}
		if region == "" {
			region = "global"
		}
		put(d.aws, account(a, urn), region)
	default:
		if env := d.declared(intent.Place{Platform: a.Platform, Host: a.Account}); env != "" {
			return env
		}
		d.hosts[a.Account] = true
	}
	return environment
}

// declared returns the declared environment of a place; empty: there is none.
func (d *draft) declared(p intent.Place) string {
	if d.set.Empty() {
		return ""
	}
	if env, _ := d.set.Locate(p); env != nil {
		return env.Name
	}
	return ""
}

func unescape(s string) string {
	return strings.NewReplacer("%2F", "/", "%2f", "/", "%25", "%").Replace(s)
}

// line makes a comment of one line.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always has an encoding
		return `""`
	}
	return string(b)
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// name turns an id into a document's name.
func name(id string) string {
	var b bytes.Buffer
	for _, r := range strings.ToLower(id) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if b.Len() > 0 && !bytes.HasSuffix(b.Bytes(), []byte("-")) {
			b.WriteByte('-')
		}
	}
	s := strings.Trim(b.String(), "-")
	if s == "" {
		s = "actor"
	}
	return strings.Trim(s[:min(len(s), 80)], "-")
}
