package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/model"
)

// Read reads a file of any of the kinds.
func Read(r io.Reader, cfg Config) (*Import, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("more than %d bytes", MaxFile)
	}
	in := &reader{cfg: cfg, out: &Import{Imported: []Imported{}, Skipped: []Skipped{}}}
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' {
		err = in.json(trimmed)
	} else {
		err = in.yaml(data)
	}
	if err != nil {
		return nil, err
	}
	in.finish()
	return in.out, nil
}

// reader gathers what one file says.
type reader struct {
	cfg   Config
	out   *Import
	found []thing
}

// thing is one resource on its way in.
type thing struct {
	address string
	needs   []string // addresses
	urn     model.URN
	kind    string
	sure    model.Confidence
	res     model.Resource
	stated  []model.Relation
}

func (r *reader) skip(address, why string) {
	r.out.Skipped = append(r.out.Skipped, Skipped{address, why})
}

func (r *reader) json(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var doc document
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	switch {
	case doc.Version == 4 && doc.Lineage != "":
		return r.state(doc)
	case doc.Version != 0 && doc.Lineage != "":
		return fmt.Errorf("a state of version %d; version 4 is read: terraform 0.12 and newer, and OpenTofu, write it", doc.Version)
	case doc.PriorState != nil && doc.PriorState.Values != nil: // of a plan: what is there before it
		r.out.Source = "terraform plan"
		return r.module(doc.PriorState.Values.Root, 0)
	case doc.Values != nil:
		r.out.Source = "terraform show"
		return r.module(doc.Values.Root, 0)
	case doc.Format != "":
		r.out.Source = "terraform plan" // of a plan where nothing is there yet
		return nil
	}
	return errors.New("neither a Terraform state, nor what terraform show -json prints")
}

// document is as much of Terraform's JSON as is read: a state of version 4
// (terraform/internal/states/statefile), or the JSON output format.
type document struct {
	Version   int    `json:"version"`
	Lineage   string `json:"lineage"`
	Serial    int64  `json:"serial"`
	Resources []struct {
		Module    string `json:"module"`
		Mode      string `json:"mode"`
		Type      string `json:"type"`
		Name      string `json:"name"`
		Instances []struct {
			IndexKey   any            `json:"index_key"`
			Deposed    string         `json:"deposed"`
			Attributes map[string]any `json:"attributes"`
			Sensitive  [][]struct {
				Type  string `json:"type"`
				Value any    `json:"value"`
			} `json:"sensitive_attributes"`
			Needs []string `json:"dependencies"`
		} `json:"instances"`
	} `json:"resources"`

	Format     string    `json:"format_version"`
	Values     *values   `json:"values"`
	PriorState *document `json:"prior_state"`
}

type values struct {
	Root module `json:"root_module"`
}

type module struct {
	Resources []struct {
		Address   string         `json:"address"`
		Mode      string         `json:"mode"`
		Type      string         `json:"type"`
		Values    map[string]any `json:"values"`
		Sensitive any            `json:"sensitive_values"`
		Needs     []string       `json:"depends_on"`
	} `json:"resources"`
	Children []module `json:"child_modules"`
}

// state reads a state of version 4.
func (r *reader) state(doc document) error {
	r.out.Source = fmt.Sprintf("terraform %s@%d", doc.Lineage, doc.Serial)
	for _, res := range doc.Resources {
		if res.Mode != "managed" {
			continue // a data source only looked
		}
		address := strings.TrimPrefix(res.Module+"."+res.Type+"."+res.Name, ".")
		for _, i := range res.Instances {
			at := address
			if i.IndexKey != nil {
				key, err := json.Marshal(i.IndexKey)
				if err != nil {
					return err
				}
				at += "[" + string(key) + "]"
			}
			if i.Deposed != "" {
				r.skip(at, "it is deposed: another has taken its place")
				continue
			}
			for _, path := range i.Sensitive {
				steps := make([]any, len(path))
				for n, s := range path {
					steps[n] = s.Value
				}
				drop(i.Attributes, steps)
			}
			if err := r.add(at, res.Type, i.Attributes, i.Needs); err != nil {
				return err
			}
		}
	}
	return nil
}

// module reads what terraform show -json prints of a module.
func (r *reader) module(m module, depth int) error {
	if depth > maxDepth {
		return errors.New("modules in too many modules")
	}
	for _, res := range m.Resources {
		if res.Mode != "managed" {
			continue
		}
		values, _ := hide(res.Values, res.Sensitive, 0).(map[string]any)
		if err := r.add(res.Address, res.Type, values, res.Needs); err != nil {
			return err
		}
	}
	for _, c := range m.Children {
		if err := r.module(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// add takes one resource of Terraform's in.
func (r *reader) add(address, kind string, values map[string]any, needs []string) error {
	if len(r.found) >= maxResources {
		return fmt.Errorf("more than %d resources", maxResources)
	}
	t := thing{address: address, needs: needs}
	for _, member := range []string{"arn", "id"} {
		text, ok := values[member].(string)
		if !ok {
			continue
		}
		if urn, of, ok := r.cfg.Identify(text); ok {
			t.urn, t.kind, t.sure = urn, of, model.Ruled
			if strings.HasPrefix(text, "arn:") {
				t.sure = model.Stated
			}
			break
		}
	}
	if t.urn == "" {
		r.skip(address, "its "+kind+" has no ARN, and no id that says what it is")
		return nil
	}
	attrs, err := json.Marshal(map[string]any{"terraform": map[string]any{
		"address": address, "type": kind, "source": r.out.Source, "confidence": t.sure, "values": r.cfg.Redact(values)}})
	if err != nil {
		return err
	}
	t.res = model.Resource{URN: t.urn, Type: t.kind, Attrs: attrs, Source: r.out.Source, Tags: textsOf(values["tags_all"], values["tags"])}
	if parts := strings.SplitN(string(t.urn), ":", 6); len(parts) == 6 {
		t.res.Platform, t.res.Region, t.res.Account = "aws", known(parts[3]), known(parts[4])
	}
	r.found = append(r.found, t)
	return nil
}

func known(part string) string {
	if part == "*" {
		return ""
	}
	return part
}

// textsOf are the texts of the first of some maps that has any.
func textsOf(maps ...any) map[string]string {
	for _, m := range maps {
		all, _ := m.(map[string]any)
		out := map[string]string{}
		for k, v := range all {
			if s, ok := v.(string); ok {
				out[k] = s
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// drop takes a value out of a tree.
func drop(v any, path []any) {
	if len(path) == 0 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		key := fmt.Sprint(path[0])
		if len(path) == 1 {
			if _, there := v[key]; there {
				v[key] = redacted
			}
			return
		}
		drop(v[key], path[1:])
	case []any:
		n := -1
		if i, err := fmt.Sscan(fmt.Sprint(path[0]), &n); i != 1 || err != nil || n < 0 || n >= len(v) {
			for i := range v { // a path that cannot be followed hides all that it may mean
				v[i] = redacted
			}
			return
		}
		if len(path) == 1 {
			v[n] = redacted
			return
		}
		drop(v[n], path[1:])
	}
}

// redacted stands where a value was taken out: decoders.Redacted.
const redacted = "(redacted)"

// hide takes out what a parallel tree marks with true.
func hide(v, mark any, depth int) any {
	if mark == true || depth > maxDepth {
		return redacted
	}
	switch v := v.(type) {
	case map[string]any:
		marks, _ := mark.(map[string]any)
		for name, item := range v {
			v[name] = hide(item, marks[name], depth+1)
		}
	case []any:
		marks, _ := mark.([]any)
		for i, item := range v {
			var m any
			if i < len(marks) {
				m = marks[i]
			}
			v[i] = hide(item, m, depth+1)
		}
	}
	return v
}

// written is a file in which somebody has written down what exists.
type written struct {
	Resources []struct {
		URN     string            `yaml:"urn"`
		Type    string            `yaml:"type"`
		Name    string            `yaml:"name"`
		Account string            `yaml:"account"`
		Region  string            `yaml:"region"`
		Tags    map[string]string `yaml:"tags"`
		Attrs   map[string]any    `yaml:"attrs"`
		Needs   []struct {
			URN      string `yaml:"urn"`
			Relation string `yaml:"relation"`
		} `yaml:"needs"`
	} `yaml:"resources"`
}

func (r *reader) yaml(data []byte) error {
	r.out.Source = "yaml"
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	var doc written
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("YAML: %w", err)
	}
	if len(doc.Resources) == 0 {
		return errors.New("no resources: in it")
	}
	if len(doc.Resources) > maxResources {
		return fmt.Errorf("more than %d resources", maxResources)
	}
	for i, w := range doc.Resources {
		if w.URN == "" || w.Type == "" {
			return fmt.Errorf("resource %d has no urn, or no type", i+1)
		}
		t := thing{address: w.URN, urn: model.URN(w.URN), kind: w.Type, sure: model.Stated}
		t.res = model.Resource{URN: t.urn, Type: w.Type, Name: w.Name, Account: w.Account, Region: w.Region, Tags: w.Tags, Source: r.out.Source, Platform: platformOf(w.URN)}
		if len(w.Attrs) > 0 {
			attrs, err := json.Marshal(map[string]any{"written": r.cfg.Redact(w.Attrs)})
			if err != nil {
				return fmt.Errorf("resource %d: %w", i+1, err)
			}
			t.res.Attrs = attrs
		}
		for _, n := range w.Needs {
			if n.Relation == "" {
				n.Relation = model.References
			}
			if n.URN == "" || !slices.Contains(model.RelationTypes(), n.Relation) {
				return fmt.Errorf("resource %d needs %q by %q; the relations are %s", i+1, n.URN, n.Relation, strings.Join(model.RelationTypes(), ", "))
			}
			t.stated = append(t.stated, model.Relation{From: t.urn, To: model.URN(n.URN), Type: n.Relation, Source: r.out.Source})
		}
		r.found = append(r.found, t)
	}
	return nil
}

func platformOf(urn string) string {
	scheme, _, _ := strings.Cut(urn, ":")
	switch scheme {
	case "arn":
		return "aws"
	case "k8s":
		return "kubernetes"
	}
	return scheme
}

// finish makes observations: what Terraform says that a resource depends on is a
// relation, if both are known.
func (r *reader) finish() {
	byAddress := map[string][]model.URN{}
	for _, t := range r.found {
		base, _, _ := strings.Cut(t.address, "[")
		byAddress[base] = append(byAddress[base], t.urn)
		if base != t.address {
			byAddress[t.address] = append(byAddress[t.address], t.urn)
		}
	}
	for _, t := range r.found {
		relations := t.stated
		to := map[model.URN]bool{t.urn: true}
		for _, need := range t.needs {
			for _, urn := range byAddress[need] {
				to[urn] = true
			}
		}
		delete(to, t.urn)
		for _, urn := range slices.Sorted(maps.Keys(to)) {
			relations = append(relations, model.Relation{From: t.urn, To: urn, Type: model.References, Source: r.out.Source})
		}
		r.out.Imported = append(r.out.Imported, Imported{t.address, t.urn, t.kind, t.sure, len(relations)})
		r.out.Observations = append(r.out.Observations, model.Observation{Resource: t.res, Relations: relations})
	}
}
