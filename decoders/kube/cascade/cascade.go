// Package cascade tells what a delete takes along: the garbage collector's
// dependents, what lives in a namespace, the objects of a CustomResourceDefinition,
// the volume of a claim, the token secrets of a service account, the pods of a node.
//
// Of is pure: one snapshot, one answer. An Expander makes sure that the model knows
// what has to be known for that, and asks the API server, as the caller of the call
// and as nobody else, for what it does not.
//
// The answer says whether it is complete. It is not where kinds were not listed,
// where an owner is not known, or where a selector selects by what the model does
// not hold.
//
// Events, leases and what a controller makes again at once are not told.
package cascade

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
)

// Ask is a delete.
type Ask struct {
	// Target is the object. For a collection its last part is "*", and its
	// namespace is "*" for all namespaces.
	Target model.URN
	Labels string // the label selector of a collection
	Fields string // its field selector
	// Selected is what a collection selects, where the server was asked; nil: the
	// selectors are held against the model.
	Selected []model.URN
	Policy   string // propagationPolicy: Orphan, Background, Foreground; "" is the kind's own
	Orphan   bool   // orphanDependents, of old clients
	// Listed reports whether all objects of a kind in a namespace are in the model; the
	// nameless group is core, the namespace "*" is all of them. nil: nobody knows.
	Listed func(group, kind, namespace string) bool
	// There reports whether what the model remembers is still there; nil: all is.
	There func(model.URN) bool
	// Kinds are the kinds that the cluster serves: what a namespace may hold, and what
	// may have an owner. nil: nobody knows.
	Kinds []kube.Kind
}

// Set is what goes.
type Set struct {
	Deleted  []model.URN // sorted, the target among them
	Orphaned []model.URN // stays and loses an owner, sorted
	Volumes  []model.URN // of Deleted: volumes whose data goes with them
	Complete bool
	Why      []string // what makes it incomplete
}

const (
	// maxDeleted bounds a prediction: past it, it is over any limit that a person would
	// write, and incomplete.
	maxDeleted = 20_000
	// maxWhy bounds the reasons: a person reads them.
	maxWhy = 8
)

type prediction struct {
	s        model.Topology
	ask      Ask
	cluster  string
	controls uint16 // the number of the relation
	// deleted are those that go, in the order in which that was found.
	deleted  map[model.URN]bool
	order    []model.URN
	orphaned map[model.URN]bool
	set      Set
}

// Of predicts a delete.
func Of(s model.Snapshot, ask Ask) Set {
	p := &prediction{ask: ask, deleted: map[model.URN]bool{}, orphaned: map[model.URN]bool{}}
	p.set.Complete = true
	var ok bool
	if p.s, ok = s.(model.Topology); !ok {
		p.incomplete("the model cannot be walked")
		return p.set
	}
	if !p.s.Whole() {
		p.incomplete("the model is full")
	}
	p.controls = uint16(slices.Index(p.s.Types(), model.Controls))
	target := kube.ParseURN(ask.Target)
	p.cluster = target.Cluster
	var first []model.URN
	if target.Name == "*" {
		first = p.collection(target)
	} else if u, known := p.find(ask.Target); known {
		first = []model.URN{u}
	} else if !p.listed(target.Group, target.Kind, target.Namespace) {
		p.incomplete(target.Kind + " " + target.Name + " was never seen")
	}
	for _, u := range first {
		p.remove(u)
	}
	p.collect(first)
	return p.answer()
}

// find is the URN under which the model knows an object, if it is there.
func (p *prediction) find(u model.URN) (model.URN, bool) {
	known, ok := p.s.Resolve(string(u))
	return known, ok && p.there(known)
}

func (p *prediction) there(u model.URN) bool { return p.ask.There == nil || p.ask.There(u) }

func (p *prediction) listed(group, kind, namespace string) bool {
	return p.ask.Listed != nil && p.ask.Listed(group, kind, namespace)
}

func (p *prediction) incomplete(why string) {
	p.set.Complete = false
	if !slices.Contains(p.set.Why, why) && len(p.set.Why) < maxWhy {
		p.set.Why = append(p.set.Why, why)
	}
}

// in calls f for every object of a namespace.
func (p *prediction) in(namespace string, f func(model.URN)) {
	cluster, mark := kube.ClusterPrefix(p.cluster), "/"+namespace+"/"
	for n := range uint32(p.s.Size()) {
		u, _ := p.s.At(n)
		if strings.HasPrefix(string(u), cluster) && strings.Contains(string(u[len(cluster):]), mark) && kube.ParseURN(u).Namespace == namespace && p.there(u) {
			f(u)
		}
	}
}

// of calls f for every object of a kind; of a group's core for the nameless one.
func (p *prediction) of(group, kind string, f func(model.URN, kube.Identity)) {
	cluster := kube.ClusterPrefix(p.cluster)
	eachOf(p.s, group+"/"+kind, func(u model.URN) {
		if strings.HasPrefix(string(u), cluster) && p.there(u) {
			f(u, kube.ParseURN(u))
		}
	})
}

// remove marks an object and what the server itself, or a controller that is not the
// garbage collector, removes with it.
func (p *prediction) remove(u model.URN) {
	if p.deleted[u] {
		return
	}
	if len(p.deleted) >= maxDeleted {
		p.incomplete("more objects than can be told")
		return
	}
	p.deleted[u] = true
	p.order = append(p.order, u)
	id := kube.ParseURN(u)
	switch id.Group + "/" + id.Kind {
	case "core/Namespace":
		p.namespace(id.Name)
	case "apiextensions.k8s.io/CustomResourceDefinition":
		p.definition(u)
	case "core/PersistentVolumeClaim":
		p.claim(u)
	case "core/Service":
		p.service(id)
	case "core/ServiceAccount":
		p.account(id)
	case "core/Node":
		p.node(id)
	}
}

// known removes an object if the model has it.
func (p *prediction) known(u model.URN) {
	if k, ok := p.find(u); ok {
		p.remove(k)
	}
}

// orphans reports whether the dependents of a first target stay.
func (p *prediction) orphans(u model.URN) bool {
	id := kube.ParseURN(u)
	switch {
	case p.ask.Policy != "":
		return p.ask.Policy == "Orphan"
	case p.ask.Orphan:
		return true
	}
	kind := id.Group + "/" + id.Kind
	return kind == "batch/Job" || kind == "core/ReplicationController" // as they did before there was a collector
}

// collect does the garbage collector's work until nothing more goes: an object goes
// when the last of its owners has.
func (p *prediction) collect(first []model.URN) {
	kept := map[model.URN]bool{} // targets whose dependents stay
	for _, u := range first {
		if p.orphans(u) {
			kept[u] = true
		}
	}
	p.mayOwn(first, kept)
	for i := 0; i < len(p.order); i++ {
		owner := p.order[i]
		for _, child := range p.children(owner) {
			switch {
			case p.deleted[child]:
			case kept[owner], !p.ownerless(child):
				p.orphaned[child] = true
			default:
				p.remove(child)
			}
		}
	}
}

// mayOwn says so where a kind was not listed that may have the targets as owners:
// in the same namespace, or anywhere where the owner is in none.
func (p *prediction) mayOwn(first []model.URN, kept map[model.URN]bool) {
	if p.ask.Kinds == nil {
		p.incomplete("the kinds that the cluster serves are not known")
		return
	}
	places := map[string]bool{}
	for _, u := range first {
		if !kept[u] {
			places[kube.ParseURN(u).Namespace] = true
		}
	}
	for _, u := range p.order { // what goes by itself leaves its dependents too
		if !kept[u] {
			places[kube.ParseURN(u).Namespace] = true
		}
	}
	if places[""] && p.onlyLeaves() {
		delete(places, "")
	}
	for place := range places {
		for _, k := range p.ask.Kinds {
			in := place
			if in == "" {
				in = "*"
			}
			if !k.Namespaced {
				if place != "" {
					continue // an object in a namespace owns none outside
				}
				in = ""
			}
			group := k.Group
			if group == "" {
				group = "core"
			}
			if !p.listed(group, k.Kind, in) {
				p.incomplete(k.Resource + " are not known" + where(in))
			}
		}
	}
}

// onlyLeaves: all that goes and is in no namespace is of kinds that nobody makes the
// owner of anything. What has such an owner all the same is told if it is known.
func (p *prediction) onlyLeaves() bool {
	for _, u := range p.order {
		id := kube.ParseURN(u)
		if id.Namespace != "" {
			continue
		}
		switch id.Group + "/" + id.Kind {
		case "core/PersistentVolume", "networking.k8s.io/IPAddress", "apiregistration.k8s.io/APIService", "core/Namespace":
		default:
			return false
		}
	}
	return true
}

func where(namespace string) string {
	switch namespace {
	case "":
		return ""
	case "*":
		return " in all namespaces"
	}
	return " in " + namespace
}

// children are the objects that name an owner.
func (p *prediction) children(owner model.URN) []model.URN {
	n, ok := p.s.Number(string(owner))
	if !ok {
		return nil
	}
	var out []model.URN
	p.s.Dependent(n, func(on uint32, relation uint16) {
		if relation != p.controls {
			return
		}
		if u, _ := p.s.At(on); p.there(u) && slices.Contains(p.owners(u), owner) {
			out = append(out, u)
		}
	})
	slices.Sort(out)
	return out
}

// owners are those whom an object itself names.
func (p *prediction) owners(u model.URN) []model.URN {
	var out []model.URN
	for _, d := range p.s.Dependencies(u) {
		if d.Type == model.Controls && d.Source == kube.OwnerReferences {
			out = append(out, d.To)
		}
	}
	return out
}

// ownerless: all owners of an object go, and none of them lets it stay. An owner that
// is not there is none: the garbage collector says so too.
func (p *prediction) ownerless(u model.URN) bool {
	for _, owner := range p.owners(u) {
		if !p.deleted[owner] && p.there(owner) {
			return false
		}
	}
	return true
}

func (p *prediction) answer() Set {
	for u := range p.deleted {
		p.set.Deleted = append(p.set.Deleted, u)
	}
	for u := range p.orphaned {
		if !p.deleted[u] {
			p.set.Orphaned = append(p.set.Orphaned, u)
		}
	}
	slices.Sort(p.set.Deleted)
	slices.Sort(p.set.Orphaned)
	slices.Sort(p.set.Volumes)
	slices.Sort(p.set.Why)
	return p.set
}
