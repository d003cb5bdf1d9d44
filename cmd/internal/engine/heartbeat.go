package engine

import (
	"context"
	"time"

	"github.com/assent-iom/assent/ledger"
)

// beatTime bounds the writing of one heartbeat.
const beatTime = 30 * time.Second

// heart records that this proxy is there, now and every so often, so that the
// ledger itself shows when none was. Its one goroutine is waited for by stop.
type heart struct {
	engine *Engine
	first  ledger.Heartbeat
	cancel context.CancelFunc
	done   chan struct{}
}

// startHeart records what is in force and the first heartbeat before it returns: a
// proxy that cannot write does not start.
func (e *Engine) startHeart(ctx context.Context) (*heart, error) {
	h := &heart{engine: e, done: make(chan struct{}), first: ledger.Heartbeat{
		Process: e.process, Started: e.cfg.Now(), Every: e.cfg.HeartbeatEvery, Mode: e.cfg.Mode, Version: e.cfg.Version,
	}}
	if err := e.epoch(ctx, e.decide.Basis()); err != nil {
		return nil, err
	}
	if err := h.beat(ctx, false); err != nil {
		return nil, err
	}
	ctx, h.cancel = context.WithCancel(context.Background())
	go h.run(ctx)
	return h, nil
}

func (h *heart) run(ctx context.Context) {
	defer close(h.done)
	tick := time.NewTicker(h.first.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := h.beat(ctx, false); err != nil && ctx.Err() == nil {
				h.engine.cfg.Trouble("recording a heartbeat", err)
			}
		}
	}
}

func (h *heart) beat(ctx context.Context, last bool) error {
	b, stats := h.first, h.engine.Stats()
	b.At, b.Last, b.Intent, b.Model = h.engine.cfg.Now(), last, h.engine.Intent(), h.engine.snapshot().Version()
	b.Calls.Governed, b.Calls.Refused = uint64(stats.Judged), uint64(stats.Refused+stats.TurnedAway)
	for _, p := range stats.Passed {
		b.Calls.Blind += uint64(p.Times)
	}
	entry, err := ledger.HeartbeatEntry(b)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	_, err = h.engine.book.Append(ctx, entry)
	return err
}

// stop records that the proxy ended in order.
func (h *heart) stop() error {
	h.cancel()
	<-h.done
	return h.beat(context.Background(), true)
}
