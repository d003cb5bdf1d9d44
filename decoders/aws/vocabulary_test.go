package aws

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// vocabularyRow is one place of the vocabulary: see testdata/vocabulary.txt.
type vocabularyRow struct{ name, call, path, kind string }

func vocabulary(t testing.TB) []vocabularyRow {
	t.Helper()
	data, err := os.ReadFile("testdata/vocabulary.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []vocabularyRow
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 3 {
			t.Fatalf("%q is not a row", line)
		}
		call, path, _ := strings.Cut(f[1], "#")
		out = append(out, vocabularyRow{f[0], call, strings.ReplaceAll(path, "[]", ".[]"), f[2]})
	}
	return out
}

// samples are values that are tried at a place: one of them has to tell something.
var samples = []any{
	"x", true, json.Number("5"), []any{"x"}, "0.0.0.0/0", "all", "arn:aws:iam::111111111111:role/x", "arn:aws:iam::111111111111:instance-profile/x", "host", "TLS", "HTTPS", "KMS", "NONE", "ACTIVE", "Enabled", "spot", "aHVudGVy", "root",
	"TLSv1.2_2021", "ELBSecurityPolicy-TLS13-1-2-2021-06", "TLS_1_2", "Policy-Min-TLS-1-2-2019-07", "ml.p4d.24xlarge", "required", "internet-facing", "ENABLED",
	"BucketOwnerEnforced", "https-only", "public-read", "PublicRead", "access_logs.s3.enabled", "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy",
	`{"Statement":{"Effect":"Allow","Principal":{"AWS":["*","111111111111"]},"Action":"*","Resource":"*"}}`,
	map[string]any{"Value": true}, map[string]any{"Value": "aHVudGVy"}, map[string]any{"PASSWORD": "x"}, []any{map[string]any{"name": "PASSWORD"}}, []any{map[string]any{"Name": "PASSWORD"}}, map[string]any{"Fn::Base64": "x"},
	map[string]any{"Policy": `{"Statement":{"Effect":"Allow","Principal":{"AWS":["*","111111111111"]},"Action":"*","Resource":"*"}}`},
	[]any{map[string]any{"enabled": false}}, map[string]any{"Owner": "x", "Classification": "x"},
	map[string]any{"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp"}, map[string]any{"Name": "a.example", "Type": "A"}, map[string]any{"BlockPublicPolicy": false},
	map[string]any{"Key": "access_logs.s3.enabled", "Value": "true"},
}

// around are parameters without which a place means nothing.
var around = []map[string]any{
	{}, {"RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}, {"RuleAction": "allow", "CidrBlock": "0.0.0.0/0", "Egress": true},
	{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0123456789abcdef0"}, {"Name": "a.example", "Type": "A"}, {"IpProtocol": "tcp", "CidrIp": "0.0.0.0/0"},
}

// at puts a value at a path, "[]" being the one item of a list.
func at(path string, value any) any {
	if path == "" {
		return value
	}
	step, rest, _ := strings.Cut(path, ".")
	if step == "[]" {
		return []any{at(rest, value)}
	}
	return map[string]any{step: at(rest, value)}
}

// Every place of the vocabulary is read: in the call that it names, and in the
// resource type of a template that says the same.
func TestTheVocabularyIsRead(t *testing.T) {
	d := decoder(t)
	where := scene{"aws", "us-east-1", "029608264753"}
	tells := func(in, path, name string) bool {
		for _, base := range around {
			for _, sample := range samples {
				params := map[string]any{}
				for k, v := range base {
					params[k] = v
				}
				tree, ok := at(path, sample).(map[string]any)
				if !ok && path != "" {
					continue
				}
				for k, v := range tree {
					params[k] = v
				}
				if path != "" || len(tree) > 0 || len(base) > 0 {
					found := d.properties.of(in, params, where)
					service, _, _ := strings.Cut(in, ":")
					a := model.Action{Service: service, Verb: model.Create}
					if p, ok := d.runsAs(&a, params, where); ok {
						found = addProperty(found, p)
					}
					if slices.ContainsFunc(found, func(p model.Property) bool { return p.Name == name }) {
						return true
					}
				}
			}
		}
		return false
	}
	tag := map[string]any{"Key": "Owner", "Value": "x"}
	byName := map[string][]string{}
	for _, row := range vocabulary(t) {
		byName[row.name] = append(byName[row.name], row.call)
		if strings.HasSuffix(row.path, ".Value") && (row.name == "owner" || row.name == "data.classification") {
			path := strings.TrimSuffix(strings.TrimSuffix(row.path, ".Value"), ".[]")
			tree, _ := at(path, []any{tag, map[string]any{"Key": "Classification", "Value": "x"}}).(map[string]any)
			if !slices.ContainsFunc(d.properties.of(row.call, tree, where), func(p model.Property) bool { return p.Name == row.name }) {
				t.Errorf("%s is not read at %s %s", row.name, row.call, row.path)
			}
		} else if !tells(row.call, row.path, row.name) {
			t.Errorf("%s is not read at %s %s", row.name, row.call, row.path)
		}
		if row.kind == "-" {
			continue
		}
		if _, ok := d.table.CFN(row.kind); !ok {
			t.Errorf("there is no type %s", row.kind)
		}
		if !slices.ContainsFunc(append(d.properties.rows(row.kind), &propertyRow{Name: row.name, At: row.path}), func(r *propertyRow) bool {
			return (r.Name == row.name || r.Read == "resource" || r.Read == "trust") && tells(row.kind, r.At, row.name)
		}) {
			t.Errorf("%s is not read in %s, as it is in %s %s", row.name, row.kind, row.call, row.path)
		}
	}
	if len(byName) < 60 {
		t.Errorf("only %d properties", len(byName))
	}
	for _, name := range []string{"network.public", "encryption.atRest", "access.crossAccount", "identity.privilege"} {
		t.Logf("%s: %s", name, strings.Join(byName[name], " "))
	}
}
