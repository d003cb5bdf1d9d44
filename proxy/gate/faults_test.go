package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
	"github.com/assent-iom/assent/policy/budget"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/reason"
	"github.com/assent-iom/assent/policy/rego"
)

// modelAsked is how often the model is asked for the call at least.
const modelAsked = 11

// faults is how many are injected, one or two into a call each.
const faults = 1000

// faulted is everything that one call passes, which would be allowed: by a clause, after
// an approval, within a budget, under a rule. Each part can be broken.
type faulted struct {
	cfg     Config
	action  model.Action
	decoded func(model.Action) (model.Action, error)
	ctx     context.Context
	rule    string
	more    []decide.Compiler
	timeout time.Duration

	world   *trembling
	ledger  *shaky
	budgets *meter
	inbox   *clerk
}

// trembling is a model that breaks at one of the questions that it is asked.
type trembling struct {
	asked, at  int
	breaks     func()
	forgotten  bool // it knows nothing any more
	incomplete bool
}

const queue = model.URN("arn:aws:sqs:us-east-1:123456789012:orders")

func (w *trembling) ask() {
	if w.asked++; w.asked == w.at {
		w.breaks()
	}
}

func (w *trembling) Version() model.Version {
	w.ask()
	return model.Version{Rev: 1, Digest: "sha256:1"}
}
func (w *trembling) Resource(u model.URN) (model.Resource, bool) {
	w.ask()
	return model.Resource{URN: u, Platform: "aws", Type: "sqs:queue", Account: "123456789012", Tags: map[string]string{"team": "shop"}}, u == queue && !w.forgotten
}
func (w *trembling) Resolve(id string) (model.URN, bool) {
	w.ask()
	return queue, id == string(queue) && !w.forgotten
}
func (w *trembling) Dependents([]model.URN, int) model.Reach {
	w.ask()
	return model.Reach{Complete: !w.incomplete}
}
func (w *trembling) Dependencies(model.URN) []model.Relation { w.ask(); return nil }
func (w *trembling) Each(func(model.Resource) bool)          { w.ask() }

// shaky is a ledger that breaks at one of its entries.
type shaky struct {
	book
	written, at int
	breaks      func() error
}

func (s *shaky) Append(ctx context.Context, e ledger.Entry) (ledger.Receipt, error) {
	if s.written++; s.written == s.at {
		if err := s.breaks(); err != nil {
			return ledger.Receipt{}, err
		}
	}
	return s.book.Append(ctx, e)
}

// meter is a memory of budgets that breaks.
type meter struct {
	Budgets
	breaks func() ([]budget.Over, error)
}

func (m *meter) Use(ctx context.Context, d policy.Decision, w budget.Way) ([]budget.Over, error) {
	if m.breaks != nil {
		return m.breaks()
	}
	return m.Budgets.Use(ctx, d, w)
}

// clerk is an inbox that breaks.
type clerk struct {
	desk
	hold, give, claim func() error
	short             bool // it returns fewer tickets than approvals
}

func (c *clerk) Hold(ctx context.Context, d policy.Decision) (approval.Request, error) {
	if c.hold != nil {
		if err := c.hold(); err != nil {
			return approval.Request{}, err
		}
	}
	return c.desk.Hold(ctx, d)
}

func (c *clerk) Given(ctx context.Context, scope string) ([]policy.Approval, *approval.Ticket, error) {
	if c.give != nil {
		if err := c.give(); err != nil {
			return c.given, nil, err
		}
	}
	return c.desk.Given(ctx, scope)
}

func (c *clerk) Claim(ctx context.Context, all []policy.Approval, id string) ([]approval.Signed, error) {
	if c.claim != nil {
		if err := c.claim(); err != nil {
			return nil, err
		}
	}
	signed, err := c.desk.Claim(ctx, all, id)
	if c.short {
		signed = nil
	}
	return signed, err
}

// reader is randomness that may break.
type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

func faultedDocuments(rule string) *intent.Set {
	most, none := 1_000_000, 0
	return &intent.Set{Digest: "sha256:faults",
		Environments: []*intent.Environment{{Name: "hush-prod", Scope: []intent.Scope{{AWS: &intent.AWSScope{Accounts: intent.Words{"123456789012"}}}}, Caps: intent.Caps{Rate: &intent.Budget{Per: "1h", Deletes: &most}}}},
		Owners:       []*intent.Owner{{Name: "hush-shop", Accountable: "human:hush-dana", Owns: []intent.Selector{{Tag: map[string]string{"team": "shop"}}}}},
		Actors: []*intent.Actor{{Name: "hush-dana", Kind: "human", Person: "human:hush-dana", Owner: "hush-shop", Identify: []intent.Identity{{Run: "hush-dana"}}},
			{Name: "deploy", Kind: "agent", Explain: "none", Owner: "hush-shop", Identify: []intent.Identity{{Run: "deploy"}}}},
		Intents: []*intent.Intent{{Name: "hush-work", Owner: "hush-shop", Allow: []intent.Allow{{ID: "hush-drop", Who: intent.Words{"deploy"}, May: intent.Verbs{model.Delete}, In: intent.Words{"hush-prod"},
			What: intent.What{Capability: intent.Words{"messaging.queue"}, Owner: "hush-shop"}, Must: intent.Conditions{{Property: "backup.destroyed", Is: false}},
			Limits: intent.Limits{Dependents: &none, Targets: &most}, Approvals: []intent.Approvals{{From: "owner"}}}}}},
		Rules: []*intent.Rule{{Name: "hush-few", Owner: "hush-shop", For: intent.For{Verbs: intent.Verbs{model.Delete}}, Rego: intent.Text{Line: 1, Body: rule}, Tests: []intent.RuleTest{}}},
	}
}

// notStarted is what operators are told, and no caller.
const notStarted = "it does not start: "

// newFaulted is a call and its way, all of it whole.
func newFaulted(t *testing.T, budgets Budgets) *faulted {
	now := time.Unix(1_800_000_000, 0)
	f := &faulted{ctx: t.Context(), rule: `deny contains "too many" if { input.action.params.n > 3 }`, timeout: time.Minute,
		world: &trembling{}, ledger: &shaky{}, budgets: &meter{Budgets: budgets}, inbox: &clerk{},
		decoded: func(a model.Action) (model.Action, error) { return a, nil },
		action: model.Action{Platform: "aws", Service: "sqs", Operation: "DeleteQueue", Verb: model.Delete, Capability: "messaging.queue", Account: "123456789012", Region: "us-east-1", Fidelity: model.Exact,
			Params: json.RawMessage(`{"n":1,"word":"many"}`), Props: []model.Property{{Name: "backup.destroyed", Value: false, Known: true, Source: "request"}},
			Targets: []model.Target{{URN: queue, Type: "sqs:queue", Role: model.RoleTarget}}}}
	f.cfg = Config{Mode: policy.Enforce, Ledger: f.ledger, Budgets: f.budgets, Holds: f.inbox, Snapshot: func() model.Snapshot { return f.world },
		Message: reason.Message, Now: func() time.Time { return now }, Rand: rand.NewChaCha8([32]byte{1})}
	return f
}

// refused judges the call, and says how it was refused; empty: it was let pass.
func (f *faulted) refused(t *testing.T) string {
	t.Helper()
	e, err := decide.New(decide.Config{Intent: faultedDocuments(f.rule), Timeout: f.timeout, Compilers: append([]decide.Compiler{decide.Using(checks.Compile), decide.Using(rego.Compile)}, f.more...)})
	if err != nil {
		return notStarted + err.Error()
	}
	f.cfg.Decider = e
	g, err := New(f.cfg)
	if err != nil {
		return notStarted + err.Error()
	}
	in := ask(stub{decode: func(decoders.Call) (model.Action, error) { return f.decoded(f.action) }})
	in.Actor = model.Actor{ID: "deploy", Authn: "run-token"}
	if f.inbox.given == nil {
		sum := sha256.Sum256([]byte(ticket))
		a := f.action
		a.Actor, a.Run = in.Actor, in.Run
		f.inbox.given = []policy.Approval{{ID: "sha256:" + hex.EncodeToString(sum[:]), Request: "req_1", By: "hush-dana", Scope: policy.Scope(a), At: f.cfg.Now(), Expires: f.cfg.Now().Add(time.Hour)}}
	}
	if p := g.Judge(f.ctx, in); p.Refusal != nil {
		return p.Refusal.Message
	}
	return ""
}

var errFault = errors.New("a fault")

// anyhow is an error or a panic.
func anyhow(d *rand.Rand) func() error {
	if d.IntN(2) == 0 {
		return func() error { return errFault }
	}
	return func() error { panic("a fault") }
}

// injections are the faults, by where they are. Each takes the means to be allowed.
var injections = map[string]func(*faulted, *rand.Rand){
	"decoding": func(f *faulted, d *rand.Rand) {
		how := anyhow(d)
		f.decoded = func(a model.Action) (model.Action, error) { return a, how() }
	},
	"a decoder that understood nothing": func(f *faulted, d *rand.Rand) {
		f.action.Fidelity = model.Opaque
		f.action.Verb = []model.Verb{model.Unknown, model.Delete, "frobnicate"}[d.IntN(3)]
	},
	"a property that cannot be read": func(f *faulted, d *rand.Rand) {
		f.action.Props[0] = []model.Property{{Name: "backup.destroyed", Known: false}, {Name: "backup.destroyed", Known: true}, {Name: "backup.destroyed", Value: "?", Known: true}, {Name: "backup.destroyed", Value: []any{nil}, Known: true}}[d.IntN(4)]
	},
	"a target that cannot be told": func(f *faulted, d *rand.Rand) {
		f.action.Targets[0].URN = []model.URN{"*", "", "arn:aws:sqs:us-east-1:*:orders", "arn:aws:sqs:*", "\x00", "k8s://%zz", queue + "*"}[d.IntN(7)]
	},
	"parts without end": func(f *faulted, d *rand.Rand) {
		for range 20 + d.IntN(50) {
			part := f.action
			f.action.Parts = []model.Action{part}
		}
	},
	"parameters that are no JSON": func(f *faulted, d *rand.Rand) {
		f.action.Params = json.RawMessage([]string{"{", `{"n":1}}`, "\xff", `{"n":`, "nul"}[d.IntN(5)])
	},
	"the model at a question": func(f *faulted, d *rand.Rand) {
		f.world.at, f.world.breaks = 1+d.IntN(modelAsked), func() { panic("a fault") }
	},
	"the model, which knows nothing": func(f *faulted, _ *rand.Rand) { f.world.forgotten = true },
	"the model, which knows not all": func(f *faulted, _ *rand.Rand) { f.world.incomplete = true },
	"no model": func(f *faulted, d *rand.Rand) {
		f.cfg.Snapshot = []func() model.Snapshot{func() model.Snapshot { return nil }, func() model.Snapshot { panic("a fault") }, func() model.Snapshot { return (*trembling)(nil) }}[d.IntN(3)]
	},
	"what is foreseen": func(f *faulted, _ *rand.Rand) {
		f.cfg.Foresee = func(*model.Action, model.Snapshot) { panic("a fault") }
	},
	"a client that left before the verdict": func(f *faulted, d *rand.Rand) {
		ctx, cancel := context.WithCancel(f.ctx)
		f.ctx = ctx
		if d.IntN(2) == 0 {
			cancel()
			return
		}
		f.world.at, f.world.breaks = 1+d.IntN(5), cancel
	},
	"the time for a verdict": func(f *faulted, d *rand.Rand) {
		f.timeout = time.Duration(1 + d.IntN(50))
		if d.IntN(2) == 0 {
			f.timeout = time.Millisecond
			f.more = append(f.more, judging(func(ctx context.Context, _ *policy.Decision) error { <-ctx.Done(); return ctx.Err() }))
		}
	},
	"a judge": func(f *faulted, d *rand.Rand) {
		how := anyhow(d)
		f.more = append(f.more, judging(func(context.Context, *policy.Decision) error { return how() }))
	},
	"a judge after one that denies": func(f *faulted, _ *rand.Rand) {
		f.more = append(f.more, judging(func(_ context.Context, d *policy.Decision) error { d.Verdict = policy.Deny; return nil }),
			judging(func(_ context.Context, d *policy.Decision) error { d.Verdict, d.Fault = policy.Allow, ""; return nil }))
	},
	"a rule in Rego": func(f *faulted, d *rand.Rand) {
		f.rule = []string{
			`deny contains "x" if { to_number(input.action.params.word) > 3 }`,
			`deny contains x if { x := input.action.params.n }`,
			`deny contains x if { x := {"msg": input.action.params.word} }`,
			`deny contains x if { x := {"code": input.action.params.n} }`,
			`deny contains "x" if { net.cidr_contains(input.action.params.word, "10.0.0.0/8") }`,
			`deny contains "x" if { json.unmarshal(input.action.params.word).x }`,
			`deny contains "x" if { time.parse_rfc3339_ns(input.action.params.word) > 0 }`,
		}[d.IntN(7)]
	},
	"a rule that does not compile": func(f *faulted, d *rand.Rand) {
		f.rule = []string{"deny contains", `allow := true`, `deny contains "x" if { http.send({}) }`, `deny contains "x" if { input.acton.verb }`, ""}[d.IntN(5)]
	},
	"a compiler": func(f *faulted, d *rand.Rand) {
		how := anyhow(d)
		f.more = append(f.more, func(*intent.Set) (policy.Judge, error) { return nil, how() })
	},
	"no budgets": func(f *faulted, _ *rand.Rand) { f.cfg.Budgets = nil },
	"the budgets": func(f *faulted, d *rand.Rand) {
		how := anyhow(d)
		f.budgets.breaks = func() ([]budget.Over, error) { return nil, how() }
	},
	"budgets that are used up": func(f *faulted, _ *rand.Rand) {
		f.budgets.breaks = func() ([]budget.Over, error) {
			return []budget.Over{{Budget: policy.Budget{Key: "environment/hush-prod", Owner: "hush-shop", Source: "Environment hush-prod"}}}, nil
		}
	},
	"no inbox":               func(f *faulted, _ *rand.Rand) { f.cfg.Holds = nil },
	"looking into the inbox": func(f *faulted, d *rand.Rand) { f.inbox.give = anyhow(d) },
	"asking": func(f *faulted, d *rand.Rand) {
		f.inbox.given, f.inbox.hold = []policy.Approval{}, anyhow(d)
	},
	"using an approval up": func(f *faulted, d *rand.Rand) {
		how := anyhow(d)
		if f.inbox.claim = how; d.IntN(3) == 0 {
			f.inbox.claim = func() error { return approval.ErrUsed }
		}
	},
	"tickets that are lost": func(f *faulted, _ *rand.Rand) { f.inbox.short = true },
	"an approval that is none": func(f *faulted, d *rand.Rand) {
		now := f.cfg.Now()
		a := f.action
		a.Actor, a.Run = model.Actor{ID: "deploy", Authn: "run-token"}, "run_1"
		good := policy.Approval{ID: "sha256:" + hex.EncodeToString(make([]byte, 32)), By: "hush-dana", Scope: policy.Scope(a), At: now, Expires: now.Add(time.Hour)}
		switch d.IntN(6) {
		case 0:
			good.By = "deploy"
		case 1:
			good.By = "nobody"
		case 2:
			good.Scope = "sha256:another"
		case 3:
			good.Expires = now
		case 4:
			good.At = now.Add(24 * time.Hour)
		case 5:
			good = policy.Approval{}
		}
		f.inbox.given = []policy.Approval{good}
	},
	"the ledger": func(f *faulted, d *rand.Rand) {
		f.ledger.at, f.ledger.breaks = 1+d.IntN(2), anyhow(d)
	},
	"randomness": func(f *faulted, d *rand.Rand) {
		how := anyhow(d)
		f.cfg.Rand = reader(func([]byte) (int, error) { return 0, how() })
	},
	"randomness that ends": func(f *faulted, d *rand.Rand) {
		f.cfg.Rand = io.LimitReader(bytes.NewReader(make([]byte, 64)), int64(d.IntN(5)))
	},
	"who is told": func(f *faulted, _ *rand.Rand) { f.cfg.Event = func(Event) { panic("a fault") } },
	"saying what is in force": func(f *faulted, d *rand.Rand) {
		how := anyhow(d)
		f.cfg.Epoch = func(context.Context, policy.Basis) error { return how() }
	},
}

// judging is a judge of a test's own.
type judgeFunc func(context.Context, *policy.Decision) error

func (j judgeFunc) Judge(ctx context.Context, d *policy.Decision, _ model.Snapshot) error {
	return j(ctx, d)
}

func judging(j judgeFunc) decide.Compiler {
	return func(*intent.Set) (policy.Judge, error) { return j, nil }
}

// TestAThousandFaultsAllowNothing: whatever breaks on the way of a call that would be
// allowed, in one place or in two, it is not let pass; and an actor that may be told
// nothing (explain: none) reads no name of what is declared, even so.
func TestAThousandFaultsAllowNothing(t *testing.T) {
	store, err := budget.Open(filepath.Join(t.TempDir(), "budgets.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	places := slices.Sorted(maps.Keys(injections))
	hit := map[string]int{}
	for round := range faults {
		if round%100 == 0 {
			whole := newFaulted(t, store)
			if why := whole.refused(t); why != "" {
				t.Fatalf("without a fault it is refused: %s", why)
			}
			if whole.world.asked < modelAsked || whole.ledger.written != 2 {
				t.Fatalf("the model was asked %d times, the ledger written %d times: some faults below never happen", whole.world.asked, whole.ledger.written)
			}
		}
		d := rand.New(rand.NewPCG(uint64(round), 3))
		f, said := newFaulted(t, store), ""
		for range 1 + d.IntN(2) {
			name := places[(round+d.IntN(2)*d.IntN(len(places)))%len(places)]
			injections[name](f, d)
			hit[name]++
			said += name + "; "
		}
		switch message := f.refused(t); {
		case message == "":
			t.Errorf("round %d: it was let pass, with a fault in %s", round, said)
		case strings.Contains(message, "hush") && !strings.HasPrefix(message, notStarted):
			t.Errorf("round %d: an agent that may be told nothing is told %q, with a fault in %s", round, message, said)
		}
	}
	for _, name := range places {
		if hit[name] == 0 {
			t.Errorf("%s was never broken", name)
		}
	}
	t.Log(fmt.Sprint(hit))
}
