package files

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/model"
)

// Intended drafts, for the things of a file, the documents that declare them to be what
// the file says: a person makes them intent, by keeping them among the documents. What
// YAML says is taken as it stands. Terraform has its own words for most things: of what
// it says, those top-level values are taken that the resource, as it was read, has under
// the same name but for its spelling. left counts those that were not.
func Intended(said *Import, owner string, known func(model.URN) (model.Resource, bool)) (text []byte, left int, err error) {
	names := map[string]int{}
	for _, o := range said.Observations {
		values, own := valuesOf(o.Resource)
		fields := map[string]any{}
		read, _ := known(o.Resource.URN)
		for name, v := range values {
			path := name
			if !own {
				path = spelled(read, name)
			}
			if v = settled(v, 0); path == "" || v == nil {
				left++
				continue
			}
			fields[path] = v
		}
		for key, v := range o.Resource.Tags {
			fields["tags."+key] = v
		}
		if len(fields) == 0 {
			continue
		}
		doc := map[string]any{"apiVersion": "assent.dev/v1", "kind": "Resource", "metadata": map[string]any{"name": named(o.Resource, names), "owner": owner},
			"spec": map[string]any{"urn": string(o.Resource.URN), "purpose": "as " + said.Source + " says", "fields": fields}}
		data, err := yaml.Marshal(doc)
		if err != nil {
			return nil, left, fmt.Errorf("drafting %s: %w", o.Resource.URN, err)
		}
		if len(text) > 0 {
			text = append(text, "---\n"...)
		}
		text = append(text, data...)
	}
	return text, left, nil
}

// valuesOf is what a file says of a thing; own: in the platform's own words.
func valuesOf(r model.Resource) (values map[string]any, own bool) {
	var attrs struct {
		Written   map[string]any `json:"written"`
		Terraform struct {
			Values map[string]any `json:"values"`
		} `json:"terraform"`
	}
	d := json.NewDecoder(bytes.NewReader(r.Attrs))
	d.UseNumber()
	if d.Decode(&attrs) != nil {
		return nil, false
	}
	if attrs.Written != nil {
		return attrs.Written, true
	}
	return attrs.Terraform.Values, false
}

// settled is a value as a document writes it: whole numbers as such; nothing in the place
// of what holds a secret.
func settled(v any, depth int) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return nil
		}
		return f
	case string:
		if strings.Contains(strings.ToLower(v), "redacted") {
			return nil
		}
	case []any:
		for i, item := range v {
			if v[i] = settled(item, depth+1); v[i] == nil || depth > maxDepth {
				return nil
			}
		}
	case map[string]any:
		for k, item := range v {
			if v[k] = settled(item, depth+1); v[k] == nil || depth > maxDepth {
				return nil
			}
		}
	}
	return v
}

// spelled is the top-level attribute of a resource whose name is the same but for its
// spelling, and whose value is no list or map.
func spelled(r model.Resource, name string) string {
	var attrs map[string]any
	if json.Unmarshal(r.Attrs, &attrs) != nil {
		return ""
	}
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	var found []string
	for have, v := range attrs {
		switch v.(type) {
		case map[string]any, []any, nil:
			continue
		}
		if plain(have) == plain(name) {
			found = append(found, have)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// named is what a document is called, after the thing, and once.
func named(r model.Resource, taken map[string]int) string {
	id := strings.ToLower(r.Name)
	if id == "" {
		id = strings.ToLower(string(r.URN[strings.LastIndexAny(string(r.URN), ":/")+1:]))
	}
	id = strings.Trim(strings.Map(func(c rune) rune {
		if slices.Contains([]rune("abcdefghijklmnopqrstuvwxyz0123456789.-"), c) {
			return c
		}
		return '-'
	}, id), "-.")
	if id = id[:min(len(id), 100)]; id == "" {
		id = "thing"
	}
	if taken[id]++; taken[id] > 1 {
		return fmt.Sprintf("%s-%d", id, taken[id])
	}
	return id
}
