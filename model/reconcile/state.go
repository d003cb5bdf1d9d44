package reconcile

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
)

// State is how a resource, or one field of it, stands.
type State string

// The states, the gravest last.
const (
	Aligned   State = "aligned"
	Theirs    State = "theirs" // of fields alone: a controller's own
	Unmanaged State = "unmanaged"
	Unknown   State = "unknown"
	Pending   State = "pending"
	Unbuilt   State = "unbuilt"
	Ghost     State = "ghost"
	Drifted   State = "drifted"
	Violating State = "violating"
)

var gravity = []State{Aligned, Theirs, Unmanaged, Unknown, Pending, Unbuilt, Ghost, Drifted, Violating}

// graver is the graver of two states.
func graver(a, b State) State {
	if slices.Index(gravity, a) < slices.Index(gravity, b) {
		return b
	}
	return a
}

// Claim is one field of one resource as somebody has declared it.
type Claim struct {
	URN    model.URN       `json:"urn"`
	Path   string          `json:"path"`
	Value  json.RawMessage `json:"value,omitempty"` // none: it has to be absent
	Owner  string          `json:"owner,omitempty"`
	Source string          `json:"source"` // file:line, blueprint@version, ledger id
	Since  time.Time       `json:"since,omitzero"`
	By     string          `json:"by,omitempty"` // the document that says so
	// Reserved: it is its owner's to say, whatever it is.
	Reserved bool `json:"reserved,omitempty"`
}

// Event is a change as a platform's own log has it.
type Event struct {
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	Name  string    `json:"name"` // ec2:AuthorizeSecurityGroupIngress
	ID    string    `json:"id,omitempty"`
	// Service is the one that was called, as ARNs have it.
	Service string `json:"-"`
	// Names are the identifiers that it speaks of.
	Names []string `json:"-"`
}

// Field is one field that is not as it was built or declared.
type Field struct {
	Path     string `json:"path"`
	State    State  `json:"state"`
	Built    any    `json:"built,omitempty"`
	Running  any    `json:"running,omitempty"`
	Declared any    `json:"declared,omitempty"`
	Of       string `json:"of,omitempty"` // whose it is: a controller's, or who declared it
	Source   string `json:"source,omitempty"`
	Critical bool   `json:"critical,omitempty"`
}

// Status is how one resource stands.
type Status struct {
	URN    model.URN `json:"urn"`
	Type   string    `json:"type"`
	State  State     `json:"state"`
	Why    string    `json:"why,omitempty"`
	Fields []Field   `json:"fields,omitempty"`
	// Built is the last change that was executed through the proxy.
	Built *Change `json:"built,omitempty"`
	// Quarantine: a critical field has drifted, and is not as declared. What builds on the
	// resource is refused.
	Quarantine bool `json:"quarantine,omitempty"`
	// By are the changes of others since, as their logs have them, oldest first.
	By     []Event   `json:"by,omitempty"`
	SeenAt time.Time `json:"seen_at,omitzero"`
}

// Critical reports whether a field that drifted or violates is critical.
func (s Status) Critical() bool {
	return slices.ContainsFunc(s.Fields, func(f Field) bool { return f.Critical && (f.State == Drifted || f.State == Violating) })
}

// Change is who built a resource last.
type Change struct {
	At        time.Time `json:"at"`
	Actor     string    `json:"actor,omitempty"`
	Decision  string    `json:"decision,omitempty"`
	Operation string    `json:"operation,omitempty"`
	ReadAt    time.Time `json:"read_at,omitzero"`
}

// Input is what is compared.
type Input struct {
	Rules   *Rules
	Running model.Snapshot
	Built   []model.Built
	Claims  []Claim
	Events  []Event
	// Found are violations that somebody else has found: those of blueprints.
	Found map[model.URN][]Field
	Now   time.Time
	// Stale is how old a read may be; zero: any age.
	Stale time.Duration
}

// Run says how every resource stands that is running, built or declared, sorted by
// URN.
func Run(in Input) []Status {
	built := map[model.URN]model.Built{}
	for _, b := range in.Built {
		built[b.URN] = b
	}
	claims := map[model.URN][]Claim{}
	for _, c := range in.Claims {
		claims[c.URN] = append(claims[c.URN], c)
	}
	var out []Status
	seen := map[model.URN]bool{}
	in.Running.Each(func(r model.Resource) bool {
		seen[r.URN] = true
		b, isBuilt := built[r.URN]
		out = append(out, in.running(r, b, isBuilt, claims[r.URN]))
		return true
	})
	for urn, b := range built {
		if !seen[urn] {
			out = append(out, in.absent(b))
		}
	}
	for urn, all := range claims {
		if _, isBuilt := built[urn]; !seen[urn] && !isBuilt {
			s := Status{URN: urn, State: Unbuilt, Why: "declared by " + cmp.Or(all[0].Source, "nobody knows whom") + ", and not there"}
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(string(a.URN), string(b.URN)) })
	return out
}

// absent is a resource that was built and is not running.
func (in Input) absent(b model.Built) Status {
	s := Status{URN: b.URN, Type: b.Type, Built: changeOf(b)}
	if !b.Settled() {
		s.State, s.Why = Unknown, "it was not read since it was built"
		return s
	}
	s.State, s.Why = Ghost, "it was there when it was read back, and is gone without a deletion by way of the proxy"
	s.By = in.by(b, model.Resource{URN: b.URN})
	return s
}

func changeOf(b model.Built) *Change {
	return &Change{At: b.At, Actor: b.Actor, Decision: b.Decision, Operation: b.Operation, ReadAt: b.ReadAt}
}

// running is a resource that is there.
func (in Input) running(r model.Resource, b model.Built, isBuilt bool, claims []Claim) Status {
	s := Status{URN: r.URN, Type: r.Type, State: Aligned, SeenAt: r.SeenAt}
	if !isBuilt && len(claims)+len(in.Found[r.URN]) == 0 {
		s.State, s.Why = Unmanaged, "nobody built it by way of the proxy, or declared it"
		return s
	}
	if isBuilt {
		s.Built = changeOf(b)
	}
	switch {
	case in.Stale > 0 && in.Now.Sub(r.SeenAt) > in.Stale:
		s.State, s.Why = Unknown, "it was last read "+in.Now.Sub(r.SeenAt).Round(time.Minute).String()+" ago"
		return s
	case isBuilt && !b.Settled():
		s.State, s.Why = Unknown, "it was not read back since it was built"
	case isBuilt:
		s.Fields = in.drift(r, b)
	}
	s.Fields = append(s.Fields, in.judge(r, b, isBuilt, claims)...)
	s.Fields = append(s.Fields, in.Found[r.URN]...)
	for _, f := range s.Fields {
		if f.State != Theirs {
			s.State = graver(s.State, f.State)
		}
	}
	s.Quarantine = slices.ContainsFunc(s.Fields, func(v Field) bool {
		return v.State == Violating && v.Critical && slices.ContainsFunc(s.Fields, func(d Field) bool { return d.State == Drifted && d.Critical && Overlap(v.Path, d.Path) })
	})
	if s.State == Drifted || s.State == Violating {
		s.By = in.by(b, r)
	}
	return s
}

// drift are the fields that differ from what was read back.
func (in Input) drift(r model.Resource, b model.Built) []Field {
	var out []Field
	found := diff(in.Rules, r.Type, withTags(b.Attrs, b.Tags), withTags(r.Attrs, r.Tags))
	part, slim := slimmer(r, b)
	for _, d := range found {
		if slim && (!kept(r, part, d.path) || strings.Contains(d.plain, "ontainers")) {
			continue // one of the two never had it, whatever it is
		}
		f := Field{Path: d.path, State: Drifted, Built: d.was, Running: d.now}
		if who, ok := in.whose(r, d.plain); ok {
			f.State, f.Of = Theirs, who
		}
		f.Critical = f.State == Drifted && in.Rules.is(critical, r.Type, d.plain)
		out = append(out, f)
	}
	return out
}

// whose says which controller a field belongs to, if it has one.
func (in Input) whose(r model.Resource, plain string) (string, bool) {
	for _, row := range in.Rules.of(theirs, r.Type, plain) {
		if row.who == "*" {
			return r.Type, true
		}
		who := model.NewPattern(row.who)
		for _, h := range in.Running.Dependents([]model.URN{r.URN}, 0).Hops {
			if h.Depth == 1 && who.Fits(h.Type) {
				return string(h.URN), true
			}
		}
		for _, d := range in.Running.Dependencies(r.URN) {
			if other, ok := in.Running.Resource(d.To); ok && who.Fits(other.Type) {
				return string(d.To), true
			}
		}
	}
	return "", false
}

// tagMembers are where attributes hold what Resource.Tags says.
var tagMembers = []string{"Tags", "tags", "TagSet", "TagList", "tagSet", "TagsList"}

// withTags puts tags in the place of whatever the attributes have of them, also in
// the answers that are kept beside them.
func withTags(attrs json.RawMessage, tags map[string]string) any {
	m, ok := parse(attrs).(map[string]any)
	if !ok {
		return attrs
	}
	for name, v := range m {
		if inner, ok := v.(map[string]any); ok {
			had := len(inner)
			dropTags(inner)
			if delete(inner, "Truncated"); len(inner) == 0 && had > 0 {
				delete(m, name)
			}
		}
	}
	dropTags(m)
	all := map[string]any{}
	for k, v := range tags {
		all[k] = v
	}
	m["tags"] = all
	return m
}

func dropTags(m map[string]any) {
	for _, name := range tagMembers {
		delete(m, name)
	}
}

// judge holds what is running against what is declared.
func (in Input) judge(r model.Resource, b model.Built, isBuilt bool, claims []Claim) []Field {
	var out []Field
	now := withTags(r.Attrs, r.Tags)
	for _, c := range claims {
		f, unmet := unmet(in.Rules, r, now, c)
		if !unmet {
			continue
		}
		plain := plainPath(c.Path)
		cmpr := &comparing{rules: in.Rules, kind: r.Type}
		if who, ok := in.whose(r, plain); ok {
			f.State, f.Of, f.Critical = Theirs, who, false
		} else if f.State == Violating && isBuilt && c.Since.After(b.At) && cmpr.same(plain, lookup(withTags(b.Attrs, b.Tags), c.Path), f.Running) {
			f.State, f.Critical = Pending, false
		}
		out = append(out, f)
	}
	return out
}

// lookup gives what stands at a path: members with dots between, and the item of a
// list by what names it, as in Field.Path.
func lookup(v any, path string) any {
	for path != "" {
		var step string
		if path[0] == '[' {
			end := strings.IndexByte(path, ']')
			list, ok := v.([]any)
			if end < 0 || !ok {
				return nil
			}
			key := keyOf(list)
			v = byKey(list, key)[path[1:end]]
			path = strings.TrimPrefix(path[end+1:], ".")
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		if whole, ok := m[path]; ok { // tags.app.kubernetes.io/name
			return whole
		}
		i := strings.IndexAny(path, ".[")
		if i < 0 {
			return m[path]
		}
		step, path = path[:i], path[i:]
		path = strings.TrimPrefix(path, ".")
		v = said(m[step])
	}
	return v
}

// plainPath is a path without the keys of lists.
func plainPath(path string) string {
	var b strings.Builder
	depth := 0
	for _, c := range path {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// by are the events since the last change that speak of a resource: by its URN or
// another distinctive name; or by its plain name, in a call to its own service.
func (in Input) by(b model.Built, r model.Resource) []Event {
	distinct := append([]string{string(b.URN), string(r.URN)}, r.Aliases...)
	service, id := "", string(r.URN)
	if parts := strings.SplitN(id, ":", 6); len(parts) == 6 {
		service, id = parts[2], parts[5]
	}
	short := id[strings.LastIndexAny(id, ":/")+1:]
	speaks := func(e Event, name string) bool {
		if name == "" {
			return false
		}
		if slices.Contains(distinct, name) {
			return true
		}
		return e.Service == service && (name == short || name == id || name == r.Name || strings.HasSuffix(name, "/"+short))
	}
	var out []Event
	for _, e := range in.Events {
		if !e.At.Before(b.At.Truncate(time.Second)) && slices.ContainsFunc(e.Names, func(n string) bool { return speaks(e, n) }) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return a.At.Compare(b.At) })
	return out
}
