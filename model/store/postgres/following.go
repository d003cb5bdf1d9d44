package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/assent-iom/assent/model"
)

// follow keeps the graph up to the log, whatever happens to the database.
func (r *Replica) follow() {
	pause := firstPause
	for r.ctx.Err() == nil {
		l, err := r.cfg.Store.listen(r.ctx)
		if err == nil {
			err = r.tail(l, func() { pause = firstPause })
			l.close()
		}
		if errors.Is(err, errLost) {
			err = r.reload()
		}
		if err != nil {
			r.failed(err)
			rest(r.ctx, pause)
			pause = min(2*pause, longestPause)
		}
	}
}

// tail follows over one connection until it breaks, or the place is lost. well is
// called whenever all is read.
func (r *Replica) tail(l *listener, well func()) error {
	r.mu.Lock()
	at := r.at
	r.mu.Unlock()
	if at.log == "" {
		return errLost // nothing was ever loaded
	}
	if err := l.check(r.ctx, at); err != nil {
		return err
	}
	for {
		began := time.Now()
		page, err := l.next(r.ctx, at)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			at.moved(page)
			r.apply(page, at)
		}
		if len(page) == pageRows {
			continue // there is more
		}
		if err := l.store.told("following what was built", r.builds.follow(r.ctx, l, false)); err != nil {
			return err
		}
		r.upTo(began, at)
		well()
		if at.seq-at.snapshot >= r.cfg.SnapshotEvery {
			at.snapshot = at.seq // whoever compacts, the next time is that far away
			if r.folding.CompareAndSwap(false, true) {
				r.done.Go(func() {
					defer r.folding.Store(false)
					r.compact()
				})
			}
		}
		if err := l.wait(r.ctx, pollEvery); err != nil {
			return err
		}
	}
}

// upTo notes that everything of a moment is in the graph.
func (r *Replica) upTo(began time.Time, at position) {
	r.mu.Lock()
	r.asOf = began
	if at.writer == r.name {
		r.forget(0, at.batch)
	}
	r.mu.Unlock()
	r.failed(nil)
}

// apply applies a page of the log, and over it what of this process is not in the
// log yet and is about the same.
func (r *Replica) apply(page []logged, at position) {
	r.turn.Lock()
	defer r.turn.Unlock()
	r.mu.Lock()
	r.followed(page)
	r.mu.Unlock()
	all := observationsOf(page)
	all = append(all, r.own(all)...)
	r.cfg.Graph.Apply(all)
	r.mu.Lock()
	r.at, r.head = at, max(r.head, at.seq)
	r.counts.Followed += uint64(len(page))
	r.mu.Unlock()
	if r.cfg.Followed != nil {
		for _, e := range page {
			r.cfg.Followed(e.seq, e.seen)
		}
	}
}

// followed lets go of this process's batches that are in the log up to the end of a
// page. One that the page ends in may go on in the next. mu is held.
func (r *Replica) followed(page []logged) {
	if b, first := r.at, page[0]; b.writer == r.name && (first.writer != r.name || first.batch != b.batch) {
		r.forget(0, b.batch)
	}
	whole := int64(0)
	for _, e := range page {
		if e.writer == r.name {
			whole = e.batch
		}
	}
	if last := page[len(page)-1]; last.writer == r.name && len(page) == pageRows {
		whole--
	}
	r.forget(0, whole)
}

// own is what this process has learnt from passing calls, is not known to be in the
// graph by the log, and is about what others are about; nil: about anything.
func (r *Replica) own(others []model.Observation) []model.Observation {
	r.mu.Lock()
	var mine []model.Observation
	for _, s := range r.sent {
		mine = appendLocal(mine, s.items)
	}
	mine = appendLocal(mine, r.queue)
	r.mu.Unlock()
	if len(mine) == 0 || others == nil {
		return mine
	}
	known := r.cfg.Graph.Snapshot()
	about := map[string]bool{}
	for _, o := range others {
		names(known, o, func(name string) bool { about[name] = true; return true })
	}
	var out []model.Observation
	for _, o := range mine {
		names(known, o, func(name string) bool {
			if about[name] {
				out = append(out, o)
			}
			return !about[name]
		})
	}
	return out
}

func appendLocal(to []model.Observation, items []item) []model.Observation {
	for _, it := range items {
		if it.lease == "" {
			to = append(to, it.seen)
		}
	}
	return to
}

// names calls f with every name that an observation has for something, as it was
// given and as it is known, until f returns false.
func names(known model.Snapshot, o model.Observation, f func(string) bool) {
	one := func(name string) bool {
		if name == "" {
			return true
		}
		if urn, ok := known.Resolve(name); ok && string(urn) != name && !f(string(urn)) {
			return false
		}
		return f(name)
	}
	if !one(string(o.Resource.URN)) {
		return
	}
	for _, a := range o.Resource.Aliases {
		if !one(a) {
			return
		}
	}
	for _, list := range [][]model.Relation{o.Relations, o.Cut} {
		for _, rel := range list {
			if !one(string(rel.From)) || !one(string(rel.To)) {
				return
			}
		}
	}
}

// reload makes the graph what the log says now, in one version: after the place in
// it was lost, or when the database was away at the start.
func (r *Replica) reload() error {
	s := r.cfg.Store
	if err := s.Prepare(r.ctx); err != nil {
		return err
	}
	began := time.Now()
	fresh := s.graph()
	at, err := s.fold(r.ctx, fresh, r.name)
	if err == nil {
		err = s.told("loading what was built", r.builds.follow(r.ctx, s.pool, true))
	}
	if err != nil {
		return err
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	r.mu.Lock()
	r.forget(0, at.own)
	var left []*sending
	for i := len(r.sent) - 1; i >= 0; i-- { // the database has said yes, and has forgotten it
		if one := r.sent[i]; one.done {
			r.queue = append(one.items[:len(one.items):len(one.items)], r.queue...)
			ring(r.wake)
		} else {
			left = append([]*sending{one}, left...)
		}
	}
	r.sent = left
	r.mu.Unlock()
	var all []model.Observation
	r.cfg.Graph.Snapshot().Each(func(res model.Resource) bool {
		all = append(all, model.Observation{Gone: true, Resource: model.Resource{URN: res.URN}})
		return true
	})
	resources, relations := fresh.Export()
	for _, res := range resources {
		all = append(all, model.Observation{Resource: res})
	}
	all = append(all, model.Observation{Relations: relations})
	r.cfg.Graph.Apply(append(all, r.own(nil)...))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.head, r.asOf = at, at.seq, began
	r.counts.Reloads++
	return nil
}

// compact makes a snapshot, if nobody else does or did.
func (r *Replica) compact() {
	held, lease, release, err := r.cfg.Store.try(r.ctx, compaction, r.name, r.cfg.Lease)
	if err != nil || held == nil {
		return // the next time is not far away, and another proxy's even nearer
	}
	defer release()
	var since int64
	if since, err = r.cfg.Store.uncompacted(held); err == nil && since >= r.cfg.SnapshotEvery {
		err = r.cfg.Store.Compact(held, lease, r.cfg.KeepEvents)
	}
	if err != nil {
		if r.ctx.Err() == nil && !Away(err) {
			r.cfg.Trouble(err)
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Compacts++
}

// uncompacted is how many events are after the newest snapshot.
func (s *Store) uncompacted(ctx context.Context) (n int64, err error) {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	err = s.pool.QueryRow(ctx, "SELECT head - coalesce((SELECT max(seq) FROM assent_snapshot), 0) FROM assent_log").Scan(&n)
	return n, s.told("reading the log's head", err)
}
