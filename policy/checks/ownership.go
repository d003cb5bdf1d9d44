package checks

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// Claim is an Owner and how it comes to a resource.
type Claim struct {
	Owner  string `json:"owner"`
	From   string `json:"from"`
	Person string `json:"-"` // who answers for that owner
	By     By     `json:"-"`
}

// By is the kind of claim: what a document names.
type By uint8

// The kinds, nearest first.
const (
	ByURN By = iota
	ByTag
	ByNamespace
	ByAccount
	ByEnvironment // its environment's owner
	ByInheritance // what nobody nearer owns falls to them
)

// Ownership is who answers for a resource, and who else might.
type Ownership struct {
	policy.Accountable
	By By // means nothing where nobody is accountable
	// Rivals are equally near; then it is none of them.
	Rivals []string
	// Others claim it too, from further away; or are the rivals.
	Others []Claim
	// Tier is its environment's; empty: it is in none, or that cannot be told.
	Tier intent.Tier
	// Environment is where it is; empty as Tier is.
	Environment string
}

// Ownership finds who answers for a known resource. It is the same answer that a
// decision about it would name.
func (p *Program) Ownership(res model.Resource, s model.Snapshot) Ownership {
	t := p.thing(&model.Action{Platform: res.Platform, Account: res.Account, Region: res.Region},
		model.Target{URN: res.URN, Type: res.Type, Role: model.RoleTarget}, s)
	o := Ownership{Rivals: t.rivals}
	if t.owner != nil {
		o.Accountable, o.By = p.owners.accountable(t.owner, t.from), t.by
	}
	if t.env != nil {
		o.Tier, o.Environment = t.env.Tier, t.env.Name
	}
	o.Others = p.owners.others(t)
	return o
}

// others are the claims of whoever is not the owner, by Owner and nearest first.
func (o *ownership) others(t *thing) (all []Claim) {
	for rank := range ByEnvironment {
		var room [fewClaims]*claim
		for _, c := range o.holding(rank, t, room[:0]) {
			if t.owner != nil && c.owner.Name == t.owner.Name {
				continue
			}
			if claim := (Claim{c.owner.Name, c.from, c.owner.Accountable, rank}); !slices.Contains(all, claim) {
				all = append(all, claim)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Claim) int { return strings.Compare(a.Owner, b.Owner) })
	return all
}

// maxClaimed is how many others a decision names.
const maxClaimed = 3

// alsoClaim says on one line who else claims a thing.
func alsoClaim(all []Claim) string {
	var text []string
	for i, c := range all {
		if i == maxClaimed {
			text = append(text, "and more")
			break
		}
		text = append(text, c.Owner+" ("+c.From+")")
	}
	return strings.Join(text, ", ")
}
