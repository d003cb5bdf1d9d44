// Package decide reaches the verdict on one action: it takes one immutable
// version of intent and one of the model, runs the compiled judges over them in
// order, and names in the decision what it read.
//
// # What it promises
//
//   - A decision is a function of its inputs: the action, the snapshot, the
//     intent, the mode, the time and the id that it is given. There is no clock
//     and no randomness inside; replaying gives the same bytes.
//   - It fails closed. An error, a panic or a cancelled context becomes a Fault,
//     which is enforced as deny and told apart from it.
//   - Intent is swapped whole. A decision under way keeps the version it began
//     with; a set that does not compile never replaces the running one.
//   - A later judge may lower the verdict of an earlier one and never raise it,
//     whatever it writes.
package decide

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// CodeFault is the finding of a decision that could not be reached.
const CodeFault = "AS5001"

// Compiler turns documents into a judge.
type Compiler func(*intent.Set) (policy.Judge, error)

// Using makes a Compiler of a function that returns a judge of its own type:
// decide.Using(checks.Compile), decide.Using(rego.Compile).
func Using[J policy.Judge](compile func(*intent.Set) (J, error)) Compiler {
	return func(set *intent.Set) (policy.Judge, error) {
		j, err := compile(set)
		if err != nil {
			return nil, err
		}
		return j, nil
	}
}

// Config names the parts of an Engine.
type Config struct {
	// Intent is what is declared at the start; nil is nothing, and denies.
	Intent *intent.Set
	// Compilers make the judges, in the order in which they run. The first one
	// grants (policy/checks); the others can only take away (policy/rego).
	Compilers []Compiler
	// Timeout bounds one decision. Zero: DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is far above any honest decision (tens of microseconds) and
// far below a client's patience.
const DefaultTimeout = 2 * time.Second

// Engine decides. It is safe for concurrent use.
type Engine struct {
	cfg Config
	now atomic.Pointer[version] // never nil
}

// version is one set of documents, compiled. It is immutable.
type version struct {
	set    *intent.Set
	digest string
	rules  string
	judges []policy.Judge
}

// New compiles the first version.
func New(cfg Config) (*Engine, error) {
	if len(cfg.Compilers) == 0 {
		return nil, errors.New("making a decision engine: no compilers; the first one has to grant")
	}
	if cfg.Timeout < 0 {
		return nil, errors.New("making a decision engine: the timeout is negative")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	e := &Engine{cfg: cfg}
	if err := e.Swap(cfg.Intent); err != nil {
		return nil, err
	}
	return e, nil
}

// Swap replaces the running version. On an error the running one stays.
func (e *Engine) Swap(set *intent.Set) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("compiling intent: panic: %v", r)
		}
	}()
	v := &version{set: set, digest: intent.None}
	if !set.Empty() {
		v.digest = set.Digest
	}
	for _, compile := range e.cfg.Compilers {
		j, err := compile(set)
		if err != nil {
			return fmt.Errorf("compiling intent: %w", err)
		}
		if d, ok := j.(interface{ Digest() string }); ok && d.Digest() != "" {
			v.rules = d.Digest()
		}
		v.judges = append(v.judges, j)
	}
	e.now.Store(v)
	return nil
}

// Intent returns the running documents; nil when nothing is declared.
func (e *Engine) Intent() *intent.Set { return e.now.Load().set }

// Digest names the running documents: sha256:HEX, or "none".
func (e *Engine) Digest() string { return e.now.Load().digest }

// Basis is what the running documents and rules are named by in decisions.
func (e *Engine) Basis() policy.Basis {
	v := e.now.Load()
	return policy.Basis{Intent: v.digest, Rules: v.rules}
}

// Decide reaches a verdict. It always returns one. Approvals are those that were
// given for the action, with verified signatures; usually there are none.
func (e *Engine) Decide(ctx context.Context, a model.Action, s model.Snapshot, mode policy.Mode, at time.Time, id string, approvals ...policy.Approval) policy.Decision {
	v := e.now.Load()
	within := &limit{Context: ctx, until: time.Now().Add(e.cfg.Timeout)}
	defer within.end()
	fresh := func() policy.Decision {
		d := policy.Decision{ID: id, At: at, Mode: mode, Action: a, Approvals: approvals,
			Basis: policy.Basis{Intent: v.digest, Rules: v.rules, Decoder: a.Decoder}}
		return d
	}
	d := fresh()
	if err := v.run(within, &d, s); err != nil {
		basis, explain := d.Basis, d.Explain
		d = fresh()
		d.Basis, d.Explain, d.Approvals = basis, explain, nil
		d.Fault = err.Error()
		d.Findings = []policy.Finding{{
			Code: CodeFault, Title: "no verdict could be reached", Verdict: policy.Deny, Why: d.Fault,
			Repair: "nothing is wrong with the call; whoever operates assent finds the cause with: assent explain " + id,
		}}
	}
	return d
}

// run lets every judge speak. A panic is a fault like any other.
func (v *version) run(ctx context.Context, d *policy.Decision, s model.Snapshot) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v%s", r, where())
		}
	}()
	if s == nil {
		return errors.New("there is no model to judge on")
	}
	w := radius.NewWitness(s, v.set != nil && len(v.set.Rules) > 0)
	d.Basis.Model, d.Facts, s = s.Version(), w, w
	for i, j := range v.judges {
		verdict, fault := d.Verdict, d.Fault
		if err := j.Judge(ctx, d, s); err != nil {
			return err
		}
		if i > 0 && (d.Verdict > verdict || d.Fault == "" && fault != "") {
			return errors.New("a rule tried to raise the verdict")
		}
	}
	return nil
}

// where names the function that panicked: enough to find it, and the same on
// every replay of one program.
func where() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf(" in %s", f.Function)
		}
		if !more {
			return ""
		}
	}
}
