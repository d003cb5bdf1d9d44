package checks

import (
	"sort"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// share is what an action takes of one budget: each resource once.
type share struct{ changed, deleted map[model.URN]bool }

func (s *share) add(l *leaf, t *thing) {
	if s.changed == nil {
		s.changed, s.deleted = map[model.URN]bool{}, map[model.URN]bool{}
	}
	s.changed[t.urn] = true
	if l.Verb == model.Delete || l.unclear() { // unknown never helps
		s.deleted[t.urn] = true
	}
}

// budgets lists what the action counts against. Whether there is enough left is
// not a question to a judge, who has no memory: proxy/gate asks policy/budget.
func (h *hearing) budgets() {
	if !h.p.counts {
		return
	}
	var whole share
	shares := map[*intent.Environment]*share{}
	for _, l := range h.touched() {
		if !l.Action.Mutates() {
			continue
		}
		for _, t := range l.changed {
			whole.add(l, t)
			if t.env == nil || t.env.Caps.Rate == nil && t.env.Caps.Ticket == nil {
				continue
			}
			if shares[t.env] == nil {
				shares[t.env] = &share{}
			}
			shares[t.env].add(l, t)
		}
	}
	var all []policy.Budget
	for env, s := range shares {
		if c := env.Caps.Rate; c != nil {
			b := newBudget(*c, *s, "environment/"+env.Name, at("Environment "+env.Name+"/caps.rate", c.Pos))
			b.Owner = env.Owner
			all = append(all, b)
		}
		if c := env.Caps.Ticket; c != nil { // without a ticket: one of all that have none
			b := newBudget(intent.Budget{Per: intent.PerTicket, Changes: c.Changes, Deletes: c.Deletes}, *s,
				"environment/"+env.Name+"/ticket/"+h.d.Action.Actor.Ticket, at("Environment "+env.Name+"/caps.ticket", c.Pos))
			b.Owner = env.Owner
			all = append(all, b)
		}
	}
	for i, s := range h.subjects {
		if s.doc == nil || s.doc.Budget == nil || h.earlier(i) {
			continue
		}
		key := "actor/" + s.doc.Name
		switch s.doc.Budget.Per {
		case intent.PerRun:
			key += "/" + h.d.Action.Run
		case intent.PerTicket:
			key += "/ticket/" + h.d.Action.Actor.Ticket
		}
		b := newBudget(*s.doc.Budget, whole, key, at("Actor "+s.doc.Name+"/budget", s.doc.Budget.Pos))
		b.Owner = s.doc.Owner
		all = append(all, b)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Key < all[j].Key })
	h.d.Budgets = all
}

// earlier reports whether a subject stands in the chain before.
func (h *hearing) earlier(i int) bool {
	for _, s := range h.subjects[:i] {
		if s.doc == h.subjects[i].doc {
			return true
		}
	}
	return false
}

func newBudget(b intent.Budget, s share, key, source string) policy.Budget {
	return policy.Budget{Key: key, Per: b.Window(), Changes: len(s.changed), Deletes: len(s.deleted),
		MaxChanges: b.Changes, MaxDeletes: b.Deletes, Source: source}
}
