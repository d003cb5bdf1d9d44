package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

// reading is one listing on its way.
type reading struct {
	c       *Collector
	account *account
	l       *listing
	region  string
	page    func([]model.Observation) error
	// only asks for one thing of the listing: see Get. parents are what it may be
	// under.
	only map[string]any
	// short is the first detail that could not be read. Everything that is there was
	// seen, but not all of each.
	short error
}

// errs that an answer makes which is not its call's.
var (
	errSilent  = errors.New("the answer does not speak of what was asked for")
	errEntries = errors.New("not every entry is a resource")
	errSame    = errors.New("the same page is given again")
	errNoToken = errors.New("there is more, and no token for it")
)

// list reads the row in its region: for what is under others, under each of them.
func (r *reading) list(ctx context.Context) error {
	if r.l.parent == nil {
		return r.pages(ctx, nil)
	}
	above := &reading{c: r.c, account: r.account, l: r.l.parent, region: r.region}
	return above.things(ctx, func(parent any) error { return r.pages(ctx, parent) })
}

// things hands on what a listing finds, without asking for details.
func (r *reading) things(ctx context.Context, each func(any) error) error {
	under := func(parent any) error {
		return r.walk(ctx, parent, func(_ *asked, found []any) error {
			for _, thing := range found {
				if err := each(thing); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if r.l.parent == nil {
		return under(nil)
	}
	above := &reading{c: r.c, account: r.account, l: r.l.parent, region: r.region}
	return above.things(ctx, under)
}

// pages reads all pages under one parent, with details, and hands on what they
// teach.
func (r *reading) pages(ctx context.Context, parent any) error {
	if r.l.Type == collect.TypeTagged {
		return r.walk(ctx, parent, func(_ *asked, found []any) error { return r.tagged(found) })
	}
	return r.walk(ctx, parent, func(a *asked, found []any) error {
		p := r.learn(a)
		urns := p.of(r.l.Type)
		if len(urns) != len(found) {
			return r.fail(malformed, fmt.Errorf("%w: %d of %d", errEntries, len(urns), len(found)))
		}
		whole := true
		for i := range r.l.Each {
			all, err := r.detail(ctx, &r.l.Each[i], found, urns, parent, p)
			if err != nil {
				return err
			}
			whole = whole && all
		}
		return r.page(p.finish(r, whole))
	})
}

// walk asks for page after page.
func (r *reading) walk(ctx context.Context, parent any, page func(*asked, []any) error) error {
	params, ok := fill(anyMap(r.l.With), nil, parent)
	if !ok {
		return r.fail(malformed, fmt.Errorf("what it is under does not say what %s needs", r.l.List))
	}
	with, _ := params.(map[string]any)
	for name, v := range r.only {
		with[name] = v
	}
	if r.l.size > 0 && len(r.only) == 0 {
		with[r.l.sizeIn] = number(r.l.op, r.l.sizeIn, r.l.size)
	}
	seen := map[string]bool{}
	for n := 0; n < maxPages; n++ {
		a, err := r.c.ask(ctx, r.account, r.l.op, r.region, r.l.Global, with)
		if err != nil {
			return err
		}
		found, said := at(a.answer, r.l.Found)
		if !said && !r.l.nothing(a.answer) {
			return r.fail(malformed, fmt.Errorf("%w: %s", errSilent, r.l.Found))
		}
		found = slices.DeleteFunc(slices.Clone(found), func(thing any) bool { return !r.l.fits(thing) })
		if err := page(a, found); err != nil {
			return err
		}
		key := next(r.l.tokens, a.answer, with)
		switch more, said := r.more(a.answer); {
		case said && !more, !said && key == "":
			return nil
		case key == "":
			return r.fail(truncated, errNoToken)
		case seen[key]:
			return r.fail(truncated, errSame)
		}
		seen[key] = true
	}
	return r.fail(truncated, fmt.Errorf("more than %d pages", maxPages))
}

// more reports whether the answer says that there is a next page, if it says so by
// something else than a token.
func (r *reading) more(answer map[string]any) (more, said bool) {
	if r.l.More == "" {
		return false, false
	}
	got, ok := at(answer, r.l.More)
	if !ok || len(got) != 1 {
		return false, false
	}
	more, said = got[0].(bool)
	return more, said
}

// number is a page size as its member wants it: Route 53 has it as text.
func number(op *table.Operation, name string, n int) any {
	if m := member(op.Input, name); m.Shape.Kind == table.String {
		return fmt.Sprint(n)
	}
	return n
}

func anyMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func (r *reading) fail(k kind, err error) error {
	return &gap{kind: k, call: r.l.List, region: r.region, err: err}
}

// taught are observations in the making: what several answers say of one resource
// is one.
type taught struct {
	all   []model.Observation
	byURN map[model.URN]int
}

func (r *reading) learn(a *asked) *taught {
	t := &taught{byURN: map[model.URN]int{}}
	t.add(r.c.cfg.Decoder.Learn(a.call, a.resp))
	return t
}

// of are the URNs of a type, in the order in which they came.
func (t *taught) of(kind string) (urns []model.URN) {
	for _, o := range t.all {
		if o.Resource.Type == kind && !o.Gone {
			urns = append(urns, o.Resource.URN)
		}
	}
	return urns
}

// finish is what is handed on: the things of the row's own type, and of types that
// no other row reads. All that is asked for was asked for: what is not said is not.
func (t *taught) finish(r *reading, whole bool) []model.Observation {
	var out []model.Observation
	for _, o := range t.all {
		if o.Resource.Type != r.l.Type && r.c.of(o.Resource.Type) != nil {
			continue
		}
		if o.Resource.Type == r.l.Type {
			if o.Whole = whole; whole && o.Resource.Tags == nil && !r.l.Untagged {
				o.Resource.Tags = map[string]string{}
			}
		}
		out = append(out, o)
	}
	return out
}

// add lays what an answer says over what is there.
func (t *taught) add(seen []model.Observation) {
	for _, o := range seen {
		i, known := t.byURN[o.Resource.URN]
		if !known {
			t.byURN[o.Resource.URN] = len(t.all)
			t.all = append(t.all, o)
			continue
		}
		was := &t.all[i]
		was.Whole = was.Whole || o.Whole
		was.Relations = append(was.Relations, o.Relations...)
		if was.Resource.Tags == nil {
			was.Resource.Tags = o.Resource.Tags
		}
		if was.Resource.Name == "" {
			was.Resource.Name = o.Resource.Name
		}
		was.Resource.Aliases = append(was.Resource.Aliases, o.Resource.Aliases...)
		was.Resource.Attrs = over(was.Resource.Attrs, o.Resource.Attrs)
	}
}

// over lays the members of one object over another's.
func over(old, add json.RawMessage) json.RawMessage {
	if len(old) == 0 || len(add) == 0 {
		return append(slices.Clone(old), add...)
	}
	var a, b map[string]json.RawMessage
	if json.Unmarshal(old, &a) != nil || json.Unmarshal(add, &b) != nil {
		return old
	}
	for k, v := range b {
		a[k] = v
	}
	out, err := json.Marshal(a)
	if err != nil {
		return old
	}
	return out
}

// detail asks one call of each thing found, or of as many at a time as it takes.
// What it may not, or what fails, is short: the things themselves are there.
func (r *reading) detail(ctx context.Context, d *detail, found []any, urns []model.URN, parent any, t *taught) (all bool, err error) {
	all = true
	for from := 0; from < len(found); from += max(1, d.Batch) {
		things := found[from:min(len(found), from+max(1, d.Batch))]
		var with map[string]any
		for i, thing := range things {
			params, ok := fill(anyMap(d.With), named{thing, urns[from+i]}, parent)
			if next, _ := params.(map[string]any); ok && with == nil {
				with = next
			} else if ok {
				together(with, next)
			}
		}
		if with == nil {
			continue // it has none of that
		}
		err := r.answers(ctx, d, r.regionOf(things[0]), with, urns[from], t)
		var no *refused
		switch {
		case err == nil:
		case errors.As(err, &no) && slices.Contains(d.Absent, no.code):
		case ctx.Err() != nil:
			return false, err
		default:
			if all = false; r.short == nil {
				r.short = fmt.Errorf("%w: %s: %w", collect.ErrDetails, urns[from], err)
			}
		}
	}
	return all, nil
}

// answers asks for one detail, page after page. The items of a detail that has found
// are kept with the thing, under its last name; all others teach what they say.
func (r *reading) answers(ctx context.Context, d *detail, region string, with map[string]any, urn model.URN, t *taught) error {
	items, seen := []any{}, map[string]bool{}
	for n := 0; ; n++ {
		a, err := r.c.ask(ctx, r.account, d.op, region, r.l.Global, with)
		if err != nil {
			return err
		}
		if d.Found == "" {
			seen := r.c.cfg.Decoder.Learn(a.call, a.resp)
			for i := range seen {
				if d.Tags { // asked of one thing, it is an attribute of it; of many, of none
					seen[i].Resource.Attrs = nil
				}
			}
			t.add(seen)
			return nil
		}
		got, said := at(a.answer, d.Found)
		if !said {
			return &gap{kind: malformed, call: d.Call, region: region, err: fmt.Errorf("%w: %s", errSilent, d.Found)}
		}
		items = append(items, got...)
		key := next(d.tokens, a.answer, with)
		if key == "" {
			break
		}
		if seen[key] || n >= maxPages || len(items) > maxItems {
			return &gap{kind: truncated, call: d.Call, region: region, err: errSame}
		}
		seen[key] = true
	}
	attrs, err := json.Marshal(map[string]any{d.Found[strings.LastIndex(d.Found, ".")+1:]: items})
	if err != nil {
		return err
	}
	t.add([]model.Observation{{Resource: model.Resource{URN: urn, Attrs: attrs}}})
	return nil
}

// regionOf is where a thing's details are.
func (r *reading) regionOf(thing any) string {
	if r.l.Region == "" {
		return r.region
	}
	if got, ok := at(thing, r.l.Region); ok && len(got) == 1 {
		if s, ok := got[0].(string); ok && s != "" {
			return s
		}
	}
	return r.region
}

// named is a thing and its URN.
type named struct {
	thing any
	urn   model.URN
}

// together adds to the lists of one call's parameters those of another's, each
// thing once.
func together(with, next map[string]any) {
	for name, v := range with {
		list, isList := v.([]any)
		more, areMore := next[name].([]any)
		if !isList || !areMore {
			continue
		}
		for _, item := range more {
			if !slices.ContainsFunc(list, func(had any) bool { return had == item }) {
				list = append(list, item)
			}
		}
		with[name] = list
	}
}
