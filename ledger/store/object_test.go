package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
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

// What is forgotten is in no file any more, whatever else is in the log.
func TestWhatIsForgottenIsInNoFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	random := make([]byte, 9000) // nothing that packing would change much
	mrand.NewChaCha8([32]byte{1}).Read(random)
	for i := range 40 {
		e := decide(t, decision(fmt.Sprint("dec_", i), policy.Deny))
		e.Objects = []ledger.Object{{Name: fmt.Sprint("withheld/", i), Data: append([]byte{byte(i)}, random[:[]int{300, 2000, 9000}[i%3]]...)}}
		if _, err := s.Append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := Forget(t.Context(), dir, []string{"withheld/7"}); err != nil { // while others have it open
		t.Fatal(err)
	}
	if _, err := s.Object(t.Context(), "withheld/7"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	for i := range 40 {
		if i != 7 {
			if err := Forget(t.Context(), dir, []string{fmt.Sprint("withheld/", i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{Database, Database + "-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil && bytes.Contains(data, random[100:200]) {
			t.Errorf("%s holds it yet", name)
		}
	}
}
