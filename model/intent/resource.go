package intent

import (
	"regexp"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Resource is what one thing that exists, or will, is meant to be: its fields as the
// platform itself calls them. What it declares is its owner's; a change of it by
// somebody else is refused.
type Resource struct {
	Pos     Pos    `yaml:"-" json:"-"`
	Name    string `yaml:"-" json:"name"`
	Owner   string `yaml:"-" json:"owner"`
	Purpose string `yaml:"purpose" json:"purpose,omitempty"`
	URN     string `yaml:"urn,required" json:"urn"` // or another id that only one thing has
	// Fields are what they have to be; Reserved are the owner's too, whatever they are.
	Fields   Fields `yaml:"fields" json:"fields,omitempty"`
	Reserved Words  `yaml:"reserved" json:"reserved,omitempty"`
	// Since says from when on it holds: what was built before, and is as it was built,
	// is not built yet, and no violation.
	Since Day `yaml:"since" json:"since,omitempty"`
}

// distinct is the form of an id that a platform gives once.
var distinct = regexp.MustCompile(`^[a-z]+-[0-9a-f]{4,40}$`)

// Fields are fields and their values, in the order of their paths. In a path, dots
// separate members, and [NAME] is the item of a list that NAME names.
type Fields []Field

// Field is one of them. No value: it has to be absent.
type Field struct {
	Pos   Pos    `json:"-"`
	Path  string `json:"path"`
	Value any    `json:"native,omitempty"`
}

// fields reads a map of paths.
func (d *decoder) fields(n *yaml.Node, name string, depth int) Fields {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		d.bad(n, CodeValue, "write a map: path: value", "%s has to be a map of fields", name)
		return nil
	}
	var all Fields
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !pathForm(key.Value):
			d.bad(key, CodeValue, "write members with dots between: spec.replicas", "%q is no path of a field", key.Value)
		case seen[key.Value]:
			d.bad(key, CodeDuplicate, "", "%s has %s twice", name, key.Value)
		default:
			seen[key.Value] = true
			all = append(all, Field{d.at(key), key.Value, d.free(value, name+"."+key.Value, depth+1)})
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Path < all[j].Path })
	return all
}

// pathForm reports whether a text can be the path of a field.
func pathForm(path string) bool {
	return path != "" && strings.TrimSpace(path) == path && !strings.HasPrefix(path, ".") && !strings.HasSuffix(path, ".") &&
		strings.Count(path, "[") == strings.Count(path, "]")
}

// checkResources checks what is declared of single things.
func (s *Set) checkResources(p *problems, owner func(Pos, string)) {
	type declared struct{ urn, path string }
	seen := map[declared]*Resource{}
	for _, r := range s.Resources {
		owner(r.Pos, r.Owner)
		if len(r.Fields)+len(r.Reserved) == 0 {
			p.add(r.Pos, CodeMissing, "add fields: or reserved:", "Resource %s says nothing of %s", r.Name, r.URN)
		}
		if strings.Contains(r.URN, "*") {
			p.add(r.Pos, CodeValue, "name one thing; of many, a Blueprint speaks", "Resource %s: urn %q has a pattern in it", r.Name, r.URN)
		} else if !strings.Contains(r.URN, ":") && !distinct.MatchString(r.URN) {
			p.add(r.Pos, CodeValue, "write its ARN or URN: assent what shows it", "Resource %s: many things could be called %q", r.Name, r.URN)
		}
		for _, f := range r.Fields {
			if other := seen[declared{r.URN, f.Path}]; other != nil {
				p.add(f.Pos, CodeTie, "let one of them declare it", "Resources %s (%s) and %s both declare %s of %s", other.Name, other.Pos, r.Name, f.Path, r.URN)
			}
			seen[declared{r.URN, f.Path}] = r
		}
		for _, path := range r.Reserved {
			if !pathForm(path) {
				p.add(r.Pos, CodeValue, "write members with dots between: spec.replicas", "Resource %s reserves %q, which is no path of a field", r.Name, path)
			}
		}
	}
}

// count is how many words say something.
func count(words ...string) (n int) {
	for _, w := range words {
		if w != "" {
			n++
		}
	}
	return n
}

// checkResourceWaiver checks an exception from what is declared of one thing, which
// that document's owner grants.
func (s *Set) checkResourceWaiver(p *problems, e *Exception) {
	i := slices.IndexFunc(s.Resources, func(r *Resource) bool { return r.Name == e.Waives.Resource })
	if i < 0 {
		p.add(e.Pos, CodeReference, "", "Resource %s is not declared", e.Waives.Resource)
		return
	}
	if days := int(e.Until.Start().AddDate(0, 0, 1).Sub(e.From.Start()).Hours() / 24); days > defaultWaiver {
		p.add(e.Pos, CodeValue, "end it earlier", "Exception %s holds for longer than %d days", e.Name, defaultWaiver)
	}
	s.checkWaiverBy(p, e, s.Resources[i].Owner)
}
