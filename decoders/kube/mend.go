package kube

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube/wire"
	"github.com/assent-iom/assent/decoders/mend"
	"github.com/assent-iom/assent/model"
)

var _ decoders.Mender = (*Decoder)(nil)

// bench is an object on its way to conform.
type bench struct {
	doc   *mend.Document
	route Route
	kind  string
	pod   string // pointer to the pod's spec, if it makes pods
	want  model.Want
}

// Mend implements decoders.Mender. The operations are about the object that was
// sent; of a JSON patch, they are operations to append to it.
func (d *Decoder) Mend(a model.Action, repairs []model.Repair) []model.Repair {
	out := slices.Clone(repairs)
	var n native
	if json.Unmarshal(a.Native, &n) != nil {
		return out
	}
	v, err := wire.JSON(a.Params)
	params, ok := v.(map[string]any)
	if err != nil || !ok {
		return out
	}
	root, appends := params["object"], params["patch_type"] == "json"
	switch {
	case appends:
		root = params["result"]
	case params["patch"] != nil:
		root = params["patch"]
	}
	if _, ok := root.(map[string]any); !ok || n.Subresource != "" {
		return out
	}
	for i := range out {
		if out[i].Kind != model.RepairSet || out[i].Want == nil || len(out[i].Part) > 0 {
			continue
		}
		b := &bench{doc: mend.Of(root), want: *out[i].Want, route: Route{Group: n.Group, Version: n.Version, Resource: n.Resource, Namespace: n.Namespace, Name: n.Name}}
		if !b.mend() {
			continue
		}
		root = b.doc.Root
		ops := b.doc.Ops
		if appends {
			ops = appended(ops)
		}
		out[i].Patches = []model.Patch{{Ops: ops}}
	}
	return out
}

// appended writes operations as ones that append them to a JSON patch.
func appended(ops []model.PatchOp) []model.PatchOp {
	out := make([]model.PatchOp, len(ops))
	for i, op := range ops {
		one := map[string]any{"op": op.Op, "path": op.Path}
		if op.Op != "remove" {
			one["value"] = op.Value
		}
		out[i] = model.PatchOp{Op: "add", Path: "/-", Value: one}
	}
	return out
}

// Mended implements decoders.Mender.
func (d *Decoder) Mended(a model.Action, patches []model.Patch) (json.RawMessage, error) {
	v, err := wire.JSON(a.Params)
	params, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, fmt.Errorf("what %s sent was not recorded", a.Name())
	}
	root := params["object"]
	if root == nil {
		root = params["patch"]
	}
	for _, p := range patches {
		if root, err = mend.Apply(root, p.Ops); err != nil {
			return nil, err
		}
	}
	return json.Marshal(root)
}

// mend edits the object until it says what is wanted, and reads it again as every
// object is read: what that does not confirm is no repair.
func (b *bench) mend() bool {
	kind, _, known := kindOf(b.route.Group, b.route.Resource)
	by := menders[b.want.Property]
	if !known || by == nil {
		return false
	}
	b.kind = kind
	object, _ := b.doc.Root.(map[string]any)
	if _, path := podSpec(b.route.Group, kind, object); path != "" {
		b.pod = mend.Pointer(splitDots(path)...)
	}
	by(b)
	object, _ = b.doc.Root.(map[string]any)
	props := properties(b.route, kind, object, true, "")
	return len(b.doc.Ops) > 0 && mend.Met(b.want, props) &&
		slices.ContainsFunc(props, func(p model.Property) bool { return p.Name == b.want.Property })
}

// at returns what stands at a pointer.
func (b *bench) at(pointer string) any {
	v, _ := b.doc.At(pointer)
	return v
}

// containers are the pointers to all containers.
func (b *bench) containers() []string {
	var all []string
	pod, _ := b.at(b.pod).(map[string]any)
	if b.pod == "" {
		return nil
	}
	for _, c := range containersOf(pod, b.pod) {
		all = append(all, c.at)
	}
	return all
}

// contexts are the pointers to the security contexts of the pod and its containers,
// there or not.
func (b *bench) contexts() []string {
	var all []string
	if b.pod != "" {
		all = append(all, b.pod+"/securityContext")
	}
	for _, c := range b.containers() {
		all = append(all, c+"/securityContext")
	}
	return all
}

// each sets a member of every container's security context.
func (b *bench) each(member string, value any) {
	for _, c := range b.containers() {
		b.doc.Set(c+"/securityContext/"+member, value)
	}
}

// no reports whether a value may not stay.
func (b *bench) no(value any) bool { return !mend.Item(b.want, value) }
