// Package reconcile holds a ledger against the logs that the platforms keep
// themselves, AWS CloudTrail and the audit log of a Kubernetes API server, and
// finds the changes that no decision belongs to: what went past Assent.
//
// # How events and decisions are joined
//
//   - CloudTrail: by requestID, which AWS makes up and an outcome has recorded.
//     Several events of one request are one call's.
//   - Kubernetes: by the audit id, which the proxy sets to the decision's id, and by
//     the annotation that the admission webhook leaves. An audit id is the client's
//     to choose; so it counts for one event only, at about the time of the decision, of
//     the operation and on the object that were decided, and only if it was not refused.
//
// # What becomes of an event
//
//	read         it changes nothing by the decoders' own tables, or is a dry run
//	own          the platform's own doing, by a rule (Own)
//	matched      a decision belongs to it
//	refused      the upstream refused it and we never saw it: nothing changed
//	unknown      it cannot be told: no request id, an outcome that nobody saw
//	bypass       it changed something and no decision belongs to it
//
// What it does not do: it cannot find what the upstream's own log leaves out, and
// it trusts that log as it is. `aws cloudtrail validate-logs` checks CloudTrail's.
package reconcile

import (
	"time"

	"github.com/assent-iom/assent/model"
)

// The sources.
const (
	CloudTrail = "cloudtrail"
	KubeAudit  = "k8s-audit"
)

// Result is what an upstream's log says became of a call.
type Result uint8

// The zero value is what cannot be told.
const (
	Unclear Result = iota // no answer, or one that says neither
	Applied               // it was done
	Refused               // it was not: nothing changed
)

// Event is one call as an upstream's own log has it.
type Event struct {
	Source    string
	ID        string // of the event
	Once      string // what tells it from a copy of itself
	RequestID string
	Decision  string // an id of ours that the caller has sent along
	Vouched   string // a decision that our webhook has answered with
	At        time.Time
	Actor     string
	Name      string // s3:CreateBucket; create deployments
	Service   string // of AWS, as its ARNs have it: rds
	Target    string
	Object    string   // of Kubernetes: the name of what it is on, if the log has it
	Names     []string // identifiers that its parameters and its answer speak of
	Account   string
	Region    string
	From      string // the caller's address
	Verb      model.Verb
	ReadOnly  bool   // by the log's own word
	Dry       bool   // tried, not done
	Own       string // the rule by which it is the platform's own doing
	Result    Result
	Status    int
}

// mutates: what no table knows is a change, unless the platform's own log says
// that it is a read.
func (e Event) mutates() bool {
	if e.Dry || e.Verb == model.Unknown && e.ReadOnly {
		return false
	}
	return e.Verb.Mutates()
}

// platform is the one whose decisions a source's events belong to.
func platform(source string) string {
	if source == KubeAudit {
		return "kubernetes"
	}
	return "aws"
}

// Notion says what an operation does, by the decoders' tables.
type Notion struct {
	// AWS knows an event by its source (s3.amazonaws.com) and name, and gives the
	// service's and operation's own names.
	AWS func(source, event string) (service, operation string, verb model.Verb)
	// Kube knows a request by the log's verb and URI; object is its body, if the log
	// has it.
	Kube func(verb, uri string, object []byte) (operation string, does model.Verb, dry bool)
}
