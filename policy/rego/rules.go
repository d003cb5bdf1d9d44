package rego

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/version"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// Rules are all Rule documents of a set, compiled. They are immutable and safe
// for concurrent use.
type Rules struct {
	list   []*rule
	envs   map[string]*intent.Environment
	digest string
}

// Compile compiles the rules of a set. Every rule has to parse, to type-check
// and to pass its own tests; otherwise the error is an *intent.Error.
func Compile(set *intent.Set) (*Rules, error) {
	rs := &Rules{envs: map[string]*intent.Environment{}}
	if set == nil {
		return rs, nil
	}
	for _, e := range set.Environments {
		rs.envs[e.Name] = e
	}
	var problems []intent.Problem
	sum := sha256.New()
	fmt.Fprintf(sum, "opa %s\n", version.Version)
	for _, doc := range set.Rules {
		r, bad := compile(doc)
		if problems = append(problems, bad...); r == nil {
			continue
		}
		rs.list = append(rs.list, r)
		fmt.Fprintf(sum, "%q %q %q\n", doc.Name, doc.Rego.Body, fmt.Sprint(doc.For))
	}
	if len(problems) > 0 {
		return nil, &intent.Error{Problems: problems}
	}
	if len(rs.list) > 0 {
		rs.digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	}
	return rs, nil
}

// Digest names the rules and the version of OPA that runs them; empty without
// rules.
func (rs *Rules) Digest() string { return rs.digest }

// Judge implements policy.Judge: it adds what the rules deny, and lowers the
// verdict. Rules are about changes; a read or a reveal is for never clauses.
func (rs *Rules) Judge(ctx context.Context, d *policy.Decision, s model.Snapshot) error {
	if len(rs.list) == 0 || !d.Action.Mutates() {
		return nil
	}
	actions, err := flatten(d.Action, nil)
	if err != nil {
		return err
	}
	inputs := make([]*facts, len(actions))
	for i := range actions {
		inputs[i] = &facts{action: actions[i], whole: d, model: s, envs: rs.envs, reads: func(path ...string) bool {
			return slices.ContainsFunc(rs.list, func(r *rule) bool { return r.about(actions[i]) && rs.somewhere(r, d) && r.reads(path...) })
		}}
	}
	for _, r := range rs.list {
		if !rs.somewhere(r, d) {
			continue
		}
		said := map[denial]bool{}
		for i := range actions {
			if a := actions[i]; !a.Mutates() || !r.about(a) {
				continue
			}
			denials, err := rs.eval(ctx, r, inputs[i])
			if err != nil {
				return err
			}
			if len(denials) == 0 && r.blind(actions[i]) {
				denials = []denial{unsure(actions[i])}
			}
			for _, each := range denials {
				if !said[each] {
					said[each] = true
					if len(d.Findings) < maxFindings {
						f := r.finding(each)
						if where := actions[i].Where; where != "" {
							f.Why = where + ": " + f.Why
						}
						d.Findings = append(d.Findings, f)
					}
					d.Verdict, d.Grant = policy.Deny, ""
				}
			}
		}
	}
	return nil
}

// eval runs a rule. Where a mistake is critical, nothing found is looked for
// again without OPA's index, which once dropped a rule (1.22.0).
func (rs *Rules) eval(ctx context.Context, r *rule, f *facts) ([]denial, error) {
	in, err := f.input()
	if err != nil {
		return nil, fmt.Errorf("rule %s: %w", r.Name, err)
	}
	denials, err := r.run(ctx, in, f.whole.At, true)
	if err != nil || len(denials) > 0 {
		return denials, err
	}
	for _, name := range f.whole.Environments {
		if e := rs.envs[name]; e != nil && e.Criticality == "critical" {
			return r.run(ctx, in, f.whole.At, false)
		}
	}
	return nil, nil
}

// flatten lists an action and its parts, which take from it what they lack.
func flatten(a model.Action, out []model.Action) ([]model.Action, error) {
	if len(out) >= maxParts {
		return nil, fmt.Errorf("the call has more than %d parts, which are too many for rules", maxParts)
	}
	out = append(out, a)
	for _, part := range a.Parts {
		if part.Platform == "" {
			part.Platform = a.Platform
		}
		if part.Account == "" {
			part.Account = a.Account
		}
		if part.Region == "" {
			part.Region = a.Region
		}
		var err error
		if out, err = flatten(part, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// about reports whether a rule may be about an action.
func (r *rule) about(a model.Action) bool {
	unclear := a.Fidelity == model.Opaque || a.Verb == model.Unknown || !a.Verb.Valid()
	return (len(r.For.Verbs) == 0 || unclear || slices.Contains(r.For.Verbs, a.Verb)) &&
		(len(r.For.Capability) == 0 || a.Capability == "" || unclear || slices.ContainsFunc(r.For.Capability, func(p string) bool {
			return intent.Overlaps(p, a.Capability)
		}))
}

// blind reports whether a rule that found nothing has not seen everything that it
// looks at: a parameter under a name that only the platform understands would
// otherwise be a way past it. What goes over a connection later is no parameter,
// and a rule that reads input.action.unknown or fidelity decides for itself.
func (r *rule) blind(a model.Action) bool {
	if a.Fidelity != model.Partial || !r.reads("action", "params") {
		return false
	}
	for _, p := range r.paths {
		if len(p) > 1 && p[0] == "action" && (p[1] == "unknown" || p[1] == "fidelity") {
			return false
		}
	}
	return slices.ContainsFunc(a.Unknown, func(u string) bool { return u != "stdin" && u != "stream" })
}

// codeUnsure is what a rule says that could not see everything.
const codeUnsure = "not-understood"

func unsure(a model.Action) denial {
	names := a.Unknown
	if len(names) > 4 {
		names = append(slices.Clone(names[:4]), "…")
	}
	return denial{codeUnsure, clip("parts of the call were not understood, so the rule cannot tell: " + strings.Join(names, ", "))}
}

// somewhere reports whether a rule may be about where the action is.
func (rs *Rules) somewhere(r *rule, d *policy.Decision) bool {
	if len(r.For.In) == 0 || len(d.Environments) == 0 {
		return true
	}
	for _, name := range d.Environments {
		for _, w := range r.For.In {
			tier, isTier := strings.CutPrefix(w, "tier:")
			if e := rs.envs[name]; w == "*" || w == name || isTier && e != nil && string(e.Tier) == tier {
				return true
			}
		}
	}
	return false
}

func (r *rule) finding(d denial) policy.Finding {
	f := policy.Finding{
		Code: CodeRule, Title: "rule " + r.Name + " forbids this", Verdict: policy.Deny,
		Why: d.code, Repair: "change the call so that the rule no longer applies", Source: "rule " + r.Name,
	}
	if d.msg != "" {
		f.Why = d.msg
		if d.code != r.Name {
			f.Why += " (" + d.code + ")"
		}
	}
	if r.Owner != "" {
		f.Repair += ", or ask " + r.Owner + ", who answers for it"
	}
	if r.Pos.File != "" {
		f.Source += ", " + r.Pos.String()
	}
	return f
}
