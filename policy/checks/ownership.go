package checks

import (
	"sort"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// Claim is an Owner and how it comes to a resource.
type Claim struct {
	Owner string `json:"owner"`
	From  string `json:"from"`
}

// Ownership is who answers for a resource, and who else might.
type Ownership struct {
	policy.Accountable
	// Rivals are equally near; then it is none of them.
	Rivals []string
	// Others claim it too, from further away.
	Others []Claim
	// Tier is its environment's; empty: it is in none, or that cannot be told.
	Tier intent.Tier
}

// Ownership finds who answers for a known resource. It is the same answer that a
// decision about it would name.
func (p *Program) Ownership(res model.Resource, s model.Snapshot) Ownership {
	t := p.thing(model.Action{Platform: res.Platform, Account: res.Account, Region: res.Region},
		model.Target{URN: res.URN, Type: res.Type, Role: model.RoleTarget}, s)
	o := Ownership{Rivals: t.rivals}
	if t.owner != nil {
		o.Accountable = accountable(t.owner, t.from)
	}
	if t.env != nil {
		o.Tier = t.env.Tier
	}
	seen := map[Claim]bool{}
	for rank, claims := range p.owners.by {
		for _, c := range claims {
			claim := Claim{c.owner.Name, describe(rank, c.sel)}
			if claim.Owner == o.Owner || seen[claim] || !c.holds(t) {
				continue
			}
			seen[claim] = true
			o.Others = append(o.Others, claim)
		}
	}
	sort.SliceStable(o.Others, func(i, j int) bool { return o.Others[i].Owner < o.Others[j].Owner })
	return o
}
