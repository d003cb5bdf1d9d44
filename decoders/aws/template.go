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
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

//go:embed templates.yaml
var templatesYAML []byte

const (
	// maxPlaces bounds the accounts and regions for which a template is unfolded
	// one by one; past it its resources are in all of them.
	maxPlaces = 20
	// maxTemplates bounds templates that are written inside of templates.
	maxTemplates = 3
)

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
	Types   map[string]string            `yaml:"types"`
	Members map[string]map[string]string `yaml:"members"` // of a type: property → member of the call
	Also    []struct {
		Type   string `yaml:"type"`
		Member string `yaml:"member"`
		As     string `yaml:"as"`   // each item is a resource of this type
		Call   string `yaml:"call"` // or the whole is this call
	} `yaml:"also"`
}

// templateCall is a call that carries a template, or that does what another has
// carried.
type templateCall struct {
	Call      string                `yaml:"call"`
	Verb      model.Verb            `yaml:"verb"` // of its resources
	By        string                `yaml:"by"`   // the member that says it better
	Is        map[string]model.Verb `yaml:"is"`
	Each      string                `yaml:"each"`      // the member that lists the templates
	Elsewhere bool                  `yaml:"elsewhere"` // in accounts and regions of its own
	Leaves    bool                  `yaml:"leaves"`    // resources that the template no longer has go
	Plan      bool                  `yaml:"plan"`      // nothing happens yet
	Recalls   bool                  `yaml:"recalls"`   // it does what a plan said
	Ends      bool                  `yaml:"ends"`      // it deletes the stack
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

func (d *Decoder) templateCall(name string) *templateCall {
	if !strings.HasPrefix(name, "cloudformation:") {
		return nil
	}
	i := slices.IndexFunc(d.templates.Calls, func(c templateCall) bool { return c.Call == name })
	if i < 0 {
		return nil
	}
	return &d.templates.Calls[i]
}

// templateVerb is what a call does to the resources of its template.
func (d *Decoder) templateVerb(c *templateCall, params map[string]any) model.Verb {
	word, _ := params[c.By].(string)
	if said, ok := c.Is[word]; ok {
		return said
	}
	return c.Verb
}

// planned decodes a call again as far as it is remembered: without its secrets.
func (d *Decoder) planned(op *table.Operation, in wire.Input, at scene) (model.Action, version, error) {
	a := model.Action{Service: op.Service.Name, Operation: op.Name, Fidelity: in.Fidelity}
	wire.Redact(op, in.Params)
	d.understand(&a, op, in.Params, at)
	u, err := d.unfold(&a, in.Params, at, false, 0)
	if err != nil {
		return a, version{}, err
	}
	passed, err := d.passes(&a, in.Params, at)
	a.Parts = append(a.Parts, passed...)
	return a, u, err
}

// unfold gives a call that carries a template a part for each resource. It is
// given the parameters that will be recorded, and takes the template out of them
// if it shows a secret. What it returns is the template that the stack would have.
//
// A change set changes nothing: its parts are shown as a dry run, and the call
// that executes it is judged for all of them.
func (d *Decoder) unfold(a *model.Action, params map[string]any, at scene, secrets bool, depth int) (version, error) {
	c := d.templateCall(a.Name())
	switch {
	case c == nil:
		return version{}, nil
	case c.Recalls:
		d.recall(a, params, at)
		return version{}, nil
	case c.Ends:
		return version{}, d.end(a, params, at, secrets)
	case c.Each == "":
		v, err := d.unfoldOne(a, c, params, at, secrets, depth)
		a.Parts = asPlan(a.Parts, c.Plan || a.DryRun)
		return v, err
	}
	list, _ := params[c.Each].([]any)
	for _, e := range list {
		if each, ok := e.(map[string]any); ok {
			if _, err := d.unfoldOne(a, c, each, at, secrets, depth); err != nil {
				return version{}, err
			}
		}
	}
	a.Parts = asPlan(a.Parts, c.Plan || a.DryRun)
	return version{resources: map[string]cfn.Resource{}}, nil
}

// asPlan marks parts that do not happen yet.
func asPlan(parts []model.Action, plan bool) []model.Action {
	if plan {
		for i := range parts {
			parts[i].DryRun = true
			asPlan(parts[i].Parts, true)
		}
	}
	return parts
}

// unfoldOne unfolds one template.
func (d *Decoder) unfoldOne(a *model.Action, c *templateCall, params map[string]any, at scene, secrets bool, depth int) (version, error) {
	lower := func(to model.Fidelity, what string) {
		a.Unknown = append(a.Unknown, what)
		a.Fidelity = min(a.Fidelity, to)
	}
	for _, elsewhere := range []string{"TemplateURL", "UsePreviousTemplate"} {
		if v := params[elsewhere]; v != nil && v != false {
			to := model.Opaque
			if c.Plan { // nothing happens yet, and what executes it is opaque
				to = model.Partial
			}
			lower(to, elsewhere+": the template is not in the call")
		}
	}
	body, ok := params["TemplateBody"].(string)
	if !ok {
		return version{}, nil
	}
	places := []scene{at}
	if c.Elsewhere {
		places = elsewhere(params, at)
	}
	t, err := cfn.Parse([]byte(body), stackValues(params, places[0]))
	if err != nil { // CloudFormation may be able to read it
		lower(model.Opaque, "TemplateBody: "+err.Error())
		if !secrets {
			params["TemplateBody"] = decoders.Redacted
		}
		return version{}, nil
	}
	for _, what := range t.Unknown {
		lower(model.Partial, "TemplateBody."+what)
	}
	verb := d.templateVerb(c, params)
	hid := t.Secret
	for i, place := range places {
		if i > 0 {
			if t, err = cfn.Parse([]byte(body), stackValues(params, place)); err != nil {
				return version{}, err
			}
		}
		u := &unfolding{d: d, at: place, secrets: secrets, depth: depth, found: map[string]*table.Operation{}, refs: referencesTo(t.Resources)}
		stack, _ := params["StackName"].(string)
		parts, missing, err := u.template(t, verb, c, d.before(c, stack, place))
		if err != nil {
			return version{}, err
		}
		if missing {
			lower(model.Partial, "resources that are no longer in the template")
		}
		for i := range parts {
			if c.Elsewhere {
				known := place.known()
				parts[i].Account, parts[i].Region = known.account, known.region
			}
		}
		a.Parts = append(a.Parts, parts...)
		hid = hid || u.hid
	}
	if hid && !secrets {
		params["TemplateBody"] = decoders.Redacted
	}
	return versionOf(t, len(body)), nil
}

// elsewhere are the accounts and regions that a call on a stack set names: one
// place that is everywhere if it names none.
func elsewhere(params map[string]any, at scene) []scene {
	accounts, regions := texts(params["Accounts"], ""), texts(params["Regions"], "")
	if targets, ok := params["DeploymentTargets"].(map[string]any); ok && targets["OrganizationalUnitIds"] == nil && targets["AccountFilterType"] == nil {
		accounts = append(accounts, texts(targets["Accounts"], "")...)
	}
	if len(accounts) == 0 || len(accounts)*max(len(regions), 1) > maxPlaces {
		accounts = []string{""}
	}
	if len(regions) == 0 || len(regions) > maxPlaces {
		regions = []string{""}
	}
	var out []scene
	for _, account := range accounts {
		for _, region := range regions {
			out = append(out, scene{at.partition, region, account})
		}
	}
	return out
}

// recall gives a call the parts of the plan that it carries out.
func (d *Decoder) recall(a *model.Action, params map[string]any, at scene) {
	r, ok := d.memory.get(planKey(params, at))
	if !ok {
		a.Fidelity = model.Opaque
		a.Unknown = append(a.Unknown, "what it carries out was not seen when it was made")
		return
	}
	a.Parts, a.Unknown = slices.Clone(r.plan.parts), append(a.Unknown, r.plan.unknown...)
	switch {
	case r.plan.opaque:
		a.Fidelity = model.Opaque
	case len(r.plan.unknown) > 0:
		a.Fidelity = min(a.Fidelity, model.Partial)
	}
	if a.Verb != model.Unknown {
		a.Verb = r.plan.verb
	}
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
