package engine

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/proxy/gate"
)

// TestReplayingGivesTheSameBytes: one snapshot, one verdict. What the ledger keeps
// of a decision is enough to make it again, whatever the model says by then.
func TestReplayingGivesTheSameBytes(t *testing.T) {
	set, err := intent.Load(os.DirFS("../../../deploy/demo/intent"))
	if err != nil {
		t.Fatal(err)
	}
	const machine, group = "arn:aws:ec2:us-east-1:123456789012:instance/i-0abcdef1234567890", "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/shop/1"
	g := graph.New(graph.Config{})
	g.Apply([]model.Observation{
		{Resource: model.Resource{URN: machine, Platform: "aws", Type: "ec2:instance", Account: "123456789012", Region: "us-east-1",
			Aliases: []string{"i-0abcdef1234567890"}, Tags: map[string]string{"team": "shop"}}},
		{Resource: model.Resource{URN: group, Platform: "aws", Type: "elasticloadbalancing:targetgroup", Account: "123456789012", Region: "us-east-1",
			Attrs: json.RawMessage(`{"Targets":["i-0abcdef1234567890"]}`)}},
	})
	judge, err := Decider(set)
	if err != nil {
		t.Fatal(err)
	}
	action := func(op string, verb model.Verb, capability string, target model.Target) model.Action {
		return model.Action{Actor: model.Actor{ID: "deploy-agent", Kind: model.Agent, Authn: "run-token"}, Platform: "aws", Service: "ec2", Operation: op, Verb: verb,
			Capability: capability, Account: "123456789012", Region: "us-east-1", Fidelity: model.Exact, Targets: []model.Target{target}, Decoder: "aws 1",
			Props: []model.Property{{Name: "compute.size", Value: 3, Known: true, Source: "request"}}, Params: json.RawMessage(`{"B":1.50,"A":[]}`)}
	}
	for _, a := range []model.Action{
		action("TerminateInstances", model.Delete, "compute.instance", model.Target{URN: "arn:aws:ec2:us-east-1:*:instance/i-0abcdef1234567890", Type: "ec2:instance", Role: model.RoleTarget}),
		action("CreateBucket", model.Create, "storage.bucket", model.Target{URN: "arn:aws:s3:::acme-reports-1", Type: "s3:bucket", Role: model.RoleCreated}),
		action("DeleteBucket", model.Delete, "storage.bucket", model.Target{URN: "arn:aws:s3:::acme-reports-1", Type: "s3:bucket", Role: model.RoleTarget}),
	} {
		at := time.Date(2026, 9, 1, 12, 0, 0, 5, time.UTC)
		d := judge.Decide(context.Background(), a, g.Snapshot(), policy.Enforce, at, "dec_01k8r2v4p6q8s0t2w4y6")
		object, err := ledger.FactsObjectOf(d.Facts.Facts())
		if err != nil {
			t.Fatal(err)
		}
		d.Basis.Facts = strings.TrimPrefix(object.Name, ledger.FactsObject)
		statement, err := ledger.DecisionStatement(d)
		if err != nil {
			t.Fatal(err)
		}
		was, err := ledger.ParseDecision(statement)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := ledger.ParseFacts(was.Basis.Facts, object.Data)
		if err != nil {
			t.Fatal(err)
		}
		past, err := intent.Unbundle(set.Bundle())
		if err != nil || past.Digest != was.Basis.Intent {
			t.Fatalf("the documents came back as %v, %v", past, err)
		}
		var again *decide.Engine
		if again, err = Decider(past); err != nil {
			t.Fatal(err)
		}
		now, why := gate.Again(context.Background(), again, radius.Recall(facts), was)
		if why != "" {
			t.Fatal(why)
		}
		restated, err := ledger.DecisionStatement(now)
		if err != nil {
			t.Fatal(err)
		}
		if string(restated) != string(statement) {
			t.Errorf("%s:\n was %s\n now %s", a.Operation, statement, restated)
		}
	}
}
