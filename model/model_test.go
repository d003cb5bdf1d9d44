package model

import (
	"encoding/json"
	"testing"
	"time"
)

func TestUnknownIsTreatedAsMutating(t *testing.T) {
	for _, v := range []Verb{"", "unknown", "frobnicate", Create, Delete, Execute, Grant} {
		if !v.Mutates() {
			t.Errorf("%q passes as a read", v)
		}
	}
	for _, v := range []Verb{List, Read, Reveal} {
		if v.Mutates() {
			t.Errorf("%q is judged as a change", v)
		}
	}
	if (Action{}).Mutates() != true {
		t.Error("the zero action passes as a read")
	}
	if !(Action{Verb: Read, Parts: []Action{{Verb: Delete}}}).Mutates() {
		t.Error("a change inside a read passes")
	}
	if (Action{Verb: Delete, DryRun: true}).Mutates() {
		t.Error("a dry run is judged as a change")
	}
}

func TestZeroFidelityIsOpaque(t *testing.T) {
	var f Fidelity
	if f.String() != "opaque" {
		t.Errorf("zero fidelity is %s", f)
	}
	for _, want := range []Fidelity{Opaque, Partial, Exact} {
		text, _ := want.MarshalText()
		var got Fidelity
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if err := f.UnmarshalText([]byte("sure")); err == nil {
		t.Error("a made-up fidelity is read")
	}
}

func TestDigestIsOfTheChangeAlone(t *testing.T) {
	a := Action{ID: "1", Actor: Actor{ID: "x"}, At: time.Unix(1, 0), Run: "r", Service: "s3", Operation: "CreateBucket", Params: json.RawMessage(`{"Bucket":"b"}`)}
	b := a
	b.ID, b.Actor, b.At, b.Run = "2", Actor{ID: "y"}, time.Unix(2, 0), "q"
	if a.DigestString() != b.DigestString() {
		t.Error("who asks, when, changes the digest")
	}
	a.Tokens, a.Params = []string{"ClientToken"}, json.RawMessage(`{"Bucket":"b","ClientToken":"1"}`)
	b.Tokens, b.Params = []string{"ClientToken"}, json.RawMessage(`{"ClientToken":"2","Bucket":"b"}`)
	if a.DigestString() != b.DigestString() {
		t.Error("a new idempotency token makes another change")
	}
	b.Params = json.RawMessage(`{"Bucket":"c","ClientToken":"1"}`)
	if a.DigestString() == b.DigestString() {
		t.Error("what is asked does not change the digest")
	}
	b.Params = json.RawMessage(`{broken`)
	if a.DigestString() == b.DigestString() {
		t.Error("broken params share a digest")
	}
}
