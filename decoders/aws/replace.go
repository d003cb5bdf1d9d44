package aws

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// A change of a property that only a creation can set replaces the resource: a new
// one is made, and the old one is deleted with what it holds. CloudFormation's
// schemas say which properties those are. The part for a resource that is replaced
// has the deletion as a part of its own, so that it needs the right to delete, and
// counts what depends on the old one. Where the value before is not known, that is
// said, and nothing is guessed.

// maxNamed bounds the properties that an Unknown names.
const maxNamed = 6

// before are the templates that a stack may have now; none is not known.
func (d *Decoder) before(c *templateCall, stack string, at scene) []version {
	if !c.Leaves {
		return nil
	}
	r, _ := d.memory.get(stackKey(stack, at))
	return r.versions
}

func versionOf(t cfn.Template, cost int) version {
	v := version{map[string]cfn.Resource{}, cost}
	for _, r := range t.Resources {
		r.Properties = wire.RedactTree(r.Properties)
		v.resources[r.ID] = r
	}
	return v
}

// template gives the parts of a template. missing says that what it no longer has
// is not known.
func (u *unfolding) template(t cfn.Template, verb model.Verb, c *templateCall, before []version) (parts []model.Action, missing bool, err error) {
	missing = c.Leaves && len(before) == 0 && verb != model.Create
	fates := u.fates(t, before)
	for _, r := range t.Resources {
		if slices.Contains(u.d.templates.Inert, r.Type) {
			continue
		}
		out, err := u.resource(r, verb)
		if err != nil {
			return nil, missing, err
		}
		f := fates[r.ID]
		if missing {
			f.open = u.createOnly(r.Type)
		}
		if err := u.foretell(&out[0], f, verb); err != nil {
			return nil, missing, err
		}
		parts = append(parts, out...)
	}
	gone, err := u.gone(t, before)
	return append(parts, gone...), missing, err
}

// fate is what becomes of one resource.
type fate struct {
	because []string       // the properties whose change replaces it
	open    []string       // those whose change would, and of which it is not known
	old     []cfn.Resource // what it may be now
}

// fates compares a template with those that the stack may have.
func (u *unfolding) fates(t cfn.Template, before []version) map[string]fate {
	out := map[string]fate{}
	for _, r := range t.Resources {
		var f fate
		for _, v := range before {
			if was, ok := v.resources[r.ID]; ok {
				because, open := u.differ(was, r)
				f.old, f.because, f.open = append(f.old, was), append(f.because, because...), append(f.open, open...)
			}
		}
		out[r.ID] = f
	}
	for again := len(before) > 0; again; { // a resource that names a replaced one in such a property goes with it
		again = false
		for _, r := range t.Resources {
			f := out[r.ID]
			if len(f.old) == 0 || len(f.because) > 0 {
				continue
			}
			for _, path := range u.createOnly(r.Type) {
				for _, v := range valuesAt(any(r.Properties), strings.Split(path, "/"), nil) {
					if slices.ContainsFunc(mentions(v, nil), func(id string) bool { return len(out[id].because) > 0 }) {
						f.because, again = append(f.because, path), true
					}
				}
			}
			out[r.ID] = f
		}
	}
	return out
}

func (u *unfolding) createOnly(kind string) []string {
	t, ok := u.d.table.CFN(kind)
	if !ok {
		return []string{"type " + kind}
	}
	return t.CreateOnly
}

// differ says which of a resource's properties have changed that only a creation
// can set, and of which that cannot be told.
func (u *unfolding) differ(was, is cfn.Resource) (because, open []string) {
	if was.Type != is.Type {
		return []string{"Type"}, nil
	}
	t, ok := u.d.table.CFN(is.Type)
	if !ok {
		return nil, []string{"type " + is.Type}
	}
	compare := func(path string, certain bool) {
		a := valuesAt(any(was.Properties), strings.Split(path, "/"), nil)
		b := valuesAt(wire.RedactTree(is.Properties), strings.Split(path, "/"), nil)
		switch {
		case reflect.DeepEqual(a, b) && !outOfSight(a):
		case !certain, outOfSight(a), outOfSight(b):
			open = append(open, path)
		default:
			because = append(because, path)
		}
	}
	for _, path := range t.CreateOnly {
		compare(path, true)
	}
	for _, path := range t.MayCreateOnly {
		compare(path, false)
	}
	return because, open
}

// valuesAt are the values at a schema's path, in order.
func valuesAt(v any, path []string, out []any) []any {
	if len(path) == 0 {
		return append(out, v)
	}
	switch v := v.(type) {
	case map[string]any:
		if cfn.IsFunction(v) {
			return append(out, v)
		}
		if path[0] == "*" {
			for _, k := range slices.Sorted(maps.Keys(v)) {
				out = valuesAt(v[k], path[1:], out)
			}
		} else if next, ok := v[path[0]]; ok {
			out = valuesAt(next, path[1:], out)
		}
	case []any:
		if path[0] == "*" {
			for _, e := range v {
				out = valuesAt(e, path[1:], out)
			}
		}
	}
	return out
}

// outOfSight reports whether a value cannot be compared: a secret, what is looked
// up only later, or a function of anything but the template's own resources.
func outOfSight(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, decoders.Redacted) || strings.Contains(v, "{{resolve:")
	case []any:
		return slices.ContainsFunc(v, outOfSight)
	case map[string]any:
		if cfn.IsFunction(v) {
			id, _ := named(v)
			return id == ""
		}
		for _, e := range v {
			if outOfSight(e) {
				return true
			}
		}
	}
	return false
}

// mentions lists the logical ids that the functions in a tree name.
func mentions(v any, out []string) []string {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			out = mentions(e, out)
		}
	case map[string]any:
		if cfn.IsFunction(v) {
			if id, _ := named(v); id != "" {
				return append(out, id)
			}
		}
		for _, e := range v {
			out = mentions(e, out)
		}
	}
	return out
}

// foretell adds to the part of a resource that it will be replaced, or that this
// is not known.
func (u *unfolding) foretell(a *model.Action, f fate, verb model.Verb) error {
	if verb != model.Update {
		return nil
	}
	if names := distinct(f.open); len(names) > 0 && len(f.because) == 0 {
		a.Unknown = append(a.Unknown, "whether it is replaced: "+joined(names))
		a.Fidelity = min(a.Fidelity, model.Partial)
	}
	if len(f.because) == 0 {
		return nil
	}
	because := joined(distinct(f.because))
	for _, old := range f.old {
		removal, err := u.removal(old, "replaced, as "+because+" changes", old.Replaced)
		if err != nil {
			return err
		}
		if removal != nil && !slices.ContainsFunc(a.Parts, func(p model.Action) bool {
			return p.Verb == model.Delete && reflect.DeepEqual(p.Targets, removal.Targets)
		}) {
			removal.Where = a.Where
			a.Parts = append(a.Parts, *removal)
		}
	}
	return nil
}

// gone are the deletions of what a template no longer has.
func (u *unfolding) gone(t cfn.Template, before []version) ([]model.Action, error) {
	kept := map[string]bool{}
	for _, r := range t.Resources {
		kept[r.ID] = true
	}
	var out []model.Action
	for i := len(before) - 1; i >= 0; i-- {
		for _, id := range slices.Sorted(maps.Keys(before[i].resources)) {
			if kept[id] {
				continue
			}
			kept[id] = true
			a, err := u.removal(before[i].resources[id], "no longer in the template", before[i].resources[id].Deletion)
			if err != nil {
				return nil, err
			}
			if a != nil {
				out = append(out, *a)
			}
		}
	}
	return out, nil
}

// removal is the deletion of a resource; nil if its policy keeps it.
func (u *unfolding) removal(r cfn.Resource, why, policy string) (*model.Action, error) {
	if policy == "Retain" || slices.Contains(u.d.templates.Inert, r.Type) {
		return nil, nil
	}
	old := unfolding{d: u.d, at: u.at, secrets: u.secrets, found: map[string]*table.Operation{}}
	a, err := old.action(r, u.operation(r.Type, model.Delete), model.Delete)
	if err != nil {
		return nil, err
	}
	if a.Verb.Mutates() && a.Verb != model.Unknown {
		a.Verb = model.Delete
	}
	for i := range a.Targets {
		if a.Targets[i].Role == model.RoleCreated {
			a.Targets[i].Role = model.RoleTarget
		}
	}
	a.Parts, a.Where = nil, fmt.Sprintf("%s (%s)", why, r.ID)
	if policy == "Snapshot" {
		a.Props = addProperty(a.Props, model.Property{Name: "lifecycle.finalSnapshot", Value: true, Known: true, Source: fromCall})
	}
	return &a, nil
}

// end gives the deletion of a stack its parts, as far as the stack is known.
func (d *Decoder) end(a *model.Action, params map[string]any, at scene, secrets bool) error {
	stack, _ := params["StackName"].(string)
	r, _ := d.memory.get(stackKey(stack, at))
	if len(r.versions) == 0 {
		a.Unknown = append(a.Unknown, "the stack's resources")
		a.Fidelity = min(a.Fidelity, model.Partial)
		return nil
	}
	u := &unfolding{d: d, at: at, secrets: secrets, found: map[string]*table.Operation{}}
	parts, err := u.gone(cfn.Template{}, r.versions)
	a.Parts = append(a.Parts, parts...)
	return err
}

func distinct(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return slices.Compact(words)
}

func joined(words []string) string {
	if len(words) > maxNamed {
		return strings.Join(words[:maxNamed], ", ") + fmt.Sprintf(" and %d more", len(words)-maxNamed)
	}
	return strings.Join(words, ", ")
}
