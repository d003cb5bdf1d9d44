package compile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// override is one reviewed row of overrides.yaml.
type override struct {
	Service    string   `yaml:"service"`
	Operation  string   `yaml:"operation"`  // one name
	Operations []string `yaml:"operations"` // or several
	Access     string   `yaml:"access"`
	IAM        string   `yaml:"iam"`       // the IAM action, where its name differs
	Resources  []string `yaml:"resources"` // resource types, where AWS lists none
	Reason     string   `yaml:"reason"`
}

type overrides []override

func readOverrides(path string) (overrides, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseOverrides(path, data)
}

func parseOverrides(name string, data []byte) (overrides, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	var rows overrides
	if err := d.Decode(&rows); err != nil && !errors.Is(err, io.EOF) { // an empty file has no rows
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return rows, nil
}

// apply corrects the operations. A row that names what is not there is an error,
// unless lenient: newer models have dropped it.
func (rows overrides) apply(infos []*table.Info, lenient bool) error {
	byName := map[string]*table.Info{}
	for _, i := range infos {
		byName[i.Name] = i
	}
	for _, row := range rows {
		info, ok := byName[row.Service]
		if !ok && lenient {
			continue
		}
		if !ok {
			return fmt.Errorf("override of %s: no such service", row.Service)
		}
		if row.Reason == "" {
			return fmt.Errorf("override of %s:%s%v: no reason", row.Service, row.Operation, row.Operations)
		}
		names := row.Operations
		if row.Operation != "" {
			names = append(names, row.Operation)
		}
		for _, name := range names {
			op, ok := info.Operation(name)
			if !ok && lenient {
				continue
			}
			if !ok {
				return fmt.Errorf("override of %s:%s: no such operation", row.Service, name)
			}
			if err := row.set(info, op); err != nil {
				return fmt.Errorf("override of %s:%s: %w", row.Service, name, err)
			}
		}
	}
	return nil
}

func (row override) set(info *table.Info, op *table.Operation) error {
	if row.Access != "" {
		level := -1
		for a := table.AccessUnknown; a <= table.AccessWrite; a++ {
			if a.String() == row.Access {
				level = int(a)
			}
		}
		if level < 0 {
			return fmt.Errorf("access %q", row.Access)
		}
		op.Access = table.Access(level)
	}
	if row.IAM != "" {
		op.IAMActions = []string{row.IAM}
	}
	for _, name := range row.Resources {
		required := !strings.HasSuffix(name, "?")
		name = strings.TrimSuffix(name, "?")
		found := false
		for _, t := range info.ResourceTypes {
			if t.Name == name {
				t.Required = required
				op.Resources = slices.DeleteFunc(op.Resources, func(r table.ResourceType) bool { return r.Name == name })
				op.Resources, found = append(op.Resources, t), true
			}
		}
		if !found {
			return fmt.Errorf("no resource type %q", name)
		}
	}
	return nil
}
