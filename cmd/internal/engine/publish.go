package engine

import (
	"context"
	"errors"
	"time"

	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
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
func startPublisher(log *store.Store, every time.Duration, trouble func(what string, err error)) *publisher {
	ctx, cancel := context.WithCancel(context.Background())
	p := &publisher{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		ailing := false
		for {
			err := publishOpen(ctx, log)
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

func publishOpen(ctx context.Context, log *store.Store) error {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	_, err := publish.Publish(ctx, log, log.Public())
	return err
}

// Publish brings the published form of the ledger in a directory up to date, and
// returns how many entries it has. Nobody needs to have the ledger open.
func Publish(ctx context.Context, dir string) (uint64, error) {
	log, err := store.Open(ctx, store.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	size, err := publish.Publish(ctx, log, log.Public())
	return size, errors.Join(err, log.Close())
}
