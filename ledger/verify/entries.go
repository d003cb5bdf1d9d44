package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/policy"
)

// chunkEntries is how many entries are in memory at once: enough to keep every
// core busy with signatures, at most 64 KiB each.
const chunkEntries = 512

// entry is one row, and what checking it alone has shown.
type entry struct {
	index    int64
	kind     string
	key      string
	envelope []byte
	leaf     []byte

	hash    ledger.Hash
	about   ledger.About
	result  string // of an outcome
	blocks  bool   // of a decision
	uses    []use  // the approvals that a decision counted; the one that an approval is
	intent  string // the digest of the documents that a decision or an intent-epoch names
	problem string
	trust   Kind   // the kind of problem
	epoch   int    // of the key that it was checked with
	next    string // the key that the log goes over to here
	lost    bool   // it should have been such an entry
}

// use is one use of an approval: a ticket, for one of its actions, by a decision.
type use struct{ ticket, scope, decision string }

// opened is a decision that awaits its outcome.
type opened struct {
	index uint64
	leaf  ledger.Hash
}

// entries checks every entry, in chunks: each alone on all cores, then in order.
func (v *run) entries(ctx context.Context) error {
	cps, err := v.db.query(ctx, `SELECT seq, size, note FROM checkpoints ORDER BY size`)
	if err != nil {
		return err
	}
	v.next = cursor{rows: cps}
	if err := v.next.step(); err != nil {
		return err
	}
	rows, err := v.db.query(ctx, `SELECT idx, kind, key, envelope, leaf FROM entries ORDER BY idx`)
	if err != nil {
		return err
	}
	defer rows.close()
	for {
		chunk, err := readChunk(rows)
		if err != nil || len(chunk) == 0 {
			return err
		}
		v.checkAlone(chunk)
		for i := range chunk {
			if err := v.checkInOrder(ctx, &chunk[i]); err != nil {
				return err
			}
		}
		if v.opts.Progress != nil {
			v.opts.Progress(v.tree.Size(), v.report.Entries)
		}
	}
}

func readChunk(rows *rows) ([]entry, error) {
	var chunk []entry
	for len(chunk) < chunkEntries && rows.next() {
		var e entry
		if err := rows.scan(&e.index, &e.kind, &e.key, &e.envelope, &e.leaf); err != nil {
			return nil, err
		}
		chunk = append(chunk, e)
	}
	return chunk, rows.err
}

// checkAlone checks what needs no other entry, on all cores.
func (v *run) checkAlone(chunk []entry) {
	if v.tree.Size() == 0 && len(chunk) > 0 {
		v.begin(chunk[0].envelope)
	}
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(chunk); i += workers {
				v.check(&chunk[i])
			}
		})
	}
	wg.Wait()
}

func (v *run) check(e *entry) {
	e.epoch, e.problem, e.trust, e.next, e.uses, e.intent = v.epoch, "", OK, "", nil, ""
	e.hash = tlog.LeafHash(e.envelope)
	if string(e.leaf) != string(e.hash[:]) {
		e.problem, e.trust = "its bytes are not those that were hashed", Tampered
		return
	}
	if v.opts.HashesOnly && e.index != 0 && bytes.Count(e.envelope, []byte(`"sig"`)) < 2 {
		return // the log's keys are followed all the same
	}
	if err := v.read(e); err != nil {
		e.problem = err.Error()
		if e.trust == OK {
			e.trust = Tampered
		}
	}
}

// read checks the signature, then reads the statement strictly.
func (v *run) read(e *entry) error {
	envelope, err := ledger.ParseEnvelope(e.envelope)
	if err != nil {
		return err
	}
	if e.next, err = v.signed(envelope); err != nil {
		e.lost = len(envelope.Signatures) > 1
		return err
	}
	statement, err := ledger.Read(envelope.Payload)
	if err != nil {
		return fmt.Errorf("reading statement: %w", err)
	}
	if e.about, err = statement.About(); err != nil {
		return err
	}
	if v.published {
		e.kind, e.key = string(e.about.Kind), e.about.Key // nothing else says so
	} else if string(e.about.Kind) != e.kind || e.about.Key != e.key {
		return fmt.Errorf("it is filed as %s %q and says %s %q", e.kind, e.key, e.about.Kind, e.about.Key)
	}
	if (e.about.Kind == ledger.KindKey) != (e.next != "") {
		return errors.New("the log goes over to another key when both have signed, and not else")
	}
	switch e.about.Kind {
	case ledger.KindDecision:
		d, err := statement.Decision()
		e.blocks, e.intent = d.Blocks(), d.Basis.Intent
		for _, a := range d.Approvals {
			e.uses = append(e.uses, use{a.ID, a.Scope, d.ID})
		}
		for _, o := range d.Overrides {
			e.uses = append(e.uses, use{o.ID, scopeOverride, d.ID})
		}
		return err
	case ledger.KindApproval:
		a, decision, err := ledger.ParseApproval(envelope.Payload)
		e.uses = []use{{a.ID, a.Scope, decision}}
		return err
	case ledger.KindOutcome:
		o, err := statement.Outcome()
		e.result = o.Result
		return err
	case ledger.KindGenesis:
		g, err := ledger.ParseGenesis(envelope.Payload)
		if err == nil && (g.VKey != v.report.VKey || g.Origin != v.report.Origin) {
			e.trust = Untrusted
			return fmt.Errorf("the log was begun as %q with another key: %s", g.Origin, g.VKey)
		}
		return err
	case ledger.KindHeartbeat:
		_, err := ledger.ParseHeartbeat(envelope.Payload)
		return err
	case ledger.KindIntentEpoch:
		i, err := ledger.ParseIntentEpoch(envelope.Payload)
		e.intent = i.Digest
		return err
	case ledger.KindReconcile:
		_, err := ledger.ParseReconciliation(envelope.Payload)
		return err
	case ledger.KindBypass:
		_, err := ledger.ParseBypass(envelope.Payload)
		return err
	case ledger.KindOverride:
		o, err := ledger.ParseOverride(envelope.Payload)
		e.uses = []use{{o.ID, scopeOverride, o.Decision}}
		return err
	case ledger.KindAnchor:
		_, err := ledger.ParseAnchor(envelope.Payload)
		return err
	case ledger.KindRedaction:
		_, err := ledger.ParseRedaction(envelope.Payload)
		return err
	}
	return nil
}

// scopeOverride stands for whatever an actor does.
const scopeOverride = "override"

// checkInOrder adds an entry to the tree and to what is open.
func (v *run) checkInOrder(ctx context.Context, e *entry) error {
	index := v.tree.Size()
	fine := true
	bad := func(kind Kind, format string, args ...any) {
		v.report.problem(int64(index), kind, format, args...)
		fine = false
	}
	if e.epoch != v.epoch { // the key has changed since
		v.check(e)
	}
	if e.index != int64(index) {
		bad(Tampered, "an entry numbered %d stands where %d belongs", e.index, index)
	}
	if e.problem != "" {
		bad(e.trust, "%s", e.problem)
	}
	if (index == 0) != (e.kind == string(ledger.KindGenesis)) {
		bad(Tampered, "a log begins with its genesis, and has one; this is a %s", e.kind)
	}
	switch {
	case e.problem != "": // what it says cannot be relied on
		v.lost = v.lost || e.lost
	case e.next != "":
		if err := v.goOver(e.next); err != nil {
			bad(Tampered, "%v", err)
		}
	case e.about.Kind == ledger.KindDecision:
		v.report.Decisions++
		for _, u := range e.uses {
			if v.approved[u] {
				delete(v.approved, u) // it is good for one decision
			} else {
				bad(Tampered, "decision %q counts approval %s, which was not recorded for it", e.key, u.ticket)
			}
		}
		if what := v.declared(e.intent); what != "" {
			bad(Tampered, "decision %q %s", e.key, what)
		}
		if !e.blocks {
			if _, twice := v.open[e.key]; twice {
				bad(Tampered, "decision %q is recorded again while it is open", e.key)
			}
			v.open[e.key] = opened{index, e.hash}
		}
	case e.about.Kind == ledger.KindIntentEpoch:
		v.intents[e.intent] = true
	case e.about.Kind == ledger.KindApproval:
		u := e.uses[0]
		if by, twice := v.claimed[use{ticket: u.ticket, scope: u.scope}]; twice {
			bad(Tampered, "approval %s is used for decision %q, and was used for %q", u.ticket, u.decision, by)
		}
		v.claimed[use{ticket: u.ticket, scope: u.scope}] = u.decision
		v.approved[u] = true
	case e.about.Kind == ledger.KindOverride:
		if u := e.uses[0]; u.decision != "" {
			v.approved[u] = true // it is good for many decisions, and recorded for each
		}
	case e.about.Kind == ledger.KindOutcome:
		v.report.Outcomes++
		what, err := v.conclude(ctx, index, e)
		if err != nil {
			return err
		}
		if what != "" {
			bad(Tampered, "%s", what)
		}
	}
	if fine {
		v.report.Verified++
	}
	v.tree.Append(e.hash)
	return v.passCheckpoints(false)
}

// conclude closes the decision of an outcome, or says why it cannot be.
func (v *run) conclude(ctx context.Context, index uint64, e *entry) (problem string, err error) {
	of := e.about.Of
	if d, ok := v.open[e.key]; ok {
		if d.index != of.Index || d.leaf != of.LeafHash {
			return fmt.Sprintf("the outcome of %q is bound to entry %d, the decision is at %d", e.key, of.Index, d.index), nil
		}
		delete(v.open, e.key)
		return "", nil
	}
	if of.Index >= index {
		return fmt.Sprintf("the outcome of %q is bound to entry %d, which comes later", e.key, of.Index), nil
	}
	if of.Index < v.from {
		leaf, err := v.leafAt(of.Index)
		if err == nil && leaf != of.LeafHash {
			problem = fmt.Sprintf("the outcome of %q is bound to entry %d, which is another", e.key, of.Index)
		}
		return problem, err
	}
	d, leaf, err := v.decisionAt(ctx, of.Index)
	switch {
	case err != nil:
		return "", err
	case d.ID != e.key || leaf != of.LeafHash:
		return fmt.Sprintf("the outcome of %q is bound to entry %d, which is not that decision", e.key, of.Index), nil
	case !d.Blocks():
		return fmt.Sprintf("decision %q has a second outcome", e.key), nil
	case e.result != ledger.NotForwarded:
		return fmt.Sprintf("decision %q refused, and its outcome says %s", e.key, e.result), nil
	}
	return "", nil
}

// decisionAt reads one decision again; a zero decision is returned for anything
// else, whose own problem is reported in its place.
func (v *run) decisionAt(ctx context.Context, index uint64) (policy.Decision, ledger.Hash, error) {
	envelope, err := v.envelopeAt(ctx, index)
	if err != nil || envelope == nil {
		return policy.Decision{}, ledger.Hash{}, err
	}
	d, err := ledger.ParseDecision(envelope)
	if err != nil {
		return policy.Decision{}, ledger.Hash{}, nil
	}
	return d, tlog.LeafHash(envelope), nil
}
