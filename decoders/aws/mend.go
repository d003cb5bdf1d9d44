package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/decoders/mend"
	"github.com/assent-iom/assent/model"
)

var _ decoders.Mender = (*Decoder)(nil)

// The rounds in which one property is mended: one place may uncover another.
const maxRounds = 4

// bench is a call on its way to conform: its documents as they are by now.
type bench struct {
	d      *Decoder
	a      model.Action
	at     scene
	params map[string]any
	docs   map[string]any // by the member that holds their text; "" is the input
}

// place is one set of parameters in a document.
type place struct {
	doc  *mend.Document
	in   string // the member that holds the document
	base string // where in it the parameters are
	name string // of the call or type whose rows count
	at   scene
	read func() (map[string]any, bool) // the parameters as they are understood by now
}

// Mend implements decoders.Mender.
func (d *Decoder) Mend(a model.Action, repairs []model.Repair) []model.Repair {
	out := slices.Clone(repairs)
	b := &bench{d: d, a: a, at: scene{partitionOf(a), a.Region, a.Account}, docs: map[string]any{}}
	if b.params = tree(a.Params); b.params == nil {
		return out
	}
	b.docs[""] = b.params
	for i := range out {
		switch out[i].Kind {
		case model.RepairSet:
			out[i].Patches = b.set(out[i])
		case model.RepairNarrow:
			out[i].Patches = b.narrow(out[i])
		case model.RepairSplit:
			out[i].Patches = b.split(out[i])
		}
	}
	return out
}

// Mended implements decoders.Mender. The texts in which Cloud Control takes a
// resource are not recorded as they were sent: they are written anew.
func (d *Decoder) Mended(a model.Action, patches []model.Patch) (json.RawMessage, error) {
	params := tree(a.Params)
	if params == nil {
		return nil, fmt.Errorf("the parameters of %s were not recorded", a.Name())
	}
	d.restate(a, params)
	for _, p := range patches {
		if p.In == "" {
			root, err := mend.Apply(any(params), p.Ops)
			if err != nil {
				return nil, err
			}
			params, _ = root.(map[string]any)
			continue
		}
		doc := mend.Of(params)
		was, _ := doc.At(p.In)
		text, ok := was.(string)
		if !ok || text == decoders.Redacted {
			return nil, fmt.Errorf("%s was not recorded, for it shows a secret: apply the patch to what was sent", strings.TrimPrefix(p.In, "/"))
		}
		text, err := mend.ApplyText(text, p.Ops)
		if err != nil {
			return nil, err
		}
		doc.Set(p.In, text)
		params, _ = doc.Root.(map[string]any)
	}
	return json.Marshal(params)
}

// restate writes the state of a resource again where it was left out.
func (d *Decoder) restate(a model.Action, params map[string]any) {
	c := d.controlOf(a.Name())
	if c == nil || c.State == "" || params[c.State] != decoders.Redacted || len(a.Parts) == 0 {
		return
	}
	params[c.State] = string(a.Parts[0].Params)
}

func partitionOf(a model.Action) string {
	var n struct{ Partition string }
	if json.Unmarshal(a.Native, &n) != nil || n.Partition == "" {
		return "aws"
	}
	return n.Partition
}

// tree reads parameters as the decoder had them: numbers keep their spelling.
func tree(data []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var out map[string]any
	if d.Decode(&out) != nil {
		return nil
	}
	return out
}

// set mends one property; nil where that cannot be done, or is done already.
func (b *bench) set(r model.Repair) []model.Patch {
	p := b.place(r.Part)
	if p == nil || r.Want == nil {
		return nil
	}
	if !b.d.mendProperty(p, *r.Want) || len(p.doc.Ops) == 0 {
		return nil
	}
	b.docs[p.in] = p.doc.Root
	return []model.Patch{{In: p.in, Ops: p.doc.Ops}}
}

// place finds where the parameters of a part are written; nil where they are not.
func (b *bench) place(part []int) *place {
	switch {
	case len(part) == 0:
		p := &place{doc: mend.Of(b.docs[""]), name: b.a.Name(), at: b.at}
		p.read = func() (map[string]any, bool) { m, ok := p.doc.Root.(map[string]any); return m, ok }
		return p
	case len(part) == 1 && part[0] < len(b.a.Parts):
		if b.d.templateCall(b.a.Name()) != nil {
			return b.inTemplate(b.a.Parts[part[0]])
		}
		if c := b.d.controlOf(b.a.Name()); c != nil && c.State != "" && part[0] == 0 {
			return b.inState(b.a.Parts[0], c.State)
		}
	}
	return nil
}

// inState is the resource that Cloud Control makes.
func (b *bench) inState(part model.Action, member string) *place {
	p := &place{in: "/" + member, name: resourceType(part), at: b.at}
	root := b.docs[p.in]
	if root == nil {
		root = any(tree(part.Params))
	}
	p.doc = mend.Of(root)
	p.read = func() (map[string]any, bool) { m, ok := p.doc.Root.(map[string]any); return m, ok }
	return p
}

// inTemplate is a resource of a template, with its parameters filled in.
func (b *bench) inTemplate(part model.Action) *place {
	const member = "/TemplateBody"
	var n struct {
		ID string `json:"logical_id"`
	}
	body, ok := b.params["TemplateBody"].(string)
	if json.Unmarshal(part.Native, &n) != nil || !ok {
		return nil
	}
	root := b.docs[member]
	if root == nil {
		var err error
		if root, _, err = cfn.Read([]byte(body)); err != nil {
			return nil
		}
	}
	p := &place{in: member, base: mend.Pointer("Resources", n.ID, "Properties"), at: b.at, doc: mend.Of(root)}
	read := func() (cfn.Resource, bool) {
		text, err := json.Marshal(p.doc.Root)
		if err != nil {
			return cfn.Resource{}, false
		}
		t, err := cfn.Parse(text, stackValues(b.params, b.at))
		i := slices.IndexFunc(t.Resources, func(r cfn.Resource) bool { return r.ID == n.ID })
		if err != nil || i < 0 {
			return cfn.Resource{}, false
		}
		return t.Resources[i], true
	}
	r, ok := read()
	if !ok {
		return nil
	}
	p.name = r.Type
	p.read = func() (map[string]any, bool) { r, ok := read(); return r.Properties, ok }
	return p
}

func resourceType(part model.Action) string {
	var n struct{ Type string }
	_ = json.Unmarshal(part.Native, &n) // written by this package
	return n.Type
}

// narrow leaves targets out of the lists of a call.
func (b *bench) narrow(r model.Repair) []model.Patch {
	if len(r.Part) > 0 {
		return nil
	}
	doc := mend.Of(b.docs[""])
	for _, l := range listsOf(doc.Root, b.a.Targets) {
		doc.RemoveIf(l, func(item any) bool {
			return slices.ContainsFunc(r.Drop, func(urn model.URN) bool { return names(urn, item) })
		})
	}
	if len(doc.Ops) == 0 {
		return nil
	}
	b.docs[""] = doc.Root
	return []model.Patch{{Ops: doc.Ops}}
}

// split makes several calls out of one: a patch for each, that keeps its share of
// the one list of targets.
func (b *bench) split(r model.Repair) []model.Patch {
	lists := listsOf(b.docs[""], b.a.Targets)
	if len(r.Part) > 0 || len(lists) != 1 || r.Most < 1 {
		return nil
	}
	v, _ := mend.Of(b.docs[""]).At(lists[0])
	items, _ := v.([]any)
	if len(items) > r.Most*mend.MaxOps {
		return nil
	}
	var out []model.Patch
	for share := range slices.Chunk(items, r.Most) {
		out = append(out, model.Patch{Ops: []model.PatchOp{{Op: "replace", Path: lists[0], Value: slices.Clone(share)}}})
	}
	return out
}

// listsOf finds the lists, two levels deep, whose items name targets.
func listsOf(root any, targets []model.Target) []string {
	var out []string
	var walk func(v any, pointer string, depth int)
	walk = func(v any, pointer string, depth int) {
		m, _ := v.(map[string]any)
		for name, inner := range m {
			at := pointer + mend.Pointer(name)
			if list, ok := inner.([]any); ok && len(list) > 1 && !slices.ContainsFunc(list, func(item any) bool {
				return !slices.ContainsFunc(targets, func(t model.Target) bool { return names(t.URN, item) })
			}) {
				out = append(out, at)
			}
			if depth > 0 {
				walk(inner, at, depth-1)
			}
		}
	}
	walk(root, "", 1)
	slices.Sort(out)
	return out
}

// names reports whether a parameter is the name of a resource.
func names(urn model.URN, item any) bool {
	text, ok := item.(string)
	return ok && text != "" && (string(urn) == text || strings.HasSuffix(string(urn), "/"+text) || strings.HasSuffix(string(urn), ":"+text))
}

// number is a whole number as parameters hold it.
func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
