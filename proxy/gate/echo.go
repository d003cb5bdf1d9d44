package gate

import (
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// CodeForged is said of a call that claims to be another.
const CodeForged = "AS1005"

// consequenceOf begins the grant of what a controller does to carry out a change.
const consequenceOf = "consequence of "

// flights are the changes that passed and have no outcome yet. An API server asks
// its admission webhooks about a change while the proxy still waits for the
// answer: that is the window in which an echo is the same call. It is bounded by
// the requests that the proxy lets be in flight.
type flights struct {
	mu   sync.Mutex // guards open
	open map[string]flight
}

type flight struct {
	account string
	urn     model.URN
}

func newFlights() *flights { return &flights{open: map[string]flight{}} }

func flightOf(a model.Action) (flight, bool) {
	if len(a.Targets) == 0 {
		return flight{}, false
	}
	return flight{a.Platform + "\n" + a.Account, a.Targets[0].URN}, true
}

func (f *flights) add(id string, a model.Action) {
	if of, ok := flightOf(a); ok {
		f.mu.Lock()
		f.open[id] = of
		f.mu.Unlock()
	}
}

func (f *flights) remove(id string) {
	f.mu.Lock()
	delete(f.open, id)
	f.mu.Unlock()
}

// find returns the decision with which an echo has passed already. With a ticket
// only that decision counts; without one, any on the same object does.
func (f *flights) find(in proxy.Asked, a model.Action) (id string, ok bool) {
	if !in.Echo {
		return "", false
	}
	asked, ok := flightOf(a)
	if !ok {
		return "", false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if in.Ticket != "" {
		known, ok := f.open[in.Ticket]
		return in.Ticket, ok && known.covers(asked)
	}
	for id, known := range f.open {
		if known.covers(asked) {
			return id, true
		}
	}
	return "", false
}

// covers: the same object, or one of the collection that is being changed, or the
// one whose name the server makes up.
func (f flight) covers(asked flight) bool {
	if f.account != asked.account {
		return false
	}
	if f.urn == asked.urn {
		return true
	}
	all, collection := strings.CutSuffix(string(f.urn), "/*")
	name, under := strings.CutPrefix(string(asked.urn), all+"/")
	return collection && under && !strings.Contains(name, "/")
}

// consequence makes a decision on what a controller does to carry out what was
// allowed. A verdict that could not be reached stays one.
func consequence(d policy.Decision, of string) policy.Decision {
	if of == "" || d.Fault != "" {
		return d
	}
	d.Verdict, d.Grant, d.Findings = policy.Allow, consequenceOf+of, nil
	d.Needs, d.Approvals, d.Budgets = nil, nil, nil // it is counted with what it follows from
	return d
}

// forged is the decision on a call that claims a decision which is not its own.
func forged(a model.Action, ticket string, mode policy.Mode, at time.Time, id string) policy.Decision {
	return policy.Decision{
		ID: id, At: at, Mode: mode, Verdict: policy.Deny, Action: a,
		Findings: []policy.Finding{{
			Code: CodeForged, Title: "it claims a decision that is not its own", Verdict: policy.Deny,
			Why:    "no call with the decision " + cut(ticket, 64) + " on this object is on its way through assent",
			Repair: "send the change through assent, without a ticket of one's own",
		}},
		Basis: policy.Basis{Decoder: a.Decoder},
	}
}
