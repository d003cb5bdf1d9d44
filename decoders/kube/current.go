package kube

import (
	"context"

	"github.com/assent-iom/assent/decoders/kube/wire"
	"github.com/assent-iom/assent/model"
)

// FromModel is the Current of what a model remembers: kubectl reads an object
// before it patches it, so the model has just seen it. What the model does not keep
// (secrets, and who manages which field) is not in the objects.
func FromModel(snapshot func() model.Snapshot) Current { return remembered{snapshot} }

type remembered struct{ snapshot func() model.Snapshot }

// Current returns an object that was once seen whole.
func (m remembered) Current(_ context.Context, ref Ref) (map[string]any, bool) {
	s := m.snapshot()
	if s == nil {
		return nil, false
	}
	r, ok := s.Resource(ref.URN)
	if !ok || len(r.Attrs) == 0 {
		return nil, false // not seen is not the same as not there
	}
	value, err := wire.JSON(r.Attrs)
	object, _ := value.(map[string]any)
	if err != nil || text(object, "apiVersion") == "" {
		return nil, false
	}
	for key := range object {
		if key != "metadata" && key != "apiVersion" { // of a table's row only the metadata was seen
			object["kind"] = ref.Kind
			return object, true
		}
	}
	return nil, false
}
