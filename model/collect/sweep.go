package collect

import (
	"time"

	"github.com/assent-iom/assent/model"
)

// A listing that makes most of a scope vanish is more often a credential that sees
// less, or an API that had a bad moment, than the end of it all: it is believed
// when a second listing says the same. Below sweepFew nobody needs to be asked.
const (
	sweepFew   = 20
	sweepShare = 2 // more than one half
)

// vanished are the resources of a scope that were last seen before the listing
// began, and are not in it. known is how many of the scope there were.
func vanished(s model.Snapshot, scope Scope, listed map[model.URN]bool, began time.Time) (gone []model.URN, known int) {
	look := func(urn model.URN) {
		r, ok := s.Resource(urn)
		if !ok || !scope.Holds(r) {
			return
		}
		known++
		if !listed[r.URN] && r.SeenAt.Before(began) {
			gone = append(gone, r.URN)
		}
	}
	t, ok := s.(interface {
		EachOf(kind string, f func(model.URN))
	})
	if ok && scope.Type != TypeTagged {
		t.EachOf(scope.Type, look)
		return gone, known
	}
	s.Each(func(r model.Resource) bool {
		if scope.Holds(r) {
			look(r.URN)
		}
		return true
	})
	return gone, known
}

// doubtful: so much is gone that it has to be said twice.
func doubtful(gone, known int) bool { return gone > sweepFew && gone*sweepShare > known }
