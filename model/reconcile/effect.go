package reconcile

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Effect is what an action would make of the fields of one resource. The zero value
// tells nothing: any field may be otherwise afterwards.
type Effect struct {
	rules *Rules
	kind  string
	// gone: nothing of it is left.
	gone bool
	// told: what is not in object or steps stays as it is. whole: object is all of it.
	told, whole bool
	// partial: lists in object are merged into those that are there, item by item.
	partial bool
	object  any
	steps   []step
	// sets are the fields that fields.tsv knows a call to set. One that sets none of them
	// sets others, and it is not told which.
	sets []string
}

// step is one field that a call names.
type step struct {
	field, how string
	value      any
}

// EffectOf tells what an action makes of a resource of a type, as far as the call, and
// what the decoder has worked out, say it.
func EffectOf(rules *Rules, a model.Action, kind string) Effect {
	e := Effect{rules: rules, kind: kind}
	switch {
	case a.Verb == model.Delete:
		e.gone, e.told = true, true
		return e
	case a.Verb == model.Execute && a.Platform == "kubernetes":
		e.told = true
		return e
	}
	d := json.NewDecoder(bytes.NewReader(a.Params))
	d.UseNumber()
	var params map[string]any
	if len(a.Params) > 0 && d.Decode(&params) != nil {
		return e
	}
	if a.Platform == "kubernetes" {
		e.ofObject(a, params)
	} else if a.Fidelity != model.Opaque {
		e.ofCall(a, params)
	}
	return e
}

// ofObject reads what a call to a Kubernetes server says.
func (e *Effect) ofObject(a model.Action, params map[string]any) {
	_, sub, _ := strings.Cut(a.Operation, "/")
	switch sub {
	case "", "scale":
	case "status":
		e.told = true // only of the status, which is the server's own
		return
	default:
		return
	}
	result, hasResult := params["result"]
	object, hasObject := params["object"]
	patch, hasPatch := params["patch"]
	switch {
	case hasResult:
		e.object, e.whole, e.told = result, true, true
	case hasObject && sub == "scale":
		e.object, e.told = object, true
	case hasObject:
		e.object, e.whole, e.told = object, true, true
	case hasPatch && params["patch_type"] == "json":
		e.ofPatch(patch)
	case hasPatch:
		e.object, e.told, e.partial = patch, true, params["patch_type"] != "merge"
	}
}

// ofPatch reads a JSON patch of plain fields; any other tells nothing.
func (e *Effect) ofPatch(patch any) {
	operations, _ := patch.([]any)
	for _, one := range operations {
		op, _ := one.(map[string]any)
		path, _ := op["path"].(string)
		field := strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", ".")
		if strings.ContainsAny(path, "~") || field == "" || strings.ContainsAny(field[max(0, strings.LastIndexByte(field, '.')):], "0123456789-") {
			return
		}
		switch op["op"] {
		case "add", "replace":
			e.steps = append(e.steps, step{field, set, op["value"]})
		case "remove":
			e.steps = append(e.steps, step{field, set, nil})
		case "test":
		default:
			return
		}
	}
	e.told = true
}

// ofCall reads, by fields.tsv, what another call says.
func (e *Effect) ofCall(a model.Action, params map[string]any) {
	rows, err := setters()
	if err != nil {
		return
	}
	name := a.Name()
	for _, row := range rows {
		if row.kind != e.kind || row.call != name {
			continue
		}
		e.told, e.sets = true, append(e.sets, strings.TrimSuffix(row.field, "*"))
		if each, ok := strings.CutSuffix(row.param, ".*"); ok {
			members, _ := lookup(params, each).(map[string]any)
			for member, v := range members {
				e.steps = append(e.steps, step{strings.TrimSuffix(row.field, "*") + member, row.how, v})
			}
			continue
		}
		v := lookup(params, row.param)
		if v == nil && row.how != set {
			v = flatRule(params)
		}
		if v != nil {
			e.steps = append(e.steps, step{row.field, row.how, v})
		}
	}
	if !e.told && tagsOnly(a) {
		e.told = true
		e.steps = append(e.steps, step{"tags", remove, nil}) // some of them, it cannot be told which
	}
}

// tagsOnly reports whether a call only says how a thing is labelled.
func tagsOnly(a model.Action) bool {
	op := strings.ToLower(a.Operation)
	return strings.HasSuffix(op, "tags") || strings.HasPrefix(op, "tag") || strings.HasPrefix(op, "untag") || strings.HasSuffix(op, "tagging")
}

// flatRule is one rule of a firewall that a call names member by member.
func flatRule(params map[string]any) any {
	if params["IpProtocol"] == nil && params["CidrIp"] == nil {
		return nil
	}
	rule := map[string]any{}
	for _, member := range []string{"IpProtocol", "FromPort", "ToPort"} {
		if v, ok := params[member]; ok {
			rule[member] = v
		}
	}
	if cidr := params["CidrIp"]; cidr != nil {
		rule["IpRanges"] = []any{map[string]any{"CidrIp": cidr}}
	}
	return []any{rule}
}

// Touch is what an action makes of one field.
type Touch struct {
	// Told: After is what the field is afterwards; otherwise it may be anything.
	Told  bool
	After any
	// Changed: it may be otherwise than it is now.
	Changed bool
}

// On tells what becomes of a field of a resource, as that was last read.
func (e Effect) On(r model.Resource, path string) Touch {
	now := withTags(r.Attrs, r.Tags)
	have := lookup(now, path)
	known := len(r.Attrs) > 0 && kept(r, now, path)
	plain := plainPath(path)
	t := Touch{Told: true, After: have}
	switch {
	case e.gone:
		return Touch{Told: true, Changed: true}
	case !e.told || len(e.sets) > 0 && len(e.steps) == 0 && !slices.ContainsFunc(e.sets, func(f string) bool { return overlap(strings.TrimSuffix(f, "."), plain) }):
		return Touch{Changed: true}
	case e.whole || e.object != nil && mentions(e.object, plain):
		t.After = lookup(e.withLabels(), path)
		t.Changed = true
		switch after := t.After.(type) {
		case []any:
			if e.partial {
				return Touch{Changed: true}
			}
		case map[string]any:
			if !e.whole {
				t.After = over(have, after, 0)
			}
		}
	}
	for _, s := range e.steps {
		if !overlap(s.field, plain) {
			continue
		}
		t.Changed = true
		switch {
		case s.field != plain || s.how != set && !known:
			return Touch{Changed: true}
		case s.how == set:
			t.After = s.value
		default:
			t.After = e.merged(plain, t.After, s)
		}
	}
	if t.Changed && known {
		c := &comparing{rules: e.rules, kind: e.kind}
		t.Changed = !(empty(t.After) && empty(have)) && !c.same(plain, t.After, have)
	}
	return t
}

// over lays what a patch says of an object over what is there.
func over(now any, said map[string]any, depth int) any {
	have, ok := now.(map[string]any)
	if !ok || depth > maxDepth {
		return said
	}
	out := make(map[string]any, len(have)+len(said))
	for k, v := range have {
		out[k] = v
	}
	for k, v := range said {
		if m, ok := v.(map[string]any); ok {
			v = over(out[k], m, depth+1)
		}
		out[k] = v
	}
	return out
}

// Closer reports whether what a touch makes of a list is nearer to what is declared: less
// of it is too much, and no more of it is missing.
func (e Effect) Closer(r model.Resource, path string, want any, t Touch) bool {
	c := &comparing{rules: e.rules, kind: e.kind}
	plain := plainPath(path)
	sides := func(v any) (extra, missing int) {
		have, _ := said(v).([]any)
		need, _ := said(want).([]any)
		have, need = c.spread(plain, have), c.spread(plain, need)
		for _, item := range have {
			if !c.among(plain, need, item) {
				extra++
			}
		}
		for _, item := range need {
			if !slices.ContainsFunc(have, func(h any) bool { return c.meets(plain, item, h, 0) }) {
				missing++
			}
		}
		return extra, missing
	}
	extra, missing := sides(lookup(withTags(r.Attrs, r.Tags), path))
	lessExtra, lessMissing := sides(t.After)
	return t.Told && t.Changed && lessExtra <= extra && lessMissing <= missing && lessExtra+lessMissing < extra+missing
}

// Undoes reports whether a touch makes of a field that has drifted what it was, or brings
// it nearer to that.
func (e Effect) Undoes(r model.Resource, d model.Deviation, t Touch) bool {
	if !t.Told || !t.Changed {
		return false
	}
	was := any(d.Was)
	plain := plainPath(d.Path)
	if have, isList := said(lookup(withTags(r.Attrs, r.Tags), d.Path)).([]any); isList { // a deviation of a list names what came and went
		c := &comparing{rules: e.rules, kind: e.kind}
		come, _ := d.Now.([]any)
		gone, _ := d.Was.([]any)
		was = append(c.less(plain, c.spread(plain, have), c.spread(plain, come)), gone...)
		if e.Closer(r, d.Path, was, t) {
			return true
		}
	}
	return Meets(e.rules, e.kind, d.Path, was, t.After)
}

// withLabels gives an object its labels in the place where claims look for them.
func (e Effect) withLabels() any {
	m, ok := e.object.(map[string]any)
	if !ok {
		return e.object
	}
	out := make(map[string]any, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	out["tags"] = lookup(m, "metadata.labels")
	return out
}

// merged is a list with items added, or taken out.
func (e Effect) merged(plain string, now any, s step) any {
	c := &comparing{rules: e.rules, kind: e.kind}
	list, _ := said(now).([]any)
	items, _ := said(s.value).([]any)
	list, items = c.spread(plain, list), c.spread(plain, items)
	var out []any
	for _, item := range list {
		if s.how == add || !c.among(plain, items, item) {
			out = append(out, item)
		}
	}
	if s.how == add {
		for _, item := range items {
			if !c.among(plain, out, item) {
				out = append(out, item)
			}
		}
	}
	return out
}

// among reports whether some item of a list says what this one does, no matter what
// this one says beside.
func (c *comparing) among(plain string, list []any, item any) bool {
	for _, one := range list {
		if c.meets(plain, one, item, 0) {
			return true
		}
	}
	return false
}

// mentions reports whether an object says something at a path, or above or below it.
func mentions(v any, plain string) bool {
	for plain != "" {
		m, ok := v.(map[string]any)
		if !ok {
			return true // a value, or a list, in the place of it
		}
		if _, ok := m[plain]; ok {
			return true
		}
		step, rest, _ := strings.Cut(plain, ".")
		if step == "tags" && m["tags"] == nil {
			meta, _ := m["metadata"].(map[string]any)
			_, said := meta["labels"]
			return said
		}
		next, said := m[step]
		if !said {
			return false
		}
		v, plain = next, rest
	}
	return true
}

// overlap reports whether one path is the other, or within it.
func overlap(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// Overlap is overlap for paths with the keys of lists.
func Overlap(a, b string) bool { return overlap(plainPath(a), plainPath(b)) }
