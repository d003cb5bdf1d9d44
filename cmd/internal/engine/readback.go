package engine

import (
	"context"
	"errors"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

const (
	// maxReadBacks bounds the changes that wait to be read back. What finds no place is
	// read back by the next listing.
	maxReadBacks = 1024
	// readBackTime bounds one reading.
	readBackTime = 20 * time.Second
)

// reader can read one resource, and says which are its own.
type reader interface {
	collect.Getter
	Holds(model.URN) bool
}

// readBacks reads each change back as soon as it is executed, so that what somebody
// changes a moment later is seen as that.
type readBacks struct {
	queue chan model.Built
	end   context.CancelFunc
	done  chan struct{}
}

// startReadBacks starts it: read reads a resource into the model and gives it as it
// is now, keep keeps it. It ends with close.
func startReadBacks(now func() time.Time, read func(context.Context, model.URN) (model.Resource, error), keep func(model.Built) error, trouble func(error)) *readBacks {
	ctx, end := context.WithCancel(context.Background())
	r := &readBacks{queue: make(chan model.Built, maxReadBacks), end: end, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			select {
			case <-ctx.Done():
				return
			case b := <-r.queue:
				began := now().UTC()
				one, cancel := context.WithTimeout(ctx, readBackTime)
				res, err := read(one, b.URN)
				cancel()
				if err == nil {
					b.Type, b.Attrs, b.Tags, b.ReadAt = res.Type, res.Attrs, res.Tags, began
					err = keep(b)
				}
				if err != nil && !errors.Is(err, errNobody) && ctx.Err() == nil {
					trouble(err)
				}
			}
		}
	}()
	return r
}

// add asks for a change to be read back. It does not block.
func (r *readBacks) add(b model.Built) {
	select {
	case r.queue <- b:
	default:
	}
}

func (r *readBacks) close() {
	r.end()
	<-r.done
}

var errNobody = errors.New("nobody can read it alone")

// readNow reads one resource into the model, and gives it as it is now.
func (e *Engine) readNow(ctx context.Context, readers []reader, urn model.URN) (model.Resource, error) {
	for _, r := range readers {
		if !r.Holds(urn) {
			continue
		}
		seen, err := r.Get(ctx, urn)
		if err != nil {
			return model.Resource{}, err
		}
		e.passing.Learn(seen, "read back", e.cfg.Now().UTC())
		if res, ok := e.graph.Snapshot().Resource(urn); ok {
			return res, nil
		}
	}
	return model.Resource{}, errNobody
}

// readBack has changes read back by the collectors that can.
func (e *Engine) readBack(all []collect.Collector) {
	var readers []reader
	for _, c := range all {
		if r, ok := c.(reader); ok {
			readers = append(readers, r)
		}
	}
	if len(readers) == 0 || e.builds == nil {
		return
	}
	e.builds.back.Store(startReadBacks(e.cfg.Now,
		func(ctx context.Context, urn model.URN) (model.Resource, error) { return e.readNow(ctx, readers, urn) },
		func(b model.Built) error { return e.models.ReadBack(context.Background(), []model.Built{b}) },
		func(err error) { e.cfg.Trouble("reading a change back", err) }))
}
