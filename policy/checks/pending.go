package checks

import (
	"fmt"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// usesKept bounds what one action is known to need.
const usesKept = 1000

// underWay says what the action changes and needs, for those that come while it is
// under way, and holds it against those that are.
func (h *hearing) underWay() {
	uses := h.uses()
	does := model.Pending{Uses: uses}
	for _, c := range h.changes {
		does.Breaks = does.Breaks || c.Effect.Breaks()
		if c.Effect > radius.Tag {
			does.Changes = append(does.Changes, model.Hop{URN: c.URN, Type: c.Type, Effect: c.Effect.String()})
		}
	}
	h.d.Does = does
	for _, c := range radius.Conflicts(h.s, h.changes, uses, h.reach) {
		h.add(1, underWayFinding(c))
	}
}

// uses are the resources that have to be there for the action: what it changes, what
// it names, and the namespaces of both.
func (h *hearing) uses() []model.URN {
	var out []model.URN
	seen := map[model.URN]bool{}
	add := func(urn model.URN) {
		if urn != "" && !seen[urn] && !strings.Contains(string(urn), "*") && len(out) < usesKept {
			seen[urn] = true
			out = append(out, urn)
		}
	}
	for _, l := range h.leaves {
		if !l.Action.Mutates() || l.Verb == model.Execute { // a session may last for days
			continue
		}
		for _, t := range l.changed {
			if home, ok := radius.Home(t.canon); ok {
				add(home)
			}
			if t.role != model.RoleCreated {
				add(t.canon)
			}
		}
		for _, t := range l.Action.Targets {
			if t.Role != model.RoleDependency {
				continue
			}
			if known, ok := h.s.Resolve(string(t.URN)); ok {
				add(known)
			} else {
				add(t.URN)
			}
		}
	}
	return out
}

func underWayFinding(c model.Conflict) policy.Finding {
	f := policy.Finding{Code: CodeUnderWay, Title: "it conflicts with a change that is under way", Verdict: policy.Deny,
		Repair: "wait until " + c.Decision + " is answered, and try again; what it is: assent explain " + c.Decision,
		Fix:    &model.Repair{Kind: model.RepairWait, Use: "the same call, once " + c.Decision + " is answered"}}
	other, what := fmt.Sprintf("%s (ledger entry %d)", c.Decision, c.Index), name(c.URN)
	switch c.Kind {
	case model.ConflictEnds:
		f.Why = other + " is about to end " + what
	case model.ConflictNeeded:
		f.Why = other + " needs " + what + ", which this ends"
	default:
		f.Why = other + " and this together break " + what + "; either alone does not"
	}
	return f
}
