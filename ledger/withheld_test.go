package ledger

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// Commitments are random letters, of which some look like a key that stands beside its
// id: they are recorded as they are, and nothing else is let through with them.
func TestCommitmentsAreRecordedAsTheyAre(t *testing.T) {
	d := policy.Decision{ID: "dec_1", At: time.Unix(1e9, 0), Action: model.Action{ID: "dec_1", Verb: model.Create,
		Params: json.RawMessage(`{"id":"AKIA2E0A8F3B244C9986","_sd":["wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY"]}`)},
		Withheld: []string{"QxwJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEYA", "-wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY-A"}}
	data, err := DecisionStatement(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseDecision(data)
	if err != nil || !slices.Equal(got.Withheld, d.Withheld) {
		t.Errorf("%v %q", err, got.Withheld)
	}
	if want := `{"_sd":["(redacted)"],"id":"AKIA2E0A8F3B244C9986"}`; string(got.Action.Params) != want {
		t.Errorf("%s", got.Action.Params)
	}
	d.Withheld = []string{"hunter2"}
	if _, err := DecisionStatement(d); err == nil {
		t.Error("anything passes for a commitment")
	}
}

func TestARedactionSaysOfWhatAndWhy(t *testing.T) {
	r := Redaction{At: time.Unix(1e9, 0).UTC(), By: "dana", Reason: "asked to", Entries: []Cleared{{"dec_1", Receipt{Index: 3}}}}
	e, err := RedactionEntry(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseRedaction(e.Statement)
	if err != nil || got.Reason != r.Reason || len(got.Entries) != 1 || got.Entries[0] != r.Entries[0] {
		t.Errorf("%v %+v", err, got)
	}
	for _, bad := range []Redaction{{Reason: "x"}, {Entries: r.Entries}, {Reason: "x", Entries: []Cleared{{}}}, {Reason: "x", Entries: make([]Cleared, MaxCleared+1)}} {
		if _, err := RedactionEntry(bad); err == nil {
			t.Errorf("%+v is recorded", bad)
		}
	}
}
