package approval

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// The bounds of one request.
const (
	MaxItems = 100            // more than a person reads, and what still fits into a ledger entry once signed
	Waits    = 24 * time.Hour // how long a request waits for its answers
	maxVotes = 32
	maxWhat  = 160 // of the words for one action
)

// What keepers of requests answer.
var (
	ErrUsed   = errors.New("the approval was used already")
	ErrDenied = errors.New("the request was denied")
)

// State is what has become of a request.
type State string

// The states. A request that was approved may still be used.
const (
	Pending  State = "pending"  // answers are missing
	Approved State = "approved" // somebody said yes, and not every action was used
	Denied   State = "denied"
	Used     State = "used" // every action went through
	Expired  State = "expired"
)

// Item is one held action.
type Item struct {
	Scope       string             `json:"scope"`
	Decision    string             `json:"decision"` // the first decision that held it
	Name        string             `json:"name"`     // service:Operation
	Verb        model.Verb         `json:"verb"`
	Targets     []model.URN        `json:"targets,omitempty"`
	Why         string             `json:"why"`
	Accountable policy.Accountable `json:"accountable"`
	Dependents  int                `json:"dependents"`
	Needs       []policy.Need      `json:"needs"`
	Used        string             `json:"used,omitempty"`  // the decision that went through on it, or was refused as stale
	Prior       policy.Prior       `json:"prior,omitempty"` // what it changes, as it was when it was asked
}

// targetsShown bounds the targets of an item; the rest are counted.
const targetsShown = 20

// NewItem takes from a held decision what somebody needs to answer it.
func NewItem(d policy.Decision) Item {
	it := Item{Scope: policy.Scope(d.Action), Decision: d.ID, Name: d.Action.Name(), Verb: d.Action.Verb,
		Accountable: d.Accountable, Dependents: d.Radius.Dependents, Needs: d.Needs, Prior: d.Prior}
	for _, t := range d.Action.Targets {
		if t.Role != model.RoleDependency && len(it.Targets) < targetsShown {
			it.Targets = append(it.Targets, t.URN)
		}
	}
	if f, ok := d.First(); ok {
		it.Why = f.Why
	}
	return it
}

// What says in a few words what the action would do.
func (it Item) What() string {
	what := string(it.Verb) + " "
	switch len(it.Targets) {
	case 0:
		what += "something that it does not name"
	case 1:
		what += string(it.Targets[0])
	default:
		what += fmt.Sprintf("%s and %d more", it.Targets[0], len(it.Targets)-1)
	}
	if len(what) > maxWhat {
		what = what[:maxWhat/2] + "..." + what[len(what)-maxWhat/2:]
	}
	return what + " (" + it.Name + ")"
}

// Answer is one person's, as it was given; its signature is checked on use.
type Answer struct {
	ID     string    `json:"id"`
	By     string    `json:"by"`
	Answer string    `json:"answer"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason,omitempty"`
}

// Request is what was held in one run.
type Request struct {
	ID      string      `json:"id"`
	Run     string      `json:"run,omitempty"`
	Actor   model.Actor `json:"actor"`
	Opened  time.Time   `json:"opened"`
	Expires time.Time   `json:"expires"`
	Items   []Item      `json:"items"`
	Answers []Answer    `json:"answers,omitempty"`
}

// State returns what has become of the request by then.
func (r Request) State(at time.Time) State {
	yes := false
	for _, a := range r.Answers {
		if a.Answer == No {
			return Denied
		}
		yes = yes || at.Before(a.Until)
	}
	used := !slices.ContainsFunc(r.Items, func(it Item) bool { return it.Used == "" })
	switch {
	case used && len(r.Items) > 0:
		return Used
	case yes:
		return Approved
	case !at.Before(r.Expires) || len(r.Answers) > 0:
		return Expired
	}
	return Pending
}

// Has reports whether an action is asked about in this request, and still open or
// refused: a command that is run again finds its request again.
func (r Request) Has(scope string, at time.Time) bool {
	if state := r.State(at); state == Expired || state == Used || state == Denied && !at.Before(r.Expires) {
		return false
	}
	return slices.ContainsFunc(r.Items, func(it Item) bool { return it.Scope == scope && it.Used == "" })
}

// Takes reports whether an action that is held now goes into this request too.
func (r Request) Takes(run string, actor model.Actor, at time.Time) bool {
	return run != "" && r.Run == run && r.Actor.ID == actor.ID && slices.Equal(r.Actor.For, actor.For) &&
		r.State(at) == Pending && len(r.Answers) == 0 && len(r.Items) < MaxItems
}

// Asked is everybody whom the request asks, sorted.
func (r Request) Asked() []string {
	var all []string
	for _, it := range r.Items {
		for _, n := range it.Needs {
			all = append(all, n.People...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Ticket is what somebody has to sign to answer the request as it is now. It is
// good for as long as every clause allows.
func (r Request) Ticket(answer, by, reason string, at time.Time) (Ticket, error) {
	t := Ticket{Type: TicketType, Request: r.ID, Answer: answer, By: by, At: at.UTC().Truncate(time.Second), Reason: reason}
	within := Waits
	for _, it := range r.Items {
		if it.Used != "" {
			continue
		}
		t.Actions = append(t.Actions, Act{it.Scope, it.What(), it.Prior.Digest()})
		for _, n := range it.Needs {
			within = min(within, n.Within)
		}
	}
	t.Expires = t.At.Add(within)
	return t, r.Accepts(t, at)
}

// Accepts says why an answer cannot be taken, or nothing.
func (r Request) Accepts(t Ticket, at time.Time) error {
	switch state := r.State(at); {
	case state != Pending && state != Approved:
		return fmt.Errorf("request %s is %s: there is nothing left to answer", r.ID, state)
	case t.Request != r.ID:
		return fmt.Errorf("the answer is to request %s", t.Request)
	case !slices.Contains(r.Asked(), t.By):
		return fmt.Errorf("%s is not asked: the request is for %s", t.By, list(r.Asked()))
	case len(r.Answers) >= maxVotes:
		return errors.New("the request has all the answers that it can hold")
	case slices.ContainsFunc(r.Answers, func(a Answer) bool { return a.By == t.By }):
		return fmt.Errorf("%s has answered already", t.By)
	}
	seen := map[string]string{}
	for _, a := range t.Actions {
		seen[a.Scope] = a.State
	}
	for _, it := range r.Items {
		state, named := seen[it.Scope]
		if it.Used == "" && (!named || state != it.Prior.Digest()) {
			what := "has grown since it was looked at"
			if named {
				what = "is about something that has changed since it was looked at"
			}
			return errors.New("the request " + what + ": look again (assent inbox " + r.ID + "), and answer what it asks now")
		}
		delete(seen, it.Scope)
	}
	if len(seen) > 0 {
		return errors.New("the answer names actions that were never asked about")
	}
	return nil
}

func list(names []string) string {
	switch len(names) {
	case 0:
		return "nobody"
	case 1:
		return names[0]
	}
	out := names[0]
	for _, n := range names[1 : len(names)-1] {
		out += ", " + n
	}
	return out + " or " + names[len(names)-1]
}
