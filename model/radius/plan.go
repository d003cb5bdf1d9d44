package radius

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/assent-iom/assent/model"
)

// maxPlan bounds a plan: those of tens of thousands of resources are below it.
const maxPlan = 256 << 20

// Skipped is a change of a plan that no resource of the model is known for.
type Skipped struct {
	Address string `json:"address"`
	Why     string `json:"why"`
}

// plan is what `terraform show -json` and `tofu show -json` write, as far as it is
// read here: https://developer.hashicorp.com/terraform/internals/json-format.
type plan struct {
	FormatVersion   string    `json:"format_version"`
	Timestamp       time.Time `json:"timestamp"` // zero: written by a Terraform before 1.5
	ResourceChanges []struct {
		Address string `json:"address"`
		Mode    string `json:"mode"`
		Type    string `json:"type"`
		Change  struct {
			Actions []string       `json:"actions"`
			Before  map[string]any `json:"before"`
			After   map[string]any `json:"after"`
			Unknown any            `json:"after_unknown"`
		} `json:"change"`
	} `json:"resource_changes"`
}

// ReadPlan reads a Terraform or OpenTofu plan in JSON and returns what it would do
// to what exists: destroy, replace, config, or tag where nothing but tags change.
// What it creates breaks nobody. Resources are found by their ARN, self link or
// id, and those of Kubernetes by their uid.
func ReadPlan(r io.Reader, s model.Snapshot) ([]Change, []Skipped, error) {
	p, err := readPlan(r)
	if err != nil {
		return nil, nil, err
	}
	changes, skipped := []Change{}, []Skipped{}
	for _, c := range p.ResourceChanges {
		if c.Mode == "data" {
			continue
		}
		effect := None
		switch a := c.Change.Actions; {
		case slices.Contains(a, "delete") && slices.Contains(a, "create"):
			effect = Replace
		case slices.Contains(a, "delete"):
			effect = Destroy
		case slices.Contains(a, "update"):
			if effect = Config; onlyTags(c.Change.Before, c.Change.After) {
				effect = Tag
			}
		case slices.Contains(a, "forget"), slices.Contains(a, "no-op"), slices.Contains(a, "read"), slices.Contains(a, "create"):
			continue
		default:
			effect = Destroy // an action that nobody knows: unknown never helps
		}
		urn, found := planned(c.Change.Before, s)
		if !found && urn == "" {
			skipped = append(skipped, Skipped{c.Address, "nothing in it identifies the resource"})
			continue
		}
		changes = append(changes, Change{urn, c.Type, effect})
	}
	return changes, skipped, nil
}

func readPlan(r io.Reader) (p plan, err error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err != nil {
		return p, fmt.Errorf("reading plan: %w", err)
	}
	if len(data) > maxPlan {
		return p, fmt.Errorf("reading plan: it is larger than %d MiB", maxPlan>>20)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("reading plan: %w; write one with: terraform show -json PLAN", err)
	}
	if p.FormatVersion == "" {
		return p, fmt.Errorf("reading plan: it has no format_version; write one with: terraform show -json PLAN")
	}
	return p, nil
}

// onlyTags reports whether an update changes tags, and nothing else.
func onlyTags(before, after map[string]any) bool {
	changed := false
	for key := range after {
		if reflect.DeepEqual(before[key], after[key]) {
			continue
		}
		if key != "tags" && key != "tags_all" {
			return false
		}
		changed = true
	}
	for key := range before {
		if _, still := after[key]; !still {
			return false // it will be known after apply, or is gone
		}
	}
	return changed
}

// planned finds the resource that a plan means. Without one in the model, the
// identifier is returned: that it was never read has to be said.
func planned(before map[string]any, s model.Snapshot) (model.URN, bool) {
	first := model.URN("")
	for _, key := range []string{"arn", "self_link", "id", "metadata"} {
		text, ok := before[key].(string)
		if key == "metadata" {
			text, ok = objectOf(before)
		}
		if !ok || text == "" {
			continue
		}
		if urn, ok := s.Resolve(text); ok {
			return urn, true
		}
		if first == "" {
			first = model.URN(text)
		}
	}
	return first, false
}

// objectOf is the uid of a Kubernetes object, which is its name in the model too.
func objectOf(before map[string]any) (string, bool) {
	list, _ := before["metadata"].([]any)
	if len(list) == 0 {
		return "", false
	}
	meta, _ := list[0].(map[string]any)
	uid, ok := meta["uid"].(string)
	return uid, ok
}
