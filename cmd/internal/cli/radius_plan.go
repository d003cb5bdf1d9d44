package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

const (
	// maxAsked bounds a file that says what is to happen.
	maxAsked = 256 << 20
	// maxManifests bounds the objects of one file.
	maxManifests = 10_000
)

// plannedChange is what a file says is to happen.
type plannedChange struct {
	changes []radius.Change
	skipped []radius.Skipped
	doors   radius.Doors
	stale   []radius.Outdated // of a plan; nil: it is none
}

func (x *plannedChange) action(s model.Snapshot, a model.Action) {
	for _, c := range radius.Changes(a) {
		found := target(s, inModel(s, c.URN), c.Effect)
		if found.Type == "" {
			found.Type = c.Type
		}
		x.changes = append(x.changes, found)
	}
	doors := radius.Opens(a)
	for _, list := range []struct{ from, to *[]model.URN }{{&doors.Widened, &x.doors.Widened}, {&doors.Ways, &x.doors.Ways}, {&doors.Named, &x.doors.Named}} {
		for _, urn := range *list.from {
			*list.to = append(*list.to, model.URN(inModel(s, urn)))
		}
	}
}

// inModel is the name under which the model knows what a call names: its account may not
// be in the call, but its id tells.
func inModel(s model.Snapshot, urn model.URN) string {
	text := string(urn)
	if _, ok := s.Resolve(text); ok || !strings.Contains(text, "*") {
		return text
	}
	id := text[strings.LastIndexAny(text, ":/")+1:]
	if own, ok := s.Resolve(id); ok && len(id) > 5 {
		return string(own)
	}
	return text
}

// readAsked reads what is to happen: a plan as terraform show -json writes it, a call or a
// recorded decision as JSON, or manifests of Kubernetes.
func (a *App) readAsked(ctx context.Context, name string, s model.Snapshot) (x plannedChange, err error) {
	in := a.input(ctx)
	if name != "-" {
		f, err := os.Open(a.absolute(name))
		if err != nil {
			return x, fmt.Errorf("reading %s: %w", name, err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxAsked+1))
	if err == nil && len(data) > maxAsked {
		err = fmt.Errorf("it is larger than %d MiB", maxAsked>>20)
	}
	if err != nil {
		return x, fmt.Errorf("reading %s: %w", name, err)
	}
	var head struct {
		FormatVersion *string          `json:"format_version"`
		Method        *string          `json:"method"`
		URL           *string          `json:"url"`
		Decision      *policy.Decision `json:"decision"`
		Action        *model.Action    `json:"action"`
	}
	if json.Unmarshal(data, &head) == nil {
		switch {
		case head.FormatVersion != nil:
			x.changes, x.skipped, err = radius.ReadPlan(bytes.NewReader(data), s)
			x.doors = radius.Widening(x.changes)
			if err == nil {
				x.stale, err = a.stale(ctx, bytes.NewReader(data))
			}
			return x, err
		case head.URL != nil:
			f, err := a.finder()
			if err != nil {
				return x, err
			}
			var r request
			bad := json.Unmarshal(data, &r)
			action, err := f.decode(ctx, r, bad, false)
			if err != nil {
				return x, fmt.Errorf("reading the call in %s: %w", name, err)
			}
			x.action(s, action)
			return x, nil
		case head.Decision != nil:
			x.action(s, head.Decision.Action)
			return x, nil
		case head.Action != nil:
			x.action(s, *head.Action)
			return x, nil
		}
	}
	if err := x.manifests(data, s); err != nil {
		return x, repaired{fmt.Errorf("reading %s: %w", name, err),
			"it is one of: a plan (terraform show -json PLAN), a call as assent decode reads it, a decision (assent explain ID --json), or manifests of Kubernetes"}
	}
	return x, nil
}

// manifest is what identifies an object.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
}

// manifests reads objects as kubectl apply would take them: what the model knows is
// modified, the rest is made.
func (x *plannedChange) manifests(data []byte, s model.Snapshot) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for n := 1; ; n++ {
		var doc yaml.Node
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			if n == 1 {
				return errors.New("it is empty")
			}
			return nil
		} else if err != nil {
			return err
		}
		if n > maxManifests {
			return fmt.Errorf("it has more than %d objects", maxManifests)
		}
		var m manifest
		var object map[string]any
		if err := errors.Join(doc.Decode(&m), doc.Decode(&object)); err != nil {
			return fmt.Errorf("document %d, line %d: %w", n, doc.Line, err)
		}
		if object == nil {
			continue // between two dashes
		}
		if m.APIVersion == "" || m.Kind == "" || m.Metadata.Name == "" {
			return fmt.Errorf("document %d, line %d: it has no apiVersion, kind or metadata.name", n, doc.Line)
		}
		params, err := json.Marshal(map[string]any{"object": object})
		if err != nil {
			return fmt.Errorf("document %d, line %d: %w", n, doc.Line, err)
		}
		x.manifest(m, params, s)
	}
}

func (x *plannedChange) manifest(m manifest, params json.RawMessage, s model.Snapshot) {
	group := "core"
	if i := strings.IndexByte(m.APIVersion, '/'); i >= 0 {
		group = m.APIVersion[:i]
	}
	a := model.Action{Platform: "kubernetes", Service: group, Operation: "update " + kindWord(m.Kind), Verb: model.Update, Fidelity: model.Exact, Params: params}
	kind := group + "/" + m.Kind
	var body struct {
		Object json.RawMessage `json:"object"`
	}
	if json.Unmarshal(params, &body) == nil && radius.Facing(model.Resource{Type: kind, Attrs: body.Object}) {
		a.Props = []model.Property{{Name: radius.Public, Value: true, Known: true}}
	}
	s.Each(func(r model.Resource) bool { // in every cluster that has it: the file does not say which
		if r.Type == kind && r.Name == m.Metadata.Name && (r.Region == m.Metadata.Namespace || r.Region == "" || m.Metadata.Namespace == "" && r.Region == "default") {
			a.Targets = append(a.Targets, model.Target{URN: r.URN, Type: r.Type, Role: model.RoleTarget})
		}
		return true
	})
	if len(a.Targets) == 0 {
		x.skipped = append(x.skipped, radius.Skipped{Address: kind + "/" + m.Metadata.Name, Why: "the model does not have it: it is made, and nothing depends on it yet"})
		return
	}
	x.action(s, a)
}

// kindWord is the word for objects of a kind in the API's paths.
func kindWord(kind string) string {
	word := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(word, "s"), strings.HasSuffix(word, "x"), strings.HasSuffix(word, "ch"):
		return word + "es"
	case strings.HasSuffix(word, "y") && !strings.HasSuffix(word, "ay"):
		return word[:len(word)-1] + "ies"
	}
	return word + "s"
}
