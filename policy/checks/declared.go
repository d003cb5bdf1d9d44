package checks

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/reconcile"
)

// declare takes what Resource documents say apart, field by field.
func (p *Program) declare() (err error) {
	if p.rules, err = reconcile.ReadRules(); err != nil {
		return err
	}
	p.declared = map[string][]reconcile.Claim{}
	for _, doc := range p.set.Resources {
		for _, f := range doc.Fields {
			c := reconcile.Claim{Path: f.Path, Owner: doc.Owner, Source: at("Resource "+doc.Name, f.Pos), By: doc.Name, Since: doc.Since.Start()}
			if f.Value != nil {
				if c.Value, err = json.Marshal(f.Value); err != nil {
					return fmt.Errorf("resource %s: %s: %w", doc.Name, f.Path, err)
				}
			}
			p.declared[doc.URN] = append(p.declared[doc.URN], c)
		}
		for _, path := range doc.Reserved {
			p.declared[doc.URN] = append(p.declared[doc.URN], reconcile.Claim{Path: path, Owner: doc.Owner, Source: at("Resource "+doc.Name, doc.Pos), By: doc.Name, Reserved: true})
		}
	}
	return nil
}

// claims are what is declared of a thing.
func (p *Program) claims(t *thing) []reconcile.Claim {
	if len(p.declared) == 0 {
		return nil
	}
	for _, id := range []string{string(t.canon), string(t.urn), t.name} {
		if all := p.declared[id]; all != nil {
			return all
		}
	}
	if strings.Contains(string(t.urn), "*") && !t.unknown() { // its account is not in the call
		for _, id := range p.ids() {
			if strings.Contains(id, ":") && intent.Match(string(t.urn), id) {
				return p.declared[id]
			}
		}
	}
	return nil
}

func (p *Program) ids() []string {
	var ids []string
	for id := range p.declared {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// Claims are what is declared of single things, under the names by which the model
// knows them.
func (p *Program) Claims(s model.Snapshot) []reconcile.Claim {
	var out []reconcile.Claim
	for _, id := range p.ids() {
		urn, ok := s.Resolve(id)
		if !ok {
			urn = model.URN(id)
		}
		for _, c := range p.declared[id] {
			c.URN = urn
			out = append(out, c)
		}
	}
	return out
}

// speaksFor reports whether the actor, and everybody that it acts for, is an owner's.
func (h *hearing) speaksFor(owner string) bool {
	return !slices.ContainsFunc(h.subjects, func(s subject) bool { return !h.p.belongs(s.doc, owner) })
}

// belongs reports whether an actor is an owner's: its document says so, or it is one of
// the owner's people.
func (p *Program) belongs(a *intent.Actor, owner string) bool {
	if a == nil {
		return false
	}
	if a.Owner == owner {
		return true
	}
	i := slices.IndexFunc(p.set.Owners, func(o *intent.Owner) bool { return o.Name == owner })
	return i >= 0 && a.Person != "" && (a.Person == p.set.Owners[i].Accountable || slices.Contains(p.set.Owners[i].Members, a.Person))
}

// answering says who answers for what an owner declares.
func (h *hearing) answering(owner string) string {
	i := slices.IndexFunc(h.p.set.Owners, func(o *intent.Owner) bool { return o.Name == owner })
	if i < 0 {
		return owner
	}
	a := accountable(h.p.set.Owners[i], "")
	text := owner + " (" + a.Person
	if a.Contact != "" {
		text += ", " + a.Contact
	}
	return text + ")"
}

// lets finds an exception that lifts what a Resource document says of a thing.
func (h *hearing) lets(doc string, t *thing) *intent.Exception {
	for _, e := range h.p.set.Exceptions {
		if doc != "" && e.Waives.Resource == doc && h.covered(e, t) {
			return e
		}
	}
	return nil
}
