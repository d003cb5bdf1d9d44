package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy"
)

// Adoption is drift, or a thing that nobody built, that somebody is to take for what was
// built.
type Adoption struct {
	Action model.Action
	urn    model.URN
	fields []string
	whole  string // see policy.Adoption
}

// ErrAligned is that nothing of a resource has drifted.
var ErrAligned = errors.New("nothing of it has drifted, as far as it was read")

var errNotBuilt = errors.New("nobody built it by way of the proxy, or adopted it")

// drifted is what has drifted of a resource, or some fields of it.
func (e *Engine) drifted(urn model.URN, fields []string) (model.Resource, []model.Deviation, error) {
	s, ok := e.snapshot().(model.Reconciled)
	if !ok {
		return model.Resource{}, nil, errors.New("there is no model of what was built")
	}
	r, there := s.Resource(urn)
	if !there {
		return r, nil, fmt.Errorf("%s is not known", urn)
	}
	st := s.Standing(urn)
	switch {
	case !st.Built:
		return r, nil, errNotBuilt
	case !st.Settled:
		return r, nil, errors.New("it was not read back since it was last built by way of the proxy: nobody can tell what has drifted")
	case len(st.Drifted) == 0:
		return r, nil, ErrAligned
	}
	out, err := picked(st.Drifted, fields)
	return r, out, err
}

// Adopting makes the action that takes fields of a resource, or all that have drifted,
// for what was built.
func (e *Engine) Adopting(urn model.URN, fields []string) (*Adoption, []model.Deviation, error) {
	r, drifted, err := e.drifted(urn, fields)
	a := &Adoption{urn: urn}
	if errors.Is(err, errNotBuilt) && len(fields) == 0 {
		a.whole, err = digestOf(r), nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, d := range drifted {
		a.fields = append(a.fields, d.Path)
	}
	params, err := json.Marshal(policy.Adoption{Fields: append([]model.Deviation{}, drifted...), Whole: a.whole})
	if err != nil {
		return nil, nil, err
	}
	a.Action = model.Action{Platform: r.Platform, Service: policy.AdoptService, Operation: policy.AdoptOperation, Decoder: policy.AdoptDecoder, Verb: model.Update,
		Capability: "assent.baseline", Account: r.Account, Region: r.Region, Fidelity: model.Exact, Params: params,
		Actor: model.Actor{ID: "assent", Kind: model.Controller, Authn: "assent"}, Targets: []model.Target{{URN: urn, Type: r.Type, Role: model.RoleTarget}}}
	return a, drifted, nil
}

// Inverses are the calls that set fields of a resource, or all that have drifted, back.
func (e *Engine) Inverses(ctx context.Context, urn model.URN, fields []string) ([]reconcile.Inverse, error) {
	r, drifted, err := e.drifted(urn, fields)
	if err != nil {
		return nil, err
	}
	b, ok, err := e.memory.BuiltOf(ctx, urn)
	if err != nil || !ok {
		return nil, errors.Join(err, errors.New("what was built is not known"))
	}
	return reconcile.Invert(r, b, drifted), nil
}

// picked are the deviations of some fields; of all, where none is named.
func picked(drifted []model.Deviation, fields []string) ([]model.Deviation, error) {
	if len(fields) == 0 {
		return drifted, nil
	}
	var out []model.Deviation
	for _, field := range fields {
		n := len(out)
		for _, d := range drifted {
			if d.Path == field || reconcile.Overlap(d.Path, field) {
				out = append(out, d)
			}
		}
		if len(out) == n {
			names := make([]string, len(drifted))
			for i, d := range drifted {
				names[i] = d.Path
			}
			return nil, fmt.Errorf("%s has not drifted; these have: %v", field, names)
		}
	}
	slices.SortFunc(out, func(a, b model.Deviation) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(out, func(a, b model.Deviation) bool { return a.Path == b.Path }), nil
}

// digestOf is sha256:HEX of what a resource is like.
func digestOf(r model.Resource) string {
	h := sha256.New()
	h.Write(r.Attrs)
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		fmt.Fprintf(h, "\n%q=%q", key, r.Tags[key])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Propose judges an adoption.
func (e *Engine) Propose(ctx context.Context, a *Adoption, approvals ...policy.Approval) policy.Decision {
	return e.gate.Propose(ctx, a.Action, approvals...)
}

// Adopt carries out an adoption that was allowed.
func (e *Engine) Adopt(ctx context.Context, a *Adoption, d policy.Decision, used []ledger.Approval) error {
	return e.gate.CarryOut(ctx, d, used, func() error {
		r, ok := e.memory.Graph.Snapshot().Resource(a.urn)
		if !ok {
			return errors.New("it is not known any more")
		}
		if a.whole != "" {
			at := e.cfg.Now().UTC()
			b := model.Built{URN: r.URN, Type: r.Type, At: at, Actor: d.Action.Actor.ID, Decision: d.ID, Operation: d.Action.Name(), ReadAt: at}
			if err := e.memory.Executed(ctx, []model.Built{b}, nil); err != nil {
				return err
			}
			b.Attrs, b.Tags = r.Attrs, r.Tags
			return e.memory.ReadBack(ctx, []model.Built{b})
		}
		b, ok, err := e.memory.BuiltOf(ctx, a.urn)
		if err != nil || !ok {
			return errors.Join(err, errors.New("what was built is not known any more"))
		}
		return e.memory.ReadBack(ctx, []model.Built{reconcile.Adopt(b, r, a.fields)})
	})
}
