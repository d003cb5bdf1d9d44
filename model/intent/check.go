package intent

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
)

var (
	person    = regexp.MustCompile(`^human:[^\s,;]+$`)
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
)

// check finds what is wrong between documents: names, references, ties.
func (s *Set) check(p *problems) {
	envs, actors, owners := s.checkNames(p)
	ref := func(at Pos, what, name string, names []string) {
		for _, n := range names {
			if n == name {
				return
			}
		}
		p.add(at, CodeReference, didYouMean(name, names), "%s %s is not declared", what, name)
	}
	owner := func(at Pos, name string) {
		if name != "" {
			ref(at, "Owner", name, owners)
		}
	}
	in := func(at Pos, words Words) {
		for _, w := range words {
			if tier, ok := strings.CutPrefix(w, "tier:"); ok {
				ref(at, "tier", tier, Tier("").choices())
			} else if w != "*" {
				ref(at, "Environment", w, envs)
			}
		}
	}
	who := func(at Pos, words Words) {
		for _, w := range words {
			if kind, ok := strings.CutPrefix(w, "kind:"); ok {
				ref(at, "kind", kind, ActorKind("").choices())
			} else if name, ok := strings.CutPrefix(w, "owner:"); ok {
				ref(at, "Owner", name, owners)
			} else if w != "*" {
				ref(at, "Actor", w, actors)
			}
		}
	}
	s.checkEnvironments(p, owner)
	for _, e := range s.Environments {
		s.checkTimes(p, e, who)
		s.checkGlass(p, e, ref, owners)
	}
	s.checkActors(p, owner)
	s.checkOwners(p, owner)
	for _, i := range s.Intents {
		owner(i.Pos, i.Owner)
		if len(i.Allow)+len(i.Never) == 0 {
			p.add(i.Pos, CodeMissing, "add allow: or never:", "Intent %s neither allows nor forbids anything", i.Name)
		}
		ids := map[string]bool{}
		id := func(at Pos, id string) {
			if !nameForm.MatchString(id) {
				p.add(at, CodeValue, "use lower-case letters, digits, dots and dashes", "clause id %q cannot be a name", id)
			}
			if ids[id] {
				p.add(at, CodeDuplicate, "", "Intent %s has two clauses %s", i.Name, id)
			}
			ids[id] = true
		}
		for _, c := range i.Allow {
			id(c.Pos, c.ID)
			who(c.Pos, c.Who)
			in(c.Pos, c.In)
			s.checkWhen(p, c)
			owner(c.Pos, c.What.Owner)
			for _, a := range c.Approvals {
				s.checkApprovals(p, a, ref, owners)
			}
		}
		for _, c := range i.Never {
			id(c.Pos, c.ID)
			who(c.Pos, c.Who)
			in(c.Pos, c.In)
			owner(c.Pos, c.What.Owner)
		}
	}
	s.checkBlueprints(p, owner, in, who)
	s.checkResources(p, owner)
	for _, r := range s.Rules {
		owner(r.Pos, r.Owner)
		in(r.Pos, r.For.In)
		names := map[string]bool{}
		for _, t := range r.Tests {
			if names[t.Name] {
				p.add(t.Pos, CodeDuplicate, "", "Rule %s has two tests %s", r.Name, t.Name)
			}
			names[t.Name] = true
		}
	}
}

// checkNames finds names given twice within a kind, and returns the names that
// references may use.
func (s *Set) checkNames(p *problems) (envs, actors, owners []string) {
	type key struct{ kind, name string }
	seen := map[key]Pos{}
	add := func(kind, name string, at Pos) string {
		if first, twice := seen[key{kind, name}]; twice {
			p.add(at, CodeDuplicate, "", "%s %s is declared twice, first at %s", kind, name, first)
		} else {
			seen[key{kind, name}] = at
		}
		return name
	}
	for _, d := range s.Environments {
		envs = append(envs, add("Environment", d.Name, d.Pos))
	}
	for _, d := range s.Actors {
		actors = append(actors, add("Actor", d.Name, d.Pos))
	}
	for _, d := range s.Owners {
		owners = append(owners, add("Owner", d.Name, d.Pos))
	}
	for _, d := range s.Intents {
		add("Intent", d.Name, d.Pos)
	}
	for _, d := range s.Rules {
		add("Rule", d.Name, d.Pos)
	}
	for _, d := range s.Blueprints {
		add("Blueprint", d.Name, d.Pos)
	}
	for _, d := range s.Exceptions {
		add("Exception", d.Name, d.Pos)
	}
	for _, d := range s.Resources {
		add("Resource", d.Name, d.Pos)
	}
	return envs, actors, owners
}

func (s *Set) checkEnvironments(p *problems, owner func(Pos, string)) {
	for _, e := range s.Environments {
		owner(e.Pos, e.Owner)
		if e.Caps.Rate != nil {
			checkBudget(p, *e.Caps.Rate, false)
		}
		if c := e.Caps.Ticket; c != nil && c.Changes == nil && c.Deletes == nil {
			p.add(c.Pos, CodeMissing, "add changes: or deletes:", "caps.ticket limits nothing")
		}
		for _, scope := range e.Scope {
			one(p, scope.Pos, "a scope", scope)
			if scope.AWS == nil {
				continue
			}
			for _, id := range scope.AWS.Accounts {
				if !strings.Contains(id, "*") && !accountID.MatchString(id) {
					p.add(scope.Pos, CodeValue, "an account id has twelve digits; put it in quotes", "%q is not an AWS account", id)
				}
			}
		}
	}
	for i, a := range s.Environments {
		for _, b := range s.Environments[i+1:] {
			s.checkTie(p, a, b)
		}
	}
}

func (s *Set) checkTie(p *problems, a, b *Environment) {
	for _, x := range a.Scope {
		for _, y := range b.Scope {
			if tie(x, y) {
				p.add(y.Pos, CodeTie, "make one of the scopes narrower", "Environments %s (%s) and %s are equally specific about the same place", a.Name, x.Pos, b.Name)
				return
			}
		}
	}
}

func (s *Set) checkActors(p *problems, owner func(Pos, string)) {
	seen := map[string]string{}
	for _, a := range s.Actors {
		owner(a.Pos, a.Owner)
		if a.Budget != nil {
			checkBudget(p, *a.Budget, true)
		}
		if a.Person != "" && (a.Kind != "human" || !person.MatchString(a.Person)) {
			p.add(a.Pos, CodeValue, "write human:NAME, for an Actor of kind human", "Actor %s: %q cannot be its person", a.Name, a.Person)
		}
		for i, id := range a.Identify {
			one(p, id.Pos, "an identity", id)
			if id.SSH != "" {
				key, err := sshKey(id.SSH)
				if err != nil {
					p.add(id.Pos, CodeValue, "paste the line of a .pub file", "Actor %s: %v", a.Name, err)
				} else if a.Kind != "human" {
					p.add(id.Pos, CodeValue, "only people sign approvals", "Actor %s is known by a signing key and is no human", a.Name)
				}
				id.SSH = key // a comment makes no other key
				a.Identify[i] = id
			}
			key, _ := json.Marshal(id)
			if other, twice := seen[string(key)]; twice {
				p.add(id.Pos, CodeDuplicate, "", "Actors %s and %s are known by the same evidence", other, a.Name)
			}
			seen[string(key)] = a.Name
		}
	}
}

func (s *Set) checkOwners(p *problems, owner func(Pos, string)) {
	byName, seen := map[string]*Owner{}, map[string]string{}
	for _, o := range s.Owners {
		byName[o.Name] = o
	}
	for _, o := range s.Owners {
		owner(o.Pos, o.Inherits)
		if !person.MatchString(o.Accountable) {
			p.add(o.Pos, CodeValue, "write human:NAME", "Owner %s: accountable is %q, and has to be exactly one person", o.Name, o.Accountable)
		}
		for _, sel := range o.Owns {
			one(p, sel.Pos, "a selector", sel)
			key, _ := json.Marshal(sel)
			if other, twice := seen[string(key)]; twice {
				p.add(sel.Pos, CodeDuplicate, "", "Owners %s and %s own the same thing", other, o.Name)
			}
			seen[string(key)] = o.Name
		}
		steps := 0
		for up := byName[o.Inherits]; up != nil; up = byName[up.Inherits] {
			if steps++; up == o || steps > len(s.Owners) {
				p.add(o.Pos, CodeReference, "", "Owner %s inherits from itself", o.Name)
				break
			}
		}
	}
}

// one asks that exactly one field of a struct is set.
func one(p *problems, at Pos, what string, v any) {
	value, set, names := reflect.ValueOf(v), 0, []string(nil)
	for i := range value.NumField() {
		name, _ := fieldName(value.Type().Field(i))
		if name == "" {
			continue
		}
		names = append(names, name)
		if !value.Field(i).IsZero() {
			set++
		}
	}
	if set != 1 {
		p.add(at, CodeValue, "exactly one of: "+strings.Join(names, ", "), "%s names %d kinds of thing at once", what, set)
	}
}
