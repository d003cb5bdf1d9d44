package checks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// What the indexes leave out is what no clause, and no owner, would have been about:
// whoever looks at them all one by one finds the same.
func TestAnIndexLeavesOutOnlyWhatDoesNotApply(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	few := func(from ...string) (w intent.Words) {
		for range r.IntN(3) {
			if one := pick(from...); !slices.Contains(w, one) {
				w = append(w, one)
			}
		}
		return w
	}
	urns := []string{"arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:sqs:x:1:c"}
	caps := []string{"storage.bucket", "storage.object", "queue"}
	verbs := []model.Verb{model.Update, model.Delete, model.Read}
	allowed, forbidden, owned := 0, 0, 0
	for range 60 {
		set := &intent.Set{Environments: []*intent.Environment{{Name: "e", Scope: []intent.Scope{{AWS: &intent.AWSScope{Accounts: intent.Words{"*"}}}}}}}
		for i := range 12 {
			set.Actors = append(set.Actors, &intent.Actor{Name: fmt.Sprint("actor-", i), Kind: "agent", Identify: []intent.Identity{{Run: fmt.Sprint("actor-", i)}}})
		}
		for i := range 3 {
			o := &intent.Owner{Name: fmt.Sprint("owner-", i), Accountable: "human:x"}
			for range r.IntN(4) {
				o.Owns = append(o.Owns, []intent.Selector{{URN: pick(append(urns, "arn:aws:s3:*")...)}, {Tag: map[string]string{"team": pick("a", "b", "*"), "app": pick("x", "y*")}},
					{Tag: map[string]string{"team": pick("a", "b")}}, {AWS: &intent.OwnedAccount{Account: pick("1", "2", "*")}}}[r.IntN(4)])
			}
			set.Owners = append(set.Owners, o)
		}
		doc := &intent.Intent{Name: "i"}
		for i := range 80 {
			what := intent.What{Capability: few(append(caps, "storage.*")...), Resource: few(append(urns, "arn:aws:s3:*", "a", "B*")...)}
			who := intent.Words{"*"}
			if r.IntN(4) > 0 {
				who = intent.Words{fmt.Sprint("actor-", r.IntN(12))}
			}
			if i%4 > 0 {
				doc.Allow = append(doc.Allow, intent.Allow{ID: fmt.Sprint("a", i), Who: who, May: intent.Verbs{verbs[r.IntN(2)]}, What: what, In: intent.Words{"e"}})
				continue
			}
			n := intent.Never{ID: fmt.Sprint("n", i), Who: who, What: what}
			if r.IntN(2) == 0 {
				n.May = intent.Verbs{verbs[r.IntN(3)]}
			}
			doc.Never = append(doc.Never, n)
		}
		set.Intents = []*intent.Intent{doc}
		p, err := Compile(set)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			urn := model.URN(pick(append(urns, "arn:aws:s3:::other", "arn:aws:s3:::*", "*")...))
			l := &leaf{Action: model.Action{Platform: "aws", Account: pick("1", "2", "3"), Fidelity: model.Exact, Verb: verbs[r.IntN(3)], Capability: pick(append(caps, "", "other")...)}}
			th := &thing{urn: urn, canon: urn, name: name(urn), tags: map[string]string{"team": pick("a", "b", "c"), "app": pick("x", "yy", "z")}, place: intent.Place{Platform: "aws", Account: l.Account}, known: true}
			th.env, th.possible = set.Locate(th.place)
			who := r.IntN(12)

			var all, indexed []string
			for _, g := range p.grants {
				if ok, _ := g.covers(who, 0, l, th); ok {
					all = append(all, g.name)
				}
			}
			if b := p.allow[l.Verb]; b != nil {
				for _, list := range b.candidates(who, l.Capability, string(urn)) {
					for g := list.next(); g != nil; g = list.next() {
						if ok, _ := g.covers(who, 0, l, th); ok {
							indexed = append(indexed, g.name)
						}
					}
				}
			}
			slices.Sort(indexed)
			if allowed += len(all); !slices.Equal(all, slices.Compact(indexed)) {
				t.Fatalf("%s %s %s: allowed by %v, by index %v", l.Verb, l.Capability, urn, all, indexed)
			}

			all, indexed = nil, nil
			for _, n := range p.nevers {
				if n.forbids(p, l, th) {
					all = append(all, n.name)
				}
			}
			for _, n := range p.bans(l) {
				if n.forbids(p, l, th) {
					indexed = append(indexed, n.name)
				}
			}
			if forbidden += len(all); !slices.Equal(all, indexed) {
				t.Fatalf("%s %s %s: forbidden by %v, by index %v", l.Verb, l.Capability, urn, all, indexed)
			}

			for rank := range ByEnvironment {
				var some []*claim
				for _, c := range p.owners.index[rank].all {
					if c.holds(th) {
						some = append(some, c)
					}
				}
				if owned += len(some); !slices.Equal(some, p.owners.holding(rank, th, nil)) {
					t.Fatalf("%s: owned by %d claims of rank %d, by index otherwise", urn, len(some), rank)
				}
			}
		}
	}
	if allowed == 0 || forbidden == 0 || owned == 0 {
		t.Errorf("nothing was tried: %d %d %d", allowed, forbidden, owned)
	}
}
