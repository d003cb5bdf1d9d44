package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/budget"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/proxy"
)

const anything = `apiVersion: assent.dev/v1
kind: Environment
metadata: {name: prod}
spec: {tier: production, scope: [{aws: {accounts: ["111122223333"]}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: shop}
spec: {accountable: "human:carol@shop.example", owns: [{urn: "arn:aws:*"}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: bot}
spec: {kind: agent, identify: [{run: bot}], owner: shop}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: tidy, owner: shop}
spec:
  purpose: keep it running
  allow:
    - {id: all, who: bot, may: [create, update, delete, attach, detach, execute], in: prod}
`

const ec2 = "arn:aws:ec2:eu-west-1:111122223333:"

// crossing is a gate with a real judge over a real model: two instances of one
// target group, a volume, and a network with a subnet.
type crossing struct {
	*Gate
	book  *book
	graph *graph.Graph
	judge *decide.Engine
}

func newCrossing(t *testing.T, mode policy.Mode) *crossing {
	t.Helper()
	set, err := intent.Parse("intent.yaml", []byte(anything))
	if err != nil {
		t.Fatal(err)
	}
	judge, err := decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{decide.Using(checks.Compile)}})
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(graph.Config{})
	see := func(urn, kind, attrs string) model.Observation {
		return model.Observation{Whole: true, Resource: model.Resource{URN: model.URN(urn), Type: kind, Platform: "aws", Account: "111122223333", Region: "eu-west-1", Attrs: json.RawMessage(attrs)}}
	}
	g.Apply([]model.Observation{
		see(ec2+"vpc/vpc-0aaaaaaa", "ec2:vpc", `{}`),
		see(ec2+"subnet/subnet-0bbbbbbb", "ec2:subnet", `{"VpcId":"vpc-0aaaaaaa"}`),
		see(ec2+"volume/vol-0ccccccc", "ec2:volume", `{}`),
		see(ec2+"instance/i-00000001", "ec2:instance", `{}`),
		see(ec2+"instance/i-00000002", "ec2:instance", `{}`),
		see("arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/shop/1", "elasticloadbalancing:targetgroup", `{"Targets":["i-00000001","i-00000002"]}`),
	})
	c := &crossing{book: &book{}, graph: g, judge: judge}
	c.Gate, err = New(Config{
		Decider: judge, Ledger: c.book, Mode: mode, Snapshot: g.Snapshot,
		Learn:   func(seen []model.Observation) { g.Apply(seen) },
		Message: func(d policy.Decision) string { f, _ := d.First(); return f.Code + " " + f.Why },
		Now:     time.Now, Rand: rand.NewChaCha8([32]byte{1}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// call is a change of one thing that names others.
func call(operation string, verb model.Verb, target model.Target, names ...model.URN) proxy.Asked {
	a := model.Action{Platform: "aws", Service: "ec2", Operation: operation, Verb: verb, Fidelity: model.Exact, Capability: "compute.instance",
		Account: "111122223333", Region: "eu-west-1", Targets: []model.Target{target}}
	var gone []model.Observation
	if verb == model.Delete {
		gone = []model.Observation{{Gone: true, Resource: model.Resource{URN: target.URN}}}
	}
	for _, n := range names {
		a.Targets = append(a.Targets, model.Target{URN: n, Role: model.RoleDependency})
	}
	return proxy.Asked{
		Decoder: stub{decode: func(decoders.Call) (model.Action, error) { return a, nil }, learn: func() []model.Observation { return gone }},
		Actor:   model.Actor{ID: "bot", Kind: model.Agent, Authn: "run-token"},
		Call:    decoders.Call{Method: "POST", Host: "h", URL: &url.URL{Path: "/"}, Header: http.Header{"Amz-Sdk-Invocation-Id": {operation + string(target.URN)}}},
	}
}

func deletes(kind, id string) proxy.Asked {
	op := map[string]string{"instance": "TerminateInstances", "volume": "DeleteVolume", "vpc": "DeleteVpc"}[kind]
	return call(op, model.Delete, model.Target{URN: model.URN(ec2 + kind + "/" + id), Type: "ec2:" + kind, Role: model.RoleTarget})
}

func attaches(volume string) proxy.Asked {
	return call("AttachVolume", model.Attach, model.Target{URN: ec2 + "instance/i-00000001", Type: "ec2:instance", Role: model.RoleTarget}, model.URN(ec2+"volume/"+volume))
}

// starts makes an instance in the subnet.
func starts() proxy.Asked {
	return call("RunInstances", model.Create, model.Target{URN: "arn:aws:ec2:eu-west-1:111122223333:instance/*", Type: "ec2:instance", Role: model.RoleCreated}, ec2+"subnet/subnet-0bbbbbbb")
}

func (c *crossing) passes(t *testing.T, in proxy.Asked) proxy.Permit {
	t.Helper()
	p := c.Judge(t.Context(), in)
	if p.Refusal != nil {
		t.Fatalf("refused: %s", p.Refusal.Message)
	}
	return p
}

// refused reports a refusal that names the other decision and its entry.
func (c *crossing) refused(t *testing.T, in proxy.Asked, with proxy.Permit) {
	t.Helper()
	p := c.Judge(t.Context(), in)
	if p.Refusal == nil {
		t.Fatal("it passed beside one that it does not go together with")
	}
	if entry := fmt.Sprintf("%s (ledger entry %d)", with.DecisionID, c.book.at(with.DecisionID)); !strings.Contains(p.Refusal.Message, CodeUnderWay) || !strings.Contains(p.Refusal.Message, entry) {
		t.Fatalf("it does not name %s: %s", entry, p.Refusal.Message)
	}
}

func (b *book) at(decision string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, e := range b.entries {
		if e.Key == decision && e.Kind == ledger.KindDecision {
			return i
		}
	}
	return -1
}

func answered(t *testing.T, p proxy.Permit, result string) {
	t.Helper()
	if err := p.Close(t.Context(), proxy.Answered{Result: result, Status: 200}); err != nil {
		t.Fatal(err)
	}
	if result == ledger.Succeeded {
		p.Learn(&decoders.Response{Status: 200})
	}
}

// TestConcurrentActionsSeeEachOther: what is decided and not answered yet counts for
// the next decision, which is refused and told the entry that it conflicts with;
// once the other is answered, it is judged by what then is.
func TestConcurrentActionsSeeEachOther(t *testing.T) {
	for name, pair := range map[string][2]proxy.Asked{
		"each leaves one replica":       {deletes("instance", "i-00000001"), deletes("instance", "i-00000002")},
		"attached while it is deleted":  {deletes("volume", "vol-0ccccccc"), attaches("vol-0ccccccc")},
		"deleted while it is attached":  {attaches("vol-0ccccccc"), deletes("volume", "vol-0ccccccc")},
		"deleted twice":                 {deletes("volume", "vol-0ccccccc"), call("ModifyVolume", model.Update, model.Target{URN: ec2 + "volume/vol-0ccccccc", Type: "ec2:volume", Role: model.RoleTarget})},
		"made in what goes with it all": {deletes("vpc", "vpc-0aaaaaaa"), starts()},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrossing(t, policy.Enforce)
			first := c.passes(t, pair[0])
			c.refused(t, pair[1], first)
			c.refused(t, pair[1], first) // a retry is judged anew, and no other
			answered(t, first, ledger.Failed)
			second := c.passes(t, pair[1])
			answered(t, second, ledger.Succeeded)
			if left := c.open.list(""); len(left) > 0 {
				t.Errorf("still under way: %+v", left)
			}
		})
	}
}

// TestWhatGoesTogetherPasses: updates beside updates, deletes of what has nothing to
// do with each other, sessions.
func TestWhatGoesTogetherPasses(t *testing.T) {
	c := newCrossing(t, policy.Enforce)
	update := call("ModifyVolume", model.Update, model.Target{URN: ec2 + "volume/vol-0ccccccc", Type: "ec2:volume", Role: model.RoleTarget})
	for _, in := range []proxy.Asked{update, attaches("vol-0ccccccc"), deletes("instance", "i-00000002"), starts(),
		call("Invoke", model.Execute, model.Target{URN: ec2 + "vpc/vpc-0aaaaaaa", Type: "ec2:vpc", Role: model.RoleTarget}), deletes("vpc", "vpc-0ddddddd")} {
		c.passes(t, in)
	}
}

// TestWhatSucceededCountsUntilTheModelKnows: between the outcome and the learning
// nothing slips through.
func TestWhatSucceededCountsUntilTheModelKnows(t *testing.T) {
	c := newCrossing(t, policy.Enforce)
	first := c.passes(t, deletes("instance", "i-00000001"))
	if err := first.Close(t.Context(), proxy.Answered{Result: ledger.Succeeded, Status: 200}); err != nil {
		t.Fatal(err)
	}
	c.refused(t, deletes("instance", "i-00000002"), first)
	first.Learn(&decoders.Response{Status: 200})
	d := c.Consider(t.Context(), deletes("instance", "i-00000002"))
	if conflicts(d) || d.Radius.Sample[0].Effect != radius.Disconnect.String() {
		t.Errorf("after it was learnt: %+v %+v", d.Findings, d.Radius)
	}
}

// TestOfManyAtOnceNoTwoThatConflictPass: the claim and the decision are one step.
func TestOfManyAtOnceNoTwoThatConflictPass(t *testing.T) {
	for range 20 {
		c := newCrossing(t, policy.Enforce)
		var all sync.WaitGroup
		var mu sync.Mutex
		var passed []string
		for i := range 8 {
			in := []proxy.Asked{deletes("instance", "i-00000001"), deletes("instance", "i-00000002"), deletes("volume", "vol-0ccccccc"), attaches("vol-0ccccccc")}[i%4]
			in.Call.Header = http.Header{} // or the same ones would be one attempt
			all.Go(func() {
				if p := c.Judge(context.Background(), in); p.Refusal == nil {
					mu.Lock()
					defer mu.Unlock()
					passed = append(passed, []string{"instance", "instance", "volume", "volume"}[i%4])
				}
			})
		}
		all.Wait()
		count := map[string]int{}
		for _, p := range passed {
			count[p]++
		}
		// The attachment is to the first instance too, so that it may be the only one.
		if count["instance"] > 1 || count["volume"] > 2 || len(passed) == 0 {
			t.Fatalf("passed: %v", passed)
		}
		for i, a := range c.open.list("") {
			for _, b := range c.open.list("")[i+1:] {
				var changes []radius.Change
				for _, h := range a.Changes {
					e, err := radius.ParseEffect(h.Effect)
					if err != nil {
						t.Fatal(err)
					}
					changes = append(changes, radius.Change{URN: h.URN, Type: h.Type, Effect: e})
				}
				s := c.graph.Snapshot()
				w := radius.NewWitness(model.Amid{Snapshot: s, Pending: []model.Pending{b}}, false)
				if found := radius.Conflicts(w, changes, a.Uses, radius.Availability(s, changes, radius.Budget{})); len(found) > 0 {
					t.Fatalf("both passed: %+v", found)
				}
			}
		}
	}
}

// TestLaw5AConflictIsReplayed: what was under way is in the facts, and gives the same
// bytes when it no longer is.
func TestLaw5AConflictIsReplayed(t *testing.T) {
	c := newCrossing(t, policy.Enforce)
	first := c.passes(t, deletes("instance", "i-00000001"))
	c.refused(t, deletes("instance", "i-00000002"), first)
	last := c.book.entries[len(c.book.entries)-1]
	var facts model.Facts
	for _, o := range last.Objects {
		if strings.HasPrefix(o.Name, ledger.FactsObject) {
			if err := json.Unmarshal(o.Data, &facts); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(facts.Conflicts) != 1 || facts.Conflicts[0].Decision != first.DecisionID {
		t.Fatalf("the facts do not tell of it: %+v", facts)
	}
	was, err := ledger.ParseDecision(last.Statement)
	if err != nil {
		t.Fatal(err)
	}
	again, why := Again(t.Context(), c.judge, radius.Recall(facts), was)
	statement, err := ledger.DecisionStatement(again)
	if err != nil || why != "" || string(statement) != string(last.Statement) {
		t.Errorf("%v %s\n got %s\nwant %s", err, why, statement, last.Statement)
	}
}

// TestARefusedClaimLeavesNothingUnderWay: a ledger that cannot be written, and a
// verdict that denies.
func TestARefusedClaimLeavesNothingUnderWay(t *testing.T) {
	c := newCrossing(t, policy.Enforce)
	c.book.broken = context.DeadlineExceeded
	if p := c.Judge(t.Context(), deletes("volume", "vol-0ccccccc")); p.Refusal == nil {
		t.Fatal("an unrecorded change passed")
	}
	c.book.broken = nil
	stranger := deletes("volume", "vol-0ccccccc")
	stranger.Actor.ID = "nobody"
	if p := c.Judge(t.Context(), stranger); p.Refusal == nil {
		t.Fatal("a stranger's change passed")
	}
	if left := c.open.list(""); len(left) > 0 {
		t.Errorf("still under way: %+v", left)
	}
	c.passes(t, deletes("volume", "vol-0ccccccc"))
}

// TestObservingAConflictIsToldAndNotBlocked.
func TestObservingAConflictIsToldAndNotBlocked(t *testing.T) {
	c := newCrossing(t, policy.Observe)
	c.passes(t, deletes("instance", "i-00000001"))
	if p := c.passes(t, deletes("instance", "i-00000002")); !strings.Contains(p.Warning, CodeUnderWay) {
		t.Errorf("warning %q", p.Warning)
	}
}

// Whoever waits for a decision that may still be refused hears of it also where it was
// made a second time, with an override.
func TestWhoWaitsForADecisionHearsOfItThoughItWasMadeAnew(t *testing.T) {
	u := newUnderWay(time.Now)
	does := model.Pending{Uses: []model.URN{"urn:x"}}
	_, count := u.seen("")
	u.claim("dec_a", does, count)
	waits := u.unsettled(policy.Decision{Findings: []policy.Finding{{Code: CodeUnderWay, Why: "dec_a deletes it"}}})
	_, count = u.seen("dec_a")
	u.claim("dec_a", does, count)
	u.recorded("dec_a", 7)
	select {
	case <-waits:
	default:
		t.Error("it waits for ever")
	}
	u.drop("dec_a")
}

// A change that was allowed, and then refused by its budget, is not under way: whoever
// has waited for that decision is not refused because of it.
func TestWhatItsBudgetRefusesIsNotUnderWay(t *testing.T) {
	c := newCrossing(t, policy.Enforce)
	counting := make(chan struct{})
	other := make(chan proxy.Permit, 1)
	c.cfg.Decider = counted{c.judge}
	c.cfg.Budgets = meanwhile(func(policy.Decision) []budget.Over {
		close(counting)
		time.Sleep(20 * time.Millisecond) // the other is decided, and waits
		return []budget.Over{{}}
	})
	c.cfg.Event = func(e Event) {
		if e.Decision.Blocks() && e.Decision.Action.Operation == "DeleteVolume" {
			time.Sleep(20 * time.Millisecond) // whoever hears of it goes on at once
		}
	}
	go func() {
		<-counting
		other <- c.Judge(t.Context(), attaches("vol-0ccccccc"))
	}()
	if p := c.Judge(t.Context(), deletes("volume", "vol-0ccccccc")); p.Refusal == nil {
		t.Fatal("it is over its budget, and passed")
	}
	if p := <-other; p.Refusal != nil {
		t.Errorf("refused because of what was refused: %s", p.Refusal.Message)
	}
}

// counted has a budget for every delete.
type counted struct{ Decider }

func (c counted) Decide(ctx context.Context, a model.Action, s model.Snapshot, m policy.Mode, at time.Time, id string, given ...policy.Approval) policy.Decision {
	d := c.Decider.Decide(ctx, a, s, m, at, id, given...)
	if a.Verb == model.Delete {
		d.Budgets = []policy.Budget{{Key: "environment/prod", Deletes: 1}}
	}
	return d
}

type meanwhile func(policy.Decision) []budget.Over

func (f meanwhile) Use(_ context.Context, d policy.Decision, _ budget.Way) ([]budget.Over, error) {
	return f(d), nil
}
func (meanwhile) GiveBack(context.Context, string) error { return nil }
