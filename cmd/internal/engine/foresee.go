package engine

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
)

// Bounds of what is foreseen of one call; of more it is not told, and unknown never
// helps.
const (
	foreseenParts = 200
	foreseenDepth = 8
	foreseenNames = 1000
)

// foresight adds to an action what only the model can tell, and what some blueprint
// asks about: what was true before it, and whom its targets would depend on.
type foresight struct {
	engine          *Engine
	s               model.Snapshot
	ratchets, rules bool
	parts           int
}

// foresee looks at the snapshot that the action will be judged on.
func (e *Engine) foresee(a *model.Action, s model.Snapshot) {
	set := e.decide.Intent()
	if set == nil || s == nil || !a.Mutates() {
		return
	}
	f := foresight{engine: e, s: s, ratchets: ratchets(set), rules: len(set.Resources)+len(set.Blueprints) > 0}
	if f.ratchets || f.rules || !radius.Opens(*a).None() {
		f.look(a, 0)
	}
}

// ratchets reports whether some blueprint asks what was true before.
func ratchets(set *intent.Set) bool {
	return set != nil && slices.ContainsFunc(set.Blueprints, func(b *intent.Blueprint) bool { return b.Ratchet != nil && *b.Ratchet })
}

func (f *foresight) look(a *model.Action, depth int) {
	if f.parts++; f.parts > foreseenParts || depth > foreseenDepth {
		return
	}
	if a.Verb.Mutates() {
		if f.ratchets && a.Platform == aws.Name {
			a.Before = f.before(a)
		}
		itself := *a
		itself.Parts = nil
		if f.rules || !radius.Opens(itself).None() {
			a.Ties = f.ties(a)
		}
	}
	if len(a.Parts) > 0 {
		a.Parts = slices.Clone(a.Parts) // the caller's own are left as they are
	}
	for i := range a.Parts {
		if a.Parts[i].Platform == "" {
			a.Parts[i].Platform = a.Platform
		}
		f.look(&a.Parts[i], depth+1)
	}
}

// before is what the model says of the one thing that a call changes, of those
// properties that the call speaks of.
func (f *foresight) before(a *model.Action) (out []model.Property) {
	t, ok := changed(a)
	if !ok || t.Role == model.RoleCreated {
		return nil
	}
	urn, ok := f.s.Resolve(string(t.URN))
	if !ok {
		return nil
	}
	res, ok := f.s.Resource(urn)
	if !ok {
		return nil
	}
	for _, p := range f.engine.amazon.State(res) {
		if slices.ContainsFunc(a.Props, func(q model.Property) bool { return q.Name == p.Name }) {
			p.Native = "" // it stands nowhere in the call
			out = append(out, p)
		}
	}
	return out
}

// changed is the one target that an action changes.
func changed(a *model.Action) (one model.Target, ok bool) {
	for _, t := range a.Targets {
		if t.Role == model.RoleDependency {
			continue
		}
		if ok {
			return model.Target{}, false
		}
		one, ok = t, true
	}
	return one, ok
}

// supposedURN is the name of what a call would make of nobody's parts but its own.
const supposedURN = "assent://supposed/"

// ties supposes what a call would make, and looks whom that depends on.
func (f *foresight) ties(a *model.Action) *model.Ties {
	supposing, ok := f.s.(model.Supposing)
	if !ok {
		return nil
	}
	if a.Platform == kube.Name {
		o, ok := kube.Supposed(*a)
		if !ok {
			return nil
		}
		t := relationsOf(supposing.Suppose([]model.Observation{o}), o.Resource.URN, o.Resource.URN)
		t.Whole = o.Whole
		return t
	}
	t, ok := changed(a)
	if !ok || a.Platform != aws.Name {
		return nil
	}
	self := t.URN
	if canon, ok := f.s.Resolve(string(t.URN)); ok && t.Role != model.RoleCreated {
		self = canon
	}
	// By itself, so that what it names is told apart from what was there.
	stand := model.URN(supposedURN + strconv.Itoa(f.parts))
	o := model.Observation{Whole: true, Resource: model.Resource{URN: stand, Platform: aws.Name, Type: t.Type, Account: a.Account, Region: a.Region, Attrs: a.Params}}
	for _, d := range a.Targets {
		if d.Role == model.RoleDependency && !strings.Contains(string(d.URN), "*") {
			o.Relations = append(o.Relations, model.Relation{From: stand, To: d.URN, Type: model.References})
		}
	}
	strangers, all := f.strangers(a.Params)
	ties := relationsOf(supposing.Suppose(append(strangers, o)), stand, self)
	ties.Complete = ties.Complete && all && a.Fidelity == model.Exact
	return ties
}

// strangers are those whom a call names and the model does not know: what they are is
// told by their names, and nothing else is. all is false where there are too many names.
func (f *foresight) strangers(params json.RawMessage) (out []model.Observation, all bool) {
	dec := json.NewDecoder(bytes.NewReader(params))
	seen := map[string]bool{}
	for {
		token, err := dec.Token()
		if err != nil {
			return out, true
		}
		id, ok := token.(string)
		if !ok || seen[id] || !strings.Contains(id, "-") && !strings.Contains(id, ":") {
			continue
		}
		if len(seen) == foreseenNames {
			return out, false
		}
		seen[id] = true
		if _, known := f.s.Resolve(id); known {
			continue
		}
		if urn, kind, ok := f.engine.amazon.Identify(id); ok {
			out = append(out, model.Observation{Resource: model.Resource{URN: urn, Platform: aws.Name, Type: kind, Aliases: []string{id}}})
		}
	}
}

// relationsOf returns the relations of a resource at both of its ends, under the name
// that it really has.
func relationsOf(s model.Snapshot, of, as model.URN) *model.Ties {
	t := &model.Ties{Complete: true}
	for _, reverse := range []bool{false, true} {
		near := radius.Near(s, of, reverse)
		t.Complete = t.Complete && near.Complete
		for _, r := range near.Relations {
			if r.From == of {
				r.From = as
			}
			if r.To == of {
				r.To = as
			}
			if r.From != r.To {
				t.Relations = append(t.Relations, r)
			}
		}
	}
	return t
}
