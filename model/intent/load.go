package intent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a set: far above what people write by hand (10,000 clauses are
// about 2 MiB), far below what hurts to parse on each reload.
const (
	maxFiles     = 1000
	maxFileBytes = 4 << 20
	maxSetBytes  = 32 << 20
	maxDocuments = 50_000
)

// Load reads every *.yaml and *.yml below the root of fsys (os.DirFS of the
// intent folder), hidden ones left out. On any problem the set is nil and the
// error an *Error that lists all of them.
func Load(fsys fs.FS) (*Set, error) {
	var p problems
	s := &Set{}
	names, err := documents(fsys, &p)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, name := range names {
		data, err := read(fsys, name)
		if err != nil {
			p.add(Pos{File: name}, CodeFile, "", "%v", err)
			continue
		}
		if total += len(data); total > maxSetBytes {
			p.add(Pos{File: name}, CodeBound, "", "the documents are larger than %d bytes together", maxSetBytes)
			break
		}
		s.parse(name, data, &p)
	}
	s.Files = len(names)
	return s.finish(&p)
}

// Parse reads one file's documents; name stands in problems and positions.
func Parse(name string, data []byte) (*Set, error) {
	var p problems
	s := &Set{Files: 1}
	s.parse(name, data, &p)
	return s.finish(&p)
}

func (s *Set) finish(p *problems) (*Set, error) {
	s.order()
	if len(p.list) == 0 { // references of a set that was only half read would mislead
		s.check(p)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	s.Digest = s.digest()
	return s, nil
}

// documents lists the files of a set in order.
func documents(fsys fs.FS, p *problems) ([]string, error) {
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if ext := path.Ext(name); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		if len(names) == maxFiles {
			p.add(Pos{File: name}, CodeBound, "", "more than %d files", maxFiles)
			return fs.SkipAll
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading intent: %w", err)
	}
	return names, nil
}

func read(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("the file is larger than %d bytes", maxFileBytes)
	}
	return data, err
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parse reads the documents of one file into the set.
func (s *Set) parse(file string, data []byte, p *problems) {
	if len(data) > maxFileBytes {
		p.add(Pos{File: file}, CodeBound, "", "the file is larger than %d bytes", maxFileBytes)
		return
	}
	s.sources = append(s.sources, source{file, string(data)})
	d := &decoder{file: file, p: p}
	r := yaml.NewDecoder(bytes.NewReader(data))
	for n := 0; ; n++ {
		var doc yaml.Node
		err := r.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			at := Pos{File: file}
			if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
				fmt.Sscan(m[1], &at.Line)
				at.Col = min(at.Line, 1)
			}
			p.add(at, CodeSyntax, "", "not YAML: %s", yamlLine.ReplaceAllString(err.Error(), ""))
			return
		}
		if n == maxDocuments {
			p.add(d.at(&doc), CodeBound, "", "more than %d documents", maxDocuments)
			return
		}
		if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 && doc.Content[0].Tag != "!!null" {
			s.document(d, doc.Content[0])
		}
	}
}

// envelope is what every document has around its spec.
type envelope struct {
	APIVersion string   `yaml:"apiVersion,required"`
	Kind       string   `yaml:"kind,required"`
	Metadata   Metadata `yaml:"metadata,required"`
}

// Kinds are the kinds of documents.
func Kinds() []string {
	return []string{"Environment", "Actor", "Owner", "Intent", "Rule", "Blueprint", "Exception", "Resource"}
}

// nameForm is what a document may be called: the form of a DNS label with dots,
// so that a name can stand in a file name, a header and a URL.
var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,125}[a-z0-9])?$`)

// document reads one document.
func (s *Set) document(d *decoder, n *yaml.Node) {
	before := len(d.p.list)
	head, spec := split(n)
	var e envelope
	d.value(head, reflect.ValueOf(&e).Elem(), "a document", 0)
	if len(d.p.list) > before {
		return
	}
	if e.APIVersion != APIVersion {
		d.bad(head, CodeValue, "write apiVersion: "+APIVersion, "apiVersion %q is not known", e.APIVersion)
	}
	if !nameForm.MatchString(e.Metadata.Name) {
		d.bad(head, CodeValue, "use lower-case letters, digits, dots and dashes, at most 127", "metadata.name %q cannot be a name", e.Metadata.Name)
	}
	if spec == nil {
		d.bad(head, CodeMissing, "add spec:", "a document needs spec")
		return
	}
	name, owner := e.Metadata.Name, e.Metadata.Owner
	switch e.Kind {
	case "Environment":
		v := &Environment{}
		d.value(spec, reflect.ValueOf(v).Elem(), "an Environment", 1)
		v.Pos, v.Name, v.Owner = d.at(n), name, owner
		s.Environments = append(s.Environments, v)
	case "Actor":
		v := &Actor{}
		d.value(spec, reflect.ValueOf(v).Elem(), "an Actor", 1)
		v.Pos, v.Name = d.at(n), name
		s.Actors = append(s.Actors, v)
	case "Owner":
		v := &Owner{}
		d.value(spec, reflect.ValueOf(v).Elem(), "an Owner", 1)
		v.Pos, v.Name = d.at(n), name
		s.Owners = append(s.Owners, v)
	case "Intent":
		v := &Intent{}
		d.value(spec, reflect.ValueOf(v).Elem(), "an Intent", 1)
		v.Pos, v.Name, v.Owner = d.at(n), name, owner
		if owner == "" {
			d.bad(head, CodeMissing, "add metadata.owner: the Owner document that answers for it", "an Intent needs metadata.owner")
		}
		s.Intents = append(s.Intents, v)
	case "Blueprint":
		v := &Blueprint{}
		d.value(spec, reflect.ValueOf(v).Elem(), "a Blueprint", 1)
		v.Pos, v.Name, v.Owner = d.at(n), name, owner
		s.Blueprints = append(s.Blueprints, v)
	case "Exception":
		v := &Exception{}
		d.value(spec, reflect.ValueOf(v).Elem(), "an Exception", 1)
		v.Pos, v.Name, v.Owner = d.at(n), name, owner
		s.Exceptions = append(s.Exceptions, v)
	case "Resource":
		v := &Resource{}
		d.value(spec, reflect.ValueOf(v).Elem(), "a Resource", 1)
		v.Pos, v.Name, v.Owner = d.at(n), name, owner
		if owner == "" {
			d.bad(head, CodeMissing, "add metadata.owner: the Owner document that answers for it", "a Resource needs metadata.owner")
		}
		s.Resources = append(s.Resources, v)
	case "Rule":
		v := &Rule{}
		d.value(spec, reflect.ValueOf(v).Elem(), "a Rule", 1)
		v.Pos, v.Name, v.Owner = d.at(n), name, owner
		s.Rules = append(s.Rules, v)
	default:
		d.bad(head, CodeValue, didYouMean(e.Kind, Kinds()), "kind %q is not known", e.Kind)
	}
}

// split takes the spec out of a document, since what it is depends on the kind.
func split(n *yaml.Node) (head, spec *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return n, nil
	}
	copied := *n
	copied.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "spec" && spec == nil {
			spec = n.Content[i+1]
			continue
		}
		copied.Content = append(copied.Content, n.Content[i], n.Content[i+1])
	}
	return &copied, spec
}

// order sorts the documents by name, so that their order in files is irrelevant.
func (s *Set) order() {
	sort.SliceStable(s.Environments, func(i, j int) bool { return s.Environments[i].Name < s.Environments[j].Name })
	sort.SliceStable(s.Actors, func(i, j int) bool { return s.Actors[i].Name < s.Actors[j].Name })
	sort.SliceStable(s.Owners, func(i, j int) bool { return s.Owners[i].Name < s.Owners[j].Name })
	sort.SliceStable(s.Intents, func(i, j int) bool { return s.Intents[i].Name < s.Intents[j].Name })
	sort.SliceStable(s.Blueprints, func(i, j int) bool { return s.Blueprints[i].Name < s.Blueprints[j].Name })
	sort.SliceStable(s.Exceptions, func(i, j int) bool { return s.Exceptions[i].Name < s.Exceptions[j].Name })
	sort.SliceStable(s.Resources, func(i, j int) bool { return s.Resources[i].Name < s.Resources[j].Name })
	sort.SliceStable(s.Rules, func(i, j int) bool { return s.Rules[i].Name < s.Rules[j].Name })
}
