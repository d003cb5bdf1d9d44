package gate

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// onPath is a decoder whose target is the call's path.
func onPath(c decoders.Call) (model.Action, error) {
	return model.Action{Platform: "stub", Account: "c", Verb: model.Update, Targets: []model.Target{{URN: model.URN("x:/" + c.URL.Path)}}}, nil
}

func asked(path string, change func(*proxy.Asked)) proxy.Asked {
	in := proxy.Asked{Decoder: stub{decode: onPath}, Call: decoders.Call{Method: http.MethodPut, URL: &url.URL{Path: path}, Header: http.Header{}}}
	if change != nil {
		change(&in)
	}
	return in
}

func TestAnEchoOfACallInFlightIsNotJudgedAgain(t *testing.T) {
	b := &book{}
	verdict := policy.Allow
	g := newGate(t, policy.Enforce, decider(func(model.Action) policy.Decision { return policy.Decision{Verdict: verdict} }), b)
	ctx := context.Background()
	echo := func(path, ticket string) proxy.Permit {
		return g.Judge(ctx, asked(path, func(in *proxy.Asked) { in.Echo, in.Ticket = true, ticket }))
	}
	one, all := g.Judge(ctx, asked("/a/one", nil)), g.Judge(ctx, asked("/b/*", nil))
	verdict = policy.Deny // whatever is judged from here on is refused
	for _, tc := range []struct {
		path, ticket, passes string
	}{
		{"/a/one", "", one.DecisionID}, {"/a/one", one.DecisionID, one.DecisionID},
		{"/b/two", "", all.DecisionID}, {"/b/two", all.DecisionID, all.DecisionID}, // one of a collection
		{"/a/two", "", ""}, {"/b/two/three", "", ""},
		{"/a/two", one.DecisionID, ""}, {"/a/one", all.DecisionID, ""}, {"/a/one", "dec_made-up", ""}, {"/a/one", one.DecisionID + "," + all.DecisionID, ""},
	} {
		p := echo(tc.path, tc.ticket)
		switch {
		case tc.passes != "" && (p.Refusal != nil || p.DecisionID != tc.passes || p.Close != nil):
			t.Errorf("%s with ticket %q: want to pass with %s: %+v", tc.path, tc.ticket, tc.passes, p)
		case tc.passes == "" && p.Refusal == nil:
			t.Errorf("%s with ticket %q: it was let pass", tc.path, tc.ticket)
		}
	}
	verdict = policy.Allow
	if p := echo("/a/one", "dec_made-up"); p.Refusal == nil {
		t.Error("a ticket of nobody passes where the call without it would")
	}
	if err := one.Close(ctx, proxy.Answered{Result: ledger.Succeeded, Status: 200}); err != nil {
		t.Fatal(err)
	}
	if p := echo("/a/one", one.DecisionID); p.Refusal == nil {
		t.Error("a ticket is good after its call")
	}
	if p := g.Judge(ctx, asked("/b/two", func(in *proxy.Asked) { in.Ticket = all.DecisionID })); p.DecisionID == all.DecisionID {
		t.Error("a call through the proxy passes with another's decision")
	}
}

func TestAConsequenceIsRecordedAndNotANewIntention(t *testing.T) {
	b := &book{}
	d := policy.Decision{Verdict: policy.Deny, Findings: []policy.Finding{{Code: "AS2001", Verdict: policy.Deny}}}
	g := newGate(t, policy.Enforce, decider(func(model.Action) policy.Decision { return d }), b)
	follow := func() proxy.Permit {
		return g.Judge(context.Background(), asked("/a", func(in *proxy.Asked) { in.Echo, in.Follows = true, "dec_parent" }))
	}
	p := follow()
	if p.Refusal != nil || p.DecisionID == "" || p.DecisionID == "dec_parent" || b.kinds() != string(ledger.KindDecision) {
		t.Errorf("%+v, recorded %q", p, b.kinds())
	}
	d.Fault = "a rule failed"
	if p := follow(); p.Refusal == nil {
		t.Error("a verdict that could not be reached became an allow")
	}
}
