package checks

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy"
)

// grantAdopt is what a decision names as its grant that takes drift for what was built.
const grantAdopt = "adopt"

// adopting asks the owner of a thing, and whoever has declared the fields that are
// adopted. No clause grants it, and nobody else can.
func (h *hearing) adopting() {
	var params policy.Adoption
	bad := json.Unmarshal(h.d.Action.Params, &params)
	h.d.Radius.Complete = true // nothing becomes otherwise than it is
	for _, l := range h.leaves {
		for _, t := range l.changed {
			if bad != nil || len(params.Fields) == 0 && params.Whole == "" || t.unknown() {
				h.add(1, h.targetFinding(l))
				continue
			}
			owners := []string{}
			if t.owner != nil {
				owners = append(owners, t.owner.Name)
			} else {
				h.add(1, h.unowned(t))
			}
			for _, c := range h.p.claims(t) {
				if !slices.Contains(owners, c.Owner) && (params.Whole != "" || slices.ContainsFunc(params.Fields, func(d model.Deviation) bool { return reconcile.Overlap(c.Path, d.Path) })) {
					owners = append(owners, c.Owner)
				}
			}
			needs := []policy.Need{}
			for _, owner := range owners {
				needs = append(needs, h.lacking(grantAdopt, []asked{{"owner:" + owner, 1, time.Duration(intent.DefaultApproval)}}, t)...)
			}
			if len(needs) > 0 {
				h.held(1, needs, "", t)
			} else if t.owner != nil {
				h.grants = append(h.grants, grantAdopt)
			}
		}
	}
}

// unowned is ownerFinding where an owner is needed.
func (h *hearing) unowned(t *thing) policy.Finding {
	f := h.ownerFinding(t)
	f.Verdict = policy.Deny
	return f
}
