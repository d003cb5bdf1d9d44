package graph

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/assent-iom/assent/model"
)

const (
	// DefaultMaxResources is about 2 GiB of memory; past it a model belongs on a
	// machine of its own.
	DefaultMaxResources = 2_000_000
	// DefaultMaxWaiting bounds references to things never seen: 24 bytes each.
	DefaultMaxWaiting = 8_000_000
	// maxOrphans bounds stated relations whose dependent was never seen.
	maxOrphans = 100_000
	// maxNumbered bounds the tables of attribute paths and relation types, which
	// come from outside. Paths past it share the empty one; types past it are
	// references.
	maxNumbered = 1 << 16
)

// Config configures a Graph. The zero value is usable.
type Config struct {
	// MaxResources is how many resources are kept (0: DefaultMaxResources). When a
	// resource is left out, every Reach is from then on incomplete.
	MaxResources int
	// MaxWaiting is how many references to unseen resources are kept (0:
	// DefaultMaxWaiting). When one is left out, every Reach is incomplete.
	MaxWaiting int
	// Veil is what the names in it were veiled with: who asks for one as it was is
	// answered too.
	Veil *model.Veil
}

// Graph is the model in memory. Its methods may be called from anywhere.
type Graph struct {
	cfg     Config
	current atomic.Pointer[version]

	mu   sync.Mutex // held by the one writer; guards what follows
	free []uint32   // ids that no published version will meet again as the same resource

	names names
	edit  atomic.Uint64 // numbers edits and what is supposed
}

// New returns an empty graph.
func New(cfg Config) *Graph {
	if cfg.MaxResources <= 0 {
		cfg.MaxResources = DefaultMaxResources
	}
	if cfg.MaxWaiting <= 0 {
		cfg.MaxWaiting = DefaultMaxWaiting
	}
	g := &Graph{cfg: cfg, names: names{kinds: map[kind]*kind{}, types: map[string]uint16{}, sources: map[string]uint32{"": 0}, rules: map[string]*ruleset{}}}
	v := &version{g: g, seed: maphash.MakeSeed(), types: model.RelationTypes(), sources: []string{""}}
	for i, name := range v.types {
		g.names.types[name] = uint16(i)
	}
	v.id.Digest = digest(v.tree)
	g.current.Store(v)
	return g
}

// Snapshot returns the newest version.
func (g *Graph) Snapshot() model.Snapshot { return g.current.Load() }

// Apply makes one new version out of observations, in order, and returns its
// name. If they say nothing new, the revision stays what it was.
func (g *Graph) Apply(observations []model.Observation) model.Version {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.begin()
	for i := range observations {
		e.observe(&observations[i])
	}
	return e.publish()
}

// Load adds resources and stated relations, as Export or a store returned them.
func (g *Graph) Load(resources []model.Resource, relations []model.Relation) model.Version {
	_ = g.LoadFrom(func(see func(*model.Resource)) ([]model.Relation, error) { // which has no error
		for i := range resources {
			see(&resources[i])
		}
		return relations, nil
	})
	return g.Snapshot().Version()
}

// LoadFrom is Load of resources that read shows one after the other, so that not all of
// them need be there at once. Its error leaves the graph as it was.
func (g *Graph) LoadFrom(read func(see func(*model.Resource)) ([]model.Relation, error)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.begin()
	var o model.Observation
	relations, err := read(func(r *model.Resource) {
		o.Resource = *r
		e.observe(&o)
	})
	if err != nil {
		return err
	}
	e.observe(&model.Observation{Relations: relations})
	e.publish()
	return nil
}

// Export returns every resource in URN order and every stated relation, those
// included that still wait for an end. Relations that follow from attributes are
// left out: Load finds them again.
func (g *Graph) Export() ([]model.Resource, []model.Relation) {
	v := g.current.Load()
	var resources []model.Resource
	var relations []model.Relation
	for _, n := range v.sorted() {
		resources = append(resources, n.resource())
		for _, s := range n.stated {
			to := model.URN(s.to)
			if urn, ok := v.Resolve(s.to); ok {
				to = urn
			}
			relations = append(relations, model.Relation{From: model.URN(n.urn), To: to, Type: s.typ, Source: s.source})
		}
	}
	v.orphans.all(func(r *model.Relation) { relations = append(relations, *r) })
	return resources, relations
}

// Size returns how many resources the newest version has.
func (g *Graph) Size() int { return g.current.Load().count }
