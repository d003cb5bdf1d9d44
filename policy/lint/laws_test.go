package lint

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
)

// rounds is how often each law is tried: every round is another set, another
// action, another change.
const rounds = 10_000

// dice makes documents and actions out of few words, so that they meet.
type dice struct{ *rand.Rand }

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

func some[T any](d dice, of ...T) []T {
	var out []T
	for _, v := range of {
		if d.IntN(2) == 0 {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		out = append(out, pick(d, of...))
	}
	return out
}

var (
	actors       = []string{"deploy", "helper", "dana"}
	kinds        = []intent.ActorKind{"pipeline", "agent", "human"}
	accounts     = []string{"111122223333", "444455556666"}
	capabilities = []string{"storage.bucket", "storage.volume", "database.relational"}
	verbs        = []model.Verb{model.Create, model.Update, model.Delete, model.Grant}
)

func (d dice) what() (w intent.What) {
	if d.IntN(3) > 0 {
		w.Capability = some(d, "storage.*", "storage.bucket", "storage.volume", "database.*", "*")
	}
	if d.IntN(3) == 0 {
		w.Resource = some(d, "arn:aws:s3:::a*", "arn:aws:s3:::ab", "arn:aws:s3:::*", "a*", "ab")
	}
	if d.IntN(4) == 0 {
		w.Tag = map[string]string{"team": pick(d, "shop", "s*", "*")}
	}
	if d.IntN(6) == 0 {
		w.Operation = some(d, "s3:*", "s3:Create*", "rds:*")
	}
	if d.IntN(6) == 0 {
		w.Owner = pick(d, "shop", "data")
	}
	return w
}

func (d dice) who() intent.Words {
	return some(d, "deploy", "helper", "dana", "kind:agent", "owner:shop", "*")
}
func (d dice) in() intent.Words { return some(d, "prod", "test", "tier:production", "*") }

func (d dice) allow(i int) intent.Allow {
	c := intent.Allow{ID: fmt.Sprint("a", i), Who: d.who(), May: some(d, verbs...), What: d.what(), In: d.in()}
	if d.IntN(4) == 0 {
		c.Must = intent.Conditions{{Property: "encryption.atRest", Is: true}}
	}
	if d.IntN(4) == 0 {
		n := d.IntN(3)
		c.Limits.Dependents = &n
	}
	if d.IntN(5) == 0 {
		c.When = &intent.When{Window: some(d, "open", "shut")}
	}
	if d.IntN(6) == 0 {
		c.Approvals = []intent.Approvals{{From: pick(d, "owner", "owner:shop", "dana")}}
	}
	return c
}

func (d dice) never(i int) intent.Never {
	c := intent.Never{ID: fmt.Sprint("n", i), What: d.what()}
	if d.IntN(2) == 0 {
		c.Who = d.who()
	}
	if d.IntN(3) > 0 {
		c.May = some(d, verbs...)
	}
	if d.IntN(2) == 0 {
		c.In = d.in()
	}
	return c
}

func (d dice) set(allows, nevers int) *intent.Set {
	s := &intent.Set{Digest: "sha256:x",
		Environments: []*intent.Environment{
			{Name: "prod", Tier: "production", Scope: []intent.Scope{{AWS: &intent.AWSScope{Accounts: accounts[:1]}}}},
			{Name: "test", Tier: "staging", Scope: []intent.Scope{{AWS: &intent.AWSScope{Accounts: accounts[1:]}}}}},
		Owners: []*intent.Owner{
			{Name: "data", Accountable: "human:ines", Owns: []intent.Selector{{Tag: map[string]string{"team": "data"}}}},
			{Name: "shop", Accountable: "human:dana", Owns: []intent.Selector{{Tag: map[string]string{"team": "shop"}}, {AWS: &intent.OwnedAccount{Account: accounts[0]}}}}},
		Blueprints: []*intent.Blueprint{{Name: "stores", Owner: "shop", For: intent.For{Capability: intent.Words{"storage.volume"}},
			Require: intent.Conditions{{Property: "encryption.atRest", Is: true}}}},
	}
	for _, e := range s.Environments { // it is a Friday
		e.Windows = []intent.Window{{Name: "open", Days: intent.Days{"fri"}, From: "00:00", To: "24:00"}, {Name: "shut", Days: intent.Days{"mon"}, From: "08:00", To: "17:00"}}
	}
	for i, name := range actors {
		a := &intent.Actor{Name: name, Kind: kinds[i], Owner: pick(d, "shop", "data"), Identify: []intent.Identity{{Run: name}}}
		if a.Kind == "human" {
			a.Person = "human:dana"
		}
		s.Actors = append(s.Actors, a)
	}
	doc := &intent.Intent{Name: "work", Owner: "shop"}
	for i := range allows {
		doc.Allow = append(doc.Allow, d.allow(i))
	}
	for i := range nevers {
		doc.Never = append(doc.Never, d.never(i))
	}
	s.Intents = []*intent.Intent{doc}
	return s
}

// action is something that somebody does, and what the model says of it.
func (d dice) action() (model.Action, model.Facts) {
	capability := pick(d, capabilities...)
	urn := model.URN(pick(d, "arn:aws:s3:::ab", "arn:aws:s3:::abc", "arn:aws:s3:::b", "arn:aws:s3:::*"))
	role := pick(d, model.RoleTarget, model.RoleTarget, model.RoleCreated)
	who := pick(d, append(actors, "stranger")...)
	a := model.Action{Actor: model.Actor{ID: who, Authn: "run-token"}, Platform: "aws", Service: pick(d, "s3", "rds"), Operation: pick(d, "CreateX", "DeleteX"),
		Verb: pick(d, verbs...), Capability: capability, Account: pick(d, accounts...), Region: "eu-west-1", Fidelity: model.Exact,
		Targets: []model.Target{{URN: urn, Type: "s3:bucket", Role: role}}}
	if d.IntN(2) == 0 {
		a.Props = []model.Property{{Name: "encryption.atRest", Value: d.IntN(2) == 0, Known: d.IntN(3) > 0, Source: "request"}}
	}
	f := model.Facts{Broken: &model.Broken{Count: d.IntN(4), Complete: d.IntN(4) > 0}}
	if d.IntN(2) == 0 {
		f.Names = map[string]model.URN{string(urn): urn}
		f.Resources = []model.Resource{{URN: urn, Platform: "aws", Type: "s3:bucket", Account: a.Account, Tags: map[string]string{"team": pick(d, "shop", "data", "x")}}}
	}
	return a, f
}

func engine(t *testing.T, s *intent.Set) *decide.Engine {
	t.Helper()
	e, err := decide.New(decide.Config{Intent: s, Compilers: []decide.Compiler{decide.Using(checks.Compile)}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func judge(e *decide.Engine, a model.Action, f model.Facts) policy.Decision {
	return e.Decide(context.Background(), a, radius.Recall(f), policy.Enforce, time.Unix(1_800_000_000, 0), "dec_law")
}

// each calls law with another world each time, until it has failed three times.
func each(t *testing.T, times uint64, law func(d dice) string) {
	t.Helper()
	t.Parallel()
	failed := 0
	for seed := range times {
		if why := law(dice{rand.New(rand.NewPCG(seed, 7))}); why != "" {
			t.Errorf("seed %d: %s", seed, why)
			if failed++; failed == 3 {
				return
			}
		}
	}
}

func TestAddingAnAllowNeverDeniesMore(t *testing.T) {
	changed := 0
	each(t, rounds, func(d dice) string {
		s := d.set(2, 1)
		a, f := d.action()
		was := judge(engine(t, s), a, f)
		s.Intents[0].Allow = append(s.Intents[0].Allow, d.allow(9))
		now := judge(engine(t, s), a, f)
		if now.Verdict != was.Verdict {
			changed++
		}
		if now.Verdict < was.Verdict {
			return fmt.Sprintf("%s became %s: %+v", was.Verdict, now.Verdict, now.Findings)
		}
		return ""
	})
	if changed < rounds/100 {
		t.Errorf("only %d of %d rounds made a difference", changed, rounds)
	}
}

func TestAddingANeverNeverAllowsMore(t *testing.T) {
	changed := 0
	each(t, rounds, func(d dice) string {
		s := d.set(4, 0)
		a, f := d.action()
		was := judge(engine(t, s), a, f)
		s.Intents[0].Never = append(s.Intents[0].Never, d.never(9))
		now := judge(engine(t, s), a, f)
		if now.Verdict != was.Verdict {
			changed++
		}
		if now.Verdict > was.Verdict {
			return fmt.Sprintf("%s became %s", was.Verdict, now.Verdict)
		}
		return ""
	})
	if changed < rounds/100 {
		t.Errorf("only %d of %d rounds made a difference", changed, rounds)
	}
}

// TestUnknownNeverHelps: whatever is taken away from what is known, nothing more is
// let through.
func TestUnknownNeverHelps(t *testing.T) {
	changed := 0
	each(t, rounds, func(d dice) string {
		s := d.set(4, 1)
		a, f := d.action()
		was := judge(engine(t, s), a, f)
		var what string
		switch d.IntN(5) {
		case 0:
			what, f.Resources, f.Names = "the resource", nil, nil
		case 1:
			what = "the property"
			for i := range a.Props {
				a.Props[i].Known = false
			}
		case 2:
			what, f.Broken = "who depends on it", &model.Broken{Count: f.Broken.Count}
		case 3:
			what, a.Fidelity, a.Verb = "the operation", model.Opaque, model.Unknown
		case 4:
			what, a.Targets[0].URN = "the name", "arn:aws:s3:::*"
			f.Resources, f.Names = nil, nil
		}
		now := judge(engine(t, s), a, f)
		if now.Verdict != was.Verdict {
			changed++
		}
		if now.Verdict > was.Verdict {
			return fmt.Sprintf("without %s, %s became %s by %s", what, was.Verdict, now.Verdict, now.Grant)
		}
		return ""
	})
	if changed < rounds/100 {
		t.Errorf("only %d of %d rounds made a difference", changed, rounds)
	}
}

// TestWhatLintSaysIsTrue: a clause that is said to be needless, or never to take
// effect, can go and no verdict is another.
func TestWhatLintSaysIsTrue(t *testing.T) {
	found := map[Kind]int{}
	each(t, rounds/5, func(d dice) string {
		s := d.set(4, 3)
		problems := Check(s, at)
		for _, p := range problems {
			if p.Kind != Shadowed && p.Kind != Contradicted {
				continue
			}
			found[p.Kind]++
			less := *s.Intents[0]
			less.Allow, less.Never = nil, nil
			for _, c := range s.Intents[0].Allow {
				if "work/"+c.ID != p.What {
					less.Allow = append(less.Allow, c)
				}
			}
			for _, c := range s.Intents[0].Never {
				if "work/"+c.ID != p.What {
					less.Never = append(less.Never, c)
				}
			}
			without := *s
			without.Intents = []*intent.Intent{&less}
			for range 4 {
				a, f := d.action()
				if was, now := judge(engine(t, s), a, f), judge(engine(t, &without), a, f); was.Verdict != now.Verdict {
					return fmt.Sprintf("%s %s, but without it %s becomes %s for %+v", p.What, p.Kind, was.Verdict, now.Verdict, a)
				}
			}
			return "" // one clause at a time
		}
		return ""
	})
	if found[Shadowed] < 20 || found[Contradicted] < 20 {
		t.Errorf("too little was found: %v", found)
	}
}

// TestWhatDiffDoesNotSayDoesNotDiffer: documents that allow no more and forbid no
// less, so far as Diff says, let nothing more through.
func TestWhatDiffDoesNotSayDoesNotDiffer(t *testing.T) {
	quiet := 0
	each(t, rounds, func(d dice) string {
		old := d.set(3, 1)
		now := *old
		doc := *old.Intents[0]
		doc.Allow = append([]intent.Allow(nil), doc.Allow...)
		switch i := d.IntN(len(doc.Allow)); d.IntN(3) {
		case 0:
			doc.Allow = append(doc.Allow[:i], doc.Allow[i+1:]...)
		case 1:
			doc.Allow[i].May = some(d, doc.Allow[i].May...)
		case 2:
			doc.Allow[i].What.Resource = intent.Words{"arn:aws:s3:::ab"}
		}
		now.Intents = []*intent.Intent{&doc}
		for _, difference := range Diff(old, &now) {
			if difference.Effect != AllowsLess && difference.Effect != ForbidsMore {
				return ""
			}
		}
		quiet++
		for range 3 {
			a, f := d.action()
			if was, is := judge(engine(t, old), a, f), judge(engine(t, &now), a, f); is.Verdict > was.Verdict {
				return fmt.Sprintf("%s becomes %s for %+v", was.Verdict, is.Verdict, a)
			}
		}
		return ""
	})
	if quiet < rounds/10 {
		t.Errorf("only %d of %d rounds were looked at", quiet, rounds)
	}
}
