package kube

import (
	"context"
	"sync"

	"github.com/assent-iom/assent/decoders/kube/helm"
	"github.com/assent-iom/assent/model"
)

// resources names the resource of each built-in kind, by group.
var resources = sync.OnceValue(func() map[[2]string]string {
	out := map[[2]string]string{}
	for group, all := range kinds {
		for resource := range all {
			kind, _, _ := kindOf(group, resource)
			out[[2]string{group, kind}] = resource
		}
	}
	return out
})

// release adds, as parts, what helm is about to do with the objects of a release
// whose record this call writes.
func (r *reading) release(ctx context.Context, a *model.Action, current Current, takes Consequences) error {
	rt := r.route
	secret := rt.Resource == "secrets"
	name, _, _ := r.bodyNames()
	if name == "" {
		name = rt.Name
	}
	if rt.Group != "" || !secret && rt.Resource != "configmaps" || rt.Subresource != "" || !helm.Is(name) || !r.verb.Mutates() {
		return nil
	}
	if rt.Verb != "create" && rt.Verb != "update" {
		if rt.Verb == "patch" { // helm itself writes its records whole
			a.Unknown, a.Fidelity = append(a.Unknown, "release"), min(a.Fidelity, model.Partial)
		}
		return nil
	}
	rel, err := helm.Read(r.body.object(), secret)
	if err != nil {
		return err
	}
	if !rel.Begins() && rt.Verb == "update" {
		return nil
	}
	before, known := r.releaseBefore(ctx, current, name, secret)
	verbs := map[string]string{} // by identity, where the release before is known
	for _, o := range before {
		verbs[identity(o, rel.Namespace)] = "delete"
	}
	add := func(o map[string]any, verb string) error {
		part, err := r.part(ctx, o, verb, rel.Namespace, takes)
		if err == nil {
			a.Parts = append(a.Parts, part)
		}
		return err
	}
	for _, o := range append(rel.Objects, rel.Hooks...) {
		id := identity(o, rel.Namespace)
		verb := "create"
		switch {
		case rel.Removes():
			verb = "delete"
		case verbs[id] != "", !known && rel.Revision > 1:
			verb = "update"
		}
		delete(verbs, id)
		if err := add(o, verb); err != nil {
			return err
		}
	}
	for _, o := range before { // what the new manifest no longer has
		if verbs[identity(o, rel.Namespace)] == "delete" {
			if err := add(o, "delete"); err != nil {
				return err
			}
		}
	}
	if !known && rel.Revision > 1 && !rel.Removes() {
		a.Unknown, a.Fidelity = append(a.Unknown, "removed objects"), min(a.Fidelity, model.Partial)
	}
	return nil
}

// releaseBefore gives the objects of the revision before, if they can be known.
func (r *reading) releaseBefore(ctx context.Context, current Current, name string, secret bool) ([]map[string]any, bool) {
	previous := helm.Previous(name)
	if previous == "" || current == nil {
		return nil, previous == ""
	}
	rt := r.route
	kind, _, _ := kindOf("", rt.Resource)
	o, known := current.Current(ctx, Ref{URN: URN(r.cluster, "", kind, rt.Namespace, previous), Cluster: r.cluster,
		Version: rt.Version, Resource: rt.Resource, Kind: kind, Namespace: rt.Namespace, Name: previous, As: identityOf(ctx, r.call.Header)})
	if !known || o == nil {
		return nil, false
	}
	rel, err := helm.Read(o, secret)
	if err != nil { // a model does not keep what is in secrets
		return nil, false
	}
	return rel.Objects, true
}

// identity tells the objects of a release apart.
func identity(o map[string]any, namespace string) string {
	meta := dict(o, "metadata")
	if own := text(meta, "namespace"); own != "" {
		namespace = own
	}
	return groupOf(text(o, "apiVersion")) + "/" + text(o, "kind") + "/" + namespace + "/" + text(meta, "name")
}

// part is the action on one object of a release, as if it were called for.
func (r *reading) part(ctx context.Context, o map[string]any, verb, namespace string, takes Consequences) (model.Action, error) {
	api, kind := text(o, "apiVersion"), text(o, "kind")
	rt := Route{Resourceful: true, Verb: verb, Group: groupOf(api), Version: api[len(groupOf(api)):]}
	if rt.Group != "" {
		rt.Version = rt.Version[1:]
	}
	rt.Resource = resources()[[2]string{rt.Group, kind}]
	known := rt.Resource != ""
	if !known {
		rt.Resource = kind
	}
	if !clusterWide(rt.Group, kind) {
		rt.Namespace = text(dict(o, "metadata"), "namespace")
		if rt.Namespace == "" {
			rt.Namespace = namespace
		}
	}
	if verb != "create" {
		rt.Name = text(dict(o, "metadata"), "name")
	}
	rt.Path = r.route.Path
	p := &reading{cluster: r.cluster, call: r.call, query: nil, route: rt, verb: verbOf(methods[verb], rt), secrets: r.secrets}
	if verb != "delete" {
		p.body = Body{Value: o, Read: true, Type: typeYAML}
		p.result = resulting{object: o, whole: true, base: "/object", known: true}
	}
	if !known {
		p.unknown = append(p.unknown, "scope") // of a kind that no table has: in a namespace or in none
	}
	p.consequences(ctx, takes)
	p.call.Header = nil // whom it impersonates is the whole's to say
	return p.action()
}

// methods by which helm does it.
var methods = map[string]string{"create": "POST", "update": "PUT", "delete": "DELETE"}
