package gate

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

const hush = "ghp_Hush0123456789abcdef"

// on is a call on a thing of a name.
func on(name string) stub {
	return stub{decode: func(decoders.Call) (model.Action, error) {
		return model.Action{Platform: "stub", Service: "s", Operation: "Op", Verb: model.Delete, Fidelity: model.Exact,
			Targets: []model.Target{{URN: model.URN("arn:aws:s3:::b/" + name), Type: "s:x", Role: model.RoleTarget}},
			Params:  json.RawMessage(`{"Key":"` + name + `"}`)}, nil
	}, learn: func() []model.Observation {
		return []model.Observation{{Resource: model.Resource{URN: model.URN("arn:aws:s3:::b/" + name)}}}
	}}
}

// Secrets are never stored, nor said, also where one is a part of a name: what is
// judged, recorded, learnt and shown is one thing under one name, and what is recorded
// is made again with the same bytes.
func TestLaw8ASecretInANameGoesNoFurtherThanItsCall(t *testing.T) {
	b := &book{}
	var judged model.Action
	var told, learnt []byte
	g := newGate(t, policy.Enforce, decider(func(a model.Action) policy.Decision { judged = a; return policy.Decision{Verdict: policy.Allow} }), b)
	g.cfg.Veil = model.NewVeil([]byte("salt"))
	g.cfg.Event = func(e Event) { data, _ := json.Marshal(e); told = append(told, data...) }
	g.cfg.Learn = func(seen []model.Observation) { learnt, _ = json.Marshal(seen) }
	g.cfg.Executed = func(d policy.Decision, seen []model.Observation) {
		if seen[0].Resource.URN != d.Action.Targets[0].URN {
			t.Errorf("what was changed is %s, and what was seen %s", d.Action.Targets[0].URN, seen[0].Resource.URN)
		}
	}
	in := ask(on(hush))
	in.Call.Header = http.Header{}
	in.Actor.Said = map[string]string{"user-agent": "tool " + hush}
	p := g.Judge(t.Context(), in)
	if p.Refusal != nil {
		t.Fatalf("%+v", p.Refusal)
	}
	p.Learn(&decoders.Response{Status: 200})
	if err := p.Close(t.Context(), proxy.Answered{Result: ledger.Failed, Reason: "Get https://b/" + hush + ": timeout"}); err != nil {
		t.Fatal(err)
	}
	urn := string(judged.Targets[0].URN)
	if urn != "arn:aws:s3:::b/"+g.cfg.Veil.Text(hush) || !model.Commits(urn) {
		t.Errorf("judged was %s", urn)
	}
	for what, data := range map[string][]byte{"decision": b.entries[0].Statement, "outcome": b.entries[1].Statement, "events": told, "learnt": learnt} {
		if strings.Contains(string(data), "Hush") || what != "outcome" && !strings.Contains(string(data), urn) {
			t.Errorf("%s: %s", what, data)
		}
	}
	d, err := ledger.ParseDecision(b.entries[0].Statement)
	if err != nil || ledger.Redacted(b.entries[0].Statement) || d.Action.DigestString() != judged.DigestString() {
		t.Errorf("recorded is not what was judged: %v", err)
	}

	other := g.Judge(t.Context(), ask(on("ghp_Hush0123456789abcdeF")))
	if other.Refusal != nil || string(judged.Targets[0].URN) == urn {
		t.Errorf("two keys are one thing: %s", urn)
	}
	// Who spells a commitment is not taken for what it stands for.
	if g.Judge(t.Context(), ask(on(g.cfg.Veil.Text(hush)))); judged.Fidelity != model.Opaque {
		t.Errorf("%+v", judged)
	}
}

func TestLaw8WhatCannotBeReadIsNotSaidEither(t *testing.T) {
	b := &book{}
	g := newGate(t, policy.Enforce, always(policy.Allow), b)
	bad := stub{decode: func(decoders.Call) (model.Action, error) {
		return model.Action{}, errors.New("key " + hush + " is torn")
	}}
	if g.Judge(t.Context(), ask(bad)).Refusal == nil || strings.Contains(string(b.entries[0].Statement), "Hush") {
		t.Errorf("%s", b.entries[0].Statement)
	}
	g.TurnedAway(t.Context(), proxy.Turned{Host: hush + ".example", Reason: "password=Hush0123"})
	if strings.Contains(string(b.entries[1].Statement), "Hush") {
		t.Errorf("%s", b.entries[1].Statement)
	}
}
