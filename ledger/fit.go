package ledger

import (
	"fmt"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// What remains of a decision that is too long, step by step.
const (
	keptTargets  = 16  // enough to see what kind of thing was touched
	keptAlong    = 4   // of each type that goes along
	keptFindings = 8   // the first are the strictest
	keptNames    = 16  // of environments, unknown parts, owners, said
	keptString   = 256 // bytes of any one text
)

// steps are the details that are given up, in this order, until a decision fits.
var steps = []func(*policy.Decision) []Cut{cutParams, cutSample, cutTargets, cutAffected, cutParts, cutRest}

// fit encodes a decision within MaxStatement. It never fails for size.
func fit(d policy.Decision) ([]byte, subject, error) {
	var cuts []Cut
	data, action, err := encodeDecision(d, nil)
	for _, step := range steps {
		if err != nil || len(data) <= MaxStatement {
			break
		}
		cuts = append(cuts, step(&d)...)
		data, action, err = encodeDecision(d, cuts)
	}
	if err == nil && len(data) > MaxStatement {
		err = fmt.Errorf("%d bytes after everything that may be left out was, the limit is %d", len(data), MaxStatement)
	}
	return data, action, err
}

// cutParams gives up the native input, of parts too.
func cutParams(d *policy.Decision) []Cut {
	size := 0
	d.Action = withoutParams(d.Action, &size)
	return cut(nil, "params", 0, size)
}

func withoutParams(a model.Action, size *int) model.Action {
	*size += len(a.Params) + len(a.Native)
	a.Params, a.Native = nil, nil
	parts := make([]model.Action, len(a.Parts))
	for i, part := range a.Parts {
		parts[i] = withoutParams(part, size)
	}
	a.Parts = parts
	return a
}

func cutSample(d *policy.Decision) []Cut {
	n := len(d.Radius.Sample)
	d.Radius.Sample = nil
	if d.Exposure != nil {
		short := *d.Exposure
		n += len(short.Sample)
		short.Sample = nil
		d.Exposure = &short
	}
	return cut(nil, "sample", 0, n)
}

func cutTargets(d *policy.Decision) []Cut {
	n := len(d.Action.Targets)
	d.Action.Targets = firsts(d.Action.Targets, keptTargets)
	return cut(nil, "targets", len(d.Action.Targets), n)
}

// cutAffected keeps the first of each type that goes along; how many there are is
// said in any case.
func cutAffected(d *policy.Decision) []Cut {
	if d.Action.Affected == nil {
		return nil
	}
	was := *d.Action.Affected
	kept, listed := 0, 0
	groups := firsts(was.Groups, keptTargets)
	was.Groups = nil
	for _, g := range groups {
		listed += len(g.Targets)
		g.Targets = firsts(g.Targets, keptAlong)
		kept += len(g.Targets)
		was.Groups = append(was.Groups, g)
	}
	was.Why = shorts(was.Why)
	d.Action.Affected = &was
	return cut(nil, "affected", kept, listed)
}

// cutParts gives up the parts of a batch and the portable properties.
func cutParts(d *policy.Decision) []Cut {
	cuts := cut(nil, "parts", 0, len(d.Action.Parts))
	cuts = cut(cuts, "props", 0, len(d.Action.Props))
	d.Action.Parts, d.Action.Props, d.Action.Before = nil, nil, nil
	if t := d.Action.Ties; t != nil {
		cuts = cut(cuts, "ties", 0, len(t.Relations))
		d.Action.Ties = nil
	}
	return cuts
}

// cutRest bounds everything else that has no bound of its own.
func cutRest(d *policy.Decision) []Cut {
	was := *d
	d.Findings = firsts(d.Findings, keptFindings)
	for i, f := range d.Findings {
		f.Code, f.Title, f.Why, f.Repair, f.Source = short(f.Code), short(f.Title), short(f.Why), short(f.Repair), short(f.Source)
		d.Findings[i] = f
	}
	d.Environments = shorts(d.Environments)
	d.Radius.Owners = shorts(d.Radius.Owners)
	if d.Exposure != nil {
		x := *d.Exposure
		x.By, x.Owners = shorts(x.By), shorts(x.Owners)
		d.Exposure = &x
	}
	d.Grant, d.Fault = short(d.Grant), short(d.Fault)
	d.Accountable = policy.Accountable{Owner: short(d.Accountable.Owner), Person: short(d.Accountable.Person),
		Contact: short(d.Accountable.Contact), From: short(d.Accountable.From), Others: short(d.Accountable.Others)}
	d.Basis.Intent, d.Basis.Rules, d.Basis.Decoder = short(d.Basis.Intent), short(d.Basis.Rules), short(d.Basis.Decoder)
	d.Basis.Model.Digest = short(d.Basis.Model.Digest)

	a := &d.Action
	a.Unknown = shorts(a.Unknown)
	for _, s := range []*string{&a.ID, &a.Run, &a.Platform, &a.Service, &a.Operation, &a.Capability, &a.Account,
		&a.Region, &a.Decoder, &a.Actor.ID, &a.Actor.Authn, (*string)(&a.Verb), (*string)(&a.Actor.Kind)} {
		*s = short(*s)
	}
	a.Actor.For, a.Actor.Said = shorts(a.Actor.For), nil
	if a.Txn != nil {
		a.Txn = &model.Txn{ID: short(a.Txn.ID), Step: short(a.Txn.Step)}
	}
	targets := make([]model.Target, len(a.Targets))
	for i, t := range a.Targets {
		targets[i] = model.Target{URN: model.URN(short(string(t.URN))), Type: short(t.Type), Role: short(t.Role)}
	}
	a.Targets = targets

	cuts := cut(nil, "findings", len(d.Findings), len(was.Findings))
	cuts = cut(cuts, "environments", len(d.Environments), len(was.Environments))
	cuts = cut(cuts, "owners", len(d.Radius.Owners), len(was.Radius.Owners))
	cuts = cut(cuts, "unknown", len(a.Unknown), len(was.Action.Unknown))
	cuts = cut(cuts, "actor.said", 0, len(was.Action.Actor.Said))
	return append(cuts, Cut{What: "texts", Kept: keptString})
}

// cut adds a Cut if anything was there to be cut.
func cut(cuts []Cut, what string, kept, of int) []Cut {
	if kept == of {
		return cuts
	}
	return append(cuts, Cut{What: what, Kept: kept, Of: of})
}

// firsts returns a copy of the first n.
func firsts[T any](list []T, n int) []T { return append([]T(nil), list[:min(n, len(list))]...) }

func shorts(list []string) []string {
	list = firsts(list, keptNames)
	for i, s := range list {
		list[i] = short(s)
	}
	return list
}

// short cuts a text to keptString bytes between characters.
func short(s string) string {
	if len(s) <= keptString {
		return s
	}
	end := keptString
	for end > 0 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end] + "…"
}
