package aws

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

//go:embed targets.yaml
var targetsYAML []byte

// hand says, by service:Operation, what a call touches where the names of its
// parameters do not. It is read once and never changed.
type hand map[string][]*handRow

// handRow is one row of targets.yaml: the file's head says what each word means.
type handRow struct {
	Service string            `yaml:"service"`
	Calls   []string          `yaml:"calls"`
	Type    string            `yaml:"type"`
	ARN     string            `yaml:"arn"`
	Set     map[string]string `yaml:"set"`
	Choose  *choice           `yaml:"choose"`
	Prefix  string            `yaml:"prefix"`
	Made    bool              `yaml:"made"`
	Account string            `yaml:"account"`
	Unnamed string            `yaml:"unnamed"`
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
			name = rows[i].Service + ":" + name
			h[name] = append(h[name], &rows[i])
		}
	}
	return h, nil
}

// of are the rows that say what an operation touches.
func (h hand) of(op *table.Operation) []*handRow {
	rows := h[callName(op)]
	if len(rows) > 0 && rows[0].Unnamed != "" {
		return nil
	}
	return rows
}

// resource is the type that a row means for these parameters, or nil.
func (row *handRow) resource(s *table.Service, params map[string]any) *table.ResourceType {
	kind := row.Type
	if row.Choose != nil {
		is, _ := params[row.Choose.Member].(string)
		is = strings.ToLower(is[strings.LastIndexAny(is, ":/")+1:])
		var ok bool
		if kind, ok = row.Choose.Is[is]; !ok {
			kind = row.Choose.Is["*"]
		}
	}
	if row.ARN != "" {
		return &table.ResourceType{Name: kind, ARN: row.ARN}
	}
	for _, r := range ownTypes(s) {
		if r.Name == kind {
			return &r
		}
	}
	return nil
}

// values are what fills one variable of a row's type.
func (row *handRow) values(v string, params map[string]any) (found []string) {
	paths, ok := row.Set[v]
	if !ok {
		if paths = row.Set["*"]; paths == "" && row.ARN == "${"+v+"}" {
			paths = v
		}
	}
	for path := range strings.SplitSeq(paths, "|") {
		if literal, ok := strings.CutPrefix(path, "="); ok {
			found = append(found, literal)
		} else if path != "" {
			for _, h := range hits(params, path, "", nil) {
				text := ""
				switch value := h.value.(type) {
				case string:
					text = value
				case json.Number, int64, float64:
					text = fmt.Sprint(value)
				}
				if text != "" && (strings.HasPrefix(text, row.Prefix) || row.Prefix == "account" && isAccount(text)) {
					found = append(found, text)
				}
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}

// byHand adds the targets that rows name, and says what they are. Nothing is
// named by rows whose members are not in the call; the first then stands for all
// of its type.
func (t *targeting) byHand(rows []*handRow, params map[string]any) (mainType string) {
	var first *table.ResourceType
	_, rest := cutWord(t.op.Name)
	for _, row := range rows {
		if row.Account != "" {
			t.whole(model.RoleTarget)
			return ""
		}
		r := row.resource(t.op.Service, params)
		if r == nil {
			continue
		}
		role := model.RoleTarget
		if row.Made || t.verb == model.Create && isNoun(r.Name, singular(rest)) {
			role = model.RoleCreated
		}
		if n := len(t.out); t.fillRow(row, *r, params, role) && len(t.out) > n {
			mainType = cmp.Or(mainType, r.Name)
		}
		if first == nil {
			first = r
		}
	}
	if mainType == "" && first != nil {
		mainType = first.Name
		if !strings.HasPrefix(first.ARN, "${") {
			t.add(t.at.fill(first.ARN, nil), first.Name, model.RoleTarget)
		}
	}
	return mainType
}

// fillRow adds the targets of one row, if the call has any.
func (t *targeting) fillRow(row *handRow, r table.ResourceType, params map[string]any, role string) bool {
	values, last := map[string]string{}, ""
	var many []string
	written := false // by the call, not by the row itself
	for _, v := range variables(r.ARN) {
		found := row.values(v, params)
		if len(found) == 0 {
			continue
		}
		for i := range found {
			found[i] = t.within(found[i], v, r.ARN)
		}
		written = written || !strings.HasPrefix(row.Set[v], "=") || !strings.HasSuffix(row.Set[v], found[0])
		values[v] = found[0]
		if many == nil || len(found) > 1 {
			many, last = found, v
		}
	}
	for _, one := range many {
		if strings.HasPrefix(r.ARN, "${") { // the value is the ARN
			if _, isARN := parseARN(one); isARN {
				t.add(canonical(r.Name, one), typeOr(one, t.op.Service, r.Name), role)
			}
			continue
		}
		values[last] = one
		t.add(t.at.fill(r.ARN, values), r.Name, role)
	}
	return written
}

// typeOr is the type of an ARN where its service says it, else the row's.
func typeOr(arn string, s *table.Service, row string) string {
	if kind := typeOfARN(arn, s); slices.ContainsFunc(ownTypes(s), func(r table.ResourceType) bool { return r.Name == kind }) {
		return kind
	}
	return row
}

// within is the part of an ARN that a variable asks for, where the value is the
// ARN of another type that has a variable of that name: the ClusterName of a
// topic, in the ARN of its cluster.
func (t *targeting) within(value, v, template string) string {
	parts, isARN := parseARN(value)
	if !isARN || isOfTemplate(parts, template) {
		return value
	}
	for _, form := range kindsIn(t.op.Service).forms {
		if form == nil || form[2] != parts[2] {
			continue
		}
		has := extract(form[5], parts[5])
		if got, ok := has[v]; ok {
			return got
		}
		if got, ok := has[strings.TrimPrefix(v, "Cluster")]; ok { // ClusterUuid, of a cluster's own Uuid
			return got
		}
	}
	return value
}

// whole is the account's own target for a service: of settings that the account
// has once.
func (t *targeting) whole(role string) {
	s := t.at.known()
	if types := t.op.Service.ResourceTypes; len(types) > 0 && !slices.ContainsFunc(types, func(r table.ResourceType) bool { return strings.Contains(r.ARN, "${Region}") }) {
		s.region = "" // IAM and the like
	}
	t.add("arn:"+s.partition+":"+t.op.Service.SigningName+":"+s.region+":"+s.account+":*", t.op.Service.Name+":account", role)
}

// mostFilled is the form of a type's ARN for which the call says most: API
// Gateway's two versions share their types.
func (t *targeting) mostFilled(main *table.ResourceType, lists ...[]table.ResourceType) *table.ResourceType {
	best, most := main, -1
	for _, forms := range lists {
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
	}
	return best
}
