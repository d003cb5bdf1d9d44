package reconcile

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Inverse is one call that sets fields back to what they were built as; or why there
// is none.
type Inverse struct {
	URN    model.URN `json:"urn"`
	Fields []string  `json:"fields"`
	// Call is service:Operation, of which Params are the parameters; of Kubernetes it is
	// patch, and Params are a merge patch.
	Call   string          `json:"call,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	// Why there is no such call.
	Why string `json:"why,omitempty"`
}

// Patch is the call of an Inverse that is a merge patch of a Kubernetes object.
const Patch = "patch"

// Invert finds the calls that undo the drift of a resource, or of some of its fields.
func Invert(r model.Resource, b model.Built, drifted []model.Deviation) []Inverse {
	if strings.HasPrefix(string(r.URN), "k8s://") {
		return []Inverse{patchBack(b, drifted)}
	}
	rows, err := setters()
	if err != nil {
		return []Inverse{{URN: r.URN, Why: err.Error()}}
	}
	var out []Inverse
	calls := map[string]map[string]any{} // of calls that set: one for all their fields
	at := map[string]int{}
	for _, d := range drifted {
		plain := plainPath(d.Path)
		none := Inverse{URN: r.URN, Fields: []string{d.Path}}
		row, member, ok := rowFor(rows, r.Type, plain)
		switch {
		case !ok:
			none.Why = "no call is known that sets " + d.Path + " of a " + r.Type + " back"
			out = append(out, none)
			continue
		case row.names == nil:
			none.Why = row.call + " sets it, and cannot be written from what is known"
			out = append(out, none)
			continue
		case row.how == set && d.Was == nil:
			none.Why = "it was not there, and " + row.call + " cannot take it away"
			out = append(out, none)
			continue
		}
		if row.how != set {
			out = append(out, listBack(rows, r, plain, d)...)
			continue
		}
		params := calls[row.call]
		if params == nil {
			var why string
			if params, why = named(row, r); why != "" {
				none.Why = why
				out = append(out, none)
				continue
			}
			calls[row.call], at[row.call] = params, len(out)
			out = append(out, Inverse{URN: r.URN, Call: row.call})
		}
		place(params, strings.TrimSuffix(row.param, "*")+member, asParam(d.Was))
		i := at[row.call]
		out[i].Fields = append(out[i].Fields, d.Path)
		out[i].Params = encoded(params)
	}
	return out
}

// rowFor finds a row that sets a field; member is what stands for its *.
func rowFor(rows []setter, kind, plain string) (row setter, member string, ok bool) {
	for _, row := range rows {
		if row.kind != kind {
			continue
		}
		if each, all := strings.CutSuffix(row.field, "*"); all {
			if rest, in := strings.CutPrefix(plain, each); in && rest != "" && !strings.Contains(rest, ".") {
				return row, rest, true
			}
		} else if row.field == plain {
			return row, "", true
		}
	}
	return setter{}, "", false
}

// listBack takes out of a list what came into it, and puts in what is gone.
func listBack(rows []setter, r model.Resource, plain string, d model.Deviation) (out []Inverse) {
	for _, way := range []struct {
		how   string
		items any
	}{{remove, d.Now}, {add, d.Was}} {
		items, _ := way.items.([]any)
		if len(items) == 0 {
			continue
		}
		i := Inverse{URN: r.URN, Fields: []string{d.Path}, Why: "no call is known that would " + way.how + " items"}
		for _, row := range rows {
			if row.kind != r.Type || row.field != plain || row.how != way.how {
				continue
			}
			params, why := named(row, r)
			if i.Why = why; why == "" {
				place(params, row.param, items)
				i.Call, i.Params = row.call, encoded(params)
			}
			break
		}
		out = append(out, i)
	}
	return out
}

// named begins the parameters of a call with what names the resource.
func named(row setter, r model.Resource) (map[string]any, string) {
	params := map[string]any{}
	attrs := parse(r.Attrs)
	for _, name := range row.names {
		key, value, _ := strings.Cut(name, "=")
		switch {
		case value == "$arn":
			params[key] = string(r.URN)
		case value == "$id":
			id := string(r.URN)
			if parts := strings.SplitN(id, ":", 6); len(parts) == 6 {
				id = parts[5]
				if parts[2] != "s3" && parts[2] != "logs" {
					id = id[strings.LastIndexAny(id, ":/")+1:]
				} else if parts[2] == "logs" {
					id = strings.TrimSuffix(strings.TrimPrefix(id, "log-group:"), ":*")
				}
			}
			params[key] = id
		case strings.HasPrefix(value, "$."):
			v := lookup(attrs, value[2:])
			if v == nil {
				return nil, row.call + " needs " + key + ", and " + value[2:] + " was never read"
			}
			params[key] = v
		case value == "true":
			params[key] = true
		default:
			params[key] = value
		}
	}
	return params, ""
}

// asParam writes a value as calls have it: a document is a text.
func asParam(v any) any {
	if m, ok := v.(map[string]any); ok && m["Statement"] != nil {
		return canonical(m)
	}
	return v
}

// place sets a value at a path.
func place(m map[string]any, path string, v any) {
	for {
		step, rest, more := strings.Cut(path, ".")
		if !more {
			m[step] = v
			return
		}
		next, _ := m[step].(map[string]any)
		if next == nil {
			next = map[string]any{}
			m[step] = next
		}
		m, path = next, rest
	}
}

// patchBack is a merge patch that sets fields of an object back. A list is set whole, if
// all of it is known.
func patchBack(b model.Built, drifted []model.Deviation) Inverse {
	patch := map[string]any{}
	i := Inverse{URN: b.URN, Call: Patch}
	built := withTags(b.Attrs, b.Tags)
	for _, d := range drifted {
		i.Fields = append(i.Fields, d.Path)
		path, _, _ := strings.Cut(d.Path, "[")
		was := lookup(built, path)
		switch {
		case strings.Contains(path, "ontainers") && lookup(built, "apiVersion") == nil:
			i.Why = "of " + path + " not all is kept, and a merge patch sets lists whole: apply the object as it is meant to be"
		case strings.Contains(strings.ToLower(fmt.Sprint(was)), "redacted"):
			i.Why = "what was in " + d.Path + " is a secret, and not kept"
		case strings.HasPrefix(d.Path, "tags."):
			place(patch, "metadata.labels", mapOf(patch, "metadata.labels"))
			mapOf(patch, "metadata.labels")[strings.TrimPrefix(d.Path, "tags.")] = d.Was
		default:
			place(patch, path, was)
		}
	}
	if i.Why != "" {
		i.Call = ""
		return i
	}
	i.Params = encoded(patch)
	return i
}

// mapOf is the map at a path; a new one where there is none.
func mapOf(m map[string]any, path string) map[string]any {
	if inner, ok := lookup(m, path).(map[string]any); ok {
		return inner
	}
	return map[string]any{}
}

func encoded(v any) json.RawMessage { return json.RawMessage(canonical(v)) }
