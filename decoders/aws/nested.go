package aws

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

//go:embed nested.yaml
var nestedYAML []byte

// nested says what is inside calls, by service:Operation. It is read once and
// never changed.
type nested struct {
	batches    map[string]*batch
	statements map[string]*statement
	reveals    map[string]string // the member that asks for the secret
	roles      roleRules
	scripts    []scriptRow
}

// batch is a call whose items are changes of their own.
type batch struct {
	Call   string            `yaml:"call"`
	Each   string            `yaml:"each"`
	As     string            `yaml:"as"`
	Choose map[string]string `yaml:"choose"`
	With   []string          `yaml:"with"`
	Item   string            `yaml:"item"`
	List   string            `yaml:"list"`
	Verb   *struct {
		Member string                `yaml:"member"`
		Is     map[string]model.Verb `yaml:"is"`
	} `yaml:"verb"`
	Atomic bool `yaml:"atomic"`
	Count  bool `yaml:"count"`
}

// statement is a call whose verb is in a text of SQL.
type statement struct {
	Call      string `yaml:"call"`
	Member    string `yaml:"member"`
	Table     string `yaml:"table"` // the member that would name the table, for targets
	Functions bool   `yaml:"functions"`
}

func readNested() (*nested, error) {
	var file struct {
		Batches    []batch     `yaml:"batches"`
		Statements []statement `yaml:"statements"`
		Reveals    []struct {
			Call   string `yaml:"call"`
			Member string `yaml:"member"`
		} `yaml:"reveals"`
		Roles   roleRules   `yaml:"roles"`
		Scripts []scriptRow `yaml:"scripts"`
	}
	d := yaml.NewDecoder(bytes.NewReader(nestedYAML))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("reading nested.yaml: %w", err)
	}
	n := &nested{map[string]*batch{}, map[string]*statement{}, map[string]string{}, file.Roles, file.Scripts}
	for i := range file.Batches {
		n.batches[file.Batches[i].Call] = &file.Batches[i]
	}
	for i := range file.Statements {
		n.statements[file.Statements[i].Call] = &file.Statements[i]
	}
	for _, r := range file.Reveals {
		n.reveals[r.Call] = r.Member
	}
	return n, nil
}

func callName(op *table.Operation) string { return op.Service.Name + ":" + op.Name }

// member returns the value at a path of plain members.
func member(params map[string]any, path string) (any, bool) {
	for {
		name, rest, more := strings.Cut(path, ".")
		v, ok := params[name]
		if !ok || !more {
			return v, ok
		}
		if params, ok = v.(map[string]any); !ok {
			return nil, false
		}
		path = rest
	}
}
