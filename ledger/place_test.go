package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/policy"
)

// Place reads less than Describe and MUST say the same.
func TestPlaceSaysWhatDescribeSays(t *testing.T) {
	d := sample()
	decision, err := DecisionStatement(d)
	if err != nil {
		t.Fatal(err)
	}
	cut, err := DecisionStatement(long())
	if err != nil {
		t.Fatal(err)
	}
	observed := sample()
	observed.Mode, observed.Verdict = policy.Observe, policy.Deny
	watched, err := DecisionStatement(observed)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := OutcomeStatement(Outcome{Decision: d.ID, Of: Receipt{Index: 7}, Result: Succeeded, CompletedAt: d.At}, d)
	if err != nil {
		t.Fatal(err)
	}
	door, err := DoorStatement(map[string]any{"run": "run_1", "at": time.Unix(1, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	genesis, err := GenesisStatement(Genesis{Origin: "o", At: d.At})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{decision, cut, watched, outcome, door, genesis} {
		want, err := Describe(data)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Place(data); err != nil || got != want {
			t.Errorf("Place %+v (%v), Describe %+v", got, err, want)
		}
	}
	for _, bad := range []string{
		"", "[]", "{", `{"predicateType":"x"`, `{"predicateType":"x","predicateType":"x","predicate":{}}`,
		strings.Replace(string(decision), `"decidedAt"`, `"id":"dec_other","decidedAt"`, 1),
		strings.Replace(string(decision), `"id":`, `"no":`, 1),
	} {
		if a, err := Place([]byte(bad)); err == nil {
			t.Errorf("%.60s: placed as %+v", bad, a)
		}
	}
}

// Whatever Describe accepts and Place accepts, they see alike.
func FuzzPlace(f *testing.F) {
	d := sample()
	decision, _ := DecisionStatement(d)
	f.Add(decision)
	f.Add([]byte(`{"predicateType":"https://assent.dev/attestation/change-decision/v0.1","predicate":{"id":"a","action":{"run":"r"}}}`))
	f.Add([]byte(`{ "predicate" : {"\"":[1,{"}":"]"}]} , "predicateType":"" }`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Place(data)
		want, strict := Describe(data)
		if err == nil && strict == nil && got != want {
			t.Fatalf("Place %+v, Describe %+v", got, want)
		}
	})
}

func BenchmarkPlace(b *testing.B) {
	statement, err := DecisionStatement(sample())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Place(statement); err != nil {
			b.Fatal(err)
		}
	}
}
