package reconcile

import (
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
)

// Settle takes what is running as what was built, where it was read since: read says
// when a resource was last read whole. It returns those that it settled.
//
// The ARN of a thing may hold a part that its creation does not say. Such a one is
// found by the rest of it, if there is exactly one; it is then settled under its own
// name, and the other name is in renamed.
func Settle(all []model.Built, s model.Snapshot, read func(model.Resource) time.Time) (settled []model.Built, renamed []model.URN) {
	var open []model.Built
	for _, b := range all {
		if b.Settled() {
			continue
		}
		if strings.Contains(string(b.URN), "*") {
			open = append(open, b)
		} else if r, ok := s.Resource(b.URN); ok {
			settled = found(settled, b, r, read)
		}
	}
	if len(open) == 0 {
		return settled, nil
	}
	byKind := map[string][]model.Resource{}
	for _, b := range open {
		byKind[b.Type] = nil
	}
	s.Each(func(r model.Resource) bool {
		if _, asked := byKind[r.Type]; asked {
			byKind[r.Type] = append(byKind[r.Type], r)
		}
		return true
	})
	for _, b := range open {
		p := model.NewPattern(string(b.URN))
		var fits []model.Resource
		for _, r := range byKind[b.Type] {
			if p.Fits(string(r.URN)) {
				fits = append(fits, r)
			}
		}
		if len(fits) != 1 {
			continue
		}
		was := b.URN
		b.URN = fits[0].URN
		if n := len(settled); len(found(settled, b, fits[0], read)) > n {
			settled, renamed = found(settled, b, fits[0], read), append(renamed, was)
		}
	}
	return settled, renamed
}

// ReadBack is what was built with how it was found to be. What had drifted before, and
// was not what the change was about, has drifted still.
func ReadBack(b model.Built, r model.Resource, at time.Time) model.Built {
	was := model.Resource{Attrs: b.Attrs, Tags: b.Tags}
	held := b.Held
	b.Type, b.Attrs, b.Tags, b.ReadAt, b.Held = r.Type, r.Attrs, r.Tags, at, nil
	if len(held) > 0 && len(was.Attrs) > 0 {
		b = Adopt(b, was, held)
	}
	return b
}

// found adds what was built, as it was found, if it was read after its last change.
func found(settled []model.Built, b model.Built, r model.Resource, read func(model.Resource) time.Time) []model.Built {
	at := read(r)
	if !at.After(b.At) {
		return settled
	}
	return append(settled, ReadBack(b, r, at))
}
