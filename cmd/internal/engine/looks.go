package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/assent-iom/assent/model/collect"
	modelstore "github.com/assent-iom/assent/model/store"
)

const (
	// lookEvery is how often what was looked at is written, while a collection goes on.
	lookEvery = time.Second
	// lookAgain is how often it is written otherwise: that changes are still followed.
	lookAgain = 5 * time.Minute
)

// Looked returns what earlier processes have looked at.
func Looked(ctx context.Context, s Models) ([]collect.Kept, error) {
	looks, err := s.Looks(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]collect.Kept, len(looks))
	for i, l := range looks {
		if err := json.Unmarshal(l.Body, &all[i]); err != nil {
			return nil, fmt.Errorf("loading what %s has looked at: %w", l.Collector, err)
		}
	}
	return all, nil
}

// KeepLooks writes what was looked at, after what was found.
func KeepLooks(ctx context.Context, m *Memory, all []collect.Kept) error {
	if err := m.Flush(ctx); err != nil {
		return err
	}
	looks := make([]modelstore.Look, len(all))
	for i, k := range all {
		body, err := json.Marshal(k)
		if err != nil {
			return err
		}
		looks[i] = modelstore.Look{Collector: k.Collector, Body: body}
	}
	return m.Looked(ctx, looks)
}

// keepLooks writes what changes, until the collectors have ended, and then once more.
func (e *Engine) keepLooks(c *collecting, ended <-chan struct{}) {
	told := false
	keep := func() {
		if err := KeepLooks(context.Background(), e.memory, c.Kept()); err != nil && !told {
			told = true
			e.cfg.Trouble("what was looked at is not kept", err)
		}
	}
	pause, again := time.NewTicker(lookEvery), time.NewTicker(lookAgain)
	defer pause.Stop()
	defer again.Stop()
	for {
		select {
		case <-ended:
			keep()
			return
		case <-c.changed:
			keep()
		case <-again.C:
			keep()
		}
		select {
		case <-ended:
		case <-pause.C:
		}
	}
}
