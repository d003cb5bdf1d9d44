package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// broken returns the overrides that let an action through though it would be refused:
// one for each environment that it is in, of somebody who may break its glass, for this
// actor. never clauses hold also then, and so does what is under way; and only people who
// are known act on one, never an agent.
func (h *hearing) broken() []policy.Override {
	if len(h.hits) > 0 || len(h.d.Environments) == 0 || slices.ContainsFunc(h.findings, func(f ranked) bool { return f.Code == CodeUnderWay }) {
		return nil
	}
	for _, s := range h.subjects {
		if s.doc == nil || s.doc.Kind != "human" {
			return nil
		}
	}
	var envs []*intent.Environment
	for _, l := range h.touched() {
		for _, t := range l.changed {
			if t.env == nil {
				return nil // where it would act cannot be told
			}
			if !slices.Contains(envs, t.env) {
				envs = append(envs, t.env)
			}
		}
	}
	var out []policy.Override
	for _, e := range envs {
		o := h.overrideOf(e)
		if o == nil {
			return nil
		}
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b policy.Override) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (h *hearing) overrideOf(e *intent.Environment) *policy.Override {
	for _, a := range h.approvals {
		o := a.Override
		if o == nil || o.Environment != e.Name || o.Actor != h.subjects[0].doc.Name || o.At.After(h.d.At.Add(clockSkew)) || !h.d.At.Before(o.Expires) {
			continue
		}
		i := slices.IndexFunc(h.p.set.Actors, func(a *intent.Actor) bool { return a.Name == o.By })
		if i < 0 || !h.p.set.MayBreak(e, h.p.set.Actors[i]) || !h.d.At.Before(o.At.Add(e.BreakGlass.Lasts())) {
			continue
		}
		return o
	}
	return nil
}

// override lets the action through, and says what would have refused it.
func (h *hearing) override(by []policy.Override) {
	d := h.d
	var codes, envs []string
	for _, f := range d.Findings {
		if f.Verdict != policy.Allow && !slices.Contains(codes, f.Code) {
			codes = append(codes, f.Code)
		}
	}
	for _, o := range by {
		envs = append(envs, o.Environment)
	}
	slices.Sort(envs)
	why := fmt.Sprintf("%s broke the glass of %s until %s: %s", by[0].By, by[0].Environment, by[0].Expires.UTC().Format("2006-01-02 15:04"), short(by[0].Reason))
	if len(codes) > 0 {
		why += "; it would have been refused (" + strings.Join(codes, ", ") + ")"
	}
	d.Findings = append([]policy.Finding{{Code: CodeGlass, Title: "the glass is broken", Verdict: policy.Allow, Why: why,
		Repair: "somebody else reviews it: assent break-glass list"}}, d.Findings...)
	d.Verdict, d.Overrides, d.Needs, d.Approvals = policy.Allow, by, nil, nil
	d.Grant = "break-glass " + join(envs, 8)
}
