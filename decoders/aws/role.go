package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/model"
)

// Whoever may hand a role to a service can do through that service what the role
// may do. So each role that a call hands over is a part of it, of its own: what
// IAM calls iam:PassRole. A clause that lets somebody make functions does not let
// him make them run as whatever he likes.

// passRole is the capability of handing a role over.
const passRole = "identity.passRole"

// roleRules are how nested.yaml tells the members that hand a role over.
type roleRules struct {
	Not      []string `yaml:"not"`      // services whose calls are about roles
	Ends     []string `yaml:"ends"`     // of names whose value is a role, by ARN or by name
	ARNs     []string `yaml:"arns"`     // of names whose value is one if it is an ARN
	Named    []string `yaml:"named"`    // service:member of those, whose value may be a name
	Profiles []string `yaml:"profiles"` // of names whose value is an instance profile
	Words    []string `yaml:"words"`    // members whose keys are a customer's own words
}

// handover is one role or instance profile that a call hands to a service.
type handover struct {
	urn, kind string
	member    string
	unknown   bool // which one is not in the call
}

// handovers finds the roles in a tree of parameters or properties, each once,
// sorted. A member whose value only CloudFormation will know hands over a role
// that is not known.
func (d *Decoder) handovers(service string, tree map[string]any, at scene) []handover {
	rules := d.nested.roles
	if slices.Contains(rules.Not, service) {
		return nil
	}
	f := &roleFinder{rules: rules, service: service, at: at.known(), found: map[string]handover{}}
	f.walk("", any(tree), 0)
	out := make([]handover, 0, len(f.found))
	for _, urn := range slices.Sorted(maps.Keys(f.found)) {
		out = append(out, f.found[urn])
	}
	return out
}

type roleFinder struct {
	rules   roleRules
	service string
	at      scene
	found   map[string]handover
	seen    int
}

func (f *roleFinder) walk(name string, v any, depth int) {
	if f.seen++; f.seen > maxFields || depth > fieldDepth {
		f.add("role", "*", name, true) // one may be among what is not looked at
		return
	}
	switch v := v.(type) {
	case string:
		f.text(name, v)
	case []any:
		for _, e := range v {
			f.walk(name, e, depth)
		}
	case map[string]any:
		if cfn.IsFunction(v) {
			switch kind, sure := f.kind(name); {
			case kind == "":
			case kind == "role" || sure:
				f.add(kind, "*", name, true)
			}
			return
		}
		if slices.Contains(f.rules.Words, strings.ToLower(name)) {
			return
		}
		kind, _ := f.kind(name)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if kind == "instance-profile" && (k == "Arn" || k == "Name") {
				f.walk(name, v[k], depth+1)
				continue
			}
			f.walk(k, v[k], depth+1)
		}
	}
}

// kind says what a member of that name hands over: a role, an instance profile or
// nothing. sure is false where only an ARN would tell.
func (f *roleFinder) kind(name string) (kind string, sure bool) {
	lower := strings.ToLower(name)
	ends := func(list []string) bool {
		return slices.ContainsFunc(list, func(end string) bool { return strings.HasSuffix(lower, end) })
	}
	named := slices.Contains(f.rules.Named, f.service+":"+lower)
	switch {
	case lower == "":
		return "", false
	case ends(f.rules.Profiles):
		return "instance-profile", true
	case ends(f.rules.Ends):
		return "role", true
	case ends(f.rules.ARNs) || named:
		return "role", named
	}
	return "", false
}

func (f *roleFinder) text(name, value string) {
	kind, sure := f.kind(name)
	if kind == "" || value == "" {
		return
	}
	if parts, ok := parseARN(value); ok {
		for _, kind := range []string{"role", "instance-profile"} {
			if parts[2] == "iam" && strings.HasPrefix(parts[5], kind+"/") {
				f.found[value] = handover{value, "iam:" + kind, name, strings.Contains(value, "*")}
			}
		}
		return
	}
	if value == decoders.Redacted {
		f.add(kind, "*", name, true)
	} else if sure && !strings.ContainsAny(value, " \t\n:") {
		f.add(kind, strings.TrimPrefix(value, "/"), name, false)
	}
}

func (f *roleFinder) add(kind, id, member string, unknown bool) {
	if len(f.found) >= maxParts {
		return
	}
	urn := "arn:" + f.at.partition + ":iam::" + f.at.account + ":" + kind + "/" + id
	f.found[urn] = handover{urn, "iam:" + kind, member, unknown}
}

// passes are the parts of an action in which it hands a role over.
func (d *Decoder) passes(a *model.Action, tree map[string]any, at scene) ([]model.Action, error) {
	if word, _ := cutWord(a.Operation); !a.Verb.Mutates() || word == "Remove" || word == "Disassociate" || a.Verb == model.Detach || a.Verb == model.Revoke {
		return nil, nil // to take a role away hands none over
	}
	var out []model.Action
	for _, h := range d.handovers(a.Service, tree, at) {
		params, err := json.Marshal(map[string]string{"RoleArn": h.urn, "PassedBy": a.Name(), "Member": h.member})
		if err != nil {
			return nil, fmt.Errorf("writing what %s passes: %w", a.Name(), err)
		}
		part := model.Action{Service: "iam", Operation: "PassRole", Verb: model.Grant, Capability: passRole, Params: params, DryRun: a.DryRun,
			Fidelity: model.Exact, Targets: []model.Target{{URN: model.URN(h.urn), Type: h.kind, Role: model.RoleTarget}}, Where: a.Where}
		if h.unknown {
			part.Fidelity, part.Unknown = model.Partial, []string{h.member}
		}
		out = append(out, part)
	}
	return out, nil
}

// runsAs says which roles a service will act as because of a call.
func (d *Decoder) runsAs(a *model.Action, tree map[string]any, at scene) (model.Property, bool) {
	if !a.Verb.Mutates() {
		return model.Property{}, false
	}
	var values []any
	for _, h := range d.handovers(a.Service, tree, at) {
		if !h.unknown {
			values = append(values, h.urn)
		}
	}
	if len(values) == 0 {
		return model.Property{}, false
	}
	return model.Property{Name: "identity.runsAs", Value: values, Known: true, Source: fromCall}, true
}

// addProperty adds a property where its name has its place, unless a row has
// already said it.
func addProperty(all []model.Property, p model.Property) []model.Property {
	i, found := slices.BinarySearchFunc(all, p.Name, func(x model.Property, name string) int { return strings.Compare(x.Name, name) })
	if found {
		return all
	}
	return slices.Insert(all, i, p)
}
