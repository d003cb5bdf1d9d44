package store

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
)

// TestObjectsBecomeDurableWithTheirEntry: what an entry names is there when the
// entry is, once, and comes back as it went in.
func TestObjectsBecomeDurableWithTheirEntry(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	long := strings.Repeat(`{"a":1}`, 40_000)
	for i, id := range []string{"dec_1", "dec_2"} {
		e := decide(t, decision(id, policy.Deny))
		e.Objects = []ledger.Object{{Name: "facts/x", Data: []byte(long)}, {Name: "intent/" + id, Data: []byte(id)}}
		if _, err := s.Append(context.Background(), e); err != nil {
			t.Fatal(i, err)
		}
	}
	e := decide(t, decision("dec_3", policy.Deny))
	e.Objects = []ledger.Object{{Name: "facts/big", Data: make([]byte, ledger.MaxObject+1)}}
	if _, err := s.Append(context.Background(), e); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("an object over the bound: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(context.Background(), Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for name, want := range map[string]string{"facts/x": long, "intent/dec_1": "dec_1", "intent/dec_2": "dec_2"} {
		if got, err := r.Object(context.Background(), name); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for _, name := range []string{"facts/big", "", "facts/"} {
		if _, err := r.Object(context.Background(), name); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
