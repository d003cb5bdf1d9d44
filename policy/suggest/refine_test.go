package suggest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
)

// What decisions say of the documents that they were made by: real ones, so that the
// words that are looked for are those that a verdict has.
func TestDecisionsRefineIntent(t *testing.T) {
	day := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	set := &intent.Set{Digest: "sha256:x",
		Environments: []*intent.Environment{{Name: "prod", Scope: []intent.Scope{{AWS: &intent.AWSScope{Accounts: intent.Words{"123456789012"}}}}}},
		Owners:       []*intent.Owner{{Name: "shop", Accountable: "human:dana", Owns: []intent.Selector{{AWS: &intent.OwnedAccount{Account: "123456789012"}}}}},
		Actors:       []*intent.Actor{{Name: "deploy", Kind: "agent", Owner: "shop", Identify: []intent.Identity{{Run: "deploy"}}}},
		Intents: []*intent.Intent{{Name: "work", Owner: "shop", Allow: []intent.Allow{
			{ID: "queues", Who: intent.Words{"deploy"}, May: intent.Verbs{model.Create, model.Delete}, In: intent.Words{"prod"}, What: intent.What{Capability: intent.Words{"messaging.queue"}}},
			{ID: "tables", Who: intent.Words{"deploy"}, May: intent.Verbs{model.Create}, In: intent.Words{"prod"}, What: intent.What{Capability: intent.Words{"database.*"}}}}}},
		Blueprints: []*intent.Blueprint{{Name: "stores", Owner: "shop", Require: intent.Conditions{{Property: "encryption.atRest", Is: true}}}},
		Exceptions: []*intent.Exception{
			{Name: "old-queues", Owner: "shop", Reason: "moving", ApprovedBy: "human:dana", From: "2026-09-01", Until: "2026-09-30", Waives: intent.Waives{Blueprint: "stores", Require: intent.Words{"encryption.atRest"}}, For: intent.Exempt{Resource: intent.Words{"orders*"}}},
			{Name: "tables", Owner: "shop", Reason: "moving", ApprovedBy: "human:dana", From: "2026-09-01", Until: "2026-09-30", Waives: intent.Waives{Blueprint: "stores", Require: intent.Words{"encryption.atRest"}}, For: intent.Exempt{Resource: intent.Words{"carts"}}}},
	}
	e, err := decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{decide.Using(checks.Compile)}})
	if err != nil {
		t.Fatal(err)
	}
	create := func(i int) policy.Decision {
		a := model.Action{Actor: model.Actor{ID: "deploy", Authn: "run-token"}, Platform: "aws", Service: "sqs", Operation: "CreateQueue", Verb: model.Create, Capability: "messaging.queue", Account: "123456789012", Region: "us-east-1", Fidelity: model.Exact,
			Props:   []model.Property{{Name: "encryption.atRest", Value: false, Known: true, Source: "request"}},
			Targets: []model.Target{{URN: model.URN(fmt.Sprintf("arn:aws:sqs:us-east-1:123456789012:orders-%d", i)), Type: "sqs:queue", Role: model.RoleCreated}}}
		d := e.Decide(context.Background(), a, radius.Recall(model.Facts{}), policy.Enforce, day.AddDate(0, 0, i), fmt.Sprint("dec_", i))
		if d.Verdict != policy.Allow {
			t.Fatalf("%+v", d.Findings)
		}
		return d
	}
	later := *set
	later.Intents = []*intent.Intent{{Name: "work", Owner: "shop", Allow: append(set.Intents[0].Allow[:2:2], intent.Allow{ID: "new", May: intent.Verbs{model.Create}})}}
	said := func(decisions int, idle time.Duration) string {
		r := Refine(&later)
		for i := range decisions {
			r.Add(create(i), set)
		}
		if decisions > 0 {
			d := create(decisions)
			d.Action.Verb, d.At = model.Read, day.AddDate(0, 0, 15) // a read uses nothing up
			r.Add(d, &later)
		}
		text := ""
		for _, p := range r.Proposals(day.AddDate(0, 0, 20), idle) {
			if p.Why == "" || p.Repair == "" {
				t.Errorf("%+v has no reason, or no repair", p)
			}
			text += fmt.Sprintf("%s %s %d; ", p.Kind, p.What, p.Used)
		}
		return text
	}
	for _, c := range []struct {
		decisions int
		idle      time.Duration
		want      string
	}{
		{0, 0, ""}, // nothing was decided: nothing is known of what is used
		{1, 14 * 24 * time.Hour, "remove Exception tables 0; remove work/tables 0; narrow work/queues 1; "},
		{3, 14 * 24 * time.Hour, "remove Exception tables 0; remove work/tables 0; narrow work/queues 3; promote Exception old-queues 3; "},
		{3, 0, "remove Exception tables 0; remove work/new 0; remove work/tables 0; narrow work/queues 3; promote Exception old-queues 3; "},
		{3, 60 * 24 * time.Hour, "promote Exception old-queues 3; "}, // it has not been long enough
	} {
		if got := said(c.decisions, c.idle); got != c.want {
			t.Errorf("after %d decisions, %v: %q, want %q", c.decisions, c.idle, got, c.want)
		}
	}
}
