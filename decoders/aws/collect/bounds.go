package collect

import (
	"time"

	"github.com/assent-iom/assent/decoders/aws/wire"
)

const (
	// maxPages bounds one listing: at a hundred a page, a million things.
	maxPages = 10_000
	// maxItems bounds what one thing keeps of a detail: a zone may have ten thousand
	// records.
	maxItems = 10_000
	// maxAttempts is how often one call is sent, as the SDKs have it when told to be
	// patient: a collection can wait.
	maxAttempts = 6
	// maxWait bounds one wait before a call is sent again, and what a service may ask
	// for by Retry-After.
	maxWait = 30 * time.Second
	// maxBody bounds an answer: what decoders read of one.
	maxBody = wire.MaxOutput
	// fullRate and burst are calls a second to one service in one region. EC2's own
	// buckets for Describe calls refill at 20 a second and hold 50 to 100; half of
	// that leaves the account's other users theirs.
	fullRate = 10.0
	burst    = 20.0
	// leastRate is where halving ends.
	leastRate = 0.25
)
