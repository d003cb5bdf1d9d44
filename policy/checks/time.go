package checks

import (
	"maps"
	"slices"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// open reports whether a clause holds at the time of the decision, for the ticket and
// with the proof that the actor has.
func (h *hearing) open(g *grant, env *intent.Environment) bool {
	return h.inWindow(g, env) && (g.When == nil || h.ticketed(g.When) && len(h.unproved(g.When)) == 0)
}

// ticketed reports whether the run was started for a ticket that a clause asks for.
// What a client says of itself is no ticket.
func (h *hearing) ticketed(w *intent.When) bool {
	ticket := h.d.Action.Actor.Ticket
	return len(w.Ticket) == 0 || ticket != "" && some(w.Ticket, ticket, intent.Match)
}

// unproved are the claims that a clause asks for and the actor's proof does not have.
func (h *hearing) unproved(w *intent.When) (lacking []string) {
	for _, name := range slices.Sorted(maps.Keys(w.Evidence)) {
		if claimed(map[string]string{name: w.Evidence[name]}, h.d.Action.Actor.Claims) {
			continue
		}
		lacking = append(lacking, name+": "+w.Evidence[name])
	}
	return lacking
}

// unattached says which ticket, or which proof, a clause asks for.
func (h *hearing) unattached(g *grant) policy.Finding {
	f := policy.Finding{Code: CodeTicket, Title: "it lacks what the clause asks to be attached", Verdict: policy.Deny, Source: at(g.name, g.Pos)}
	if !h.ticketed(g.When) {
		want := join(g.When.Ticket, 4)
		f.Why = g.name + " asks for a change ticket " + want + ", and the run has none"
		if t := h.d.Action.Actor.Ticket; t != "" {
			f.Why = g.name + " asks for a change ticket " + want + ", and the run is for " + short(t)
		}
		f.Repair = "start it for its ticket: assent run --ticket " + g.When.Ticket[0]
		f.Fix = &model.Repair{Kind: model.RepairUse, Use: "assent run --ticket " + g.When.Ticket[0]}
		return f
	}
	f.Why = g.name + " asks that the actor's proof says " + join(h.unproved(g.When), 4) + ", and it does not"
	f.Repair = "run it where its token says so (the branch, the environment of the pipeline), or ask " + h.ask() + " to allow it otherwise"
	return f
}

// inWindow reports whether one of a clause's windows is open.
func (h *hearing) inWindow(g *grant, env *intent.Environment) bool {
	if g.When == nil || len(g.When.Window) == 0 {
		return true
	}
	open, _, _ := g.When.Opens(env, h.d.At)
	return open
}

// windowFinding says when a clause holds, and that it is not now.
func (h *hearing) windowFinding(g *grant, t *thing) policy.Finding {
	_, window, opens := g.When.Opens(t.env, h.d.At)
	f := policy.Finding{Code: CodeWindow, Title: "it is allowed at another time", Verdict: policy.Deny, Source: at(g.name, g.Pos)}
	if opens.IsZero() {
		f.Why = g.name + " holds in a window that environment " + t.env.Name + " does not have"
		f.Repair = "ask " + h.ask() + " to declare the window for " + t.env.Name
		return f
	}
	f.Why = g.name + " holds in window " + window.String() + ", and it is " + h.d.At.In(opens.Location()).Format("Mon 15:04")
	f.Fix = waiting(opens)
	f.Repair = "wait until " + opens.Format(time.RFC3339) + ", or ask " + h.ask() + " to allow it outside of the window"
	return f
}

// freezes looks for one that holds everybody who is behind the action.
func (h *hearing) freezes(t *thing) {
	for _, f := range h.p.frozen[t.env] {
		if !f.Holds(h.d.At) || h.excepted(f) {
			continue
		}
		ends, _ := f.To.Time()
		why := "freeze " + f.Name + " of environment " + t.env.Name + " holds until " + ends.Format(time.RFC3339)
		if f.Reason != "" {
			why += ": " + f.Reason
		}
		repair := "wait until then"
		if len(f.Except) > 0 {
			repair += ", or let " + join(f.Except, 4) + " do it"
		}
		h.add(3, policy.Finding{Code: CodeFreeze, Title: "nothing is changed now", Verdict: policy.Deny, Why: why, Repair: repair,
			Source: at("Environment "+t.env.Name+"/freezes/"+f.Name, f.Pos), Fix: waiting(ends)})
	}
}

// excepted reports whether a freeze does not hold the actor, nor anybody it acts
// for.
func (h *hearing) excepted(f freeze) bool {
	for _, s := range h.subjects {
		if f.except == nil || !f.except.has(s.index) {
			return false
		}
	}
	return true
}

// observed reports whether everything that the action changes is in environments
// that are only observed. What is in no environment is not.
func (h *hearing) observed() bool {
	seen := false
	for _, l := range h.leaves {
		for _, t := range l.changed {
			if t.env == nil || t.env.Mode != intent.Observing {
				return false
			}
			seen = true
		}
	}
	return seen
}
