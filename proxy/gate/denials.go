package gate

import (
	"container/list"
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// denialsKept and denialLife bound the memory of refused calls: longer than any
// SDK's own retries, and small.
const (
	denialsKept = 1024
	denialLife  = 5 * time.Minute
	// maxAttemptID bounds the id that is kept with each: they are UUIDs.
	maxAttemptID = 128
)

// denials remembers refused calls by the id that a client gives to all attempts
// of one intention, so that its retries join the decision instead of making
// more of them. A call without such an id is judged afresh.
type denials struct {
	now func() time.Time

	mu    sync.Mutex // guards all below
	order *list.List // of *denial, newest in front
	byKey map[string]*list.Element
}

type denial struct {
	key     string
	refusal decoders.Refusal // what was said: a decision holds a whole body
	at      time.Time
}

func newDenials(now func() time.Time) *denials {
	return &denials{now: now, order: list.New(), byKey: map[string]*list.Element{}}
}

// attemptKey identifies the intention behind a call: empty when the client
// names none. The actor, the run and what would happen are part of it, so that
// nobody can borrow another's decision; and so is the declared intent, so that
// what a person has just allowed is not refused by what was said before.
func attemptKey(in proxy.Asked, a model.Action, intent string) string {
	for _, name := range []string{"Amz-Sdk-Invocation-Id", "Kubectl-Session"} {
		if id := in.Call.Header.Get(name); id != "" && len(id) <= maxAttemptID {
			return in.Actor.ID + "\n" + in.Run + "\n" + id + "\n" + intent + "\n" + withoutMethod(a).DigestString()
		}
	}
	return ""
}

// withoutMethod leaves out how a connection is opened. kubectl execs with GET, over
// a WebSocket, and where that is refused once more with POST, over SPDY: what
// would run, and where, is the same.
func withoutMethod(a model.Action) model.Action {
	if _, of, found := strings.Cut(a.Operation, " "); found && a.Verb == model.Execute {
		a.Operation, a.Native = of, nil
	}
	return a
}

func (d *denials) find(in proxy.Asked, a model.Action, intent string) (decoders.Refusal, bool) {
	key := attemptKey(in, a, intent)
	if key == "" {
		return decoders.Refusal{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.byKey[key]
	if !ok {
		return decoders.Refusal{}, false
	}
	known := e.Value.(*denial)
	if d.now().Sub(known.at) > denialLife {
		d.order.Remove(e)
		delete(d.byKey, key)
		return decoders.Refusal{}, false
	}
	return known.refusal, true
}

func (d *denials) add(in proxy.Asked, decision policy.Decision, said decoders.Refusal) {
	key := attemptKey(in, decision.Action, decision.Basis.Intent)
	if key == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.byKey[key]; ok {
		return
	}
	d.byKey[key] = d.order.PushFront(&denial{key: key, refusal: said, at: d.now()})
	for d.order.Len() > denialsKept {
		last := d.order.Back()
		d.order.Remove(last)
		delete(d.byKey, last.Value.(*denial).key)
	}
}
