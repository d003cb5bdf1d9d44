package gate

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
	"github.com/assent-iom/assent/proxy"
)

// Holds keeps held actions until somebody answers.
type Holds interface {
	// Hold asks for a held action. approval.ErrDenied: somebody has refused it.
	Hold(context.Context, policy.Decision) (approval.Request, error)
	// Given returns the unused approvals of a scope, their signatures verified, or
	// the no.
	Given(ctx context.Context, scope string) ([]policy.Approval, *approval.Ticket, error)
	// Prior is what an action that was asked about would change, as that was then.
	Prior(ctx context.Context, request, scope string) (policy.Prior, error)
	// Claim uses approvals up, all or none. approval.ErrUsed: somebody was first.
	Claim(ctx context.Context, approvals []policy.Approval, decision string) ([]approval.Signed, error)
}

// The codes of what becomes of a held action.
const (
	CodeDenied   = "AS2009" // somebody who was asked said no
	CodeNotAsked = "AS2010" // it could not be asked for
	CodeStale    = "AS2026" // what it changes is not what it was when it was asked about
)

const (
	// waitingAtOnce bounds the calls that wait on their open connection; each holds
	// its body. The others are refused at once, and asked about all the same.
	waitingAtOnce = 256
	// askEvery is how soon an answer is seen: it may be given in another process.
	askEvery = 250 * time.Millisecond
	// beatEvery keeps a client from giving up that counts silence (botocore: 60 s).
	beatEvery = 20 * time.Second
	// unknownPatience is below every common client's own time-out.
	unknownPatience = 45 * time.Second
)

// patience is how long a client waits for an answer, and whether it takes interim
// answers meanwhile. Clients of Python give up after a minute of silence, and an
// interim 100 resets that; those in Go wait, and some of them die of interim
// answers. Of the others nothing is known.
func patience(userAgent string, most time.Duration) (wait time.Duration, beats bool) {
	ua := strings.ToLower(userAgent)
	for _, python := range []string{"aws-cli", "boto3", "botocore", "python"} {
		if strings.Contains(ua, python) {
			return most, true
		}
	}
	for _, golang := range []string{"go-http-client", "aws-sdk-go", "terraform", "opentofu", "kubectl", "helm", "kubernetes/"} {
		if strings.Contains(ua, golang) {
			return most, false
		}
	}
	return min(most, unknownPatience), false
}

// settle takes a decision that only lacks approvals to its end: what was given is
// used, or it waits.
func (g *Gate) settle(ctx context.Context, in proxy.Asked, d policy.Decision, try *attempting) (_ policy.Decision, used []ledger.Approval, taken bool) {
	if d.Verdict != policy.Hold || d.Mode != policy.Enforce || d.Fault != "" || g.cfg.Holds == nil {
		return d, nil, false
	}
	scope := policy.Scope(d.Action)
	if next, used, settled := g.answered(ctx, d, scope); settled {
		return next, used, false
	}
	d.Prior = g.prior(d.Action)
	r, err := g.cfg.Holds.Hold(ctx, d)
	switch {
	case errors.Is(err, approval.ErrDenied):
		return refused(d, r.ID, "request "+r.ID+" was denied, and is not asked again until "+r.Expires.Format(time.RFC3339)), nil, false
	case err != nil:
		d.Verdict, d.Needs = policy.Deny, nil
		d.Findings = append([]policy.Finding{{Code: CodeNotAsked, Title: "nobody could be asked to approve it", Verdict: policy.Deny,
			Why: err.Error(), Repair: "whoever operates assent looks into: assent inbox"}}, d.Findings...)
		return d, nil, false
	}
	d.Request = r.ID
	g.cfg.Event(Event{Decision: d, Held: &r})
	return g.wait(ctx, in, d, scope, try)
}

// wait waits on the open connection for an answer. A client that leaves, and names
// its attempts, is waited for too: its retry takes the call over. taken reports that
// one has, and that this connection's part is over.
func (g *Gate) wait(ctx context.Context, in proxy.Asked, d policy.Decision, scope string, try *attempting) (_ policy.Decision, used []ledger.Approval, taken bool) {
	long, beats := patience(in.Actor.Said["user-agent"], g.cfg.Wait)
	if long <= 0 {
		return d, nil, false
	}
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return d, nil, false
	}
	if in.Pause != nil {
		defer in.Pause()()
	}
	over := time.NewTimer(long)
	defer over.Stop()
	ask := time.NewTicker(askEvery)
	defer ask.Stop()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	left := ctx.Done()
	for {
		taken, mine := try.park(d)
		if !mine {
			return d, nil, true
		}
		select {
		case <-taken:
		case <-left:
			if try == nil {
				return d, nil, false
			}
			left = nil
			over.Reset(g.rejoin)
		case <-over.C:
			return d, nil, !try.unpark()
		case <-beat.C:
			if beats && left != nil && in.Beat != nil {
				in.Beat()
			}
		case <-ask.C:
			if left == nil { // nobody is there to be answered: an approval waits for the retry
				continue
			}
			if !try.unpark() {
				return d, nil, true
			}
			if next, used, settled := g.answered(ctx, d, scope); settled {
				return next, used, false
			}
		}
	}
}

// answered looks for an answer to a held action, and judges it again with that:
// on the model and the intent of now. settled is false while it still waits.
func (g *Gate) answered(ctx context.Context, d policy.Decision, scope string) (next policy.Decision, used []ledger.Approval, settled bool) {
	given, no, err := g.cfg.Holds.Given(ctx, scope)
	switch {
	case err != nil:
		g.cfg.Gap("looking for approvals of "+d.ID, err)
		return d, nil, false
	case no != nil:
		why := no.By + " refused it"
		if no.Reason != "" {
			why += ": " + no.Reason
		}
		return refused(d, no.Request, why), nil, true
	case len(given) == 0:
		return d, nil, false
	}
	if stale := g.stale(ctx, d, given, scope); stale != nil {
		return *stale, nil, true
	}
	next = g.claim(ctx, d.Action, g.cfg.Now().UTC(), d.ID, given...)
	defer func() {
		if !settled {
			g.open.drop(d.ID)
		}
	}()
	next.Request = d.Request
	next = g.spend(ctx, next)
	if next.Verdict != policy.Allow {
		return next, nil, next.Verdict != policy.Hold // what was declared or known may have changed meanwhile
	}
	signed, err := g.cfg.Holds.Claim(ctx, next.Approvals, d.ID)
	if err != nil {
		g.giveBack(ctx, next)
		if !errors.Is(err, approval.ErrUsed) {
			g.cfg.Gap("using the approvals of "+d.ID, err)
		}
		return d, nil, false
	}
	for i, a := range next.Approvals {
		used = append(used, ledger.Approval{Approval: a, Ticket: string(signed[i].Ticket), Signature: signed[i].Signature})
		next.Request = a.Request
	}
	return next, used, true
}

// refused is a held decision that somebody has said no to.
func refused(d policy.Decision, request, why string) policy.Decision {
	d.Verdict, d.Request, d.Needs = policy.Deny, request, nil
	d.Findings = append([]policy.Finding{{Code: CodeDenied, Title: "somebody who was asked said no", Verdict: policy.Deny,
		Why: why, Repair: "talk to them; a different call is a different question"}}, d.Findings...)
	return d
}
