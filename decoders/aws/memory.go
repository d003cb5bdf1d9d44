package aws

import (
	"container/list"
	"strings"
	"sync"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// Two things of CloudFormation are not in the call that does them: what a change
// set holds, which ExecuteChangeSet only names, and what a stack held before, by
// which a change replaces or deletes. Both were in calls before, and a memory
// keeps them.
//
// Only what CloudFormation has accepted is kept: a change set that was refused, or
// whose name was taken, is not the one that will be executed. A change set is
// known by its ARN, which is made once, and by its name for as long as every call
// that makes or deletes it goes through here. What is not remembered is not
// understood: the call is opaque. Properties are kept with their secrets taken
// out, and nothing is kept on disk.

// The bounds of a memory. What was used longest ago is forgotten first.
const (
	maxRemembered      = 1024     // stacks and change sets
	maxRememberedBytes = 64 << 20 // as counted by the text of their templates: a template has up to 1 MiB
	maxVersions        = 8        // templates of a stack whose outcome has not been seen
)

// memory is safe for concurrent use.
type memory struct {
	entries, bytes int // bounds

	mu    sync.Mutex
	byKey map[string]*list.Element // guarded by mu, as is all below
	used  *list.List               // of *remembered; the front was used last
	size  int
}

type remembered struct {
	key  string
	cost int
	plan *plan
	// versions are the templates that a stack may have: each update that was
	// accepted may have been rolled back.
	versions []version
}

// plan is what a change set, or a refactoring, would do.
type plan struct {
	stacks  []string // keys of those that it changes
	parts   []model.Action
	unknown []string
	opaque  bool
	verb    model.Verb
	version version
}

// version is one template of a stack.
type version struct {
	resources map[string]cfn.Resource
	cost      int
}

func newMemory(entries, bytes int) *memory {
	return &memory{entries: entries, bytes: bytes, byKey: map[string]*list.Element{}, used: list.New()}
}

func (m *memory) get(key string) (remembered, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byKey[key]
	if !ok || key == "" {
		return remembered{}, false
	}
	m.used.MoveToFront(e)
	return *e.Value.(*remembered), true
}

func (m *memory) put(r remembered) {
	if r.key == "" || r.cost > m.bytes {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(r.key)
	m.byKey[r.key] = m.used.PushFront(&r)
	m.size += r.cost
	for m.used.Len() > m.entries || m.size > m.bytes {
		m.drop(m.used.Back().Value.(*remembered).key)
	}
}

func (m *memory) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(key)
}

// drop MUST be called with mu held.
func (m *memory) drop(key string) {
	if e, ok := m.byKey[key]; ok {
		m.size -= e.Value.(*remembered).cost
		m.used.Remove(e)
		delete(m.byKey, key)
	}
}

// accepted notes that a stack may now have another template. first: it had none.
func (m *memory) accepted(key string, v version, first bool) {
	r, known := m.get(key)
	switch {
	case first:
		r = remembered{key: key}
	case !known || len(r.versions) >= maxVersions:
		m.forget(key) // what it had before is not known, and this one may be rolled back
		return
	}
	r.versions = append(r.versions[:len(r.versions):len(r.versions)], v)
	r.cost += v.cost
	m.put(r)
}

// settled notes how a change of a stack has ended.
func (m *memory) settled(key, status string) {
	r, known := m.get(key)
	if !known || len(r.versions) == 0 {
		return
	}
	last := len(r.versions) - 1
	switch status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
		r.versions = r.versions[last:]
	case "UPDATE_ROLLBACK_COMPLETE":
		if r.versions = r.versions[:last]; last == 0 {
			m.forget(key)
			return
		}
	case "DELETE_COMPLETE", "ROLLBACK_COMPLETE":
		m.forget(key)
		return
	default:
		return
	}
	r.cost = 0
	for _, v := range r.versions {
		r.cost += v.cost
	}
	m.put(r)
}

// stackKey names a stack by its name or ARN; empty if its account is not known.
func stackKey(nameOrARN string, at scene) string {
	if parts, ok := parseARN(nameOrARN); ok {
		at.region, at.account = parts[3], parts[4]
		nameOrARN, _, _ = strings.Cut(strings.TrimPrefix(parts[5], "stack/"), "/")
	}
	if nameOrARN == "" || at.account == "" || at.region == "" {
		return ""
	}
	return "stack " + at.account + " " + at.region + " " + nameOrARN
}

// planKey names a change set by its ARN, or by its name and its stack's, and a
// refactoring by its id.
func planKey(params map[string]any, at scene) string {
	set, _ := params["ChangeSetName"].(string)
	stack, _ := params["StackName"].(string)
	if id, ok := params["StackRefactorId"].(string); ok && at.account != "" {
		return "refactor " + at.account + " " + at.region + " " + id
	}
	if _, isARN := parseARN(set); isARN {
		return "plan " + set
	}
	if key := stackKey(stack, at); key != "" && set != "" {
		return "plan " + key + " " + set
	}
	return ""
}

// remember keeps what an accepted call to CloudFormation has said, and what its
// answer says of stacks.
func (d *Decoder) remember(op *table.Operation, protocol string, labels map[string]string, c decoders.Call, answer map[string]any, at scene) {
	if op.Service.Name != "cloudformation" {
		return
	}
	if op.Name == "DescribeStacks" {
		stacks, _ := answer["Stacks"].([]any)
		for _, e := range stacks {
			s, _ := e.(map[string]any)
			id, _ := s["StackId"].(string)
			status, _ := s["StackStatus"].(string)
			d.memory.settled(stackKey(id, at), status)
		}
		return
	}
	row := d.templateCall(callName(op))
	in, err := wire.DecodeInput(op, protocol, c, wire.Options{Secrets: true, Labels: labels})
	if err != nil {
		return
	}
	text := func(name string) string { s, _ := in.Params[name].(string); return s }
	stack, key := stackKey(text("StackName"), at), planKey(in.Params, at)
	switch {
	case op.Name == "DeleteChangeSet":
		d.memory.forget(key)
	case row == nil:
	case row.Recalls:
		if r, ok := d.memory.get(key); ok {
			d.memory.carriedOut(*r.plan)
		}
		d.memory.forget(key)
	case row.Ends:
		d.memory.forget(stack) // what is left if it fails is not known
	default:
		a, v, err := d.planned(op, in, at)
		switch {
		case err != nil:
		case row.Plan:
			p := plan{stacks: []string{stack}, parts: a.Parts, unknown: a.Unknown, opaque: v.resources == nil, verb: d.templateVerb(row, in.Params), version: v}
			for _, each := range texts(in.Params[row.Each], "StackName") {
				p.stacks = append(p.stacks, stackKey(each, at))
			}
			for i := range p.parts {
				p.parts[i] = real(p.parts[i])
			}
			if id, ok := answer["Id"].(string); ok {
				d.memory.put(remembered{key: planKey(map[string]any{"ChangeSetName": id}, at), cost: 4 * v.cost, plan: &p})
			}
			if row.Each != "" {
				key = planKey(answer, at)
			}
			d.memory.put(remembered{key: key, cost: 4 * v.cost, plan: &p})
		case a.Fidelity == model.Opaque || v.resources == nil:
			d.memory.forget(stack)
		default:
			d.memory.accepted(stack, v, row.Verb == model.Create)
		}
	}
}

// carriedOut notes that a plan is being carried out.
func (m *memory) carriedOut(p plan) {
	for _, key := range p.stacks {
		if p.opaque || len(p.stacks) > 1 || p.version.resources == nil { // a refactoring moves resources from one stack to another
			m.forget(key)
			continue
		}
		m.accepted(key, p.version, p.verb == model.Create)
	}
}

// texts are the texts of one member of a list's entries; of the entries
// themselves if it has no name.
func texts(v any, name string) []string {
	var out []string
	list, _ := v.([]any)
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			e = m[name]
		}
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// real is a part of a plan as it is when the plan is carried out.
func real(a model.Action) model.Action {
	a.DryRun = false
	parts := make([]model.Action, len(a.Parts))
	for i, p := range a.Parts {
		parts[i] = real(p)
	}
	if a.Parts = parts; len(parts) == 0 {
		a.Parts = nil
	}
	return a
}
