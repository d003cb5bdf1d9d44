package gate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy"
)

const (
	// changedNamed bounds the things, and the fields of each, that a stale approval names.
	changedNamed = 4
)

// prior is what the things that an action changes are like now.
func (g *Gate) prior(a model.Action) policy.Prior {
	if g.cfg.Prior == nil {
		return nil
	}
	return g.cfg.Prior(a, g.cfg.Snapshot())
}

// stale holds what an action would change against what that was like when somebody said
// yes to it. What has changed since is another question: the approvals are used up, and
// the same call is asked about anew. nil: it has not changed.
func (g *Gate) stale(ctx context.Context, d policy.Decision, given []policy.Approval, scope string) *policy.Decision {
	if g.cfg.Prior == nil {
		return nil
	}
	now := g.prior(d.Action)
	for _, a := range given {
		if a.State == "" || a.State == now.Digest() {
			continue
		}
		then, err := g.cfg.Holds.Prior(ctx, a.Request, scope)
		why := "what it was like then cannot be told"
		if err == nil && then.Digest() == a.State {
			if why = changes(then, now); why == "" {
				continue
			}
		}
		if _, err := g.cfg.Holds.Claim(ctx, given, d.ID); err != nil {
			g.cfg.Gap("using the stale approvals of "+d.ID+" up", err)
		}
		d.Verdict, d.Needs, d.Request = policy.Deny, nil, a.Request
		d.Findings = append([]policy.Finding{{Code: CodeStale, Title: "it is not any more what was approved", Verdict: policy.Deny,
			Why:    fmt.Sprintf("%s (request %s, approved by %s at %s)", why, a.Request, a.By, a.At.UTC().Format(time.RFC3339)),
			Repair: "look at it as it is now (assent what URN), and run it again: it is asked about anew"}}, d.Findings...)
		return &d
	}
	return nil
}

// changes says what is not as it was, and by which decision, where that was by way of the
// proxy; empty: everything is.
func changes(then, now policy.Prior) string {
	var out []string
	for _, urn := range slices.Sorted(maps.Keys(then)) {
		was, is := then[urn], now[urn]
		fields := reconcile.Misprints(was.Fields, is.Fields)
		if is.Fields == nil {
			out = append(out, string(urn)+" is gone")
			continue
		}
		if len(fields) == 0 {
			continue
		}
		more := ""
		if len(fields) > changedNamed {
			fields, more = fields[:changedNamed], fmt.Sprintf(" and %d more", len(fields)-changedNamed)
		}
		text := strings.Join(fields, ", ") + more + " of " + string(urn) + " changed since"
		if is.Built != was.Built && is.Built != "" {
			text += " by " + is.Built
		}
		out = append(out, text)
	}
	if len(out) > changedNamed {
		out = append(out[:changedNamed], fmt.Sprintf("%d others too", len(out)-changedNamed))
	}
	return strings.Join(out, "; ")
}
