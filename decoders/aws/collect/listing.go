package collect

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

//go:embed listings.yaml
var listingsYAML []byte

// listing is one row of listings.yaml: the head of the file says what each word
// means.
type listing struct {
	Type   string            `yaml:"type"`
	List   string            `yaml:"list"`
	With   map[string]any    `yaml:"with"`
	Token  string            `yaml:"token"`
	More   string            `yaml:"more"`
	Size   string            `yaml:"size"`
	Found  string            `yaml:"found"`
	Where  map[string]string `yaml:"where"`
	Global bool              `yaml:"global"`
	Region string            `yaml:"region"`
	Empty  string            `yaml:"empty"`
	Under  string            `yaml:"under"`
	One    map[string]any    `yaml:"one"`
	Each   []detail          `yaml:"each"`
	// Untagged rows say nothing of tags; of the others, no tags means none.
	Untagged bool `yaml:"untagged"`

	op     *table.Operation
	tokens []token
	size   int
	sizeIn string
	parent *listing
}

// detail is asked of each thing found.
type detail struct {
	Call   string         `yaml:"call"`
	With   map[string]any `yaml:"with"`
	Batch  int            `yaml:"batch"`
	Absent []string       `yaml:"absent"`
	Token  string         `yaml:"token"`
	Found  string         `yaml:"found"`
	Tags   bool           `yaml:"tags"`

	op     *table.Operation
	tokens []token
}

// readListings reads the rows and holds them against the table: a row that asks
// for what the table does not have is an error, not a row that finds nothing.
func readListings(t *table.Table, data []byte) ([]*listing, error) {
	var rows []*listing
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&rows); err != nil {
		return nil, fmt.Errorf("reading listings.yaml: %w", err)
	}
	byType := map[string]*listing{}
	for _, l := range rows {
		if err := l.check(t, byType); err != nil {
			return nil, fmt.Errorf("reading listings.yaml: %s: %w", l.Type, err)
		}
		byType[l.Type] = l
	}
	return rows, nil
}

func (l *listing) check(t *table.Table, above map[string]*listing) (err error) {
	if l.Type == "" || above[l.Type] != nil {
		return errors.New("no type, or one that another row has")
	}
	if l.op, err = operation(t, l.List); err != nil {
		return err
	}
	if l.Under != "" {
		if l.parent = above[l.Under]; l.parent == nil || l.parent.Global != l.Global {
			return fmt.Errorf("under %s: no row above has that type and place", l.Under)
		}
	}
	if l.tokens, err = tokens(l.op, l.Token); err != nil {
		return err
	}
	if l.Size != "" {
		name, n, _ := strings.Cut(l.Size, "=")
		if _, err := fmt.Sscan(n, &l.size); err != nil || member(l.op.Input, name) == nil {
			return fmt.Errorf("size %q", l.Size)
		}
		l.sizeIn = name
	}
	for _, path := range []string{l.More, l.Found, l.Empty} {
		if path != "" && path != "{}" && !leads(l.op.Output, path) {
			return fmt.Errorf("its answer has no %s", path)
		}
	}
	if err := takes(l.op, l.With); err != nil {
		return err
	}
	if err := takes(l.op, l.One); err != nil {
		return err
	}
	for i := range l.Each {
		e := &l.Each[i]
		if e.op, err = operation(t, e.Call); err != nil {
			return err
		}
		if err := takes(e.op, e.With); err != nil {
			return err
		}
		if e.tokens, err = tokens(e.op, e.Token); err != nil {
			return err
		}
		if e.Found != "" && !leads(e.op.Output, e.Found) {
			return fmt.Errorf("the answer of %s has no %s", e.Call, e.Found)
		}
	}
	return nil
}

// token is what asks for the next page, and where the answer says it.
type token struct{ in, out string }

// tokens reads IN <- OUT, or one word for both; several are set off by commas.
func tokens(op *table.Operation, text string) (all []token, err error) {
	for part := range strings.SplitSeq(text, ", ") {
		in, out, two := strings.Cut(part, " <- ")
		if !two {
			out = in
		}
		switch {
		case in == "":
			continue
		case member(op.Input, in) == nil:
			return nil, fmt.Errorf("%s has no %s to ask on with", op.Name, in)
		case !leads(op.Output, out):
			return nil, fmt.Errorf("the answer of %s has no %s", op.Name, out)
		}
		all = append(all, token{in, out})
	}
	return all, nil
}

// next puts the tokens of an answer into the parameters of the next call, and gives
// them as one text: empty, if there are none.
func next(tokens []token, answer, with map[string]any) (key string) {
	for _, t := range tokens {
		got, ok := at(answer, t.out)
		if !ok || len(got) == 0 || got[len(got)-1] == "" {
			delete(with, t.in)
			continue
		}
		with[t.in] = got[len(got)-1]
		key += t.in + "=" + fmt.Sprint(with[t.in]) + " "
	}
	return key
}

// operation finds SERVICE:Operation.
func operation(t *table.Table, name string) (*table.Operation, error) {
	service, op, _ := strings.Cut(name, ":")
	if s, ok := t.Service(service); ok {
		if op, ok := s.Operation(op); ok {
			return op, nil
		}
	}
	return nil, fmt.Errorf("the table has no %q", name)
}

func takes(op *table.Operation, with map[string]any) error {
	for name := range with {
		if member(op.Input, name) == nil {
			return fmt.Errorf("%s takes no %s", op.Name, name)
		}
	}
	return nil
}

func member(s *table.Shape, name string) *table.Member {
	if s == nil {
		return nil
	}
	i := slices.IndexFunc(s.Members, func(m table.Member) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Members[i]
}

// leads reports whether a path of members, through lists, is in a shape.
func leads(s *table.Shape, path string) bool {
	for step := range strings.SplitSeq(path, ".") {
		for s != nil && s.Kind == table.List {
			s = s.Elem.Shape
		}
		m := member(s, step)
		if m == nil {
			return false
		}
		s = m.Shape
	}
	return true
}

// at gives what stands at a path of an answer, lists on the way taken apart. ok is
// false if the answer does not speak of it: a list that is empty is spoken of.
func at(v any, path string) (found []any, ok bool) {
	step, rest, more := strings.Cut(path, ".")
	m, isMap := v.(map[string]any)
	if !isMap {
		return nil, false
	}
	inner, ok := m[step]
	if !ok || inner == nil {
		return nil, false
	}
	list, isList := inner.([]any)
	if !isList {
		list = []any{inner}
	}
	if !more {
		return list, true
	}
	for _, item := range list {
		got, said := at(item, rest)
		if !said {
			return nil, false
		}
		found = append(found, got...)
	}
	return found, true
}

// fill makes the parameters of a call from a row and what was found, as the head of
// listings.yaml has it. ok is false if there is no such member.
func fill(with any, thing, parent any) (v any, ok bool) {
	switch with := with.(type) {
	case string:
		if !strings.HasPrefix(with, "$") {
			return with, true
		}
		if strings.HasPrefix(with, "$$") {
			return with[1:], true
		}
		from, path := thing, with[1:]
		if n, ok := thing.(named); ok {
			switch path {
			case "@":
				return string(n.urn), true
			case "@id":
				return ending(n.urn), true
			}
			from = n.thing
		}
		if strings.HasPrefix(path, "^") {
			from, path = parent, path[1:]
		}
		if path == "" {
			return from, from != nil
		}
		got, ok := at(from, path)
		if !ok || len(got) != 1 {
			return nil, false
		}
		return got[0], true
	case []any:
		out := make([]any, len(with))
		for i, e := range with {
			if out[i], ok = fill(e, thing, parent); !ok {
				return nil, false
			}
		}
		return out, true
	case map[string]any:
		out := make(map[string]any, len(with))
		for k, e := range with {
			if out[k], ok = fill(e, thing, parent); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return with, true
}

// ending is what ends an ARN.
func ending(urn model.URN) string {
	return string(urn[strings.LastIndexAny(string(urn), ":/")+1:])
}

// nothing reports whether an answer without the things says that there are none.
func (l *listing) nothing(answer map[string]any) bool {
	if l.Empty == "" || l.Empty == "{}" {
		return l.Empty == "{}" && len(answer) == 0
	}
	got, ok := at(answer, l.Empty)
	return ok && len(got) == 1 && fmt.Sprint(got[0]) == "0"
}

// fits reports whether a thing is one of the row's.
func (l *listing) fits(thing any) bool {
	for path, want := range l.Where {
		got, ok := at(thing, path)
		if !ok || len(got) != 1 || got[0] != want {
			return false
		}
	}
	return true
}
