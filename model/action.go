package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// URN is the identifier of one resource: see the glossary.
type URN string

// ActorKind tells people, pipelines, agents and controllers apart.
type ActorKind string

// The kinds of actor. The zero value is an actor nobody has vouched for.
const (
	Human      ActorKind = "human"
	Pipeline   ActorKind = "pipeline"
	Agent      ActorKind = "agent"
	Controller ActorKind = "controller"
)

// Actor is who acts. ID, Kind and For are known (a token, a certificate or a
// verified signature says so, and Authn names which); Said holds what the
// client merely claims (its User-Agent, its access key id) and MUST NOT decide
// anything.
type Actor struct {
	ID    string    `json:"id"`
	Kind  ActorKind `json:"kind,omitempty"`
	For   []string  `json:"for,omitempty"` // the chain on whose behalf, nearest first
	Authn string    `json:"authn,omitempty"`
	// Claims are what the proof says beside the id, verified as it is: the repository
	// and the branch of a pipeline's token.
	Claims map[string]string `json:"claims,omitempty"`
	// Ticket is the change ticket that the run was started for, by whom it was started:
	// it is as known as the ID. One that a client names is in Said.
	Ticket string            `json:"ticket,omitempty"`
	Said   map[string]string `json:"said,omitempty"`
}

// The roles of a Target.
const (
	RoleTarget     = "target"     // changed, deleted or read by the action
	RoleCreated    = "created"    // comes into being
	RoleDependency = "dependency" // named by the action, not changed by it
)

// Target is a resource that an action touches. A part of the URN that could not
// be known is "*" (an account id without credentials, a name the cloud makes).
type Target struct {
	URN  URN    `json:"urn"`
	Type string `json:"type"` // the platform's own: ec2:instance, apps/Deployment
	Role string `json:"role"`
}

// Property is one portable property of what an action would make true, with
// where the value came from: request, current, default or derived. Known is
// false where the value could not be told; unknown never helps.
type Property struct {
	Name   string `json:"name"`
	Value  any    `json:"value,omitempty"`
	Known  bool   `json:"known"`
	Source string `json:"source"`
	Native string `json:"native,omitempty"` // JSON pointer into Params
}

// Txn marks a step of an API with a candidate configuration: stage, commit,
// abort.
type Txn struct {
	ID   string `json:"id"`
	Step string `json:"step"`
}

// Action is one proposed change (or read), as understood from one call.
type Action struct {
	ID    string    `json:"id,omitempty"`
	Actor Actor     `json:"actor"`
	At    time.Time `json:"at"`
	Run   string    `json:"run,omitempty"`

	Platform   string `json:"platform"`  // aws, kubernetes, …
	Service    string `json:"service"`   // botocore's service name; the API group
	Operation  string `json:"operation"` // the model's own name; verb+resource for Kubernetes
	Verb       Verb   `json:"verb"`
	Capability string `json:"capability"`        // the portable noun, or PLATFORM.SERVICE where none is mapped
	Account    string `json:"account,omitempty"` // account, project, cluster
	Region     string `json:"region,omitempty"`  // region or namespace

	Targets []Target        `json:"targets"`
	Params  json.RawMessage `json:"params,omitempty"` // native input, secrets taken out
	Tokens  []string        `json:"tokens,omitempty"` // members of Params that only tell a retry from a new call
	Props   []Property      `json:"props,omitempty"`
	// Before is what was true when it was judged, of properties that Props names; of the
	// others nothing is known.
	Before []Property `json:"before,omitempty"`
	// Ties is whom the targets would depend on; nil: nobody looked.
	Ties   *Ties           `json:"ties,omitempty"`
	Native json.RawMessage `json:"native,omitempty"` // what only this platform has words for

	Parts  []Action `json:"parts,omitempty"`
	Atomic bool     `json:"atomic,omitempty"` // all Parts happen or none
	Where  string   `json:"where,omitempty"`  // of a part: where in the call it stands, for people: template line 12 (Web)
	Txn    *Txn     `json:"txn,omitempty"`

	// Affected is what goes along though the call does not name it; nil: nobody looked.
	Affected *Affected `json:"affected,omitempty"`

	DryRun   bool     `json:"dry_run,omitempty"`
	Fidelity Fidelity `json:"fidelity"`
	Unknown  []string `json:"unknown,omitempty"` // what was NOT understood, sorted
	Decoder  string   `json:"decoder,omitempty"` // name, version, table hash
}

// Affected is what an action takes along: what a server, and the controllers that
// tidy up after it, will change or delete because of it. The targets themselves are
// not in it; of a collection, what is selected is.
type Affected struct {
	Groups   []Along  `json:"groups,omitempty"`
	Count    int      `json:"count"`            // of all that is known, listed or not
	Complete bool     `json:"complete"`         // false: there may be more; judged as over any limit
	Why      []string `json:"why,omitempty"`    // what makes it incomplete
	Source   string   `json:"source,omitempty"` // model, or caller: read with the caller's own rights
}

// Along is what becomes of resources of one type.
type Along struct {
	Verb       Verb   `json:"verb"` // delete, or update where one only loses its owner
	Service    string `json:"service"`
	Operation  string `json:"operation"`
	Capability string `json:"capability"`
	Type       string `json:"type"`
	Targets    []URN  `json:"targets"`        // sorted
	Data       bool   `json:"data,omitempty"` // what they hold is lost with them
}

// Ties are the relations that a change would make, or (detach, revoke) would end. Each
// has a target of the action at one of its ends.
type Ties struct {
	Relations []Relation `json:"relations,omitempty"`
	// Whole: they are all that the target would have.
	Whole    bool `json:"whole,omitempty"`
	Complete bool `json:"complete"` // false: there may be others
}

// lasting is what of it nobody can make again. That is part of what is approved;
// pods come and go.
func (a *Affected) lasting() *Affected {
	if a == nil {
		return nil
	}
	var kept []Along
	for _, g := range a.Groups {
		if g.Data {
			kept = append(kept, g)
		}
	}
	if kept == nil {
		return nil
	}
	return &Affected{Groups: kept, Complete: true}
}

// asApproved leaves out, of parts too, what changes from one moment to the next.
func (a Action) asApproved() Action {
	a.Affected, a.Before, a.Ties = a.Affected.lasting(), nil, nil
	parts := make([]Action, len(a.Parts))
	for i, p := range a.Parts {
		parts[i] = p.asApproved()
	}
	if len(parts) > 0 {
		a.Parts = parts
	}
	return a
}

// Mutates reports whether the action has to be judged as a change. A dry run
// that the server honours changes nothing; a read that could not be understood
// whole is still a read only if its operation is known.
func (a Action) Mutates() bool {
	if a.DryRun {
		return false
	}
	if a.Verb.Mutates() {
		return true
	}
	for _, part := range a.Parts {
		if part.Mutates() {
			return true
		}
	}
	return false
}

// Digest identifies what would happen, apart from who asks, when, and under
// which id or idempotency token: two calls with one digest propose the same
// change.
func (a Action) Digest() [32]byte {
	a.ID, a.Actor, a.At, a.Run = "", Actor{}, time.Time{}, ""
	a = a.withoutTokens().asApproved()
	data, err := json.Marshal(a)
	if err != nil { // only Params that are not JSON can do this; they still tell actions apart
		data = append([]byte(err.Error()), a.Params...)
	}
	return sha256.Sum256(oneSpelling(data))
}

// withoutTokens leaves out what clients make anew for each call.
func (a Action) withoutTokens() Action {
	if len(a.Tokens) == 0 {
		return a
	}
	var params map[string]json.RawMessage
	if json.Unmarshal(a.Params, &params) != nil {
		return a // they still tell actions apart
	}
	for _, name := range a.Tokens {
		delete(params, name)
	}
	if data, err := json.Marshal(params); err == nil {
		a.Params, a.Tokens = data, nil
	}
	return a
}

// DigestString returns Digest as sha256:HEX.
func (a Action) DigestString() string {
	d := a.Digest()
	return "sha256:" + hex.EncodeToString(d[:])
}

// Name returns service:Operation, the way people write a call down.
func (a Action) Name() string { return a.Service + ":" + a.Operation }
