// Package collect feeds the model. Passing takes in what the calls that pass teach,
// from the answers that clients get to their own reads and changes; it asks nobody
// anything. A Runner runs Collectors, which do ask: a platform's own lives with its
// decoder.
//
// An observation is in the graph when Learn returns, so that the next decision
// sees it, and on its way to the disk. A disk that fails does not stop learning:
// it is reported once, and the model goes on in memory.
//
// # What a listing means
//
// A Scope is all resources of one type at one place. Its Coverage tells "not there"
// (a complete listing did not have it) from "not looked" (denied, cut short, failed,
// or never tried). Nothing is taken out of the model because of a listing that did
// not come to its end; what was seen after a listing had begun stays; and a listing
// that makes most of a scope vanish is believed when a second one says the same.
//
// # What it does not do
//
// It reads no credential and knows no platform. It writes no file: what a Runner has
// found out about its scopes is Kept by whoever runs it, and given to the next one.
// There it is Earlier: it was looked, and it is not fresh.
package collect

import (
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
)

// Graph is where observations become the model.
type Graph interface {
	Apply([]model.Observation) model.Version
}

// Saver keeps observations beyond the process.
type Saver interface {
	Put([]model.Observation) error
}

// Config configures a Passing.
type Config struct {
	Graph Graph
	// Veil takes the secrets out of what is learnt. It is the one of the model; nil: nothing
	// tells two secrets apart.
	Veil *model.Veil
	// Saver may be nil: nothing is then kept.
	Saver Saver
	// OnSaveError is called with the first error of Saver, and may be nil.
	OnSaveError func(error)
}

// Counts says what passing calls have taught so far.
type Counts struct {
	Seen    uint64        `json:"seen"`    // observations of things that exist
	Gone    uint64        `json:"gone"`    // and of things that went
	Changes uint64        `json:"changes"` // answers that changed the model
	Version model.Version `json:"version"`
	Unsaved uint64        `json:"unsaved"` // observations that Saver would not take
}

// Passing learns from passing calls. Its methods may be called from anywhere.
type Passing struct {
	cfg Config

	mu     sync.Mutex // guards counts, and keeps graph and saver in one order
	counts Counts
}

// NewPassing returns a Passing over a graph.
func NewPassing(cfg Config) *Passing { return &Passing{cfg: cfg} }

// Learn takes in what one answer said, from the named source, at the given time.
// It fills SeenAt and Source where a decoder left them out.
func (p *Passing) Learn(observations []model.Observation, source string, at time.Time) model.Version {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(observations) == 0 {
		return p.counts.Version
	}
	batch := Sourced(p.cfg.Veil.Observations(observations), source, at)
	for _, o := range batch {
		if o.Gone {
			p.counts.Gone++
		} else if o.Resource.URN != "" {
			p.counts.Seen++
		}
	}
	if v := p.cfg.Graph.Apply(batch); v != p.counts.Version {
		p.counts.Changes++
		p.counts.Version = v
	}
	if p.cfg.Saver == nil {
		return p.counts.Version
	}
	if err := p.cfg.Saver.Put(batch); err != nil {
		if p.counts.Unsaved == 0 && p.cfg.OnSaveError != nil {
			p.cfg.OnSaveError(err)
		}
		p.counts.Unsaved += uint64(len(batch))
	}
	return p.counts.Version
}

// Sourced fills SeenAt and Source where they were left out.
func Sourced(observations []model.Observation, source string, at time.Time) []model.Observation {
	batch := make([]model.Observation, len(observations))
	for i, o := range observations {
		if o.Resource.SeenAt.IsZero() {
			o.Resource.SeenAt = at
		}
		if o.Resource.Source == "" {
			o.Resource.Source = source
		}
		batch[i] = o
	}
	return batch
}

// Counts returns what was taught so far.
func (p *Passing) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}
