package policy

import "testing"

func TestZeroValuesDeny(t *testing.T) {
	var d Decision
	if d.Verdict != Deny || d.Mode != Enforce || !d.Blocks() {
		t.Errorf("the zero decision lets pass: %+v", d)
	}
	if (Decision{Verdict: Hold}).Blocks() == false {
		t.Error("a held action passes")
	}
	if (Decision{Mode: Observe}).Blocks() {
		t.Error("observing blocks")
	}
	if (Decision{Verdict: Allow}).Blocks() {
		t.Error("an allowed action is blocked")
	}
}

func TestWordsRoundTrip(t *testing.T) {
	for _, v := range []Verdict{Deny, Hold, Allow} {
		text, _ := v.MarshalText()
		var got Verdict
		if err := got.UnmarshalText(text); err != nil || got != v {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, m := range []Mode{Enforce, Observe} {
		text, _ := m.MarshalText()
		var got Mode
		if err := got.UnmarshalText(text); err != nil || got != m {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	var v Verdict
	var m Mode
	if v.UnmarshalText([]byte("yes")) == nil || m.UnmarshalText([]byte("off")) == nil {
		t.Error("a made-up word is read")
	}
}

func TestFirstIsTheStrictestFinding(t *testing.T) {
	d := Decision{Findings: []Finding{{Code: "remark", Verdict: Allow}, {Code: "hold", Verdict: Hold}, {Code: "deny", Verdict: Deny}, {Code: "later", Verdict: Deny}}}
	if f, ok := d.First(); !ok || f.Code != "deny" {
		t.Errorf("%+v %v", f, ok)
	}
	if _, ok := (Decision{}).First(); ok {
		t.Error("a finding out of nowhere")
	}
}
