package kube

import (
	"context"

	"github.com/assent-iom/assent/decoders/kube/wire"
	"github.com/assent-iom/assent/model"
)

// FromModel is the Current of what a model remembers: kubectl reads an object
// before it patches it, so the model has just seen it. What the model does not keep
// (secrets, and who manages which field) is not in the objects. fresh says whether
// an object is still as the model has it; nil: always.
func FromModel(snapshot func() model.Snapshot, fresh func(model.Resource) bool) Current {
	return remembered{snapshot, fresh}
}

type remembered struct {
	snapshot func() model.Snapshot
	fresh    func(model.Resource) bool
}

// Current returns an object that was once seen whole.
func (m remembered) Current(_ context.Context, ref Ref) (map[string]any, bool) {
	s := m.snapshot()
	if s == nil {
		return nil, false
	}
	r, ok := s.Resource(ref.URN)
	if !ok || m.fresh != nil && !m.fresh(r) {
		return nil, false // not seen is not the same as not there
	}
	return m.whole(r, ref.Kind)
}

// whole returns what is remembered, unless only a part of it was seen: a record of
// a collector's has no apiVersion, a table's row nothing but metadata.
func (m remembered) whole(r model.Resource, kind string) (map[string]any, bool) {
	if len(r.Attrs) == 0 || VersionOf(r) == "" || kind == "Secret" { // of which no values are kept
		return nil, false
	}
	value, err := wire.JSON(r.Attrs)
	object, _ := value.(map[string]any)
	if err != nil || text(object, "apiVersion") == "" {
		return nil, false
	}
	for key := range object {
		if key != "metadata" && key != "apiVersion" {
			object["kind"] = kind
			return object, true
		}
	}
	return nil, false
}
