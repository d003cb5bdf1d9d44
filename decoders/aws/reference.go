package aws

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/model"
)

// references are the resources of one template, by logical id: a property may
// name another resource, and what is done to that one is done to what will be
// made of it.
type references struct {
	resources map[string]cfn.Resource
	made      map[string]model.Target // what each becomes, as far as it has been asked for
}

func referencesTo(resources []cfn.Resource) references {
	r := references{map[string]cfn.Resource{}, map[string]model.Target{}}
	for _, each := range resources {
		r.resources[each.ID] = each
	}
	return r
}

// reference gives the value of a function that names another resource: its name
// where the template says it, else its ARN, whose name is still open.
func (u *unfolding) reference(function map[string]any) (string, bool) {
	id, attribute := named(function)
	r, ok := u.refs.resources[id]
	if !ok {
		return "", false
	}
	t := u.become(r)
	known := t.URN != "" && !strings.Contains(string(t.URN), "*")
	if attribute == "" {
		if name, says := nameOf(r); says && (known || t.URN == "") {
			text, isText := r.Properties[name].(string)
			return text, isText
		}
	} else if attribute != "Arn" && !strings.HasSuffix(attribute, "Id") {
		return "", false
	}
	return string(t.URN), t.URN != ""
}

// named reads which resource a function names, and which of its attributes: none
// is the resource itself.
func named(function map[string]any) (id, attribute string) {
	dotted := func(text string) (string, string) {
		id, attribute, _ := strings.Cut(text, ".")
		return id, attribute
	}
	if id, ok := function["Ref"].(string); ok {
		return id, ""
	}
	switch v := function["Fn::GetAtt"].(type) {
	case string:
		return dotted(v)
	case []any:
		if len(v) == 2 {
			return fmt.Sprint(v[0]), fmt.Sprint(v[1])
		}
	}
	if text, ok := function["Fn::Sub"].(string); ok && strings.HasPrefix(text, "${") && strings.Count(text, "${") == 1 && strings.HasSuffix(text, "}") {
		return dotted(strings.TrimSuffix(text[2:], "}"))
	}
	return "", ""
}

// become is the target that a resource of the template will be.
func (u *unfolding) become(r cfn.Resource) model.Target {
	if t, ok := u.refs.made[r.ID]; ok {
		return t
	}
	u.refs.made[r.ID] = model.Target{} // asked for by itself, it is not known
	op := u.operation(r.Type, model.Create)
	if op == nil {
		return model.Target{}
	}
	literal, _ := u.literals(r.Properties).(map[string]any)
	found, _, _ := u.d.hand.targets(op, verbOf(op), literal, u.at)
	for _, t := range found {
		if t.Role == model.RoleCreated {
			u.refs.made[r.ID] = t
			return t
		}
	}
	return model.Target{}
}

// fresh marks the targets that this very template makes and that have no name
// yet: nothing can depend on them.
func (u *unfolding) fresh(targets []model.Target) {
	for i, t := range targets {
		if t.Role != model.RoleTarget || !strings.Contains(string(t.URN), "*") {
			continue
		}
		for _, made := range u.refs.made {
			if made.URN == t.URN {
				targets[i].Role = model.RoleCreated
			}
		}
	}
}

// within unfolds a template that a resource of a template holds: a stack's, or a
// stack set's.
func (u *unfolding) within(a *model.Action, properties map[string]any) error {
	if c := u.d.templateCall(a.Name()); c == nil || c.Ends {
		return nil
	}
	if u.depth >= maxTemplates {
		a.Fidelity, a.Unknown = model.Opaque, append(a.Unknown, "a template in too many templates")
		return nil
	}
	was := properties["TemplateBody"]
	if _, err := u.d.unfold(a, properties, u.at, u.secrets, u.depth+1); err != nil {
		return err
	}
	if properties["TemplateBody"] == was {
		return nil
	}
	u.hid = true
	var err error
	if a.Params, err = json.Marshal(properties); err != nil {
		return fmt.Errorf("writing the properties of a template's template: %w", err)
	}
	return nil
}

// whereIn says where in a template a resource stands.
func whereIn(r cfn.Resource) string {
	if r.ID == "" || r.Line == 0 {
		return ""
	}
	return fmt.Sprintf("template line %d (%s)", r.Line, r.ID)
}

// resolved copies a tree with every reference to a resource of the template that
// can be told filled in. Other functions stay.
func (u *unfolding) resolved(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if cfn.IsFunction(v) {
			if value, ok := u.reference(v); ok {
				return value
			}
			return v
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = u.resolved(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = u.resolved(e)
		}
		return out
	}
	return v
}
