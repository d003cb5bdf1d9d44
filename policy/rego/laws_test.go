package rego_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/rego"
)

// rounds is how often each law is tried: other documents each time, another action,
// another change. policy/lint holds the laws of what it says.
const rounds = 10_000

// asked is everything that one decision is a function of.
type asked struct {
	set   *intent.Set
	rules *rego.Rules
	a     model.Action
	f     model.Facts
	given []policy.Approval
}

func (d dice) asked() asked {
	x := asked{set: d.set()}
	x.a, x.f = d.action()
	x.given = d.approvals(x.a)
	return x
}

func (x asked) judge(t *testing.T) policy.Decision {
	t.Helper()
	compilers := []decide.Compiler{decide.Using(checks.Compile)}
	if x.rules != nil {
		compilers = append(compilers, func(*intent.Set) (policy.Judge, error) { return x.rules, nil })
	}
	e, err := decide.New(decide.Config{Intent: x.set, Compilers: compilers})
	if err != nil {
		t.Fatal(err)
	}
	return e.Decide(context.Background(), x.a, radius.Recall(x.f), policy.Enforce, friday, "dec_law", x.given...)
}

// law tries one: change makes of what is asked another question, and breaks says
// what is wrong with the two answers. may: some of them have to differ.
func law(t *testing.T, stream uint64, may bool, change func(d dice, x *asked) (what string), breaks func(was, now policy.Decision) bool) {
	t.Parallel()
	differ, failed := 0, 0
	for seed := range uint64(rounds) {
		d := dice{rand.New(rand.NewPCG(seed, stream))}
		x := d.asked()
		was := x.judge(t)
		what := change(d, &x)
		now := x.judge(t)
		if was.Verdict != now.Verdict {
			differ++
		}
		if breaks(was, now) {
			t.Errorf("seed %d: %s: %s became %s by %q: %+v %+v", seed, what, was.Verdict, now.Verdict, now.Grant, was.Findings, now.Findings)
			if failed++; failed == 3 {
				return
			}
		}
	}
	t.Logf("%d of %d verdicts were other ones", differ, rounds)
	if may && differ < rounds/1000 {
		t.Errorf("only %d of %d changes made a difference", differ, rounds)
	}
}

func allowsMore(was, now policy.Decision) bool { return now.Verdict > was.Verdict }
func deniesMore(was, now policy.Decision) bool { return now.Verdict < was.Verdict }

// change returns the set with another first intent.
func (x *asked) change(f func(doc *intent.Intent)) {
	set, doc := *x.set, *x.set.Intents[0]
	doc.Allow, doc.Never = slices.Clone(doc.Allow), slices.Clone(doc.Never)
	f(&doc)
	set.Intents = []*intent.Intent{&doc}
	x.set = &set
}

func TestAnAllowMoreNeverDeniesMore(t *testing.T) {
	law(t, 21, true, func(d dice, x *asked) string {
		x.change(func(doc *intent.Intent) {
			more := d.set().Intents[0].Allow[0]
			more.ID = pick(d, "0", "a1x", "z")
			doc.Allow = append(doc.Allow, more)
		})
		return "with an allow clause more"
	}, deniesMore)
}

func TestWhatForbidsMoreNeverAllowsMore(t *testing.T) {
	rules, err := rego.Compile(&intent.Set{Environments: dice{rand.New(rand.NewPCG(1, 1))}.set().Environments, Rules: []*intent.Rule{
		{Name: "r", Owner: "shop", For: intent.For{Capability: intent.Words{"storage.*"}}, Rego: intent.Text{Line: 1, Body: `deny contains "x" if { input.action.verb == "delete" }`}, Tests: []intent.RuleTest{}}}})
	if err != nil {
		t.Fatal(err)
	}
	law(t, 22, true, func(d dice, x *asked) string {
		switch d.IntN(3) {
		case 0:
			x.change(func(doc *intent.Intent) {
				n := intent.Never{ID: "more", What: d.what()}
				if d.one(2) {
					n.Who = d.who()
				}
				doc.Never = append(doc.Never, n)
			})
			return "with a never clause more"
		case 1:
			set := *x.set
			set.Blueprints = append(slices.Clone(set.Blueprints), &intent.Blueprint{Name: "more", Owner: "shop", Require: intent.Conditions{d.condition()}, Forbid: intent.Conditions{d.condition()}})
			x.set = &set
			return "with a blueprint more"
		}
		x.rules = rules
		return "with a rule more"
	}, allowsMore)
}

func TestWhatIsNotKnownNeverHelps(t *testing.T) {
	law(t, 23, true, func(d dice, x *asked) string {
		switch d.IntN(8) {
		case 0:
			x.f.Resources, x.f.Names = nil, nil
			return "without the model"
		case 1:
			x.a.Props = slices.Clone(x.a.Props)
			for i := range x.a.Props {
				x.a.Props[i].Known = false
			}
			return "without its properties"
		case 2:
			x.a.Before = nil
			return "without what was before"
		case 3:
			x.f.Broken = &model.Broken{Count: x.f.Broken.Count}
			return "without who depends on it"
		case 4:
			x.given = nil
			return "without approvals"
		case 5:
			x.a.Actor.Ticket, x.a.Actor.Claims = "", nil
			return "without ticket and proof"
		case 6:
			x.a.Actor.Authn = ""
			return "without evidence of who it is"
		}
		x.a.Targets = slices.Clone(x.a.Targets)
		for i, t := range x.a.Targets {
			if strings.HasPrefix(string(t.URN), "arn:aws:s3:::") { // which is in no account, nor in another's
				x.a.Targets[i].URN = "arn:aws:s3:::*"
			}
		}
		x.f.Resources, x.f.Names = nil, nil
		return "without the names"
	}, allowsMore)
}

func TestMoreInOneCallNeverAllowsMore(t *testing.T) {
	law(t, 24, true, func(d dice, x *asked) string {
		if !slices.ContainsFunc(x.a.Targets, func(t model.Target) bool { return t.Role != model.RoleDependency }) {
			return "nothing" // something somewhere is already the widest
		}
		if d.one(2) {
			x.a.Targets = append(slices.Clone(x.a.Targets), model.Target{URN: model.URN(pick(d, urns...)), Type: "s3:bucket", Role: model.RoleTarget})
			return "with a target more"
		}
		x.a.Parts = append(slices.Clone(x.a.Parts), d.step())
		return "with a part more"
	}, allowsMore)
}

func TestAnExceptionNeverDeniesMore(t *testing.T) {
	law(t, 25, true, func(d dice, x *asked) string {
		set := *x.set
		set.Exceptions = append(slices.Clone(set.Exceptions), d.exception("more"))
		x.set = &set
		return "with an exception more"
	}, deniesMore)
}

func TestAnExceptionElsewhereChangesNothing(t *testing.T) {
	law(t, 26, false, func(d dice, x *asked) string {
		set, e := *x.set, d.exception("more")
		if d.one(2) {
			e.From, e.Until = "2026-01-01", "2027-01-14"
		} else {
			e.For.Resource = intent.Words{"arn:aws:kms:*", "nobody-has-this-name"}
		}
		set.Exceptions = append(slices.Clone(set.Exceptions), e)
		x.set = &set
		return "with an exception of another time, or for another thing"
	}, func(was, now policy.Decision) bool { return was.Verdict != now.Verdict })
}

func TestOrderIsIrrelevant(t *testing.T) {
	law(t, 27, false, func(d dice, x *asked) string {
		x.change(func(doc *intent.Intent) {
			d.Shuffle(len(doc.Allow), func(i, j int) { doc.Allow[i], doc.Allow[j] = doc.Allow[j], doc.Allow[i] })
			d.Shuffle(len(doc.Never), func(i, j int) { doc.Never[i], doc.Never[j] = doc.Never[j], doc.Never[i] })
		})
		return "in another order"
	}, func(was, now policy.Decision) bool {
		a, _ := json.Marshal(was)
		b, _ := json.Marshal(now)
		return string(a) != string(b)
	})
}
