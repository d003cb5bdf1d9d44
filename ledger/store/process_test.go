package store_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// The test binary, started again with these, appends decisions and outcomes and
// writes one line for every receipt that it got: ID INDEX LEAF.
const (
	childDir  = "ASSENT_TEST_LEDGER"
	childName = "ASSENT_TEST_NAME"
	childMany = "ASSENT_TEST_MANY"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := appendMany(dir, os.Getenv(childName), os.Getenv(childMany)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// appendMany keeps eight callers busy, each with many decisions.
func appendMany(dir, name, many string) error {
	n := 0
	if _, err := fmt.Sscan(many, &n); err != nil {
		return err
	}
	s, err := store.Open(context.Background(), store.Config{Dir: dir, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards stdout and failed
	var failed error
	for caller := range 8 {
		wg.Go(func() {
			for i := range n {
				err := one(s, fmt.Sprintf("dec_%s_%d_%d", name, caller, i), &mu)
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		return err
	}
	return failed
}

func one(s *store.Store, id string, mu *sync.Mutex) error {
	d := policy.Decision{ID: id, At: time.Now(), Verdict: policy.Allow, Action: model.Action{ID: id, Verb: model.Create}}
	say := func(r ledger.Receipt) {
		mu.Lock()
		fmt.Printf("%s %d %s\n", id, r.Index, r.LeafHash)
		mu.Unlock()
	}
	statement, err := ledger.DecisionStatement(d)
	if err != nil {
		return err
	}
	of, err := s.Append(context.Background(), ledger.Entry{Kind: ledger.KindDecision, Key: id, Statement: statement})
	if err != nil {
		return err
	}
	say(of)
	statement, err = ledger.OutcomeStatement(ledger.Outcome{Decision: id, Of: of, Result: ledger.Succeeded}, d)
	if err != nil {
		return err
	}
	r, err := s.Append(context.Background(), ledger.Entry{Kind: ledger.KindOutcome, Key: id, Statement: statement})
	if err == nil {
		say(r)
	}
	return err
}

// child starts a process that appends to dir.
func child(t *testing.T, dir, name string, many int) (*exec.Cmd, io.Reader) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childDir+"="+dir, childName+"="+name, fmt.Sprintf("%s=%d", childMany, many))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, out
}

type ack struct {
	id   string
	at   uint64
	leaf ledger.Hash
}

// acks reads receipts until the process ends; a line that was cut off by its
// death is no receipt.
func acks(r io.Reader, seen func(n int)) []ack {
	var all []ack
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var a ack
		var leaf string
		if n, _ := fmt.Sscan(lines.Text(), &a.id, &a.at, &leaf); n == 3 && a.leaf.UnmarshalText([]byte(leaf)) == nil {
			all = append(all, a)
			seen(len(all))
		}
	}
	return all
}

func checkAcks(t *testing.T, s *store.Store, all []ack) {
	t.Helper()
	for _, a := range all {
		e, err := s.Get(t.Context(), a.at)
		if err != nil || e.Key != a.id || e.LeafHash != a.leaf {
			t.Fatalf("acknowledged %s at %d: there is %s, %v", a.id, a.at, e.Key, err)
		}
	}
}

func verified(t *testing.T, dir string) verify.Report {
	t.Helper()
	r, err := verify.Dir(t.Context(), dir, verify.Options{})
	if err != nil || r.Kind != verify.OK {
		t.Fatalf("verify: %v %v %+v", err, r.Kind, r.Problems)
	}
	return r
}

func TestTwoProcessesWriteOneLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	const many = 60
	a, outA := child(t, dir, "a", many)
	b, outB := child(t, dir, "b", many)
	var all [2][]ack
	var wg sync.WaitGroup
	wg.Go(func() { all[0] = acks(outA, func(int) {}) })
	wg.Go(func() { all[1] = acks(outB, func(int) {}) })
	wg.Wait()
	if err := a.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := b.Wait(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	both := slices.Concat(all[0], all[1])
	checkAcks(t, s, both)
	r := verified(t, dir)
	if want := uint64(2*8*many*2 + 1); uint64(len(both))+1 != want || r.Entries != want {
		t.Errorf("%d acknowledged, %d entries, want %d", len(both), r.Entries, want)
	}
}

// killTime bounds the rounds beyond the first twenty.
const killTime = 90 * time.Second

func TestLaw1WhatWasAcknowledgedSurvivesKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	rng := mrand.New(mrand.NewPCG(1, 2))
	var all []ack
	rounds := 20
	switch {
	case testing.Short():
		rounds = 4
	case os.Getenv("CI") == "true":
		rounds = 200
	}
	began := time.Now()
	for round := range rounds {
		if round >= 20 && time.Since(began) > killTime {
			rounds = round
			break
		}
		c, out := child(t, dir, fmt.Sprint(round), 1<<20)
		after := 1 + rng.IntN(200)
		killed := false
		all = append(all, acks(out, func(n int) {
			if n >= after && !killed {
				killed = true
				c.Process.Kill()
			}
		})...)
		c.Wait() // killed: the error says so
		if !killed {
			t.Fatal("the process ended by itself")
		}
	}
	s, err := store.Open(t.Context(), store.Config{Dir: dir, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	checkAcks(t, s, all)
	unknown := 0
	err = s.Scan(t.Context(), 0, func(e ledger.Stored) bool {
		if o, err := ledger.ParseOutcome(e.Envelope); err == nil && o.Result == ledger.Unresolved {
			unknown++
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := verified(t, dir)
	if left, _ := os.ReadDir(filepath.Join(dir, "sessions")); len(left) != 0 {
		t.Errorf("%d session files are left", len(left))
	}
	t.Logf("%d rounds, %d acknowledged, 0 lost, 0 moved; %d entries, %d decisions closed as unknown", rounds, len(all), r.Entries, unknown)
}
