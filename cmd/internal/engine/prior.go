package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"sort"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy"
)

const (
	// maxPrior bounds the things of one action that are remembered one by one; the others
	// are one thing together, whatever they are.
	maxPrior = 50
	// otherThings is their name.
	otherThings = model.URN("others")
)

// prior tells what the things that an action changes are like.
func (s *standings) prior(a model.Action, snapshot model.Snapshot) policy.Prior {
	var urns []model.URN
	seen := map[model.URN]bool{}
	named(a, func(urn model.URN, _, role string) {
		own, ok := known(snapshot, urn)
		if _, there := snapshot.Resource(own); ok && there && role != model.RoleCreated && !seen[own] {
			seen[own] = true
			urns = append(urns, own)
		}
	})
	if len(urns) == 0 {
		return nil
	}
	sort.Slice(urns, func(i, j int) bool { return urns[i] < urns[j] })
	out := policy.Prior{}
	others := sha256.New()
	for i, urn := range urns {
		r, _ := snapshot.Resource(urn)
		fields := reconcile.Print(s.rules, r)
		if i >= maxPrior {
			data, err := json.Marshal(fields)
			others.Write(data)
			if err != nil { // strings always encode
				panic(err)
			}
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), baselineTime)
		b, _, err := s.store.BuiltOf(ctx, urn)
		cancel()
		if err != nil {
			s.trouble(err)
		}
		out[urn] = policy.Then{Built: b.Decision, Fields: fields}
	}
	if len(urns) > maxPrior {
		out[otherThings] = policy.Then{Fields: map[string]string{"all": hex.EncodeToString(others.Sum(nil)[:8])}}
	}
	return out
}

// Prior tells what the things that a decided action changes are like now.
func (e *Engine) Prior(a model.Action) (policy.Prior, error) {
	if e.stands == nil {
		return nil, errors.New("there is no model of what exists")
	}
	return e.stands.prior(a, e.memory.Graph.Snapshot()), nil
}

// priors is what the gate asks; nil: there is no model that is kept.
func (e *Engine) priors() func(model.Action, model.Snapshot) policy.Prior {
	if e.stands == nil {
		return nil
	}
	return e.stands.prior
}

// StalePlan finds what of a plan of Terraform's or OpenTofu's was changed since it was made.
func (e *Engine) StalePlan(ctx context.Context, plan io.Reader) ([]radius.Outdated, error) {
	if e.stands == nil {
		return nil, errors.New("there is no model of what was built")
	}
	var bad error
	out, err := radius.Stale(plan, e.snapshot(), func(urn model.URN) (model.Built, bool) {
		b, ok, err := e.memory.BuiltOf(ctx, urn)
		bad = errors.Join(bad, err)
		return b, ok
	})
	return out, errors.Join(err, bad)
}
