package kube

import (
	"context"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube/patch"
	"github.com/assent-iom/assent/decoders/kube/schema"
	"github.com/assent-iom/assent/model"
)

// Ref names one object, at the version that a call speaks of it.
type Ref struct {
	URN                                     model.URN
	Cluster, Group, Version, Resource, Kind string
	Namespace, Name                         string
	// Managed: who manages which of its fields matters too.
	Managed bool
	// As is the identity that the call presents, and the only one to ask with; nil:
	// nobody may be asked, since nothing is being decided. It MUST NOT be kept.
	As http.Header
}

// Current gives an object as it is now, with apiVersion and kind. known is false
// where nobody can say; a nil object that is known is not there. The decoder reads
// of it and never changes it. It MUST NOT ask with any identity but the caller's.
type Current interface {
	Current(context.Context, Ref) (object map[string]any, known bool)
}

// Deletion is a delete, or an eviction, as the server would carry it out.
type Deletion struct {
	Ref
	Labels, Fields string // the selectors of a collection
	Policy         string // propagationPolicy; empty: the kind's own
	Orphan         bool   // orphanDependents, of old clients
}

// Collection reports whether what is deleted is selected, and not named.
func (d Deletion) Collection() bool { return d.Name == "" }

// Consequences tells what a delete takes along. It MUST NOT ask with any identity but
// the caller's, nor wait longer than the caller would.
type Consequences interface {
	Affected(context.Context, Deletion) *model.Affected
}

// ref names the object that the call is about.
func (r *reading) ref(ctx context.Context) Ref {
	rt := r.route
	kind, _, known := kindOf(rt.Group, rt.Resource)
	if !known && rt.Verb != "delete" && rt.Verb != "deletecollection" {
		kind = r.bodyKind()
	}
	return Ref{URN: r.target().URN, Cluster: r.cluster, Group: rt.Group, Version: rt.Version, Resource: rt.Resource, Kind: kind,
		Namespace: rt.Namespace, Name: rt.Name, As: identityOf(ctx, r.call.Header)}
}

// identityOf is what of a header says who calls, and on whose behalf.
func identityOf(ctx context.Context, h http.Header) http.Header {
	if decoders.DecisionOf(ctx) == "" {
		return nil
	}
	out := http.Header{}
	for key, values := range h {
		if key == "Authorization" || strings.HasPrefix(key, "Impersonate-") {
			out[key] = values
		}
	}
	return out
}

// consequences asks what goes along with a delete.
func (r *reading) consequences(ctx context.Context, takes Consequences) {
	rt := r.route
	deletes := (rt.Verb == "delete" || rt.Verb == "deletecollection") && rt.Subresource == ""
	evicts := rt.Verb == "create" && rt.Resource == "pods" && rt.Subresource == "eviction"
	if takes == nil || !rt.Resourceful || !deletes && !evicts || r.opaque {
		return
	}
	d := Deletion{Ref: r.ref(ctx), Policy: r.options.PropagationPolicy, Orphan: r.options.OrphanDependents != nil && *r.options.OrphanDependents}
	if rt.Verb == "deletecollection" {
		d.Labels, d.Fields = rt.LabelSelector, rt.FieldSelector
		d.Name = "" // a field selector by name selects, among others
	}
	r.affected = takes.Affected(ctx, d)
}

// maxChanges bounds the paths that Params names as changed: a person reads them.
const maxChanges = 100

// resulting is what a call would make of an object.
type resulting struct {
	object  map[string]any // nil where it cannot be told
	whole   bool           // object is all of it, so what is absent is the server's default
	base    string         // where object is in Params
	before  map[string]any // nil where it is not known or not there
	known   bool           // before is known
	refuse  string         // why the server would refuse the patch, if it is known to
	changed []string       // JSON pointers, of a patch that was applied
	was     map[string]any // the object that is changed or replaced, where somebody asks for it
}

// resolve works out the resulting object.
func (r *reading) resolve(ctx context.Context, current Current) {
	rt := r.route
	if !rt.Resourceful || !r.body.Read || r.body.Value == nil || rt.Subresource != "" || !r.verb.Mutates() {
		return
	}
	switch rt.Verb {
	case "create":
		r.result = resulting{object: r.body.object(), whole: true, base: "/object", known: true}
	case "update":
		r.result = resulting{object: r.body.object(), whole: true, base: "/object"} // whatever was there before
	case "patch":
		r.result.before, r.result.known = r.before(ctx, current)
		r.patched(current != nil)
	}
}

// compare keeps what the object is now, where somebody asks what that was.
func (r *reading) compare(ctx context.Context, d *Decoder) {
	if r.result.object == nil || d.compares == nil || !d.compares() {
		return
	}
	switch r.route.Verb {
	case "patch":
		r.result.was = r.result.before
	case "update":
		r.result.was, _ = r.before(ctx, d.current)
	}
}

// before asks for the object as it is.
func (r *reading) before(ctx context.Context, current Current) (map[string]any, bool) {
	rt := r.route
	if current == nil || rt.Name == "" {
		return nil, false
	}
	ref := r.ref(ctx)
	ref.Managed = r.body.Patch == "apply"
	object, known := current.Current(ctx, ref)
	if !known || object == nil {
		return nil, known
	}
	if text(object, "apiVersion") != apiVersion(rt) {
		return nil, false // of another version, whose fields may be called otherwise
	}
	return object, true
}

func apiVersion(rt Route) string {
	if rt.Group == "" {
		return rt.Version
	}
	return rt.Group + "/" + rt.Version
}

// patched applies the patch, or, where the object is not known, says what the
// patch alone says. asked: there is somebody to ask for the object.
func (r *reading) patched(asked bool) {
	res := &r.result
	if !res.known || res.before == nil && r.body.Patch != "apply" {
		if asked {
			r.unknown = append(r.unknown, "current")
		}
		res.object, res.base = r.patchAlone(), "/patch"
		return
	}
	object, err := r.applied()
	if err != nil { // the server refuses it, or no table has the kind
		res.refuse = err.Error()
		r.unknown = append(r.unknown, "result")
		res.object, res.base = r.patchAlone(), "/patch"
		return
	}
	if managed := dict(res.before, "metadata")["managedFields"]; r.body.Patch == "apply" && res.before != nil && managed == nil {
		r.unknown = append(r.unknown, "managed fields") // what the apply lets go of cannot be told
	}
	res.object, res.whole, res.base, res.changed = object, true, "/result", r.changedFrom(object)
}

// changedFrom names what is changed of the object that was there.
func (r *reading) changedFrom(object map[string]any) []string {
	before := patch.Clone(r.result.before)
	patch.Typed(r.message(), before)
	return changes(before, object)
}

// message is the table's entry of the kind, nil for one that is not built in.
func (r *reading) message() *schema.Message {
	kind, _, _ := kindOf(r.route.Group, r.route.Resource)
	m, _ := schema.Kind(apiVersion(r.route), kind)
	return m
}

func (r *reading) applied() (map[string]any, error) {
	before, message := r.result.before, r.message()
	var object map[string]any
	var err error
	switch r.body.Patch {
	case "json":
		operations, _ := r.body.Value.([]any)
		var v any
		v, err = patch.JSON(before, operations)
		object, _ = v.(map[string]any)
	case "merge":
		object, _ = patch.Merge(before, r.body.Value).(map[string]any)
	case "strategic":
		object, err = patch.Strategic(message, before, r.body.object())
	default:
		object, err = patch.Apply(message, before, r.body.object(), r.options.FieldManager, r.options.Force)
	}
	if err == nil && object == nil {
		err = fmt.Errorf("the patch makes something other than an object")
	}
	if err != nil {
		return nil, err
	}
	object = patch.Clone(object) // parts of it are still those of before
	patch.Typed(message, object)
	return object, nil
}

// patchAlone is what a patch says by itself of the object that it makes.
func (r *reading) patchAlone() map[string]any {
	if r.body.Patch != "json" {
		return r.body.object()
	}
	out := map[string]any{}
	operations, _ := r.body.Value.([]any)
	for _, one := range operations { // only plain fields: an index is of a list that is not known
		op, _ := one.(map[string]any)
		if name := text(op, "op"); name == "add" || name == "replace" {
			plant(out, text(op, "path"), op["value"])
		}
	}
	return out
}

// plant sets a value at a path of plain keys.
func plant(out map[string]any, path string, value any) {
	if path == "" || path[0] != '/' {
		return
	}
	keys := splitPath(path)
	for i, key := range keys {
		if _, err := strconv.Atoi(key); err == nil || key == "-" || key == "" {
			return
		}
		if i == len(keys)-1 {
			out[key] = value
			return
		}
		next, _ := out[key].(map[string]any)
		if next == nil {
			next = map[string]any{}
			out[key] = next
		}
		out = next
	}
}

// changes names, as JSON pointers, where two objects differ, sorted; what the
// server keeps itself is left out.
func changes(before, after map[string]any) []string {
	var out []string
	var walk func(path string, a, b any)
	walk = func(path string, a, b any) {
		x, ok1 := a.(map[string]any)
		y, ok2 := b.(map[string]any)
		switch {
		case path == "/metadata/managedFields" || path == "/metadata/resourceVersion" || path == "/metadata/generation":
		case ok1 && ok2:
			for key := range x {
				walk(path+"/"+pointerKey(key), x[key], y[key])
			}
			for key := range y {
				if _, both := x[key]; !both {
					walk(path+"/"+pointerKey(key), nil, y[key])
				}
			}
		case !patch.Equal(a, b):
			out = append(out, path)
		}
	}
	walk("", before, after)
	sort.Strings(out)
	if len(out) > maxChanges {
		out = append(out[:maxChanges], "…")
	}
	return out
}
