// Package cascade predicts what a delete takes along, from what the model knows:
// the garbage collector's dependents, what lives in a namespace, the objects of a
// CustomResourceDefinition, the volume of a claim. It is pure: one snapshot, one
// answer.
//
// The answer says whether it is complete. It is not where kinds were never listed,
// where an owner is not known, or where a selector selects by what the model does
// not hold.
package cascade

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/selector"
	"github.com/assent-iom/assent/model"
)

// Ask is a delete.
type Ask struct {
	// Target is the object. For a collection its last part is "*", and its
	// namespace is "*" for all namespaces.
	Target model.URN
	Labels string // the label selector of a collection
	Fields string // its field selector
	Policy string // propagationPolicy: Orphan, Background, Foreground; "" is the kind's own
	Orphan bool   // orphanDependents, of old clients
	// Listed reports whether all objects of a kind in a namespace are in the model; the
	// nameless group is core, the namespace "*" is all of them. nil: nobody knows.
	Listed func(group, kind, namespace string) bool
	// Kinds are the kinds that the cluster serves, as group/Kind: what a namespace
	// may hold. nil: nobody knows.
	Kinds []string
}

// Set is what goes.
type Set struct {
	Deleted  []model.URN // sorted, the target among them
	Orphaned []model.URN // stays and loses an owner, sorted
	Volumes  []model.URN // of Deleted: volumes whose data goes with them
	Complete bool
	Why      []string // what makes it incomplete
}

// maxDeleted bounds a prediction: a cluster holds some hundred thousand objects.
const maxDeleted = 500_000

type prediction struct {
	s        model.Snapshot
	ask      Ask
	cluster  string
	all      []model.Resource
	children map[model.URN][]model.URN // by owner
	owners   map[model.URN][]model.URN
	deleted  map[model.URN]bool
	orphaned map[model.URN]bool
	// addresses are the IPAddresses of a Service, by NAMESPACE/NAME.
	addresses map[string][]model.URN
	set       Set
}

// Of predicts a delete.
func Of(s model.Snapshot, ask Ask) Set {
	p := &prediction{s: s, ask: ask, children: map[model.URN][]model.URN{}, owners: map[model.URN][]model.URN{},
		deleted: map[model.URN]bool{}, orphaned: map[model.URN]bool{}, addresses: map[string][]model.URN{}}
	target := parse(ask.Target)
	p.cluster = target.cluster
	p.set.Complete = true
	p.index()
	var first []model.URN
	if target.name == "*" {
		first = p.collection(target)
	} else {
		first = []model.URN{ask.Target}
		if _, known := s.Resource(ask.Target); !known {
			p.incomplete("the object itself was never seen")
		}
	}
	for _, u := range first {
		p.remove(u)
	}
	p.collect(first)
	return p.answer()
}

// identity is a URN taken apart.
type identity struct{ cluster, group, kind, namespace, name string }

func parse(u model.URN) identity {
	parts := strings.Split(strings.TrimPrefix(string(u), "k8s://"), "/")
	for len(parts) < 5 {
		parts = append(parts, "")
	}
	plain := strings.NewReplacer("%2F", "/", "%25", "%")
	for i := range parts {
		parts[i] = plain.Replace(parts[i])
	}
	return identity{parts[0], parts[1], parts[2], parts[3], parts[4]}
}

// index gathers the cluster's objects and who owns whom.
func (p *prediction) index() {
	p.s.Each(func(r model.Resource) bool {
		if r.Platform != kube.Name || r.Account != p.cluster {
			return true
		}
		p.all = append(p.all, r)
		if id := parse(r.URN); id.group == "networking.k8s.io" && id.kind == "IPAddress" {
			p.address(r)
		}
		for _, d := range p.s.Dependencies(r.URN) {
			if d.Type == "controls" && d.Source == "metadata.ownerReferences" {
				p.children[d.To] = append(p.children[d.To], r.URN)
				p.owners[r.URN] = append(p.owners[r.URN], d.To)
			}
		}
		return true
	})
}

// address notes whose address an IPAddress is.
func (p *prediction) address(r model.Resource) {
	var a struct {
		Spec struct {
			ParentRef struct{ Resource, Namespace, Name string }
		}
	}
	if json.Unmarshal(r.Attrs, &a) == nil && a.Spec.ParentRef.Resource == "services" {
		key := a.Spec.ParentRef.Namespace + "/" + a.Spec.ParentRef.Name
		p.addresses[key] = append(p.addresses[key], r.URN)
	}
}

func (p *prediction) incomplete(why string) {
	p.set.Complete = false
	if !slices.Contains(p.set.Why, why) {
		p.set.Why = append(p.set.Why, why)
	}
}

// collection is what a deletecollection selects.
func (p *prediction) collection(target identity) []model.URN {
	if p.ask.Listed == nil || !p.ask.Listed(target.group, target.kind, target.namespace) {
		p.incomplete(target.kind + " was never listed")
	}
	labels, err := selector.Labels(p.ask.Labels)
	if err != nil {
		p.incomplete(err.Error()) // the server refuses it; then nothing goes
	}
	fields, err := selector.Fields(p.ask.Fields)
	if err != nil {
		p.incomplete(err.Error())
	}
	var out []model.URN
	for _, r := range p.all {
		id := parse(r.URN)
		if id.group != target.group || id.kind != target.kind || target.namespace != "*" && id.namespace != target.namespace {
			continue
		}
		if selector.Matches(labels, r.Tags) && p.selected(fields, id) {
			out = append(out, r.URN)
		}
	}
	return out
}

// selected: a field that the model does not hold selects everything, and says so.
func (p *prediction) selected(fields []selector.FieldTerm, id identity) bool {
	for _, f := range fields {
		var value string
		switch f.Field {
		case "metadata.name":
			value = id.name
		case "metadata.namespace":
			value = id.namespace
		default:
			p.incomplete("the selector is by " + f.Field)
			continue
		}
		if (value == f.Value) == f.Not {
			return false
		}
	}
	return true
}

// remove marks an object and what the server itself removes with it.
func (p *prediction) remove(u model.URN) {
	if p.deleted[u] || len(p.deleted) >= maxDeleted {
		if len(p.deleted) >= maxDeleted {
			p.incomplete("more than the bound of objects")
		}
		return
	}
	p.deleted[u] = true
	id := parse(u)
	switch id.group + "/" + id.kind {
	case "core/Namespace":
		p.namespace(id.name)
	case "apiextensions.k8s.io/CustomResourceDefinition":
		p.definition(u)
	case "core/PersistentVolumeClaim":
		p.claim(u)
	case "core/Service":
		p.known(kube.URN(p.cluster, "", "Endpoints", id.namespace, id.name))
		for _, a := range p.addresses[id.namespace+"/"+id.name] {
			p.remove(a)
		}
	}
}

// known removes an object if the model has it.
func (p *prediction) known(u model.URN) {
	if _, ok := p.s.Resource(u); ok {
		p.remove(u)
	}
}

func (p *prediction) namespace(name string) {
	if p.ask.Kinds == nil {
		p.incomplete("the kinds that the cluster serves are not known")
	}
	for _, kind := range p.ask.Kinds {
		group, k, _ := strings.Cut(kind, "/")
		if p.ask.Listed == nil || !p.ask.Listed(group, k, name) {
			p.incomplete(k + " was never listed in namespace " + name)
		}
	}
	for _, r := range p.all {
		if parse(r.URN).namespace == name {
			p.remove(r.URN)
		}
	}
}

// definition removes the objects of a custom resource, and the APIServices that
// only its group's definitions make.
func (p *prediction) definition(u model.URN) {
	r, ok := p.s.Resource(u)
	var crd struct {
		Spec struct {
			Group    string
			Names    struct{ Kind, Plural string }
			Versions []struct{ Name string }
		}
	}
	if !ok || json.Unmarshal(r.Attrs, &crd) != nil || crd.Spec.Names.Kind == "" {
		p.incomplete("what the definition defines is not known")
		return
	}
	if p.ask.Listed == nil || !p.ask.Listed(crd.Spec.Group, crd.Spec.Names.Kind, "*") {
		p.incomplete(crd.Spec.Names.Kind + " was never listed")
	}
	last := true
	for _, other := range p.all {
		id := parse(other.URN)
		if id.group == crd.Spec.Group && (id.kind == crd.Spec.Names.Kind || id.kind == crd.Spec.Names.Plural) {
			p.remove(other.URN)
		}
		if id.kind == "CustomResourceDefinition" && other.URN != u && strings.HasSuffix(id.name, "."+crd.Spec.Group) {
			last = false
		}
	}
	for _, v := range crd.Spec.Versions {
		if last {
			p.known(kube.URN(p.cluster, "apiregistration.k8s.io", "APIService", "", v.Name+"."+crd.Spec.Group))
		}
	}
}

// claim: the volume of a claim goes with it where its policy is Delete.
func (p *prediction) claim(u model.URN) {
	for _, d := range p.s.Dependencies(u) {
		if d.Source != "spec.volumeName" {
			continue
		}
		r, ok := p.s.Resource(d.To)
		var volume struct {
			Spec struct {
				Policy string `json:"persistentVolumeReclaimPolicy"`
			}
		}
		if !ok || json.Unmarshal(r.Attrs, &volume) != nil || volume.Spec.Policy == "" {
			p.incomplete("whether the volume goes with its claim is not known")
			continue
		}
		if volume.Spec.Policy == "Delete" {
			p.remove(d.To)
			p.set.Volumes = append(p.set.Volumes, d.To)
		}
	}
}

// orphans reports whether the dependents of a first target stay.
func (p *prediction) orphans(u model.URN) bool {
	id := parse(u)
	switch {
	case p.ask.Policy != "":
		return p.ask.Policy == "Orphan"
	case p.ask.Orphan:
		return true
	}
	kind := id.group + "/" + id.kind
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
	var queue []model.URN
	for u := range p.deleted {
		queue = append(queue, u)
	}
	slices.Sort(queue) // the answer does not depend on it; what makes it incomplete might
	for len(queue) > 0 {
		owner := queue[0]
		queue = queue[1:]
		for _, child := range p.children[owner] {
			if p.deleted[child] {
				continue
			}
			if kept[owner] {
				p.orphaned[child] = true
				continue
			}
			if !p.ownerless(child) {
				p.orphaned[child] = true
				continue
			}
			before := len(p.deleted)
			p.remove(child)
			if len(p.deleted) > before {
				queue = append(queue, child)
			}
		}
	}
	if p.ask.Listed == nil {
		p.incomplete("which kinds were listed is not known")
	}
}

// ownerless: all owners of an object go, and none of them lets it stay.
func (p *prediction) ownerless(u model.URN) bool {
	for _, owner := range p.owners[u] {
		if p.deleted[owner] {
			continue
		}
		if _, ok := p.s.Resource(owner); !ok {
			p.incomplete("another owner of " + parse(u).name + " was never seen")
			continue
		}
		return false
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
