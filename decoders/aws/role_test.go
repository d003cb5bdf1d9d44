package aws

import (
	"context"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// handed lists the roles that an action hands over, at any depth.
func handed(a model.Action) []string {
	var out []string
	if a.Capability == passRole {
		out = append(out, strings.NewReplacer("us-east-1", "R", "029608264753", "A").Replace(string(a.Targets[0].URN))+" "+a.Fidelity.String())
	}
	for _, p := range a.Parts {
		out = append(out, handed(p)...)
	}
	return out
}

// Law 4: declared, never inferred. A role that is handed to a service is a part of
// the call that needs a grant of its own, by every way.
func TestARoleThatIsHandedOverIsAPart(t *testing.T) {
	d := decoder(t)
	const app = "arn:aws:iam::029608264753:role/app"
	for _, test := range []struct {
		name string
		call decoders.Call
		want string
	}{
		{"a function", call(t, "POST", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions", "lambda", `{"FunctionName":"f","Role":"`+app+`","Environment":{"Variables":{"OtherRole":"arn:aws:iam::029608264753:role/word"}}}`, "Content-Type", "application/json"), "arn:aws:iam::A:role/app exact"},
		{"a task, two roles, one by name", jsonCall(t, "ecs.us-east-1.amazonaws.com", "ecs", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition", `{"family":"f","containerDefinitions":[],"taskRoleArn":"app","executionRoleArn":"`+app+`2"}`), "arn:aws:iam::A:role/app exact|arn:aws:iam::A:role/app2 exact"},
		{"an override", jsonCall(t, "ecs.us-east-1.amazonaws.com", "ecs", "AmazonEC2ContainerServiceV20141113.RunTask", `{"taskDefinition":"f","overrides":{"taskRoleArn":"`+app+`"}}`), "arn:aws:iam::A:role/app exact"},
		{"a profile by name", ec2Call(t, "Action=RunInstances&ImageId=ami-0123456789abcdef0&IamInstanceProfile.Name=web"), "arn:aws:iam::A:instance-profile/web exact"},
		{"a profile by ARN", ec2Call(t, "Action=RunInstances&ImageId=ami-0123456789abcdef0&IamInstanceProfile.Arn=arn:aws:iam::029608264753:instance-profile/web"), "arn:aws:iam::A:instance-profile/web exact"},
		{"a job by a role's name", jsonCall(t, "glue.us-east-1.amazonaws.com", "glue", "AWSGlue.CreateJob", `{"Name":"j","Role":"etl","Command":{}}`), "arn:aws:iam::A:role/etl exact"},
		{"a stack's own", stack(t, "CreateStack", "RoleARN", app, "TemplateBody", `{"Resources":{"A":{"Type":"AWS::SNS::Topic"}}}`), "arn:aws:iam::A:role/app exact"},
		{"deleting with a role", stack(t, "DeleteStack", "RoleARN", app), "arn:aws:iam::A:role/app exact"},
		{"in a template", stack(t, "CreateStack", "TemplateBody", `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Role":"`+app+`"}}}}`), "arn:aws:iam::A:role/app exact"},
		{"of the same template", stack(t, "CreateStack", "TemplateBody", `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Fn::GetAtt":["R","Arn"]}}},"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"app"}}}}`), "arn:aws:iam::A:role/app exact"},
		{"of the same template, without a name", stack(t, "CreateStack", "TemplateBody", "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt R.Arn}}\n  R: {Type: AWS::IAM::Role, Properties: {}}"), "arn:aws:iam::A:role/* partial"},
		{"a profile of the same template", stack(t, "CreateStack", "TemplateBody", "Resources:\n  F: {Type: AWS::EC2::Instance, Properties: {IamInstanceProfile: !Ref R}}\n  R: {Type: AWS::IAM::InstanceProfile, Properties: {Roles: [x]}}"), "arn:aws:iam::A:instance-profile/* partial"},
		{"imported", stack(t, "CreateStack", "TemplateBody", "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: !ImportValue x}}"), "arn:aws:iam::A:role/* partial"},
		{"by Cloud Control", jsonCall(t, "cloudcontrolapi.us-east-1.amazonaws.com", "cloudcontrolapi", "CloudApiService.CreateResource", `{"TypeName":"AWS::Lambda::Function","DesiredState":"{\"Role\":\"`+app+`\"}"}`), "arn:aws:iam::A:role/app exact"},
		{"by a patch", jsonCall(t, "cloudcontrolapi.us-east-1.amazonaws.com", "cloudcontrolapi", "CloudApiService.UpdateResource", `{"TypeName":"AWS::Lambda::Function","Identifier":"f","PatchDocument":"[{\"op\":\"replace\",\"path\":\"/Role\",\"value\":\"`+app+`\"}]"}`), "arn:aws:iam::A:role/app exact"},
		{"an automation", jsonCall(t, "ssm.us-east-1.amazonaws.com", "ssm", "AmazonSSM.StartAutomationExecution", `{"DocumentName":"d","Parameters":{"AutomationAssumeRole":["`+app+`"]}}`), "arn:aws:iam::A:role/app exact"},
		{"none", jsonCall(t, "ecs.us-east-1.amazonaws.com", "ecs", "AmazonEC2ContainerServiceV20141113.UpdateService", `{"service":"s","desiredCount":1}`), ""},
		{"what IAM itself is asked", iamCall(t, "CreateRole", "RoleName", "x", "AssumeRolePolicyDocument", `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"`+app+`"}}}`), ""},
		{"taking one away", call(t, "POST", "https://rds.us-east-1.amazonaws.com/", "rds", "Action=RemoveRoleFromDBCluster&Version=2014-10-31&DBClusterIdentifier=c&RoleArn="+app), ""},
	} {
		a, err := d.Decode(context.Background(), test.call)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := strings.Join(handed(a), "|"); got != test.want {
			t.Errorf("%s: got %q, want %q\n%s", test.name, got, test.want, lines(a))
		}
	}
}

// Every operation that the models give a role or an instance profile to is known
// to hand it over. The count is of today's models: it may grow, and never shrink
// unseen.
func TestEveryOperationThatTakesARoleHandsItOver(t *testing.T) {
	d := decoder(t)
	const known = 890
	n := 0
	for _, info := range d.table.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range s.Operations {
			if op.Input == nil || !verbOf(op).Mutates() {
				continue
			}
			tree, found := map[string]any{}, false
			roleTree(op.Input, tree, 0, map[*table.Shape]bool{}, &found)
			if !found {
				continue
			}
			if len(d.handovers(s.Name, tree, scene{account: "029608264753"})) > 0 {
				n++
			}
		}
	}
	if n < known {
		t.Errorf("%d operations hand a role over, %d did", n, known)
	}
	t.Logf("%d operations hand a role over", n)
}

// roleTree fills the members of a shape that hold a role with one.
func roleTree(s *table.Shape, out map[string]any, depth int, seen map[*table.Shape]bool, found *bool) {
	if s.Kind != table.Structure || seen[s] || depth > 8 {
		return
	}
	seen[s] = true
	for i := range s.Members {
		m := &s.Members[i]
		shape, list := m.Shape, false
		for shape.Kind == table.List {
			shape, list = shape.Elem.Shape, true
		}
		var v any
		switch lower := strings.ToLower(m.Name); {
		case shape.Kind == table.String && (strings.HasSuffix(lower, "rolearn") || strings.HasSuffix(lower, "rolearns") || strings.HasSuffix(lower, "role") || strings.HasSuffix(lower, "roles")):
			v, *found = "arn:aws:iam::029608264753:role/x", true
		case shape.Kind == table.String && strings.Contains(lower, "instanceprofile"):
			v, *found = "arn:aws:iam::029608264753:instance-profile/x", true
		case shape.Kind == table.Structure:
			inner := map[string]any{}
			roleTree(shape, inner, depth+1, seen, found)
			v = inner
		}
		if list && v != nil {
			v = []any{v}
		}
		if v != nil {
			out[m.Name] = v
		}
	}
}
