package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// Pack is what a period's entries amount to. It is derived, never read.
type Pack struct {
	Params   Params
	Head     Head
	Closed   uint64 // size of the log when the period was over: with the first entry from after it
	Seed     string // root of the log of that size, hexadecimal
	Records  []Record
	Changes  []int // which of Records let something pass: the population
	Sampled  []int // which of Records were drawn
	Recons   []ledger.Reconciliation
	Bypasses []ledger.Bypass
	Beats    int
	Gaps     []Gap
	Reviews  int       // of broken glass
	Stamps   int       // of time-stamping authorities
	Doors    int       // calls refused before they could be understood
	Until    time.Time // the latest time of the period in the entries
	Over     bool      // the log has an entry from after the period: all of it is told
	InForce  []*InForce
	Before   []Span // the keys that the log had before the one of its head, in order
}

// deriver takes the entries of a period in order.
type deriver struct {
	pack      Pack
	by        map[string]int    // record, by decision
	approvals map[string]uint64 // entry, by ticket and decision
	beats     []ledger.Heartbeat
	inForce   inForce

	firstAt, lastAt time.Time // of the entries at the edges
}

func newDeriver(p Params, h Head) *deriver {
	return &deriver{pack: Pack{Params: p, Head: h}, by: map[string]int{}, approvals: map[string]uint64{}, inForce: inForce{newest: map[string]*InForce{}}}
}

// within reports whether a time lies in the period.
func (p Params) within(t time.Time) bool { return !t.Before(p.From) && t.Before(p.To) }

// add reads one entry, which has been verified.
func (d *deriver) add(index uint64, envelope []byte) error {
	about, err := ledger.Describe(envelope)
	if err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	if index == d.pack.Head.First {
		d.firstAt = about.At
	}
	d.lastAt = about.At
	if d.pack.Closed == 0 && !about.At.Before(d.pack.Params.To) {
		d.pack.Closed = index + 1
	}
	if d.pack.Params.within(about.At) && about.At.After(d.pack.Until) {
		d.pack.Until = about.At.UTC()
	}
	if err := d.take(index, about, envelope); err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	return nil
}

func (d *deriver) take(index uint64, about ledger.About, envelope []byte) error {
	in := d.pack.Params.within(about.At)
	switch about.Kind {
	case ledger.KindApproval:
		a, decision, err := ledger.ParseApproval(envelope)
		d.approvals[a.ID+" "+decision] = index
		return err
	case ledger.KindOutcome:
		o, err := ledger.ParseOutcome(envelope)
		if i, ok := d.by[o.Decision]; ok && err == nil {
			d.pack.Records[i].Conclude(index, o)
		}
		return err
	case ledger.KindDecision:
		decision, err := ledger.ParseDecision(envelope)
		if err != nil || !d.pack.Params.within(decision.At) {
			return err
		}
		r := NewRecord(index, decision)
		for i, a := range decision.Approvals {
			if entry, ok := d.approvals[a.ID+" "+decision.ID]; ok {
				r.Approvals[i].Entry = &entry
			}
		}
		d.inForce.decided(index, decision)
		d.by[r.ID] = len(d.pack.Records)
		d.pack.Records = append(d.pack.Records, r)
	case ledger.KindHeartbeat:
		h, err := ledger.ParseHeartbeat(envelope)
		if in {
			d.pack.Beats++
		}
		if h.At.Before(d.pack.Params.To) { // one from before the period may reach into it
			d.beats = append(d.beats, h)
		}
		return err
	case ledger.KindIntentEpoch:
		e, err := ledger.ParseIntentEpoch(envelope)
		if err == nil && about.At.Before(d.pack.Params.To) {
			d.inForce.begins(index, e)
		}
		return err
	case ledger.KindReconcile:
		r, err := ledger.ParseReconciliation(envelope)
		if in {
			d.pack.Recons = append(d.pack.Recons, r)
		}
		for _, known := range r.Resolved {
			if i, ok := d.by[known.Decision]; ok {
				d.pack.Records[i].Resolve(known)
			}
		}
		return err
	case ledger.KindBypass:
		b, err := ledger.ParseBypass(envelope)
		if in {
			d.pack.Bypasses = append(d.pack.Bypasses, b)
		}
		return err
	case ledger.KindOverride:
		o, err := ledger.ParseOverride(envelope)
		if in && o.Finding != "" {
			d.pack.Reviews++
		}
		return err
	case ledger.KindAnchor:
		if in {
			d.pack.Stamps++
		}
	case ledger.KindKey:
		return d.rotated(index, envelope)
	case ledger.KindDoor:
		if in {
			d.pack.Doors++
		}
	}
	return nil
}

// finish draws the samples and finds the gaps.
func (d *deriver) finish(log tlog.Subtrees) (Pack, error) {
	p := &d.pack
	told := p.Until
	if p.Over = p.Closed > 0; p.Over {
		told = p.Params.To
	} else {
		p.Closed = p.Head.End
	}
	seed, err := tlog.Root(log, p.Closed)
	if err != nil {
		return *p, err
	}
	p.Seed = hex.EncodeToString(seed[:])
	for i, r := range p.Records {
		if r.Passed {
			p.Changes = append(p.Changes, i)
		}
	}
	p.Sampled = draw(p.Seed, p.Records, p.Changes, p.Params.Samples)
	p.InForce = d.inForce.all
	p.Gaps = gaps(d.beats, p.Params.From, told)
	return *p, nil
}

// draw takes the n changes with the lowest SHA-256(SEED ":" INDEX), in the order
// of the log.
func draw(seed string, records []Record, from []int, n int) []int {
	drawn := slices.Clone(from)
	rank := func(i int) string {
		sum := sha256.Sum256([]byte(seed + ":" + strconv.FormatUint(records[i].Index, 10)))
		return string(sum[:])
	}
	slices.SortFunc(drawn, func(a, b int) int { return strings.Compare(rank(a), rank(b)) })
	drawn = drawn[:min(n, len(drawn))]
	slices.Sort(drawn)
	return drawn
}

// lateness is how many intervals a heartbeat may be late by.
const lateness = 2

// gaps finds the times of the period that no heartbeat vouches for: each does for
// twice the time after which the next is due, but not beyond its process's end. The
// times before the first and after the last are told too.
func gaps(beats []ledger.Heartbeat, from, to time.Time) []Gap {
	if len(beats) == 0 {
		return nil
	}
	ends := map[string]time.Time{} // of processes that ended in order
	for _, b := range beats {
		if b.Last {
			ends[b.Process] = b.At
		}
	}
	sort.Slice(beats, func(i, j int) bool { return beats[i].At.Before(beats[j].At) }) // slices.SortFunc weighs 17 KiB for a type this wide, and the verifier is small
	var out []Gap
	covered, ended := from, false
	gap := func(to time.Time) {
		if to.After(covered) {
			out = append(out, Gap{From: covered.UTC(), To: to.UTC(), Ended: ended})
		}
	}
	for _, b := range beats {
		gap(b.At)
		reach, over := b.At.Add(lateness*b.Every), false
		if end, ok := ends[b.Process]; ok && !end.After(reach) {
			reach, over = end, true
		}
		if !reach.Before(covered) {
			covered, ended = reach, over
		}
	}
	gap(to)
	return out
}

// Facts are the numbers that are said of a population.
type Facts struct {
	Decisions   int `json:"decisions"`
	Changes     int `json:"changes"`     // let through
	Refused     int `json:"refused"`     // and held to the end
	Declared    int `json:"declared"`    // changes that a clause of declared intent allows
	Undeclared  int `json:"undeclared"`  // changes let through while observing, that would have been refused
	Emergency   int `json:"emergency"`   // changes that broken glass let through, that would have been refused
	Owned       int `json:"owned"`       // changes with an accountable person
	Approved    int `json:"approved"`    // changes with a person's signed yes
	Independent int `json:"independent"` // of those, with only approvers other than who acted
	Succeeded   int `json:"succeeded"`
	Failed      int `json:"failed"`
	Unknown     int `json:"unknown"`            // changes whose outcome nobody saw
	Resolved    int `json:"resolved,omitempty"` // of those, what was found out since
	Unsent      int `json:"unsent"`             // changes that were let through and never reached the platform
	Open        int `json:"open"`               // changes without an outcome
	Joined      int `json:"joined"`             // changes with the upstream's request id
	Doors       int `json:"refused_at_door"`
	Heartbeats  int `json:"heartbeats"`
	Gaps        int `json:"gaps"`
	Reconciled  int `json:"reconciliations"` // with the platforms' own logs
	Bypasses    int `json:"bypasses"`
}

// Facts counts.
func (p Pack) Facts() Facts {
	f := Facts{Decisions: len(p.Records), Changes: len(p.Changes), Refused: len(p.Records) - len(p.Changes), Doors: p.Doors,
		Heartbeats: p.Beats, Gaps: len(p.Gaps), Bypasses: len(p.Bypasses)}
	for _, r := range p.Recons {
		if r.Compares() {
			f.Reconciled++
		}
	}
	for _, i := range p.Changes {
		r := p.Records[i]
		switch {
		case len(r.Glass) > 0:
			f.Emergency++
		case r.Verdict == "allow":
			f.Declared++
		default:
			f.Undeclared++
		}
		if r.Accountable != "" {
			f.Owned++
		}
		if len(r.Approvals) > 0 {
			f.Approved++
			if !slices.ContainsFunc(r.Approvals, func(a Approval) bool { return !a.Independent }) {
				f.Independent++
			}
		}
		if r.RequestID != "" {
			f.Joined++
		}
		switch r.Outcome {
		case ledger.Succeeded:
			f.Succeeded++
		case ledger.Failed:
			f.Failed++
		case ledger.Unresolved:
			f.Unknown++
			if r.Resolved != "" {
				f.Resolved++
			}
		case ledger.NotForwarded:
			f.Unsent++
		case "":
			f.Open++
		}
	}
	return f
}
