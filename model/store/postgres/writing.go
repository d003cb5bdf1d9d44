package postgres

import "time"

// write appends what waits, batch after batch, and tries again as long as the
// database is away.
func (r *Replica) write() {
	pause := firstPause
	for {
		select {
		case <-r.wake:
		case <-r.ctx.Done():
			return
		}
		if !rest(r.ctx, gather) {
			return
		}
		for {
			batch := r.take()
			if batch == nil {
				break
			}
			for {
				err := r.send(batch)
				if err == nil {
					pause = firstPause
					break
				}
				if !rest(r.ctx, pause) {
					return
				}
				pause = min(2*pause, longestPause)
			}
		}
	}
}

// take moves a batch out of the queue.
func (r *Replica) take() *sending {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.queue), maxBatch)
	if n == 0 {
		return nil
	}
	r.number++
	s := &sending{number: r.number, items: r.queue[:n:n]}
	r.queue = r.queue[n:]
	if len(r.queue) == 0 {
		r.queue = nil // let go of what was taken
	}
	r.sent = append(r.sent, s)
	r.room.Broadcast()
	return s
}

// send appends one batch. What the database would never take is left out.
func (r *Replica) send(s *sending) error {
	a, err := r.cfg.Store.append(r.ctx, r.name, s.number, s.items)
	if unfit(err) && len(s.items) > 1 {
		return r.halves(s)
	}
	if err != nil && !unfit(err) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		r.counts.Unsaved++
	case a.kept >= 0: // or the try before has succeeded after all
		r.counts.Written += uint64(a.kept)
		r.counts.Fenced += uint64(len(s.items)) - uint64(a.kept)
	}
	if err != nil || a.kept == 0 { // nobody will follow it
		r.forget(s.number, s.number)
	}
	s.done, r.head = true, max(r.head, a.head)
	return nil
}

// halves sends a batch as two, to find what of it cannot be written.
func (r *Replica) halves(s *sending) error {
	r.mu.Lock()
	r.forget(s.number, s.number)
	half := len(s.items) / 2
	parts := []*sending{{number: r.number + 1, items: s.items[:half]}, {number: r.number + 2, items: s.items[half:]}}
	r.number += 2
	r.sent = append(r.sent, parts...)
	r.mu.Unlock()
	for _, p := range parts {
		for {
			err := r.send(p)
			if err == nil {
				break
			}
			if !rest(r.ctx, time.Second) {
				return err
			}
		}
	}
	return nil
}

// forget lets go of batches that are over. mu is held.
func (r *Replica) forget(from, to int64) {
	if len(r.sent) == 0 {
		return
	}
	var left []*sending
	for _, s := range r.sent {
		if s.number < from || s.number > to {
			left = append(left, s)
		}
	}
	r.sent = left
	r.room.Broadcast()
}
