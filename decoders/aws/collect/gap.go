package collect

import (
	"fmt"
	"strings"

	"github.com/assent-iom/assent/model/collect"
)

// kind says why something is not known to be all there is.
type kind string

const (
	denied      kind = "denied"      // whoever asks may not read it
	throttled   kind = "throttled"   // the service had no time for all of it
	failed      kind = "failed"      // the service answered with an error of its own
	malformed   kind = "malformed"   // the answer is not one of this call's
	truncated   kind = "truncated"   // there is more, and no way to it
	unreachable kind = "unreachable" // nobody answered
	unavailable kind = "unavailable" // the service or the region is not open to the account
	ended       kind = "ended"       // the collection was ended first
)

// gap is something that was not, or not wholly, looked at: every error of asking.
type gap struct {
	kind   kind
	call   string // ec2:DescribeVpcs
	region string
	err    error
}

func (g *gap) Error() string {
	return fmt.Sprintf("%s in %s: %s: %s", g.call, g.region, g.kind, oneLine(g.err.Error()))
}

func (g *gap) Unwrap() error { return g.err }

// Is says it in the words of those who run collectors.
func (g *gap) Is(target error) bool {
	switch target {
	case collect.ErrDenied:
		return g.kind == denied || g.kind == unavailable
	case collect.ErrTruncated:
		return g.kind == truncated
	}
	return false
}

// refused is an answer that is an error. Its methods are what the SDK's own rules
// for asking again look for.
type refused struct {
	status        int
	code, message string
}

func (r *refused) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", r.status, r.code, r.message))
}

// ErrorCode is the service's code.
func (r *refused) ErrorCode() string { return r.code }

// HTTPStatusCode is the answer's status.
func (r *refused) HTTPStatusCode() int { return r.status }

// codes are parts of error codes, and what they mean, by service authors' habit.
var codes = []struct {
	part string
	kind kind
}{
	{"OptInRequired", unavailable}, {"SubscriptionRequired", unavailable}, {"NotSignedUp", unavailable},
	{"UnrecognizedClient", unavailable}, {"InvalidClientTokenId", unavailable}, // a region that is not enabled says so
	{"Throttl", throttled}, {"TooManyRequests", throttled}, {"RequestLimitExceeded", throttled}, {"SlowDown", throttled}, {"BandwidthLimitExceeded", throttled},
	{"AccessDenied", denied}, {"Unauthorized", denied}, {"AuthFailure", denied}, {"NotAuthorized", denied}, {"Forbidden", denied},
	{"AuthorizationError", denied}, {"ExpiredToken", denied}, {"SignatureDoesNotMatch", denied},
}

// kind says which gap an error answer makes.
func (r *refused) kind() kind {
	for _, c := range codes {
		if strings.Contains(r.code, c.part) {
			return c.kind
		}
	}
	switch r.status {
	case 401, 403:
		return denied
	case 429:
		return throttled
	}
	return failed
}
