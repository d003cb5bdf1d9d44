package checks

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// clockSkew is how far ahead an approver's clock may be.
const clockSkew = time.Minute

// asked is one requirement of approvals, compiled.
type asked struct {
	from   string
	count  int
	within time.Duration
}

func newAsked(all []intent.Approvals) []asked {
	var out []asked
	for _, a := range all {
		n := asked{a.From, 1, time.Duration(intent.DefaultApproval)}
		if a.Count != nil {
			n.count = *a.Count
		}
		if a.Expires != nil {
			n.within = time.Duration(*a.Expires)
		}
		out = append(out, n)
	}
	return out
}

// byOwner is what an environment with unknownActions: hold asks for.
var byOwner = []asked{{"owner", 1, time.Duration(intent.DefaultApproval)}}

// lacking returns what is missing of the approvals that a clause asks for, and
// remembers those that it counted.
func (h *hearing) lacking(name string, all []asked, t *thing) []policy.Need {
	var needs []policy.Need
	for _, n := range all {
		circle, from := h.circle(n.from, t)
		need := policy.Need{Grant: name, From: from, Count: n.count, Within: n.within}
		for _, a := range circle {
			need.People = append(need.People, a.Name)
			if given, ok := h.given(a, n.within); ok {
				need.Have++
				if h.counted == nil {
					h.counted = map[string]policy.Approval{}
				}
				h.counted[given.ID] = given
			}
		}
		if need.Have < need.Count {
			needs = append(needs, need)
		}
	}
	return needs
}

// circle returns the people who may say yes, sorted, and who that is in a word.
// Nobody approves their own action, nor that of anyone who acts for them; and
// nobody counts twice.
func (h *hearing) circle(from string, t *thing) (circle []*intent.Actor, who string) {
	who = from
	var owner *intent.Owner
	if from == "owner" {
		if owner = t.owner; owner == nil || len(t.others) > 0 {
			return nil, "owner"
		}
		who = "owner:" + owner.Name
	} else if name, ok := strings.CutPrefix(from, "owner:"); ok {
		i := slices.IndexFunc(h.p.set.Owners, func(o *intent.Owner) bool { return o.Name == name })
		if i < 0 {
			return nil, who
		}
		owner = h.p.set.Owners[i]
	}
	people := map[string]bool{}
	for _, a := range h.p.set.Actors { // sorted by name
		if a.Kind != "human" || h.involved(a) || a.Person != "" && people[a.Person] {
			continue
		}
		if owner == nil && a.Name == from || owner != nil && a.Person != "" && (a.Person == owner.Accountable || slices.Contains(owner.Members, a.Person)) {
			circle = append(circle, a)
			people[a.Person] = true
		}
	}
	return circle, who
}

// involved reports whether somebody is the actor, or one of those it acts for.
func (h *hearing) involved(a *intent.Actor) bool {
	return slices.ContainsFunc(h.subjects, func(s subject) bool {
		return s.doc == a || s.id == a.Name || s.doc != nil && a.Person != "" && s.doc.Person == a.Person
	})
}

// given finds a person's approval of this very action that is good now.
func (h *hearing) given(by *intent.Actor, within time.Duration) (policy.Approval, bool) {
	for _, a := range h.approvals {
		ends := a.Expires
		if latest := a.At.Add(within); latest.Before(ends) {
			ends = latest
		}
		if a.By == by.Name && a.Scope == h.scope() && !a.At.After(h.d.At.Add(clockSkew)) && h.d.At.Before(ends) {
			return a, true
		}
	}
	return policy.Approval{}, false
}

// scope names the action; it is asked for only where approvals are.
func (h *hearing) scope() string {
	if h.scoped == "" {
		h.scoped = policy.Scope(h.d.Action)
	}
	return h.scoped
}

// givable reports whether those who may say yes are enough, and are known.
func givable(needs []policy.Need, t *thing) bool {
	return !slices.ContainsFunc(needs, func(n policy.Need) bool { return len(n.People) < n.Count || n.From == "owner" && len(t.others) > 0 })
}

// held says that an action waits for people.
func (h *hearing) held(rank int, needs []policy.Need, source string, t *thing) {
	for _, n := range needs {
		if slices.ContainsFunc(h.d.Needs, func(known policy.Need) bool { return known.Grant == n.Grant && known.From == n.From }) {
			continue
		}
		h.d.Needs = append(h.d.Needs, n)
		f := policy.Finding{
			Code: CodeApproval, Title: "it waits for approval", Verdict: policy.Hold, Source: source,
			Why:    fmt.Sprintf("%s asks for %s from %s (%s); %d given", n.Grant, count(n.Count, "approval"), n.From, join(n.People, 4), n.Have),
			Repair: "one of them looks at it with assent inbox, and runs assent approve; then run the same command again",
		}
		f.Fix = &model.Repair{Kind: model.RepairAttach, Who: join(n.People, 4)}
		if len(n.People) < n.Count {
			f.Fix = nil
			f.Verdict, f.Title = policy.Deny, "nobody is declared who may approve it"
			f.Why = fmt.Sprintf("%s asks for %s from %s, and there are %d people of it who have no part in the action", n.Grant, count(n.Count, "approval"), n.From, len(n.People))
			f.Repair = "declare who may: {apiVersion: " + intent.APIVersion + `, kind: Actor, metadata: {name: NAME}, spec: {kind: human, person: "human:NAME", identify: [{ssh: "PUBLIC KEY"}], owner: OWNER}}`
		}
		if n.From == "owner" && len(t.others) > 0 {
			f.Fix = nil
			f.Verdict, f.Title = policy.Deny, "whose approval it needs cannot be told"
			f.Why = fmt.Sprintf("%s asks the owner of %s, whose tags were never read: it may be %s", n.Grant, t.urn, join(t.others, 4))
			f.Repair = "let it be read first (get, describe or list it through assent), then ask again"
		}
		h.add(rank, f)
	}
}

// approved lists the approvals that were counted, by id.
func (h *hearing) approved() []policy.Approval {
	var all []policy.Approval
	for _, a := range h.counted {
		all = append(all, a)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
}
