package checks

import (
	"time"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// open reports whether a clause holds at the time of the decision.
func (h *hearing) open(g *grant, env *intent.Environment) bool {
	if g.When == nil {
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
