package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	awscollect "github.com/assent-iom/assent/decoders/aws/collect"
	"github.com/assent-iom/assent/decoders/kube"
	trail "github.com/assent-iom/assent/ledger/reconcile"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/reconcile"
	modelstore "github.com/assent-iom/assent/model/store"
	"github.com/assent-iom/assent/proxy/gate"
)

const (
	// maxHinted bounds the resources that one event has read again.
	maxHinted = 20
	// maxTries is how often a message is handled whose resources cannot be read.
	maxTries = 5
	// maxSent bounds the request ids that are remembered: CloudTrail tells of a call
	// within some minutes.
	maxSent = 16_384
	// The pauses after a queue could not be read; they double.
	firstHintPause   = time.Second
	longestHintPause = 2 * time.Minute
)

// sent remembers what AWS has called the changes that came by this proxy: an event
// that speaks of one of them tells nothing new.
type sent struct {
	mu   sync.Mutex
	ids  map[string]bool
	ring []string
	next int
}

func (s *sent) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	if s.ids[id] {
		return
	}
	s.ids[id] = true
	if len(s.ring) < maxSent {
		s.ring = append(s.ring, id)
		return
	}
	delete(s.ids, s.ring[s.next])
	s.ring[s.next] = id
	s.next = (s.next + 1) % maxSent
}

func (s *sent) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return id != "" && s.ids[id]
}

// event is told of each decision and outcome.
func (e *Engine) event(ev gate.Event) {
	if ev.Outcome != nil && ev.Outcome.RequestID != "" {
		e.sent.add(ev.Outcome.RequestID)
	}
	if e.cfg.Event != nil {
		e.cfg.Event(ev)
	}
}

// hints follows one queue of events. An event is never taken as truth: it says which
// resources to read again, and who is said to have changed them.
type hints struct {
	e       *Engine
	queue   *awscollect.Queue
	readers *readers
	notion  trail.Notion
	dropped int // messages that could not be read, or whose resources could not
}

// followHints follows the queues of all collectors that have one. The channel is
// closed when all have ended, which they do with ctx.
func (e *Engine) followHints(ctx context.Context, all []collect.Collector) <-chan struct{} {
	var running sync.WaitGroup
	can := readersOf(all)
	for _, c := range all {
		q, ok := c.(interface{ Queue() *awscollect.Queue })
		if !ok || q.Queue() == nil {
			continue
		}
		h := &hints{e: e, queue: q.Queue(), readers: can, notion: trail.Notion{AWS: e.amazon.Logged, Kube: kube.Logged}}
		running.Go(func() { h.follow(ctx) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		running.Wait()
	}()
	return done
}

func (h *hints) follow(ctx context.Context) {
	pause, told := firstHintPause, false
	for ctx.Err() == nil {
		messages, err := h.queue.Receive(ctx)
		if err == nil {
			err = h.queue.Delete(ctx, h.handle(ctx, messages))
		}
		if err == nil {
			pause, told = firstHintPause, false
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if !told { // until it works again
			h.e.cfg.Trouble("following the events of "+h.queue.ARN(), err)
			told = true
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
		pause = min(2*pause, longestHintPause)
	}
}

// handle returns the messages that are done with.
func (h *hints) handle(ctx context.Context, messages []awscollect.Message) (done []awscollect.Message) {
	for _, m := range messages {
		event, err := h.read(m.Body)
		if err != nil {
			h.drop(m, err)
			done = append(done, m)
			continue
		}
		err = h.look(ctx, event)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return done
		case m.Times < maxTries:
			continue // it comes again
		default:
			h.drop(m, err)
		}
		done = append(done, m)
	}
	return done
}

// drop tells of a message that is taken off the queue without having been of use.
func (h *hints) drop(m awscollect.Message, err error) {
	h.dropped++
	h.e.cfg.Trouble("an event of "+h.queue.ARN()+" is dropped", fmt.Errorf("message %s, the %d. since the start: %w", m.ID, h.dropped, err))
}

// read reads what EventBridge makes of a record of CloudTrail's, or the record.
func (h *hints) read(body string) (event trail.Event, err error) {
	var envelope struct {
		Detail json.RawMessage `json:"detail"`
	}
	record := body
	if json.Unmarshal([]byte(body), &envelope) == nil && len(envelope.Detail) > 0 {
		record = string(envelope.Detail)
	}
	n := 0
	err = trail.ReadCloudTrail(strings.NewReader(record), h.notion, func(e trail.Event) error {
		event = e
		n++
		return nil
	})
	if err == nil && n != 1 {
		err = fmt.Errorf("it has %d records of CloudTrail, not one", n)
	}
	return event, err
}

// look reads again what an event speaks of, and keeps who is said to have done it.
func (h *hints) look(ctx context.Context, ev trail.Event) error {
	if ev.ReadOnly || !ev.Verb.Mutates() || ev.Result == trail.Refused || h.e.sent.has(ev.RequestID) {
		return nil
	}
	var all []error
	for _, urn := range h.spokenOf(ev) {
		one, cancel := context.WithTimeout(ctx, readBackTime)
		_, err := h.e.readNow(one, h.readers, model.Built{URN: urn})
		cancel()
		switch {
		case errors.Is(err, errNobody): // the next listing has it
		case errors.Is(err, collect.ErrAbsent):
			if _, known := h.e.memory.Graph.Snapshot().Resource(urn); known && ev.Verb == model.Delete {
				h.e.memory.Learn([]model.Observation{{Gone: true, Resource: model.Resource{URN: urn}}}, "event", h.e.cfg.Now().UTC())
			}
		default:
			all = append(all, err)
		}
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	return h.keep(ctx, ev)
}

// spokenOf are the resources of the event's service that it names: those that are
// known, and those whose name tells what they are.
func (h *hints) spokenOf(ev trail.Event) (all []model.URN) {
	s := h.e.memory.Graph.Snapshot()
	ours := func(urn model.URN) bool {
		parts := strings.SplitN(string(urn), ":", 6)
		return len(parts) == 6 && parts[2] == ev.Service && (parts[4] == "" || parts[4] == ev.Account)
	}
	for _, name := range ev.Names {
		urn, ok := s.Resolve(name)
		if !ok || !ours(urn) {
			if urn, _, ok = h.e.amazon.Identify(name); ok {
				parts := strings.SplitN(string(urn), ":", 6)
				parts[3], parts[4] = cmp.Or(strings.Trim(parts[3], "*"), ev.Region), cmp.Or(strings.Trim(parts[4], "*"), ev.Account)
				if strings.HasPrefix(name, "arn:") {
					parts = strings.SplitN(string(urn), ":", 6)
				}
				urn = model.URN(strings.Join(parts, ":"))
			}
		}
		if ok && ours(urn) && !slices.Contains(all, urn) && len(all) < maxHinted {
			all = append(all, urn)
		}
	}
	// A plain name means the one thing of that service that is called so.
	s.Each(func(r model.Resource) bool {
		if len(all) < maxHinted && ours(r.URN) && !slices.Contains(all, r.URN) && (slices.Contains(ev.Names, r.Name) && r.Name != "" || slices.Contains(ev.Names, lastOf(r.URN))) {
			all = append(all, r.URN)
		}
		return true
	})
	return all
}

func lastOf(urn model.URN) string { return string(urn[strings.LastIndexAny(string(urn), ":/")+1:]) }

// heard is an event as it is kept.
type heard struct {
	Actor   string   `json:"actor"`
	Name    string   `json:"name"`
	Service string   `json:"service"`
	Names   []string `json:"names"`
}

func (h *hints) keep(ctx context.Context, ev trail.Event) error {
	if h.e.memory.Models == nil { // it is kept nowhere
		return nil
	}
	body, err := json.Marshal(heard{ev.Actor, ev.Name, ev.Service, ev.Names})
	if err != nil {
		return err
	}
	return h.e.memory.Heard(ctx, modelstore.Heard{ID: ev.ID, At: ev.At, Body: h.e.memory.Veil.JSON(body)})
}

// Heard returns the changes that events have told of.
func Heard(ctx context.Context, s Models) ([]reconcile.Event, error) {
	all, err := s.AllHeard(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]reconcile.Event, len(all))
	for i, one := range all {
		var b heard
		if err := json.Unmarshal(one.Body, &b); err != nil {
			return nil, fmt.Errorf("loading event %s: %w", one.ID, err)
		}
		out[i] = reconcile.Event{At: one.At, Actor: b.Actor, Name: b.Name, ID: one.ID, Service: b.Service, Names: b.Names}
	}
	return out, nil
}
