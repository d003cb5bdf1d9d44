package engine

import (
	"net/http"
	"time"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/cascade"
	"github.com/assent-iom/assent/decoders/kube/live"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

const (
	// justSeen is how long an object that passed is believed to be as it was: kubectl
	// reads it, and sends the patch at once. To read it again would be no surer.
	justSeen = 250 * time.Millisecond
	// stale is how old a listing of what cannot be watched may be.
	stale = 3 * time.Second
)

// callers asks clusters in the name of the callers of calls, over the same trust, and
// with the same client certificate, as their calls are forwarded.
type callers struct{ by map[string]caller }

type caller struct {
	Cluster
	config    live.Config
	transport *http.Transport
}

func (e *Engine) openCallers(how Door) {
	c := &callers{by: map[string]caller{}}
	for _, cluster := range e.cfg.Clusters {
		t := transportTo(how.trust(cluster.TLS).Clone(), 0)
		c.by[cluster.Name] = caller{cluster, live.Config{URL: cluster.reachedAt(how.Upstreams), Transport: t}, t}
	}
	e.callers.Store(c)
}

// asCaller asks a cluster as a caller; nil where nobody can be asked, or nobody asks.
func (e *Engine) asCaller(cluster string, as http.Header) (*live.Server, error) {
	c := e.callers.Load()
	if c == nil || as == nil {
		return nil, nil
	}
	to, ok := c.by[cluster]
	if !ok || as.Get("Authorization") == "" && (to.TLS == nil || len(to.TLS.Certificates) == 0) {
		return nil, nil
	}
	cfg := to.config
	cfg.Identify = func(h http.Header) error {
		for key, values := range as {
			h[key] = values
		}
		return nil
	}
	return live.NewServer(cfg)
}

// before tells what objects are before a change.
func (e *Engine) before() kube.Current {
	return &live.Before{Model: kube.FromModel(e.memory.Graph.Snapshot, e.current), Server: e.asCaller}
}

// current reports whether a resource is surely still as the model has it.
func (e *Engine) current(r model.Resource) bool {
	return e.cfg.Now().Sub(r.SeenAt) < justSeen || e.fresh(r.Account, r.Type, r.Region)
}

// fresh reports whether the collectors follow a kind.
func (e *Engine) fresh(cluster, kind, namespace string) bool {
	c := e.collecting.Load()
	if c == nil {
		return false
	}
	if namespace == "*" {
		namespace = ""
	}
	return c.Covers(collect.Scope{Platform: kube.Name, Account: cluster, Region: namespace, Type: kind}).Fresh(e.cfg.Now(), stale)
}

// served are the kinds that a collector has found a cluster to serve.
func (e *Engine) served(cluster string) []kube.Kind {
	c := e.collecting.Load()
	if c == nil || !c.Looked(kube.Name+"/"+cluster) {
		return nil
	}
	for _, one := range c.all {
		if k, ok := one.(*live.Collector); ok && k.Name() == kube.Name+"/"+cluster {
			return k.Kinds()
		}
	}
	return nil
}

// consequences tells what deletes take along.
func (e *Engine) consequences() (kube.Consequences, error) {
	return cascade.New(cascade.Config{
		Snapshot: e.memory.Graph.Snapshot, Fresh: e.fresh, Served: e.served, Server: e.asCaller, Now: e.cfg.Now,
		Learn: func(seen []model.Observation) { e.memory.Learn(seen, "caller", e.cfg.Now().UTC()) },
	})
}
