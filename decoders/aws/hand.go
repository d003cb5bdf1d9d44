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

//go:embed targets.yaml
var targetsYAML []byte

// hand says, by service:Operation, what a call touches where the names of its
// parameters do not. It is read once and never changed.
type hand map[string]*handRow

// handRow is one row of targets.yaml: see the file's head.
type handRow struct {
	Service string            `yaml:"service"`
	Calls   []string          `yaml:"calls"`
	Type    string            `yaml:"type"`
	ARN     string            `yaml:"arn"`
	Set     map[string]string `yaml:"set"`
	Choose  *choice           `yaml:"choose"`
	Account string            `yaml:"account"`
}

// choice picks a type by the value of a member.
type choice struct {
	Member string            `yaml:"member"`
	Is     map[string]string `yaml:"is"`
}

func readHand() (hand, error) {
	var rows []handRow
	d := yaml.NewDecoder(bytes.NewReader(targetsYAML))
	d.KnownFields(true)
	if err := d.Decode(&rows); err != nil {
		return nil, fmt.Errorf("reading targets.yaml: %w", err)
	}
	h := hand{}
	for i := range rows {
		for _, name := range rows[i].Calls {
			h[rows[i].Service+":"+name] = &rows[i]
		}
	}
	return h, nil
}

// of is the row of an operation and the resource type that it names for these
// parameters, or nil.
func (h hand) of(op *table.Operation, params map[string]any) (*handRow, *table.ResourceType) {
	row := h[callName(op)]
	if row == nil || row.Account != "" {
		return row, nil
	}
	kind := row.Type
	if row.Choose != nil {
		is, _ := params[row.Choose.Member].(string)
		kind = row.Choose.Is[strings.ToLower(is)]
	}
	if row.ARN != "" {
		return row, &table.ResourceType{Name: kind, ARN: row.ARN}
	}
	for _, r := range ownTypes(op.Service) {
		if r.Name == kind {
			return row, &r
		}
	}
	return row, nil
}

// resolve fills a row's type from the members that it names.
func (t *targeting) byHand(row *handRow, r table.ResourceType, params map[string]any, role string) {
	values, last := map[string]string{}, ""
	var many []string
	for _, v := range variables(r.ARN) {
		var found []string
		for path := range strings.SplitSeq(row.Set[v], "|") {
			if literal, ok := strings.CutPrefix(path, "="); ok {
				found = []string{literal}
			}
			for _, h := range hits(params, path, "", nil) {
				if text, ok := h.value.(string); ok && text != "" {
					if strings.HasSuffix(strings.ToLower(path), "url") {
						text = t.at.ofURL(r.ARN, text)
					}
					found = append(found, text)
				}
			}
			if len(found) > 0 {
				break
			}
		}
		if len(found) > 0 {
			values[v] = found[0]
			if many == nil || len(found) > 1 {
				many, last = found, v
			}
		}
	}
	for _, one := range many {
		values[last] = one
		t.add(t.at.fill(r.ARN, values), r.Name, role)
	}
	if many == nil {
		t.add(t.at.fill(r.ARN, nil), r.Name, role)
	}
}

// whole is the account's own target for a service: of settings that the account
// has once.
func (t *targeting) whole(role string) {
	s := t.at.known()
	t.add("arn:"+s.partition+":"+t.op.Service.SigningName+":"+s.region+":"+s.account+":*", t.op.Service.Name+":account", role)
}

// mostFilled is the form of a type's ARN for which the call says most: API
// Gateway's two versions share their types.
func (t *targeting) mostFilled(main *table.ResourceType, forms []table.ResourceType) *table.ResourceType {
	best, most := main, -1
	for i := range forms {
		if forms[i].Name != main.Name {
			continue
		}
		n, vars := 0, variables(forms[i].ARN)
		for _, v := range vars {
			if len(t.values(v, forms[i], model.RoleTarget, true)) > 0 {
				n++
			}
		}
		if n = 2*n - len(vars); n > most || most == -1 {
			best, most = &forms[i], n
		}
	}
	return best
}
