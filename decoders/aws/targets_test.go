package aws

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
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
	case table.Map:
		if v := s.value(name, shape.Value.Shape, depth+1); v != nil {
			return map[string]any{s.text(name): v}
		}
		return nil
	case table.String:
		if name == "Statement" && s.op.Service.Name == "dynamodb" {
			return `DELETE FROM "<Statement>" WHERE id = 1`
		}
		return s.text(name)
	case table.Integer, table.Long:
		return json.Number("7")
	}
	return nil
}

// ids are the EC2 ids of members whose names do not say a type.
var ids = map[string]string{"allocation": "eipalloc", "group": "sg", "securitygroup": "sg", "service": "vpce-svc", "prefixlist": "pl", "resource": "i",
	"branchinterface": "eni", "trunkinterface": "eni", "spotinstancerequest": "sir", "sourcesnapshot": "snap", "target": "i", "pool": "ipv4pool-ec2",
	"sourcecapacityreservation": "cr", "destinationcapacityreservation": "cr", "managedprefixlist": "pl"}

// arns are the members that hold an ARN and are not called so.
var arns = strings.Fields("Resource ResourceName ResourceIdentifier SerialNumber ResourceIdList SourceArn EventDataStore")

// text is an identifier of the form that its member's name asks for.
func (s sampler) text(name string) string {
	ends, lower, service := stem(name), strings.ToLower(name), s.op.Service.Name
	const digits = "-0123456789abcdef0"
	if prefix, ok := ids[ends]; ok && (service == "ec2" && lower != "groupname" || lower == "target" && service == "ssm") {
		return prefix + digits
	}
	if strings.HasSuffix(lower, "id") || strings.HasSuffix(lower, "ids") {
		for _, prefix := range slices.SortedFunc(maps.Keys(ec2Prefixes), func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) }) {
			known := prefix == "vpc" || prefix == "subnet" || prefix == "i" || prefix == "sg" && strings.Contains(lower, "security")
			if isNoun("ec2:"+ec2Prefixes[prefix], ends) && (service == "ec2" || known) {
				return prefix + digits
			}
		}
	}
	switch {
	case lower == "queueurl":
		return "https://sqs.us-east-1.amazonaws.com/" + here.account + "/" + name
	case lower == "recoverypointarn":
		return "arn:aws:backup:us-east-1:" + here.account + ":recovery-point:<" + name + ">"
	case lower == "exporttaskid" || lower == "importtaskid":
		return map[string]string{"exporttaskid": "export-ami", "importtaskid": "import-ami"}[lower] + digits
	case lower == "resourceid" && service == "organizations":
		return "ou-<" + name + ">"
	case lower == "resourceid" && service == "efs":
		return "fs-0123456789abcdef0"
	case lower == "resourceid" && strings.HasPrefix(s.op.Name, "Put") && service == "ssm", lower == "instanceids" && service == "ssm":
		return "i" + digits
	case lower == "resourcetype" && service == "ssm":
		return "Document"
	case lower == "resourcetype" && service == "route53":
		return "hostedzone"
	case strings.Contains(lower, "arn"), slices.Contains(arns, name) && service != "ec2", lower == "resourceid" && service == "cloudtrail":
		types := append(slices.Clone(own(s.op.Service, s.op.Resources)), ownTypes(s.op.Service)...)
		for _, r := range types {
			if isNoun(r.Name, ends) {
				return here.fill(r.ARN, everyVariable(r.ARN))
			}
		}
		if len(types) > 0 && (subject(lower) || lower == "arn" || slices.Contains(arns, name)) {
			return here.fill(types[0].ARN, everyVariable(types[0].ARN))
		}
		if strings.Contains(lower, "role") {
			return "arn:aws:iam::" + here.account + ":role/" + name
		}
		return "arn:aws:" + s.op.Service.SigningName + ":us-east-1:" + here.account + ":<" + name + ">"
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

// cloudMade are the types whose ARNs hold an id that no call writes: the call's
// name for them is as exact as can be, and the model knows them by it too.
var cloudMade = strings.Fields("autoscaling:autoScalingGroup autoscaling:launchConfiguration cloudformation:stack cloudformation:stackset " +
	"backup:framework backup:reportPlan backup:restoreTestingPlan backup:tieringConfiguration eks:access-entry eks:addon eks:capability " +
	"eks:fargateprofile eks:identityproviderconfig eks:nodegroup rds:cev redshift:snapshot " +
	"organizations:account organizations:handshake organizations:organizationalunit organizations:policy organizations:root " +
	"organizations:responsibilitytransfer ecs:task-definition ecs:daemon-task-definition kafka:topic")

// exact reports a target that is one resource, or one of a type that is made and
// that only the cloud can name.
func exact(t model.Target) bool {
	urn := string(t.URN)
	switch t.Role {
	case model.RoleTarget:
		return !strings.Contains(urn, "*") || slices.Contains(cloudMade, t.Type) && strings.Contains(urn, "<")
	case model.RoleCreated:
		parts, ok := parseARN(urn)
		return ok && !strings.Contains(strings.Join(parts[:5], ":"), "*") && parts[5] != "*"
	}
	return false
}

// sampled are the targets of a call with all of its parameters.
func sampled(d *Decoder, op *table.Operation) []model.Target {
	params := map[string]any{}
	if op.Input != nil {
		params = sampler{op}.params(op.Input.Members, 0)
	}
	a := model.Action{Service: op.Service.Name, Operation: op.Name}
	d.understand(&a, op, params, here)
	_ = d.fanOut(&a, op, params, here) // what a sampled text does not fit has no parts
	return a.Targets
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
			found := sampled(d, op)
			rows := d.hand[callName(op)]
			unnamed := len(rows) > 0 && rows[0].Unnamed != ""
			mark := "?"
			if slices.ContainsFunc(found, exact) || len(rows) > 0 && rows[0].Account != "" {
				good++
				mark = " "
			}
			if unnamed != (mark == "?") {
				t.Errorf("%s: named: %v; targets.yaml says that it cannot be: %v", callName(op), !unnamed, unnamed)
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
	if sum*100 < all*98 {
		t.Errorf("%d of %d changes name what they change: want 98 in 100", sum, all)
	}
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

// Of the changes of all services, nine in ten name what they change, or are about
// nothing that AWS's own reference has an ARN for.
func TestMostChangesNameWhatTheyChange(t *testing.T) {
	d := decoder(t)
	good, none, all := 0, 0, 0
	for _, info := range d.table.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		of, named := 0, 0
		for _, op := range s.Operations {
			if !verbOf(op).Mutates() {
				continue
			}
			of++
			rows := d.hand[callName(op)]
			switch {
			case len(rows) > 0 && rows[0].Account != "" || slices.ContainsFunc(sampled(d, op), exact):
				named++
			case len(op.Resources) == 0 && len(op.IAMActions) > 0:
				none++
			}
		}
		good, all = good+named, all+of
	}
	t.Logf("%d of %d changes of %d services: %.1f %%; %d have no resource in AWS's reference: with them %.1f %%",
		good, all, len(d.table.Services()), 100*float64(good)/float64(all), none, 100*float64(good+none)/float64(all))
	if (good+none)*100 < all*90 {
		t.Errorf("%d of %d changes name what they change: want nine in ten", good+none, all)
	}
}
