package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

func stack(t testing.TB, action string, params ...string) decoders.Call {
	v := url.Values{"StackName": {"web"}}
	for i := 0; i+1 < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	return call(t, "POST", "https://cloudformation.us-east-1.amazonaws.com/", "cloudformation", "Action="+action+"&Version=2010-05-15&"+v.Encode())
}

const webTemplate = `
Parameters:
  Name: {Type: String}
  Password: {Type: String, NoEcho: true}
Resources:
  Meta: {Type: AWS::CDK::Metadata}
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub "acme-${Name}"}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument: {Statement: {Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: "*"}}
  Door:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: x
      VpcId: vpc-0123456789abcdef0
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
  Data:
    Type: AWS::RDS::DBInstance
    Properties: {DBInstanceIdentifier: orders, DBInstanceClass: db.t3.micro, Engine: mysql, PubliclyAccessible: true, MasterUserPassword: !Ref Password}
  Run:
    Type: Custom::Seed
    Properties: {ServiceToken: "arn:aws:lambda:us-east-1:029608264753:function:seed"}
  Odd:
    Type: AWS::Quantum::Teapot
`

func TestATemplateIsItsResources(t *testing.T) {
	a, err := decoder(t).Decode(context.Background(), stack(t, "CreateStack", "TemplateBody", webTemplate,
		"Parameters.member.1.ParameterKey", "Name", "Parameters.member.1.ParameterValue", "prod",
		"Parameters.member.2.ParameterKey", "Password", "Parameters.member.2.ParameterValue", "hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	want := `cloudformation:CreateStack create iac.stack | created cloudformation:stack arn:aws:cloudformation:R:A:stack/web/*
  s3:CreateBucket create storage.bucket | created s3:bucket arn:aws:s3:::acme-prod
  rds:CreateDBInstance create database.relational | created rds:db arn:aws:rds:R:A:db:orders
  ec2:CreateSecurityGroup create network.firewall | created ec2:security-group arn:aws:ec2:R:A:security-group/* | dependency ec2:vpc arn:aws:ec2:R:A:vpc/vpc-0123456789abcdef0
  ec2:AuthorizeSecurityGroupIngress grant network.firewall | created ec2:security-group arn:aws:ec2:R:A:security-group/*
  cloudformation:AWS::Quantum::Teapot unknown aws.unknown | target aws:account arn:aws:*:R:A:*
  s3:PutBucketPolicy grant storage.bucket | target s3:bucket arn:aws:s3:::acme-prod
  cloudformation:Custom::Seed execute compute.function | target lambda:function arn:aws:lambda:R:A:function:seed`
	if got := lines(a); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	text, err := json.Marshal(a)
	if err != nil || strings.Contains(string(text), "hunter2") {
		t.Errorf("%s %v", text, err)
	}
	for i, want := range map[int]string{1: `compute.size="db.t3.micro" encryption.atRest=false network.public=true secret.inline=true`,
		3: `network.ingress=[{"cidr":"0.0.0.0/0","from":22,"proto":"tcp","to":22}] network.ingress.public=true`, 5: `access.anonymous=true access.publicRead=true`} {
		if got := props(a.Parts[i]); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", a.Parts[i].Operation, got, want)
		}
	}
	if a.Parts[3].Where != "template line 15 (Door)" || !strings.Contains(string(a.Parts[3].Native), `"line":15`) {
		t.Errorf("%s %s", a.Parts[3].Where, a.Parts[3].Native)
	}
	if a.Fidelity != model.Exact || a.Parts[4].Fidelity != model.Opaque {
		t.Errorf("the whole is %s %v, the unknown type %s", a.Fidelity, a.Unknown, a.Parts[4].Fidelity)
	}
}

func TestWhatIsNotInTheCallIsSaid(t *testing.T) {
	d := decoder(t)
	for _, test := range []struct {
		name     string
		call     decoders.Call
		fidelity model.Fidelity
		unknown  string
	}{
		{"a URL", stack(t, "CreateStack", "TemplateURL", "https://b.s3.amazonaws.com/t"), model.Opaque, "TemplateURL"},
		{"the previous one", stack(t, "UpdateStack", "UsePreviousTemplate", "true"), model.Opaque, "UsePreviousTemplate"},
		{"a broken one", stack(t, "CreateStack", "TemplateBody", "Resources: [hunter2"), model.Opaque, "TemplateBody"},
		{"a macro", stack(t, "CreateStack", "TemplateBody", "Transform: X\nResources: {A: {Type: AWS::SNS::Topic}}"), model.Partial, "Transform"},
		{"what leaves", stack(t, "UpdateStack", "TemplateBody", "Resources: {A: {Type: AWS::SNS::Topic}}"), model.Partial, "no longer"},
	} {
		a, err := d.Decode(context.Background(), test.call)
		if err != nil || a.Fidelity != test.fidelity || !strings.Contains(strings.Join(a.Unknown, " "), test.unknown) || strings.Contains(string(a.Params), "hunter2") {
			t.Errorf("%s: %s %v %s %v", test.name, a.Fidelity, a.Unknown, a.Params, err)
		}
	}
}

func TestAChangeOfAStackChangesItsResources(t *testing.T) {
	d := decoder(t)
	const body = `{"Resources":{"A":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"b"}},"B":{"Type":"AWS::RDS::DBInstance","Properties":{"DBInstanceIdentifier":"x"}}}}`
	for name, want := range map[string]string{
		"UpdateStack":     "s3:CreateBucket update storage.bucket | target s3:bucket arn:aws:s3:::b\nrds:ModifyDBInstance update database.relational | target rds:db arn:aws:rds:R:A:db:x",
		"CreateChangeSet": "s3:CreateBucket update storage.bucket | target s3:bucket arn:aws:s3:::b\nrds:ModifyDBInstance update database.relational | target rds:db arn:aws:rds:R:A:db:x",
	} {
		a, err := d.Decode(context.Background(), stack(t, name, "ChangeSetName", "c", "TemplateBody", body))
		if err != nil || len(a.Parts) != 2 {
			t.Fatal(len(a.Parts), err)
		}
		if got := line(a.Parts[0]) + "\n" + line(a.Parts[1]); got != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", name, got, want)
		}
	}
	a, err := d.Decode(context.Background(), stack(t, "CreateStackSet", "StackSetName", "s", "TemplateBody", body))
	if err != nil || string(a.Parts[1].Targets[0].URN) != "arn:aws:rds:*:*:db:x" || a.Parts[1].Account != "*" {
		t.Errorf("%+v %v", a.Parts, err)
	}
}

func TestCloudControlChangesAndDeletes(t *testing.T) {
	d := decoder(t)
	cc := func(op, body string) model.Action {
		t.Helper()
		a, err := d.Decode(context.Background(), jsonCall(t, "cloudcontrolapi.us-east-1.amazonaws.com", "cloudcontrolapi", "CloudApiService."+op, body))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := cc("UpdateResource", `{"TypeName":"AWS::RDS::DBInstance","Identifier":"orders","PatchDocument":"[{\"op\":\"replace\",\"path\":\"/PubliclyAccessible\",\"value\":true},{\"op\":\"remove\",\"path\":\"/Tags/0\"},{\"op\":\"add\",\"path\":\"/MasterUserPassword\",\"value\":\"hunter2\"}]"}`)
	if got, want := lines(a), `cloudcontrol:UpdateResource update database.relational | target rds:db arn:aws:rds:R:A:db:orders
  rds:ModifyDBInstance update database.relational | target rds:db arn:aws:rds:R:A:db:orders`; got != want {
		t.Errorf("got\n%s", got)
	}
	if got := props(a.Parts[0]); got != "network.public=true secret.inline=true" || strings.Join(a.Parts[0].Unknown, " ") != "remove /Tags/0" {
		t.Errorf("%s, unknown %v", got, a.Parts[0].Unknown)
	}
	if text, err := json.Marshal(a); err != nil || strings.Contains(string(text), "hunter2") {
		t.Errorf("%s", text)
	}
	if got := line(cc("DeleteResource", `{"TypeName":"AWS::S3::Bucket","Identifier":"b"}`)); got != "cloudcontrol:DeleteResource delete storage.bucket | target s3:bucket arn:aws:s3:::b" {
		t.Errorf("got %s", got)
	}
	if got := line(cc("DeleteResource", `{"TypeName":"AWS::EC2::Instance","Identifier":"i-0123456789abcdef0"}`)); got != "cloudcontrol:DeleteResource delete compute.instance | target ec2:instance arn:aws:ec2:R:A:instance/i-0123456789abcdef0" {
		t.Errorf("got %s", got)
	}
	if a := cc("CreateResource", `{"TypeName":"Acme::X::Y","DesiredState":"{}"}`); a.Verb != model.Unknown || a.Fidelity != model.Opaque {
		t.Errorf("a type of somebody else's is %s %s", a.Verb, a.Fidelity)
	}
	if a := cc("CreateResource", `{"TypeName":"AWS::S3::Bucket","DesiredState":"{\"BucketName\":\"a\",\"BucketName\":\"b\"}"}`); a.Fidelity != model.Opaque {
		t.Errorf("a state that says two things is %s", a.Fidelity)
	}
}

func TestTemplatesNameWhatExists(t *testing.T) {
	d := decoder(t)
	u := unfolding{d: d, found: map[string]*table.Operation{}}
	need := func(call string) {
		t.Helper()
		if _, ok := u.call(call); !ok {
			t.Errorf("no call %s", call)
		}
	}
	for _, c := range d.templates.Calls {
		need(c.Call)
	}
	for _, c := range d.templates.Controls {
		need(c.Call)
	}
	for kind, call := range d.templates.Types {
		need(call)
		if u.operation(kind, model.Delete) == nil {
			t.Errorf("%s cannot be deleted", kind)
		}
	}
	for kind, members := range d.templates.Members {
		for _, m := range members {
			if op := u.operation(kind, model.Create); op == nil || !slices.ContainsFunc(op.Input.Members, func(x table.Member) bool { return x.Name == m }) {
				t.Errorf("%s: no member %s", kind, m)
			}
		}
	}
	for name, service := range d.templates.Services {
		if u.service(name) == nil {
			t.Errorf("%s: no service %s", name, service)
		}
	}
	for _, a := range d.templates.Also {
		if a.Call != "" {
			need(a.Call)
		} else if u.operation(a.As, model.Create) == nil {
			t.Errorf("%s is not understood", a.As)
		}
	}
	for _, rows := range d.properties {
		for _, row := range rows {
			for _, kind := range row.In {
				if strings.HasPrefix(kind, "AWS::") && u.operation(kind, model.Create) == nil {
					t.Errorf("%s has properties and is not understood", kind)
				}
			}
		}
	}
}

// A stack of 500 resources is judged in the time of a keystroke.
func BenchmarkTemplate(b *testing.B) {
	d := decoder(b)
	var body strings.Builder
	body.WriteString("Resources:\n")
	for i := range 500 {
		fmt.Fprintf(&body, "  Q%d: {Type: AWS::SQS::Queue, Properties: {QueueName: q%d}}\n", i, i)
	}
	c := stack(b, "CreateStack", "TemplateBody", body.String())
	for b.Loop() {
		if a, err := d.Decode(context.Background(), c); err != nil || len(a.Parts) != 500 {
			b.Fatal(len(a.Parts), err)
		}
	}
}
