// Package gate is the one path that every action takes: understand, judge,
// record, and only then let pass. The proxy's tunnels lead into it, and every
// other door (an admission webhook, a decision API, `assent may`) leads into
// the same two functions, Consider and Judge.
//
// # What it promises
//
//   - A mutation is let pass only after its decision is durable, in every mode.
//     A ledger that cannot be written refuses mutations, also when observing:
//     the law of evidence comes before the law of never being in the way.
//   - Nothing that goes wrong inside it (a panic in a decoder or a rule, a
//     timeout, an error) lets an undecided mutation pass when enforcing, or ends
//     the process in any mode.
//   - One decision reads one model version and one intent version.
//   - A client's own retry of a refused call gets the same decision again; one of a
//     call that waits for an approval goes on with it, under the decision that exists;
//     one of a call that was sent is told what became of it, and is not sent.
//   - An action that only lacks an approval waits for it on its open connection, as
//     long as its client does; then it is refused, and asked about still: the same
//     command, run again, picks the answer up. An approval is used up before the
//     decision that it allows is recorded, so that it is never used twice.
//
// Reads pass without a ledger entry; reveals (reads that hand out a secret or a
// credential) are recorded like changes.
package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
	"github.com/assent-iom/assent/proxy"
)

// appendTimeout bounds one ledger write: past it the disk is as good as down,
// and clients are still patient (the AWS CLI gives up at 60 s).
const appendTimeout = 10 * time.Second

// Decider reaches a verdict on one snapshot (policy/decide). One whose documents
// can change has a method Digest() string too, which names them as Basis.Intent does.
type Decider interface {
	Decide(ctx context.Context, a model.Action, s model.Snapshot, mode policy.Mode, at time.Time, id string, approvals ...policy.Approval) policy.Decision
}

// Config names the parts that a Gate leads through.
type Config struct {
	Decider  Decider
	Snapshot func() model.Snapshot // the newest version of the model
	// Foresee adds to an action what the snapshot that it is judged on tells of it; may
	// be nil.
	Foresee func(*model.Action, model.Snapshot)
	// Prior tells what the things that an action changes are like; nil: an approval is good
	// whatever becomes of them.
	Prior  func(model.Action, model.Snapshot) policy.Prior
	Ledger ledger.Writer             // nil refuses every mutation
	Name   string                    // of this proxy, where several write one ledger; may be empty
	Learn  func([]model.Observation) // takes what answers say about what exists; may be nil
	// Executed is told of each change that was answered with success, with what the
	// answer showed; may be nil.
	Executed func(policy.Decision, []model.Observation)
	Mode     policy.Mode // zero: enforce
	// Holds keeps what waits for approval; nil refuses it. Wait bounds how long a
	// call may wait on its open connection (see patience).
	Holds Holds
	Wait  time.Duration
	// Budgets counts what is changed; nil makes an action that counts against one a
	// fault.
	Budgets Budgets
	// Epoch records that this proxy judges by the documents and rules of a basis, unless
	// that is recorded already. It is called before each decision is, and an error keeps
	// the decision from being recorded. It may be nil.
	Epoch func(context.Context, policy.Basis) error
	// Veil puts commitments in the place of secrets, in all that goes on from here: what is
	// judged, recorded, learnt and shown. What is forwarded stays as it is. It is the one
	// of the model, and may be nil: then nothing tells two secrets apart.
	Veil *model.Veil
	// Withhold commits to the parts of a decision's call and returns what can show them
	// later, encrypted. It may be nil: then nothing can.
	Withhold func(decision string, parts []ledger.Part) (commitments []string, o ledger.Object, err error)
	// Question makes the gate answer instead of letting anything pass: a change is
	// judged and refused, whatever the verdict, which Message then has to tell;
	// nothing is recorded.
	Question bool
	// Message renders the one line that a caller is told.
	Message func(policy.Decision) string
	// Event is told of every recorded decision and outcome, in order for one call.
	// It MUST NOT block. It may be nil.
	Event func(Event)
	// Gap is told of what could not be recorded or learnt. It may be nil.
	Gap  func(what string, err error)
	Now  func() time.Time
	Rand io.Reader // for decision ids
}

// Event is one thing that happened at the gate.
type Event struct {
	Decision policy.Decision
	Receipt  ledger.Receipt
	// Outcome is set on the second event of a forwarded action.
	Outcome *ledger.Outcome
	// Held is set, before the decision is made, on an action that begins to wait.
	Held *approval.Request
	// Turned is set instead of Decision for a call refused at the door.
	Turned *proxy.Turned
	// Added is the time that Assent itself took before forwarding or refusing.
	Added time.Duration
}

// Gate judges calls. It is safe for concurrent use.
type Gate struct {
	cfg    Config
	ids    *idSource
	denys  *denials
	tries  *attempts
	flying *flights
	open   *underWay
	// waiting has a place for each call that waits for approval.
	waiting chan struct{}
	rejoin  time.Duration // rejoinTime, but in tests
}

var _ proxy.Gate = (*Gate)(nil)

// New checks the configuration.
func New(cfg Config) (*Gate, error) {
	switch {
	case cfg.Decider == nil:
		return nil, errors.New("gate: no decider")
	case cfg.Snapshot == nil:
		return nil, errors.New("gate: no model")
	case cfg.Ledger == nil:
		return nil, errors.New("gate: no ledger")
	case cfg.Message == nil:
		return nil, errors.New("gate: no message renderer")
	case cfg.Now == nil || cfg.Rand == nil:
		return nil, errors.New("gate: no clock or no randomness")
	}
	if cfg.Event == nil {
		cfg.Event = func(Event) {}
	}
	if cfg.Gap == nil {
		cfg.Gap = func(string, error) {}
	}
	return &Gate{cfg: cfg, ids: &idSource{rand: cfg.Rand}, denys: newDenials(cfg.Now), tries: newAttempts(cfg.Now), flying: newFlights(), open: newUnderWay(cfg.Now), waiting: make(chan struct{}, waitingAtOnce), rejoin: rejoinTime}, nil
}

// Consider understands and judges a call without recording or forwarding
// anything: what `assent may` and every dry run ask for.
func (g *Gate) Consider(ctx context.Context, in proxy.Asked) policy.Decision {
	return g.consider(ctx, in, "")
}

// consider judges a call; without a decision, which may be under way, it is judged
// as if that were not.
func (g *Gate) consider(ctx context.Context, in proxy.Asked, without string, given ...policy.Approval) policy.Decision {
	at := g.cfg.Now().UTC()
	id, err := g.ids.next(at)
	if err != nil {
		id = "dec_unnamed"
	}
	action, err := g.understand(ctx, in, id, at)
	if err != nil {
		return undecodable(action, err, g.cfg.Mode, at, id)
	}
	return g.decideAmid(ctx, action, at, id, g.open.list(without), given...)
}

// Judge is the way of one call. See proxy.Gate.
func (g *Gate) Judge(ctx context.Context, in proxy.Asked) (permit proxy.Permit) {
	began := g.cfg.Now()
	defer func() {
		// The stages below recover for themselves; this is the last net, and it refuses.
		if r := recover(); r != nil {
			permit = g.refuseUnrecorded("a fault inside assent: " + fmt.Sprint(r))
		}
	}()

	at := began.UTC()
	id, err := g.ids.next(at)
	if err != nil {
		return g.refuseUnrecorded("no randomness for a decision id")
	}
	action, err := g.understand(forDecision(ctx, in, id), in, id, at)

	var d policy.Decision
	var overrides []ledger.Override
	var try *attempting
	sent, taken := false, false
	defer func() {
		if !sent {
			try.drop()
		}
		if !sent && !taken { // what was taken over is another's now
			g.open.drop(d.ID)
		}
	}()
	switch {
	case err != nil:
		d = undecodable(action, err, g.cfg.Mode, at, id)
	case !action.Mutates() && action.Verb != model.Reveal:
		return g.pass(ctx, in, action, at, id)
	default:
		passed, seen := g.flying.find(in, action)
		var held *policy.Decision
		if !seen && in.Ticket == "" && in.Follows == "" {
			var joined *decoders.Refusal
			if try, held, joined = g.join(ctx, attemptKey(in, action, g.intent()), in.Pause); joined != nil {
				return proxy.Permit{DecisionID: joined.DecisionID, Refusal: joined}
			}
		}
		if known, ok := g.denys.find(in, action, g.intent()); ok {
			return proxy.Permit{DecisionID: known.DecisionID, Refusal: &known}
		}
		switch {
		case seen:
			return proxy.Permit{DecisionID: passed}
		case held != nil:
			d, id = *held, held.ID
		case in.Ticket != "":
			d = forged(action, g.cfg.Veil.Text(in.Ticket), g.cfg.Mode, at, id)
		case in.Follows != "":
			d = consequence(g.decide(ctx, action, at, id), in.Follows)
		case in.Echo: // a review may be of what one that is under way leads to
			d = g.spend(ctx, g.decideAmid(ctx, action, at, id, nil))
		default:
			d, overrides = g.emergency(ctx, g.spend(ctx, g.claim(ctx, action, at, id)))
		}
	}

	if g.cfg.Question {
		g.cfg.Event(Event{Decision: d, Added: g.cfg.Now().Sub(began)})
		return proxy.Permit{DecisionID: id, Refusal: g.refusal(in, d)}
	}
	var used []ledger.Approval
	if d, used, taken = g.settle(ctx, in, d, try); taken {
		return proxy.Permit{DecisionID: d.ID, Refusal: takenOver(d)}
	}
	withheld, err := g.withhold(in, &d)
	var receipt ledger.Receipt
	var statement []byte
	if err == nil {
		receipt, statement, err = g.record(ctx, d, used, overrides, withheld...)
	}
	if err != nil {
		g.cfg.Gap("decision "+id, err)
		g.giveBack(ctx, d)
		return g.refuseUnrecorded("the ledger cannot be written (" + err.Error() + ")")
	}
	if !d.Blocks() { // or it was never under way
		g.open.recorded(d.ID, receipt.Index)
	}
	g.cfg.Event(Event{Decision: d, Receipt: receipt, Added: g.cfg.Now().Sub(began)})
	if d.Blocks() {
		refusal := g.refusal(in, d)
		if d.Fault == "" && d.Verdict != policy.Hold && !conflicts(d) { // a fault is no answer, and neither is a question: a retry deserves another try
			g.denys.add(in, d, *refusal)
		}
		return proxy.Permit{DecisionID: id, Refusal: refusal}
	}
	if !in.Echo {
		g.flying.add(id, d.Action)
	}
	sent = true
	try.sends(d)
	done := g.closer(d, receipt, statement)
	return proxy.Permit{
		DecisionID: id,
		Warning:    g.warning(d),
		Close: func(ctx context.Context, a proxy.Answered) error {
			defer try.over(a) // once it is recorded
			return done(ctx, a)
		},
		Learn: g.learner(in, &d),
		Still: g.still(in, d),
	}
}

// still returns the function that judges an allowed call again. An approval that it
// used is used up: what only lacks one now goes on, and what went by an override while
// that is good.
func (g *Gate) still(in proxy.Asked, was policy.Decision) func(context.Context) string {
	if was.Mode != policy.Enforce || in.Echo {
		return nil
	}
	return func(ctx context.Context) string {
		given, err := g.overriding(ctx, was)
		if err != nil {
			g.cfg.Gap("looking for overrides of "+was.ID, err)
			return ""
		}
		d := g.consider(ctx, in, was.ID, given...)
		if d.Verdict != policy.Deny || d.Fault != "" {
			return ""
		}
		f, ok := d.First()
		switch {
		case !ok || d.Explain == "none":
			return "nothing allows it any more"
		case d.Explain == "codes":
			return "nothing allows it any more (" + f.Code + ")"
		}
		return f.Title + " (" + f.Code + ")"
	}
}

// pass lets a read through. A dry run of a change is judged, so that its caller
// is told what would be refused, but it is neither recorded nor blocked.
func (g *Gate) pass(ctx context.Context, in proxy.Asked, a model.Action, at time.Time, id string) proxy.Permit {
	p := proxy.Permit{Learn: g.learner(in, nil)}
	if a.DryRun {
		p.Learn = nil // what a dry run answers does not exist
		dry := a
		dry.DryRun = false
		if d := g.decide(ctx, dry, at, id); d.Verdict != policy.Allow {
			p.Warning = g.warning(d)
		}
	}
	return p
}

// decide asks for a verdict amid what is under way.
func (g *Gate) decide(ctx context.Context, a model.Action, at time.Time, id string, approvals ...policy.Approval) policy.Decision {
	return g.decideAmid(ctx, a, at, id, g.open.list(id), approvals...)
}

// decideAmid asks for a verdict; a panic becomes a fault, which denies.
func (g *Gate) decideAmid(ctx context.Context, a model.Action, at time.Time, id string, open []model.Pending, approvals ...policy.Approval) (d policy.Decision) {
	defer func() {
		if r := recover(); r != nil {
			d = faulty(a, fmt.Sprintf("the decision panicked: %v", r), g.cfg.Mode, at, id)
		}
	}()
	s := g.cfg.Snapshot()
	if g.cfg.Foresee != nil {
		g.cfg.Foresee(&a, s)
	}
	if len(open) > 0 {
		s = model.Amid{Snapshot: s, Pending: open}
	}
	return g.cfg.Decider.Decide(ctx, a, s, g.cfg.Mode, at, id, approvals...)
}

// intent names the declared documents that a decision would be made on now.
func (g *Gate) intent() string {
	if d, ok := g.cfg.Decider.(interface{ Digest() string }); ok {
		return d.Digest()
	}
	return ""
}

// record makes a decision durable, after what it was judged by and the approvals that it
// used, and returns its statement too.
func (g *Gate) record(ctx context.Context, d policy.Decision, used []ledger.Approval, overrides []ledger.Override, beside ...ledger.Object) (ledger.Receipt, []byte, error) {
	if err := g.epoch(ctx, d.Basis); err != nil {
		return ledger.Receipt{}, nil, fmt.Errorf("recording what is in force: %w", err)
	}
	for _, a := range used {
		statement, err := ledger.ApprovalStatement(a, d)
		if err != nil {
			return ledger.Receipt{}, nil, err
		}
		if _, err := g.append(ctx, ledger.Entry{Kind: ledger.KindApproval, Run: d.Action.Run, Statement: statement}); err != nil {
			return ledger.Receipt{}, nil, err
		}
	}
	for _, o := range overrides {
		e, err := ledger.OverrideEntry(o)
		if err == nil {
			e.Run = o.Run
			_, err = g.append(ctx, e)
		}
		if err != nil {
			return ledger.Receipt{}, nil, err
		}
	}
	d.Enforcer = g.cfg.Name
	objects, err := g.objects(&d)
	if err != nil {
		return ledger.Receipt{}, nil, fmt.Errorf("encoding what the decision was made on: %w", err)
	}
	statement, err := ledger.DecisionStatement(d)
	if err != nil {
		return ledger.Receipt{}, nil, fmt.Errorf("encoding the decision: %w", err)
	}
	receipt, err := g.append(ctx, ledger.Entry{Kind: ledger.KindDecision, Key: d.ID, Run: d.Action.Run, Statement: statement, Objects: append(objects, beside...)})
	return receipt, statement, err
}

// append writes an entry whatever becomes of the caller: a client that leaves
// does not take the evidence with it.
func (g *Gate) append(ctx context.Context, e ledger.Entry) (ledger.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	return g.cfg.Ledger.Append(ctx, e)
}

// closer returns the function that records what became of a forwarded action, whose
// decision was recorded as a statement.
func (g *Gate) closer(d policy.Decision, of ledger.Receipt, recorded []byte) func(context.Context, proxy.Answered) error {
	return func(ctx context.Context, a proxy.Answered) error {
		g.flying.remove(d.ID)
		if a.Result == ledger.Succeeded && g.cfg.Learn != nil {
			g.open.answered(d.ID) // until the model knows
		} else {
			g.open.drop(d.ID)
		}
		out := ledger.Outcome{
			Decision: d.ID, Of: of,
			Result: a.Result, Reason: g.cfg.Veil.Text(a.Reason), Status: a.Status, RequestID: a.RequestID,
			ForwardedAt: a.ForwardedAt.UTC(), CompletedAt: a.CompletedAt.UTC(), Signed: a.Signed,
		}
		if !CarriedOut(a.Result) {
			g.giveBack(ctx, d)
		}
		statement, err := ledger.OutcomeOf(out, d.Action.Run, recorded)
		if err == nil {
			_, err = g.append(ctx, ledger.Entry{Kind: ledger.KindOutcome, Key: d.ID, Run: d.Action.Run, Statement: statement})
		}
		if err != nil {
			g.cfg.Gap("outcome of "+d.ID, err)
			return fmt.Errorf("recording the outcome of %s: %w", d.ID, err)
		}
		g.cfg.Event(Event{Decision: d, Receipt: of, Outcome: &out})
		return nil
	}
}

// learner returns the function that takes what an answer says about what exists, and
// of a decided change, that it was executed.
func (g *Gate) learner(in proxy.Asked, d *policy.Decision) func(*decoders.Response) {
	if g.cfg.Learn == nil {
		return nil
	}
	return func(r *decoders.Response) {
		defer func() {
			if p := recover(); p != nil {
				g.cfg.Gap("learning from "+in.Call.Host, errors.New(g.cfg.Veil.Text(fmt.Sprintf("panic: %v", p))))
			}
		}()
		if d != nil {
			defer g.open.drop(d.ID)
		}
		seen := g.cfg.Veil.Observations(in.Decoder.Learn(in.Call, r))
		if len(seen) > 0 {
			g.cfg.Learn(seen)
		}
		if d != nil && g.cfg.Executed != nil && d.Action.Mutates() && r.Status >= 200 && r.Status < 300 {
			g.cfg.Executed(*d, seen)
		}
	}
}

// TurnedAway records a call that was refused before it could be decoded. What
// cannot be recorded is reported as a gap: the call was refused already.
func (g *Gate) TurnedAway(ctx context.Context, t proxy.Turned) {
	t.At = g.cfg.Now().UTC()
	t.Method, t.Host, t.Reason = g.cfg.Veil.Text(t.Method), g.cfg.Veil.Text(t.Host), g.cfg.Veil.Text(t.Reason)
	statement, err := ledger.DoorStatement(t)
	if err == nil {
		_, err = g.append(ctx, ledger.Entry{Kind: ledger.KindDoor, Run: t.Run, Statement: statement})
	}
	if err != nil {
		g.cfg.Gap("refusal at the door of "+t.Host, err)
	}
	g.cfg.Event(Event{Turned: &t})
}
