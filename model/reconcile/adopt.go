package reconcile

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Adopt takes fields as they are now for what was built. A field within a list takes the
// list along.
func Adopt(b model.Built, r model.Resource, fields []string) model.Built {
	attrs, _ := parse(b.Attrs).(map[string]any)
	now, _ := parse(r.Attrs).(map[string]any)
	b.Tags = maps.Clone(b.Tags)
	for _, field := range fields {
		if key, isTag := strings.CutPrefix(field, "tags."); isTag {
			value, there := r.Tags[key]
			switch {
			case !there:
				delete(b.Tags, key)
			case b.Tags == nil:
				b.Tags = map[string]string{key: value}
			default:
				b.Tags[key] = value
			}
			continue
		}
		path, _, _ := strings.Cut(field, "[")
		take(attrs, now, strings.Split(path, "."))
	}
	if data, err := json.Marshal(attrs); err == nil && attrs != nil {
		b.Attrs = data
	}
	return b
}

// take makes what is at a path in one map what it is in another.
func take(to, from map[string]any, path []string) {
	value, there := from[path[0]]
	if to == nil {
		return
	}
	inner, isMap := to[path[0]].(map[string]any)
	other, wasMap := value.(map[string]any)
	switch {
	case len(path) > 1 && isMap && wasMap:
		take(inner, other, path[1:])
	case there:
		to[path[0]] = value
	default:
		delete(to, path[0])
	}
}
