package aws

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

//go:embed templates.yaml
var templatesYAML []byte

// templates are what templates.yaml says; it is read once and never changed.
type templates struct {
	Calls    []templateCall    `yaml:"calls"`
	Controls []controlCall     `yaml:"controls"`
	Services map[string]string `yaml:"services"`
	Inert    []string          `yaml:"inert"`
	Custom   struct {
		Type   string `yaml:"type"`
		Prefix string `yaml:"prefix"`
		Token  string `yaml:"token"`
	} `yaml:"custom"`
	Types map[string]string `yaml:"types"`
	Also  []struct {
		Type   string `yaml:"type"`
		Member string `yaml:"member"`
		As     string `yaml:"as"`   // each item is a resource of this type
		Call   string `yaml:"call"` // or the whole is this call
	} `yaml:"also"`
}

// templateCall is a call that carries a template.
type templateCall struct {
	Call      string                `yaml:"call"`
	Verb      model.Verb            `yaml:"verb"` // of its resources
	By        string                `yaml:"by"`   // the member that says it better
	Is        map[string]model.Verb `yaml:"is"`
	Elsewhere bool                  `yaml:"elsewhere"` // in accounts and regions that the call does not name
	Leaves    bool                  `yaml:"leaves"`    // resources that the template no longer has go
}

func readTemplates() (*templates, error) {
	d := yaml.NewDecoder(bytes.NewReader(templatesYAML))
	d.KnownFields(true)
	var t templates
	if err := d.Decode(&t); err != nil {
		return nil, fmt.Errorf("reading templates.yaml: %w", err)
	}
	return &t, nil
}

// unfold gives a call that carries a template a part for each resource. It is
// given the parameters that will be recorded, and takes the template out of them
// if it shows a secret.
func (d *Decoder) unfold(a *model.Action, params map[string]any, at scene, secrets bool) error {
	i := slices.IndexFunc(d.templates.Calls, func(c templateCall) bool { return c.Call == a.Name() })
	if i < 0 {
		return nil
	}
	c := d.templates.Calls[i]
	partly := func(what string) {
		a.Unknown = append(a.Unknown, what)
		a.Fidelity = min(a.Fidelity, model.Partial)
	}
	for _, elsewhere := range []string{"TemplateURL", "UsePreviousTemplate"} { // the template is not in the call
		if v := params[elsewhere]; v != nil && v != false {
			partly(elsewhere)
		}
	}
	if c.Leaves {
		partly("resources that are no longer in the template")
	}
	body, ok := params["TemplateBody"].(string)
	if !ok {
		return nil
	}
	if c.Elsewhere {
		at.account, at.region = "", ""
	}
	values := stackValues(params, at)
	t, err := cfn.Parse([]byte(body), values)
	if err != nil { // CloudFormation may be able to read it
		a.Unknown = append(a.Unknown, "TemplateBody: "+err.Error())
		a.Fidelity = model.Opaque
		if !secrets {
			params["TemplateBody"] = decoders.Redacted
		}
		return nil
	}
	for _, what := range t.Unknown {
		partly("TemplateBody." + what)
	}
	verb := c.Verb
	if word, ok := params[c.By].(string); ok {
		if said, ok := c.Is[word]; ok {
			verb = said
		}
	}
	u := unfolding{d: d, at: at, secrets: secrets, found: map[string]*table.Operation{}, refs: referencesTo(t.Resources)}
	for _, r := range t.Resources {
		if slices.Contains(d.templates.Inert, r.Type) {
			continue
		}
		parts, err := u.resource(r, verb)
		if err != nil {
			return err
		}
		a.Parts = append(a.Parts, parts...)
	}
	if (u.hid || t.Secret) && !secrets {
		params["TemplateBody"] = decoders.Redacted
	}
	for i := range a.Parts {
		if c.Elsewhere {
			a.Parts[i].Account, a.Parts[i].Region = "*", "*"
		}
	}
	return nil
}

// stackValues are what a call gives to its template.
func stackValues(params map[string]any, at scene) cfn.Values {
	v := cfn.Values{Parameters: map[string]string{}, Previous: map[string]bool{}, Redacted: decoders.Redacted,
		Pseudo: map[string]string{"AWS::AccountId": at.account, "AWS::Region": at.region, "AWS::Partition": at.partition}}
	v.Pseudo["AWS::StackName"], _ = params["StackName"].(string)
	if strings.HasPrefix(v.Pseudo["AWS::StackName"], "arn:") {
		v.Pseudo["AWS::StackName"] = ""
	}
	list, _ := params["Parameters"].([]any)
	for _, e := range list {
		p, _ := e.(map[string]any)
		key, _ := p["ParameterKey"].(string)
		if value, ok := p["ParameterValue"].(string); ok {
			v.Parameters[key] = value
		}
		if previous, _ := p["UsePreviousValue"].(bool); previous {
			v.Previous[key] = true
			delete(v.Parameters, key)
		}
	}
	return v
}
