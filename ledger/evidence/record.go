package evidence

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
)

// NewRecord puts a decision in the words of a table.
func NewRecord(index uint64, d policy.Decision) Record {
	a := d.Action
	r := Record{
		Index: index, ID: d.ID, At: d.At.UTC(), Actor: a.Actor.ID, ActorKind: string(a.Actor.Kind), Authn: a.Actor.Authn, For: a.Actor.For,
		Run: a.Run, Platform: a.Platform, Operation: a.Name(), Verb: string(a.Verb), Capability: a.Capability, Targets: []string{},
		Environments: d.Environments, Owner: d.Accountable.Owner, Accountable: d.Accountable.Person,
		Mode: d.Mode.String(), Verdict: d.Verdict.String(), Clause: d.Grant, Intent: d.Basis.Intent, Model: d.Basis.Model.Digest,
		Dependents: d.Radius.Dependents, RadiusWhole: d.Radius.Complete, Fault: d.Fault, Passed: !d.Blocks(),
	}
	for _, t := range a.Targets {
		r.Targets = append(r.Targets, string(t.URN))
	}
	for _, f := range d.Findings {
		if !slices.Contains(r.Codes, f.Code) {
			r.Codes = append(r.Codes, f.Code)
		}
	}
	for _, o := range d.Overrides {
		r.Glass = append(r.Glass, o.By)
	}
	for _, given := range d.Approvals {
		r.Approvals = append(r.Approvals, Approval{By: given.By, At: given.At.UTC(), Independent: independent(given.By, a.Actor.ID, a.Actor.For)})
	}
	return r
}

// independent: an approver is neither who acts nor whom they act for.
func independent(by, actor string, behalf []string) bool {
	plain := func(s string) string { return strings.TrimPrefix(s, "human:") }
	return plain(by) != plain(actor) && !slices.ContainsFunc(behalf, func(f string) bool { return plain(f) == plain(by) })
}

// Conclude adds what became of it.
func (r *Record) Conclude(index uint64, o ledger.Outcome) {
	r.Outcome, r.OutcomeAt, r.Status, r.RequestID, r.CompletedAt = o.Result, &index, o.Status, o.RequestID, o.CompletedAt.UTC()
}

// Resolve adds what was found out since of an outcome that nobody saw.
func (r *Record) Resolve(known ledger.Resolved) {
	if r.Outcome == ledger.Unresolved {
		r.Resolved = known.Result
	}
}
