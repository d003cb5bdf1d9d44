package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// Collectors is the kind of source that looked at what exists.
const Collectors = "collectors"

// Looked is what collectors have seen. A thing that Seen does not have is not there only
// if everything of its kind and place was listed whole.
type Looked struct {
	Seen func(model.URN) (model.Resource, bool)
	// Listed is when the last whole listing began of what is of a target's type, at a
	// place; zero: there was none.
	Listed func(target model.Target, platform, account, region string) time.Time
}

// ByWhatExists says of decisions whose outcome is unknown what became of them, where what
// exists tells: something that was to be made or deleted is there, or it is not, by a
// listing that began after the call could have been carried out. Of other changes it
// tells nothing. Decisions that an earlier reconciliation has resolved are left out.
func ByWhatExists(ctx context.Context, log ledger.Reader, looked Looked) (resolved []ledger.Resolved, left int, err error) {
	open := map[string]policy.Decision{}
	decided := map[string]policy.Decision{}
	var bad error
	err = log.Scan(ctx, 0, func(e ledger.Stored) bool {
		switch e.Kind {
		case ledger.KindDecision:
			var d policy.Decision
			if d, bad = ledger.ParseDecision(e.Envelope); bad == nil && ledger.Awaits(d) {
				decided[d.ID] = d
			}
		case ledger.KindOutcome:
			var o ledger.Outcome
			if o, bad = ledger.ParseOutcome(e.Envelope); bad == nil && o.Result == ledger.Unresolved {
				if d, ok := decided[o.Decision]; ok {
					open[o.Decision] = d
				}
			}
			delete(decided, e.Key) // only those that are open are held
		case ledger.KindReconcile:
			var r ledger.Reconciliation
			r, bad = ledger.ParseReconciliation(e.Envelope)
			for _, known := range r.Resolved {
				delete(open, known.Decision)
			}
		}
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the ledger: %w", err)
	}
	for _, d := range open {
		result, when := looked.became(d)
		if result == "" {
			left++
			continue
		}
		resolved = append(resolved, ledger.Resolved{Decision: d.ID, Result: result, Event: "listed " + when.UTC().Format(time.RFC3339)})
	}
	slices.SortFunc(resolved, func(a, b ledger.Resolved) int { return strings.Compare(a.Decision, b.Decision) })
	return resolved, left, nil
}

// settles is how long after its decision a call whose answer nobody saw may still have
// been carried out: proxies give up before.
const settles = 15 * time.Minute

// became says what the targets of a decision tell together: nothing unless they agree.
func (l Looked) became(d policy.Decision) (result string, when time.Time) {
	a := d.Action
	if a.Verb != model.Create && a.Verb != model.Delete || len(a.Parts) > 0 {
		return "", when
	}
	for _, t := range a.Targets {
		if t.Role == model.RoleDependency {
			continue
		}
		if strings.Contains(string(t.URN), "*") || (t.Role == model.RoleCreated) != (a.Verb == model.Create) {
			return "", when
		}
		there, at := l.there(t, a)
		if at.IsZero() || at.Before(d.At.Add(settles)) {
			return "", when
		}
		one := ledger.Failed
		if there == (a.Verb == model.Create) {
			one = ledger.Succeeded
		}
		if result != "" && result != one {
			return "", when
		}
		result, when = one, at
	}
	return result, when
}

// there says whether a whole listing has a target, and when that began.
func (l Looked) there(t model.Target, a model.Action) (bool, time.Time) {
	account, region := a.Account, a.Region
	res, ok := l.Seen(t.URN)
	if ok {
		account, region = res.Account, res.Region
	}
	listed := l.Listed(t, a.Platform, account, region)
	if ok && (res.Sketch() || res.SeenAt.Before(listed)) {
		return false, time.Time{} // it was known from elsewhere, and a listing has not said so
	}
	return ok, listed
}
