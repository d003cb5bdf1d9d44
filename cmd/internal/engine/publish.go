package engine

import (
	"context"
	"errors"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/witness"
)

// publishTime bounds one publication: reading and writing what is new is a
// matter of milliseconds, waiting for another process to publish of seconds.
const publishTime = time.Minute

// publisher keeps the published form of the ledger up to date. Its one goroutine
// is waited for by stop.
type publisher struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// startPublisher publishes now and every so often. Trouble is told once, and
// again only after it has gone.
func startPublisher(log *store.Store, every time.Duration, peers []*witness.Peer, trouble func(what string, err error)) *publisher {
	ctx, cancel := context.WithCancel(context.Background())
	p := &publisher{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		ailing := false
		for {
			err := publishOpen(ctx, log, peers)
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

// stop ends publishing, and waits for it to have ended.
func (p *publisher) stop() {
	p.cancel()
	<-p.done
}

func publishOpen(ctx context.Context, log *store.Store, peers []*witness.Peer) error {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	_, err := publish.Publish(ctx, log, log.Public(), cosigning(peers))
	return err
}

// Publish brings the published form of the ledger in a directory up to date, and
// returns how many entries it has. Nobody needs to have the ledger open.
func Publish(ctx context.Context, dir string, peers []*witness.Peer) (uint64, error) {
	log, err := store.Open(ctx, store.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	size, err := publish.Publish(ctx, log, log.Public(), cosigning(peers))
	return size, errors.Join(err, log.Close())
}

// witnessTime bounds what one witness may take: publishing waits for it.
const witnessTime = 5 * time.Second

// cosigning asks all witnesses, one by one; nil if there are none. One that does not
// answer keeps nothing from being published.
func cosigning(peers []*witness.Peer) publish.Cosign {
	if len(peers) == 0 {
		return nil
	}
	return func(ctx context.Context, signed []byte, prove func(uint64) ([]ledger.Hash, error)) (lines []byte, err error) {
		for _, p := range peers {
			ctx, cancel := context.WithTimeout(ctx, witnessTime)
			line, bad := p.Cosign(ctx, signed, prove)
			cancel()
			lines, err = append(lines, line...), errors.Join(err, bad)
		}
		return lines, err
	}
}
