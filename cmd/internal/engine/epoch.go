package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// maxEpochs bounds the digests that are remembered as recorded: decisions that were
// waiting while the documents changed name older ones.
const maxEpochs = 1024

// epochs records by which documents this proxy judges, before a decision names them.
type epochs struct {
	mu sync.Mutex // held while one is recorded: who needs it waits for it
	// was is the newest of this enforcer, at first one of an earlier process; known are the
	// digests that the log has for this one, nil before it was looked. Guarded by mu, as set.
	was   ledger.IntentEpoch
	known map[string]bool
	set   *intent.Set // of was; nil: not at hand, or nothing
}

// epoch records that documents and rules are in force, unless the log says so. A decision
// may be of documents that were in force until just now: that takes nothing back.
func (e *Engine) epoch(ctx context.Context, b policy.Basis) error {
	p := &e.epochs
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		if err := e.lastEpoch(ctx); err != nil {
			return err
		}
		p.known = map[string]bool{b.Intent: p.was.Digest == b.Intent && p.was.Rules == b.Rules && p.was.Mode == e.cfg.Mode}
	}
	if p.known[b.Intent] && (b.Intent == p.was.Digest || b.Intent != e.Intent()) {
		return nil
	}
	now := ledger.IntentEpoch{At: e.cfg.Now(), Process: e.process, Enforcer: e.cfg.Name, Mode: e.cfg.Mode, Digest: b.Intent, Previous: p.was.Digest, Rules: b.Rules}
	var documents []byte
	set, atHand := e.running(b.Intent)
	if atHand {
		documents = ledger.Unsecret(set.Bundle())
		set.Each(func(string, string, intent.Pos, any) { now.Documents++ })
		if before, ok := e.replaced(ctx); ok {
			now.Added, now.Changed, now.Removed = intent.Compare(before, set)
		}
	}
	entry, err := ledger.IntentEpochEntry(now, documents)
	if err != nil {
		return err
	}
	if _, err := e.book.Append(ctx, entry); err != nil {
		return err
	}
	if len(p.known) >= maxEpochs {
		clear(p.known)
	}
	p.was, p.set, p.known[b.Intent] = now, set, true
	return nil
}

// running returns the documents that are in force, if they are those of a digest.
func (e *Engine) running(digest string) (set *intent.Set, atHand bool) {
	if digest == intent.None {
		return nil, true
	}
	set = e.decide.Intent()
	if set.Empty() || set.Digest != digest {
		return nil, false
	}
	return set, true
}

// replaced returns the documents of the epoch before.
func (e *Engine) replaced(ctx context.Context) (set *intent.Set, atHand bool) {
	p := &e.epochs
	switch {
	case p.was.Digest == intent.None || p.set != nil:
		return p.set, true
	case p.was.Object == "" || e.ledger == nil:
		return nil, false
	}
	data, err := e.ledger.Object(ctx, p.was.Object)
	if err == nil {
		set, err = intent.Unbundle(data)
	}
	return set, err == nil && set.Digest == p.was.Digest // else there is nothing to compare with
}

// lastEpoch looks what the log says last of this enforcer. A ledger that is elsewhere
// is not asked.
func (e *Engine) lastEpoch(ctx context.Context) error {
	if e.ledger == nil {
		return nil
	}
	last, err := e.ledger.Last(ctx, ledger.IntentEpochKey(e.cfg.Name))
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err == nil {
		e.epochs.was, err = ledger.ParseIntentEpoch(last.Envelope)
	}
	if err != nil {
		return fmt.Errorf("reading what was in force: %w", err)
	}
	return nil
}
