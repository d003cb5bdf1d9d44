package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// maxUnseen bounds the decisions that are held against what exists each time: many
// crashes of a busy proxy. Of older ones only the upstreams' logs tell.
const maxUnseen = 10_000

// atOnce bounds what Follow reads: some seconds.
const atOnce = 20_000

// Unseen is which decisions of a log have an outcome that nobody saw and that nothing
// has told since, up to a place in the log. The zero value has read nothing.
type Unseen struct {
	Origin string `json:"origin"` // of the log
	Size   uint64 `json:"size"`   // entries that were read
	// Open is when it was recorded that the outcome is unknown, by decision.
	Open map[string]time.Time `json:"open"`
}

// Follow reads on, to the log's end or not quite: then there is more.
func (u *Unseen) Follow(ctx context.Context, log ledger.Reader) (more bool, err error) {
	if u.Size > log.Size() {
		*u = Unseen{Origin: u.Origin} // it was another log
	}
	end := u.Size + atOnce
	if u.Open == nil {
		u.Open = map[string]time.Time{}
	}
	var bad error
	err = log.Scan(ctx, u.Size, func(e ledger.Stored) bool {
		if e.Index == end {
			more = true
			return false
		}
		switch e.Kind {
		case ledger.KindOutcome:
			var o ledger.Outcome
			if o, bad = ledger.ParseOutcome(e.Envelope); bad == nil && o.Result == ledger.Unresolved {
				u.open(o.Decision, o.CompletedAt)
			}
		case ledger.KindReconcile:
			var r ledger.Reconciliation
			r, bad = ledger.ParseReconciliation(e.Envelope)
			for _, known := range r.Resolved {
				delete(u.Open, known.Decision)
			}
		}
		if bad == nil {
			u.Size = e.Index + 1
		}
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return false, fmt.Errorf("reading the ledger: %w", err)
	}
	return more, nil
}

func (u *Unseen) open(decision string, at time.Time) {
	if u.Open[decision] = at; len(u.Open) > maxUnseen {
		delete(u.Open, slices.MinFunc(slices.Collect(maps.Keys(u.Open)), func(a, b string) int { return u.Open[a].Compare(u.Open[b]) }))
	}
}

// Looked is what collectors have seen. A thing that Seen does not have is not there only
// if everything of its kind and place was listed whole.
type Looked struct {
	Seen func(model.URN) (model.Resource, bool)
	// Until is until when everything of a type at a place is known: when the last whole
	// listing of it began, or later if its changes were followed; zero: there was none.
	Until func(platform, account, region, kind string) time.Time
}

// ByWhatExists says of decisions whose outcome is unknown what became of them, where what
// exists tells: something that was to be made or deleted is there, or it is not, later
// than the call could have been carried out. Of other changes it tells nothing.
func (u *Unseen) ByWhatExists(ctx context.Context, log ledger.Reader, looked Looked) (resolved []ledger.Resolved, left int, err error) {
	for id, since := range u.Open {
		d, err := decisionOf(ctx, log, id)
		if err != nil {
			return nil, 0, err
		}
		result, when := looked.became(d)
		if result == "" || when.Before(d.At.Add(settles)) || when.Before(since) {
			left++
			continue
		}
		resolved = append(resolved, ledger.Resolved{Decision: id, Result: result, Event: "listed " + when.UTC().Format(time.RFC3339)})
	}
	slices.SortFunc(resolved, func(a, b ledger.Resolved) int { return strings.Compare(a.Decision, b.Decision) })
	return resolved, left, nil
}

func decisionOf(ctx context.Context, log ledger.Reader, id string) (policy.Decision, error) {
	all, err := log.Find(ctx, id)
	if err != nil {
		return policy.Decision{}, fmt.Errorf("reading the ledger: %w", err)
	}
	i := slices.IndexFunc(all, func(e ledger.Stored) bool { return e.Kind == ledger.KindDecision })
	if i < 0 {
		return policy.Decision{}, nil // nothing can be told of it
	}
	return ledger.ParseDecision(all[i].Envelope)
}

// settles is how long after its decision a call whose answer nobody saw may still have
// been carried out: proxies give up before.
const settles = 15 * time.Minute

// became says what the targets of a decision tell together, and as of when: nothing
// unless they agree.
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
		there, until := l.there(t, a)
		if until.IsZero() {
			return "", when
		}
		one := ledger.Failed
		if there == (a.Verb == model.Create) {
			one = ledger.Succeeded
		}
		if result != "" && result != one {
			return "", when
		}
		if result == "" || until.Before(when) {
			when = until
		}
		result = one
	}
	return result, when
}

// there says whether a target exists, and until when that is known; zero: it is not.
func (l Looked) there(t model.Target, a model.Action) (bool, time.Time) {
	res, ok := l.Seen(t.URN)
	switch {
	case !ok:
		return false, l.Until(a.Platform, a.Account, a.Region, t.Type)
	case res.Sketch():
		return false, time.Time{} // it is known from elsewhere, and no listing has said so
	}
	return true, l.Until(res.Platform, res.Account, res.Region, res.Type) // which would have taken it out
}
