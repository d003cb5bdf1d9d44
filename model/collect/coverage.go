package collect

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// State is how a scope was looked at. The zero value is not at all.
type State string

// The states. Only Complete and Partial make "not found" mean "not there".
const (
	NotLooked State = ""
	Complete  State = "complete"
	Partial   State = "partial"   // everything is known to be there, but not all of each
	Denied    State = "denied"    // the credential may not
	Truncated State = "truncated" // a bound was met
	Failed    State = "failed"    // no answer, or one that was not understood
)

// stateOf says what a listing that ended so has shown.
func stateOf(err error) State {
	switch {
	case err == nil:
		return Complete
	case errors.Is(err, ErrDetails):
		return Partial
	case errors.Is(err, ErrDenied):
		return Denied
	case errors.Is(err, ErrTruncated):
		return Truncated
	}
	return Failed
}

// sawAll reports that a listing that ended so has seen all that is there.
func sawAll(err error) bool { return err == nil || errors.Is(err, ErrDetails) }

// SortCoverage puts scopes in their order.
func SortCoverage(all []Coverage) {
	slices.SortFunc(all, func(a, b Coverage) int { return cmp.Compare(a.Scope.String(), b.Scope.String()) })
}

// Coverage is how well a scope is known.
type Coverage struct {
	Scope
	State    State     `json:"state"`
	Why      string    `json:"why,omitempty"`      // what is missing
	Count    int       `json:"count"`              // resources in the last listing
	Swept    int       `json:"swept,omitempty"`    // and of those known before, gone since
	LookedAt time.Time `json:"looked_at,omitzero"` // when the last listing began
	ListedAt time.Time `json:"listed_at,omitzero"` // when the last complete listing began
	Watched  bool      `json:"watched,omitempty"`  // changes since then have been followed
	Earlier  bool      `json:"earlier,omitempty"`  // the last complete listing was an earlier process's: looked at, and not fresh
}

// Fresh reports whether the model has everything that is in the scope, as it was
// within the last stale.
func (c Coverage) Fresh(now time.Time, stale time.Duration) bool {
	return !c.Earlier && !c.ListedAt.IsZero() && (c.Watched || now.Sub(c.ListedAt) <= stale)
}
