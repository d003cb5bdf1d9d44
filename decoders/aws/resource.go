package aws

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// unfolding turns resources as templates write them into actions: each is the
// call of its own service that would do the same, so that the same rights are
// needed, whichever way is taken.
type unfolding struct {
	d       *Decoder
	at      scene
	secrets bool
	hid     bool // a secret was taken out
	found   map[string]*table.Operation
	depth   int        // of templates in templates
	refs    references // resources of the template that others name
}

// words start the names of the calls that make, change and delete a resource, in
// the order in which they are tried.
var words = map[model.Verb][]string{
	model.Create: {"Create", "Put", "Register", "Run", "Allocate", "Request", "Import", "Add", "Associate", "Attach", "Publish", "Enable"},
	model.Update: {"Update", "Modify", "Put", "Set"},
	model.Delete: {"Delete", "Terminate", "Deregister", "Release", "Remove", "Disassociate", "Detach", "Disable"},
}

// resource gives the action of a resource, and of what it does beside.
func (u *unfolding) resource(r cfn.Resource, verb model.Verb) ([]model.Action, error) {
	first, err := u.action(r, u.operation(r.Type, verb), verb)
	if err != nil {
		return nil, err
	}
	out := []model.Action{first}
	for _, also := range u.d.templates.Also {
		inner, ok := r.Properties[also.Member]
		if also.Type != r.Type || !ok || verb == model.Delete {
			continue
		}
		beside := r
		if also.Call != "" {
			op, known := u.call(also.Call)
			if !known {
				return nil, fmt.Errorf("templates.yaml: no call %s", also.Call)
			}
			beside.Properties = only(r, also.Member)
			a, err := u.action(beside, op, verb)
			if err != nil {
				return nil, err
			}
			out = append(out, about(a, first))
			continue
		}
		items, isList := inner.([]any)
		if !isList {
			items = []any{inner}
		}
		for _, item := range items {
			beside.Type = also.As
			if beside.Properties, ok = item.(map[string]any); !ok || cfn.IsFunction(beside.Properties) {
				beside.Properties = map[string]any{}
				beside.Unresolved = append(slices.Clone(r.Unresolved), also.Member)
			} else if name, ok := nameOf(r); ok {
				beside.Properties[name] = r.Properties[name]
			}
			a, err := u.action(beside, u.operation(also.As, model.Create), verb)
			if err != nil {
				return nil, err
			}
			out = append(out, about(a, first))
		}
	}
	return out, nil
}

// about gives an action the targets of the resource that it is done to.
func about(a, first model.Action) model.Action {
	targets := slices.DeleteFunc(slices.Clone(first.Targets), func(t model.Target) bool { return t.Role == model.RoleDependency })
	for i, t := range targets {
		if t.Role != model.RoleCreated || !strings.Contains(string(t.URN), "*") { // what has no name yet has nothing that depends on it
			targets[i].Role = model.RoleTarget
		}
	}
	for _, t := range a.Targets {
		if t.Role == model.RoleDependency {
			targets = append(targets, t)
		}
	}
	a.Targets = targets
	return a
}

// nameOf is the property that holds a resource's physical name, if it says it.
func nameOf(r cfn.Resource) (string, bool) {
	kind := r.Type[strings.LastIndexByte(r.Type, ':')+1:]
	for _, name := range []string{kind + "Name", "Name"} {
		if _, ok := r.Properties[name].(string); ok {
			return name, true
		}
	}
	return "", false
}

// only leaves one property, and the resource's name.
func only(r cfn.Resource, member string) map[string]any {
	out := map[string]any{member: r.Properties[member]}
	if name, ok := nameOf(r); ok {
		out[name] = r.Properties[name]
	}
	return out
}

// action is the call that a resource stands for.
func (u *unfolding) action(r cfn.Resource, op *table.Operation, verb model.Verb) (model.Action, error) {
	scripts, hidden := u.d.scripts(r.Type, r.Properties), u.d.properties.hidden(r.Type, r.Properties, u.at)
	if !u.secrets {
		was := r.Properties
		r.Properties = wire.RedactTree(r.Properties)
		u.hid = u.hid || len(was) > 0 && !reflect.DeepEqual(was, r.Properties)
	}
	a := model.Action{Service: "cloudformation", Operation: r.Type, Verb: model.Unknown, Capability: "aws.unknown", Fidelity: model.Exact, Where: whereIn(r)}
	var err error
	if a.Params, err = json.Marshal(r.Properties); err != nil {
		return a, fmt.Errorf("writing the properties of %s: %w", r.ID, err)
	}
	if a.Native, err = json.Marshal(struct {
		Type      string `json:"type"`
		ID        string `json:"logical_id,omitempty"`
		Line      int    `json:"line,omitempty"`
		Condition string `json:"condition,omitempty"`
	}{r.Type, r.ID, r.Line, r.Condition}); err != nil {
		return a, fmt.Errorf("writing the type of %s: %w", r.ID, err)
	}
	custom := u.d.templates.Custom
	switch {
	case op != nil:
		u.understood(&a, r, op, verb, hidden)
	case r.Type == custom.Type || strings.HasPrefix(r.Type, custom.Prefix):
		u.custom(&a, r.Properties[custom.Token])
	default:
		s := u.at.known()
		a.Fidelity, a.Unknown = model.Opaque, []string{"type " + r.Type}
		a.Targets = []model.Target{{URN: model.URN("arn:" + s.partition + ":*:" + s.region + ":" + s.account + ":*"), Type: "aws:account", Role: model.RoleTarget}}
	}
	if len(r.Unresolved) > 0 {
		a.Unknown = append(a.Unknown, r.Unresolved...)
		a.Fidelity = min(a.Fidelity, model.Partial)
	}
	resolved, _ := u.resolved(r.Properties).(map[string]any)
	if a.Parts, err = u.d.passes(&a, resolved, u.at); err != nil || verb == model.Delete {
		return a, err
	}
	run, err := u.d.runs(&a, scripts)
	if err != nil {
		return a, err
	}
	a.Parts = append(a.Parts, run...)
	return a, u.within(&a, resolved)
}

// understood fills in what the native call says. hidden are the properties of what
// was taken out.
func (u *unfolding) understood(a *model.Action, r cfn.Resource, op *table.Operation, verb model.Verb, hidden []model.Property) {
	a.Service, a.Operation = op.Service.Name, op.Name
	literal, _ := u.literals(r.Properties).(map[string]any)
	for property, member := range u.d.templates.Members[r.Type] {
		if v, ok := literal[property]; ok {
			literal[member] = v
			delete(literal, property)
		}
	}
	u.d.understand(a, op, literal, u.at)
	a.DryRun = false // a property of that name is none
	a.Props = reveal(u.d.properties.of(r.Type, r.Properties, u.at), hidden)
	if p, ok := u.d.runsAs(a, literal, u.at); ok {
		a.Props = addProperty(a.Props, p)
	}
	switch verb {
	case model.Create:
		u.fresh(a.Targets)
		return
	case model.Delete:
		a.Props = nil
	}
	switch a.Verb { // of a type that has no call of its own for it
	case model.Create:
		a.Verb = verb
	case model.Revoke, model.Detach:
	default:
		if verb == model.Delete {
			a.Verb = verb
		}
	}
	for i := range a.Targets {
		if a.Targets[i].Role == model.RoleCreated {
			a.Targets[i].Role = model.RoleTarget
		}
	}
}

// custom is a resource that is made by somebody's own function.
func (u *unfolding) custom(a *model.Action, token any) {
	s := u.at.known()
	arn, _ := token.(string)
	kind := "lambda:function"
	if parts, ok := parseARN(arn); !ok {
		arn = "arn:" + s.partition + ":lambda:" + s.region + ":" + s.account + ":function:*"
	} else if parts[2] != "lambda" {
		kind = typeOfARN(arn, nil)
	}
	a.Verb, a.Capability = model.Execute, u.d.capabilities.of(kind, nil)
	a.Targets = []model.Target{{URN: model.URN(arn), Type: kind, Role: model.RoleTarget}}
}

// literals copies a tree without what only CloudFormation can fill in, so that no
// target is made of it. A reference to a resource of the template is its name, or
// its ARN.
func (u *unfolding) literals(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if cfn.IsFunction(v) {
			if value, ok := u.reference(v); ok {
				return value
			}
			return nil
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			if x := u.literals(e); x != nil {
				out[k] = x
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if x := u.literals(e); x != nil {
				out = append(out, x)
			}
		}
		return out
	}
	return v
}

func (u *unfolding) call(name string) (*table.Operation, bool) {
	service, operation, _ := strings.Cut(name, ":")
	s, ok := u.d.table.Service(service)
	if !ok {
		return nil, false
	}
	return s.Operation(operation)
}

// operation finds the call that a type stands for, or nil.
func (u *unfolding) operation(kind string, verb model.Verb) *table.Operation {
	key := string(verb) + " " + kind
	op, ok := u.found[key]
	if !ok {
		op = u.lookFor(kind, verb)
		u.found[key] = op
	}
	return op
}

func (u *unfolding) lookFor(kind string, verb model.Verb) *table.Operation {
	var makes *table.Operation
	if name := u.d.templates.Types[kind]; name != "" {
		makes, _ = u.call(name)
		if verb == model.Create {
			return makes
		}
	}
	names := strings.Split(kind, "::")
	if len(names) != 3 || names[0] != "AWS" {
		return nil
	}
	s := u.service(names[1])
	if makes != nil {
		s = makes.Service
	}
	if s == nil {
		return nil
	}
	nouns := []string{names[2]}
	if makes == nil {
		makes = pickCall(s, words[model.Create], nouns)
	}
	if makes == nil || verb == model.Create {
		return makes
	}
	_, rest := cutWord(makes.Name)
	if op := pickCall(s, words[verb], append(nouns, rest)); op != nil {
		return op
	}
	return makes // as a change of the same kind of thing
}

// pickCall picks the operation whose name is a word and a noun.
func pickCall(s *table.Service, words, nouns []string) *table.Operation {
	var best *table.Operation
	rank := len(words)
	for _, op := range s.Operations {
		for i, w := range words[:rank] {
			rest, ok := strings.CutPrefix(op.Name, w)
			if !ok || op.Deprecated {
				continue
			}
			if slices.ContainsFunc(nouns, func(n string) bool { return strings.EqualFold(rest, n) || strings.EqualFold(rest, n+"s") }) {
				best, rank = op, i
				break
			}
		}
	}
	return best
}

// service finds the service that the middle of a type's name means.
func (u *unfolding) service(name string) *table.Service {
	if known, ok := u.d.templates.Services[name]; ok {
		s, _ := u.d.table.Service(known)
		return s
	}
	for _, info := range u.d.table.Services() {
		if strings.EqualFold(squeeze(info.Name), name) {
			if s, err := info.Load(); err == nil {
				return s
			}
		}
	}
	return nil
}
