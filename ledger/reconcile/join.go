package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
)

// nearby is how far an event without a recorded answer may be from the decision
// that it could belong to: longer than any clock is wrong, and than most calls take.
const nearby = 15 * time.Minute

// MaxFindings bounds each list of a Report; the counts go on.
const MaxFindings = 10_000

// Config is what a Join is made from.
type Config struct {
	Since, Until time.Time // zero: no bound; Until itself is not in
	Now          time.Time
}

// Join holds events against decisions. Index the ledger, Add every event, then
// ask for the Report. It keeps some 300 bytes for each decision of the ledger, and
// 100 for each change of the logs.
type Join struct {
	cfg       Config
	decisions map[string]*decided
	requests  map[string]*decided // by the upstream's request id
	unseen    []*decided          // passed, and no answer was recorded
	seen      map[string]bool
	spans     map[string]*span // by source
	report    Report
}

// decided is what is kept of a decision.
type decided struct {
	id, name, platform, region string
	at                         time.Time
	blocks                     bool
	result, requestID          string // of its outcome
	space, object              string // of Kubernetes: the namespace and name of what it is on, if it says so
	event                      string // that it was matched with
}

type span struct{ first, last time.Time }

// Finding is one event that is no plain match.
type Finding struct {
	ledger.Bypass
	Candidate string `json:"candidate,omitempty"` // of an unknown one: the decision that it may belong to
}

// Report is a reconciliation with its lists.
type Report struct {
	ledger.Reconciliation
	Found   []Finding `json:"found"`   // the bypasses, at most MaxFindings
	Untold  []Finding `json:"untold"`  // the unknown ones
	Missing []string  `json:"missing"` // decisions that succeeded by our word, and are not in their logs
}

// New makes an empty join.
func New(cfg Config) *Join {
	j := &Join{cfg: cfg, decisions: map[string]*decided{}, requests: map[string]*decided{}, seen: map[string]bool{}, spans: map[string]*span{}}
	j.report = Report{Found: []Finding{}, Untold: []Finding{}, Missing: []string{}}
	j.report.Reconciliation = ledger.Reconciliation{At: cfg.Now, Since: cfg.Since, Until: cfg.Until, Own: map[string]uint64{}}
	return j
}

// Index reads the first size entries of the ledger.
func (j *Join) Index(ctx context.Context, log ledger.Reader, origin string, size uint64, root ledger.Hash) error {
	j.report.Origin, j.report.Size, j.report.Root = origin, size, root
	var bad error
	err := log.Scan(ctx, 0, func(e ledger.Stored) bool {
		if e.Index >= size {
			return false
		}
		bad = j.entry(e)
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return fmt.Errorf("reading the ledger: %w", err)
	}
	for _, d := range j.decisions {
		if !d.blocks && d.requestID == "" && d.result != ledger.NotForwarded {
			j.unseen = append(j.unseen, d)
		}
	}
	slices.SortFunc(j.unseen, func(a, b *decided) int { return a.at.Compare(b.at) })
	return nil
}

func (j *Join) entry(e ledger.Stored) error {
	switch e.Kind {
	case ledger.KindDecision:
		d, err := ledger.ParseDecision(e.Envelope)
		if err != nil {
			return err
		}
		j.decisions[d.ID] = newDecided(d)
	case ledger.KindOutcome:
		o, err := ledger.ParseOutcome(e.Envelope)
		if err != nil {
			return err
		}
		if d := j.decisions[o.Decision]; d != nil {
			d.result, d.requestID = o.Result, o.RequestID
			if o.RequestID != "" {
				j.requests[o.RequestID] = d
			}
		}
	}
	return nil
}

func newDecided(d policy.Decision) *decided {
	name := d.Action.Name()
	if d.Action.Platform == "kubernetes" {
		name = d.Action.Operation
	}
	out := &decided{id: d.ID, name: name, platform: d.Action.Platform, region: d.Action.Region, at: d.At, blocks: d.Blocks()}
	if out.platform == "kubernetes" && len(d.Action.Targets) == 1 {
		// k8s://CLUSTER/GROUP/KIND/NAMESPACE/NAME; * is any
		if parts := strings.Split(string(d.Action.Targets[0].URN), "/"); len(parts) == 7 {
			out.space, out.object = strings.Trim(parts[5], "*"), strings.Trim(parts[6], "*")
		}
	}
	return out
}

// Source notes a log that was read.
func (j *Join) Source(s ledger.Source) { j.report.Sources = append(j.report.Sources, s) }

// Add holds one event against the ledger. It reports whether the event lies within
// the time and had not been seen before.
func (j *Join) Add(e Event) bool {
	if !j.cfg.Since.IsZero() && e.At.Before(j.cfg.Since) || !j.cfg.Until.IsZero() && !e.At.Before(j.cfg.Until) {
		return false
	}
	if e.mutates() { // of reads it is no matter
		key := e.Source + " " + e.Once
		if j.seen[key] {
			return false
		}
		j.seen[key] = true
	}
	s := j.spans[e.Source]
	if s == nil {
		s = &span{e.At, e.At}
		j.spans[e.Source] = s
	}
	if e.At.Before(s.first) {
		s.first = e.At
	}
	if e.At.After(s.last) {
		s.last = e.At
	}
	j.report.Events++
	if !e.mutates() {
		j.report.Reads++
		return true
	}
	j.judge(e)
	return true
}

// judge says what becomes of a change.
func (j *Join) judge(e Event) {
	d, why := j.decisionOf(e)
	switch {
	case d != nil:
		j.report.Matched++
		j.resolve(d, e)
	case e.Own != "" && why == "":
		j.report.Own[e.Own]++
	case e.Result == Refused:
		j.report.Refused++
	case why != "":
		j.bypass(e, why)
	case e.Result == Unclear:
		j.unknown(e, "", "the upstream's log does not say whether it was done, and no decision belongs to it")
	case e.Source == CloudTrail && e.RequestID == "":
		j.unknown(e, "", "the event has no request id to join by")
	default:
		if c := j.candidate(e); c != nil {
			j.unknown(e, c.id, "no answer was recorded of a decision on the same operation at about that time")
			return
		}
		j.bypass(e, "no decision belongs to it")
	}
}

// decisionOf finds the decision of a change. why is what is wrong with the one
// that the event names.
func (j *Join) decisionOf(e Event) (d *decided, why string) {
	if e.Source == CloudTrail {
		if d := j.requests[e.RequestID]; d != nil && e.RequestID != "" && d.platform == platform(e.Source) {
			return d, ""
		}
		return nil, ""
	}
	// Our own webhook has answered: nobody else can have written that.
	if d := j.decisions[e.Vouched]; d != nil && d.platform == platform(e.Source) {
		if d.blocks && e.Result == Applied {
			return nil, "decision " + d.id + " refused it, and it was done"
		}
		return d, ""
	}
	if e.Decision == "" {
		return nil, ""
	}
	d = j.decisions[e.Decision]
	switch {
	case d == nil || d.platform != platform(e.Source):
		return nil, "it names the decision " + e.Decision + ", which the ledger does not have"
	case d.event != "":
		return nil, "it names the decision " + d.id + ", which belongs to another event"
	case d.name != e.Name:
		return nil, "it names the decision " + d.id + ", which is on " + d.name
	case e.At.Before(d.at.Add(-nearby)) || e.At.After(d.at.Add(nearby)):
		return nil, "it names the decision " + d.id + ", which was made at " + d.at.UTC().Format(time.RFC3339)
	case differ(d.space, e.Region) || differ(d.object, e.Object):
		return nil, "it names the decision " + d.id + ", which is on " + strings.TrimPrefix(d.space+"/"+d.object, "/")
	case d.blocks && e.Result != Refused:
		return nil, "it names the decision " + d.id + ", which refused it"
	}
	return d, ""
}

// differ: both are known, and they are not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

// resolve notes what became of a decision of which that was not known.
func (j *Join) resolve(d *decided, e Event) {
	first := d.event == ""
	d.event = e.ID
	if !first || d.result != ledger.Unresolved || e.Result == Unclear {
		return
	}
	r := ledger.Resolved{Decision: d.id, Result: ledger.Succeeded, Status: e.Status, Event: e.ID}
	if e.Result == Refused {
		r.Result = ledger.Failed
	}
	j.report.Resolved = append(j.report.Resolved, r)
}

// candidate is a decision that passed and whose answer nobody saw, on the same
// operation at about the same time: the event may be its own. Each is one event's.
// An event of Kubernetes names its decision, answered or not.
func (j *Join) candidate(e Event) *decided {
	if e.Source != CloudTrail {
		return nil
	}
	from, _ := slices.BinarySearchFunc(j.unseen, e.At.Add(-nearby), func(d *decided, t time.Time) int { return d.at.Compare(t) })
	for _, d := range j.unseen[from:] {
		if d.at.After(e.At.Add(nearby)) {
			return nil
		}
		if d.event == "" && d.name == e.Name && d.platform == platform(e.Source) && (d.region == "" || e.Region == "" || d.region == e.Region) {
			d.event = e.ID
			return d
		}
	}
	return nil
}

func (j *Join) finding(e Event, why string) Finding {
	return Finding{Bypass: ledger.Bypass{
		Found: j.cfg.Now, Source: e.Source, Event: e.ID, RequestID: e.RequestID, At: e.At, Actor: e.Actor, From: e.From,
		Operation: e.Name, Target: e.Target, Account: e.Account, Region: e.Region, Why: why,
	}}
}

func (j *Join) bypass(e Event, why string) {
	j.report.Bypasses++
	if len(j.report.Found) < MaxFindings {
		j.report.Found = append(j.report.Found, j.finding(e, why))
	}
}

func (j *Join) unknown(e Event, candidate, why string) {
	j.report.Unknown++
	if len(j.report.Untold) < MaxFindings {
		f := j.finding(e, why)
		f.Candidate = candidate
		j.report.Untold = append(j.report.Untold, f)
	}
}

// Report is what was found.
func (j *Join) Report() Report {
	r := j.report
	for source, s := range j.spans {
		for _, d := range j.decisions {
			if d.event == "" && d.result == ledger.Succeeded && d.platform == platform(source) && !d.at.Before(s.first) && !d.at.After(s.last) {
				r.Missing = append(r.Missing, d.id)
			}
		}
	}
	r.Unconfirmed = uint64(len(r.Missing))
	slices.Sort(r.Missing) // ids begin with their time
	if len(r.Missing) > MaxFindings {
		r.Missing = r.Missing[:MaxFindings]
	}
	return r
}
