package engine

import (
	"context"
	"errors"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/seal/cosign"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/witness"
)

// publishTime bounds one publication: reading and writing what is new is a
// matter of milliseconds, waiting for another process to publish of seconds.
const publishTime = time.Minute

// Publisher keeps the published form of the ledger up to date. Its one goroutine
// is waited for by Stop.
type Publisher struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// StartPublisher publishes now and every so often. Trouble is told once, and
// again only after it has gone.
func StartPublisher(log *store.Store, every time.Duration, also *Cosigners, trouble func(what string, err error)) *Publisher {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Publisher{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		ailing := false
		for {
			err := publishOpen(ctx, log, also)
			if errors.Is(err, context.Canceled) {
				return
			}
			if err != nil && !ailing {
				trouble("publishing the evidence", err)
			}
			ailing = err != nil
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return p
}

// Stop ends publishing, and waits for it to have ended.
func (p *Publisher) Stop() {
	p.cancel()
	<-p.done
}

func publishOpen(ctx context.Context, log *store.Store, also *Cosigners) error {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	_, err := publish.Publish(ctx, log, log.Public(), also.cosign())
	return err
}

// Publish brings the published form of the ledger in a directory up to date, and
// returns how many entries it has. Nobody needs to have the ledger open.
func Publish(ctx context.Context, dir string, also *Cosigners) (uint64, error) {
	log, err := store.Open(ctx, store.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	size, err := publish.Publish(ctx, log, log.Public(), also.cosign())
	return size, errors.Join(err, log.Close())
}

// witnessTime bounds what one witness may take: publishing waits for it.
const witnessTime = 5 * time.Second

// Cosigners are who signs published checkpoints beside the ledger's own key.
type Cosigners struct {
	Witnesses []*witness.Peer
	Key       string // a file, or the URI of a key management service's; empty: none
	opened    *cosign.Signer
}

// cosign asks all of them, one by one; it is nil if there are none. One that does not
// answer keeps nothing from being published.
func (c *Cosigners) cosign() publish.Cosign {
	if len(c.Witnesses) == 0 && c.Key == "" {
		return nil
	}
	return func(ctx context.Context, signed []byte, prove func(uint64) ([]ledger.Hash, error)) (lines []byte, err error) {
		ask := func(f func(context.Context) ([]byte, error)) {
			ctx, cancel := context.WithTimeout(ctx, witnessTime)
			defer cancel()
			line, bad := f(ctx)
			lines, err = append(lines, line...), errors.Join(err, bad)
		}
		if c.Key != "" {
			ask(func(ctx context.Context) ([]byte, error) { return c.withKey(ctx, signed) })
		}
		for _, p := range c.Witnesses {
			ask(func(ctx context.Context) ([]byte, error) { return p.Cosign(ctx, signed, prove) })
		}
		return lines, err
	}
}

// withKey signs with the second key, which is named as the log is.
func (c *Cosigners) withKey(ctx context.Context, signed []byte) ([]byte, error) {
	if c.opened == nil {
		head, err := tlog.ReadCheckpoint(signed)
		if err != nil {
			return nil, err
		}
		if c.opened, err = cosign.Open(ctx, c.Key, head.Origin); err != nil {
			return nil, err
		}
	}
	return c.opened.Cosign(ctx, signed)
}
