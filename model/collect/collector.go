package collect

import (
	"context"
	"errors"
	"time"

	"github.com/assent-iom/assent/model"
)

// Scope is what one listing is of: every resource of one type at one place. It is
// also what the absence of a resource from a complete listing means something for.
type Scope struct {
	Platform string `json:"platform"`         // as in Resource.Platform
	Account  string `json:"account"`          // account, project, cluster
	Region   string `json:"region,omitempty"` // region or namespace; empty: all of the account
	Type     string `json:"type"`             // as in Resource.Type: ec2:instance, apps/Deployment
}

// TypeTagged is the type of a scope that has everything which is tagged, of whatever
// type. What is known of it by its tags alone is the scope's; a listing that does not
// have it any more ends that.
const TypeTagged = "tagged"

// Holds reports whether a resource belongs to the scope.
func (s Scope) Holds(r model.Resource) bool {
	return (r.Type == s.Type || s.Type == TypeTagged && r.Sketch()) && r.Platform == s.Platform && r.Account == s.Account && (s.Region == "" || r.Region == s.Region)
}

// String is the scope for people: kubernetes/prod apps/Deployment.
func (s Scope) String() string {
	place := s.Platform + "/" + s.Account
	if s.Region != "" {
		place += "/" + s.Region
	}
	return place + " " + s.Type
}

// What List, Watch, Get and Scopes say, as errors to be wrapped. Whatever is none
// of them is a failure: an upstream that was not reached, or not understood.
var (
	// ErrDenied: the credential may not see it. Nobody looked.
	ErrDenied = errors.New("denied")
	// ErrTruncated: a bound was met before the end. What came before it was seen.
	ErrTruncated = errors.New("more than the bound")
	// ErrDetails: everything that is in the scope was seen, but not all of each: a
	// detail was denied or failed. What was not in a page is gone all the same.
	ErrDetails = errors.New("details are missing")
	// ErrAbsent: somebody looked, and it is not there.
	ErrAbsent = errors.New("not there")
	// ErrLost: a mark is too old to be followed; the scope has to be listed again.
	ErrLost = errors.New("the place in the changes is lost")
)

// Collector reads what exists at one place: one account, one cluster. It lives with
// its platform's decoder and makes the same observations. Its methods MUST be safe
// for concurrent use, keep to the platform's rate limits, never retry for ever, and
// end when ctx does. Secret values MUST NOT be in what it returns.
type Collector interface {
	// Name is platform/account, the same in every run: kubernetes/prod.
	Name() string
	// Scopes finds out what can be listed. Gaps are what is there and cannot be:
	// an API group that does not answer, a type that nobody knows how to list. An
	// error means that nothing is known.
	Scopes(ctx context.Context) (scopes []Scope, gaps []Gap, err error)
	// List reads a scope from beginning to end and hands each page on. It returns nil
	// only if everything that is in the scope was in a page: what was not is then
	// gone. mark is where Watch goes on; a collector that cannot watch leaves it out.
	// An error of page is returned as it is. Of a resource that the model knows as it
	// is now, an observation may have nothing but the URN.
	List(ctx context.Context, s Scope, page func([]model.Observation) error) (mark string, err error)
}

// MaxStall is how long a Watcher may take to notice that it is not told of changes any
// more.
const MaxStall = 10 * time.Minute

// Watcher may be implemented by a collector whose platform tells of changes.
type Watcher interface {
	// Watch hands on the changes of a scope since mark until the platform ends the
	// stream (nil), and returns where to go on. opened is called once, when the
	// platform has accepted the mark: from then on no change is missed. It MUST return
	// within MaxStall, in case it has stalled. ErrLost: the scope has to be listed again.
	Watch(ctx context.Context, s Scope, mark string, opened func(), change func([]model.Observation) error) (next string, err error)
}

// Getter may be implemented by a collector that can read one resource.
type Getter interface {
	// Get reads one resource. ErrAbsent: it is not there, which observations of the
	// caller then have to say.
	Get(ctx context.Context, urn model.URN) ([]model.Observation, error)
}

// Gap is something that exists, or may, and was not looked at.
type Gap struct {
	Scope
	State State  `json:"state"`
	Why   string `json:"why"`
}
