package gate

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// A decision commits to its call, without what the caller proves itself with; where
// that cannot be done, nothing leaves.
func TestADecisionCommitsToItsCall(t *testing.T) {
	b := &book{}
	g := newGate(t, policy.Enforce, always(policy.Allow), b)
	var of string
	var parts []ledger.Part
	commitment := strings.Repeat("A", 43)
	g.cfg.Withhold = func(decision string, p []ledger.Part) ([]string, ledger.Object, error) {
		of, parts = decision, p
		return []string{commitment}, ledger.Object{Name: "withheld/x", Data: []byte("sealed")}, nil
	}
	in := ask(stub{decode: action(model.Delete)})
	in.Call.Scheme, in.Call.URL = "https", &url.URL{Path: "/a", RawQuery: "q=hush"}
	in.Call.Header = http.Header{"Authorization": {"me"}, "Cookie": {"me"}, "X-Amz-Security-Token": {"me"}, "X-Key": {"hush"}}
	in.Call.Body = []byte("hush")
	p := g.Judge(t.Context(), in)
	if p.Refusal != nil || of != p.DecisionID || len(parts) != 3 || len(b.entries) != 1 || len(in.Call.Header) != 4 {
		t.Fatalf("%+v %s %+v", p, of, parts)
	}
	if parts[0].Value != "POST https://h/a?q=hush" || parts[1].Value != `{"X-Key":["hush"]}` || parts[2].Value != "hush" {
		t.Errorf("%+v", parts)
	}
	d, err := ledger.ParseDecision(b.entries[0].Statement)
	if err != nil || len(d.Withheld) != 1 || d.Withheld[0] != commitment {
		t.Errorf("%v %v", err, d.Withheld)
	}
	if o := b.entries[0].Objects; len(o) != 1 || o[0].Name != "withheld/x" {
		t.Errorf("%+v", o)
	}

	g.cfg.Withhold = func(string, []ledger.Part) ([]string, ledger.Object, error) {
		return nil, ledger.Object{}, errors.New("no randomness")
	}
	in.Call.URL = &url.URL{Path: "/b"}
	if p := g.Judge(t.Context(), in); p.Refusal == nil || len(b.entries) != 1 {
		t.Errorf("what it cannot commit to is let pass: %+v", p)
	}
}
