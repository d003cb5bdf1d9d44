package aws

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

var update = flag.Bool("update", false, "write the reviewed files of testdata again")

// mostUsed are the services whose targets are reviewed one by one.
var mostUsed = strings.Fields("acm apigateway apigatewayv2 athena autoscaling backup cloudformation cloudfront cloudtrail cloudwatch codebuild dynamodb " +
	"ec2 ecr ecs efs eks elasticache elb elbv2 events firehose glue iam kafka kinesis kms lambda logs opensearch organizations rds redshift route53 s3 " +
	"secretsmanager sns sqs ssm stepfunctions sts wafv2")

var here = scene{"aws", "us-east-1", "111122223333"}

// sampler fills every parameter of a call with a value that says where it stood.
type sampler struct{ op *table.Operation }

func (s sampler) params(members []table.Member, depth int) map[string]any {
	out := map[string]any{}
	for i := range members {
		m := &members[i]
		if v := s.value(m.Name, m.Shape, depth); v != nil {
			out[m.Name] = v
		}
	}
	return out
}

func (s sampler) value(name string, shape *table.Shape, depth int) any {
	if depth > 4 {
		return nil
	}
	switch shape.Kind {
	case table.Structure:
		return s.params(shape.Members, depth+1)
	case table.List:
		if v := s.value(name, shape.Elem.Shape, depth+1); v != nil {
			return []any{v}
		}
		return nil
	case table.String:
		return s.text(name)
	}
	return nil
}

// text is an identifier of the form that its member's name asks for.
func (s sampler) text(name string) string {
	ends, lower := stem(name), strings.ToLower(name)
	isID := strings.HasSuffix(lower, "id") || strings.HasSuffix(lower, "ids")
	if isID {
		for _, prefix := range slices.SortedFunc(mapsKeys(ec2Prefixes), func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) }) {
			kind := "ec2:" + ec2Prefixes[prefix]
			if !isNoun(kind, ends) && !(ends == "allocation" && prefix == "eipalloc") && !(ends == "group" && prefix == "sg") {
				continue
			}
			if s.op.Service.Name == "ec2" || prefix == "vpc" || prefix == "subnet" || prefix == "sg" && strings.Contains(lower, "security") || prefix == "i" {
				return prefix + "-0123456789abcdef0"
			}
		}
	}
	if strings.Contains(lower, "arn") {
		for _, r := range append(slices.Clone(own(s.op.Service, s.op.Resources)), ownTypes(s.op.Service)...) {
			if isNoun(r.Name, ends) || ends == "resource" || lower == "arn" {
				return here.fill(r.ARN, everyVariable(r.ARN))
			}
		}
		return "arn:aws:iam::" + here.account + ":role/" + name
	}
	if lower == "queueurl" {
		return "https://sqs.us-east-1.amazonaws.com/" + here.account + "/" + name
	}
	return "<" + name + ">"
}

func everyVariable(template string) map[string]string {
	out := map[string]string{}
	for _, v := range variables(template) {
		out[v] = "<" + v + ">"
	}
	return out
}

func mapsKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// exact reports a target that is one resource, or one of a type that is made and
// that only the cloud can name.
func exact(t model.Target) bool {
	urn := string(t.URN)
	switch t.Role {
	case model.RoleTarget:
		return !strings.Contains(urn, "*")
	case model.RoleCreated:
		parts, ok := parseARN(urn)
		return ok && !strings.Contains(strings.Join(parts[:5], ":"), "*") && parts[5] != "*"
	}
	return false
}

// The targets of every change of the most used services are what was reviewed:
// run with -update, and read the difference.
func TestTargetsAreThoseReviewed(t *testing.T) {
	d := decoder(t)
	var got strings.Builder
	sum, all := 0, 0
	for _, name := range mostUsed {
		s, ok := d.table.Service(name)
		if !ok {
			t.Fatalf("no service %s", name)
		}
		good, count := 0, 0
		ops := slices.Clone(s.Operations)
		sort.Slice(ops, func(i, j int) bool { return ops[i].Name < ops[j].Name })
		for _, op := range ops {
			verb := verbOf(op)
			if !verb.Mutates() {
				continue
			}
			count++
			params := map[string]any{}
			if op.Input != nil {
				params = sampler{op}.params(op.Input.Members, 0)
			}
			found, _, _ := d.hand.targets(op, verb, params, here)
			mark := "?"
			if slices.ContainsFunc(found, exact) {
				good++
				mark = " "
			}
			fmt.Fprintf(&got, "%s %s:%s %s\n", mark, s.Name, op.Name, verb)
			for _, x := range found {
				if x.Role != model.RoleDependency {
					fmt.Fprintf(&got, "\t%s %s %s\n", x.Role, x.Type, x.URN)
				}
			}
		}
		t.Logf("%-16s %4d of %4d changes name what they change", name, good, count)
		sum, all = sum+good, all+count
	}
	t.Logf("%d of %d: %.1f %%", sum, all, 100*float64(sum)/float64(all))
	const path = "testdata/targets.txt"
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the targets are not those of %s: run go test -run %s -update ./decoders/aws, and review the difference", path, t.Name())
	}
}
