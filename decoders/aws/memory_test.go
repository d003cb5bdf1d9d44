package aws

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/model"
)

const openDoor = `{"Resources":{"Door":{"Type":"AWS::EC2::SecurityGroup","Properties":{"GroupDescription":"x","SecurityGroupIngress":[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"CidrIp":"0.0.0.0/0"}]}}}}`

func decode(t testing.TB, d *Decoder, c decoders.Call) model.Action {
	t.Helper()
	a, err := d.Decode(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// accept lets CloudFormation say yes to a call.
func accept(d *Decoder, c decoders.Call, result string) {
	d.Learn(c, &decoders.Response{Status: 200, Body: []byte("<R xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">" + result + "</R>")})
}

const setARN = "arn:aws:cloudformation:us-east-1:029608264753:changeSet/c/0123"

// A change set is judged when it is executed, for all that it holds: by its name,
// and by its ARN.
func TestAChangeSetIsExecutedAsItWasMade(t *testing.T) {
	d := decoder(t)
	makes := stack(t, "CreateChangeSet", "ChangeSetName", "c", "TemplateBody", openDoor, "RoleARN", "arn:aws:iam::029608264753:role/deploy")
	a := decode(t, d, makes)
	if a.Verb != model.Create || len(a.Parts) != 3 || !a.Parts[0].DryRun || a.Parts[2].DryRun {
		t.Fatalf("a plan is %s", lines(a))
	}
	named, byARN := stack(t, "ExecuteChangeSet", "ChangeSetName", "c"), stack(t, "ExecuteChangeSet", "ChangeSetName", setARN)
	if a := decode(t, d, named); a.Fidelity != model.Opaque || len(a.Parts) != 0 {
		t.Fatalf("what was only asked for is taken for what was made: %s", lines(a))
	}
	d.Learn(makes, &decoders.Response{Status: 400})
	if a := decode(t, d, named); a.Fidelity != model.Opaque {
		t.Fatal("a change set that was refused is taken for what was made")
	}
	accept(d, makes, "<CreateChangeSetResult><Id>"+setARN+"</Id></CreateChangeSetResult>")
	for _, c := range []decoders.Call{named, byARN} {
		e := decode(t, d, c)
		if e.Fidelity == model.Opaque || e.Verb != model.Update || len(e.Parts) != 3 {
			t.Fatalf("%s %v %s", e.Fidelity, e.Unknown, lines(e))
		}
		for i := range e.Parts {
			was := real(a.Parts[i])
			if e.Parts[i].DryRun || !reflect.DeepEqual(props(e.Parts[i]), props(was)) || line(e.Parts[i]) != line(was) {
				t.Errorf("made\n%s\nexecuted\n%s", line(was), line(e.Parts[i]))
			}
		}
	}
	accept(d, stack(t, "DeleteChangeSet", "ChangeSetName", "c"), "")
	if a := decode(t, d, named); a.Fidelity != model.Opaque {
		t.Error("a change set that was deleted is still known by its name")
	}
	if a := decode(t, d, stack(t, "ExecuteChangeSet", "ChangeSetName", "other")); a.Fidelity != model.Opaque {
		t.Error("a change set that nobody saw is understood")
	}
	url := stack(t, "CreateChangeSet", "ChangeSetName", "u", "TemplateURL", "https://b.s3.amazonaws.com/t")
	accept(d, url, "")
	if a := decode(t, d, stack(t, "ExecuteChangeSet", "ChangeSetName", "u")); a.Fidelity != model.Opaque {
		t.Error("a change set whose template was out of sight is understood")
	}
}

const (
	dataV1 = `{"Resources":{"Data":{"Type":"AWS::RDS::DBInstance","Properties":{"DBInstanceIdentifier":"orders","DBName":"a","MasterUserPassword":"hunter2"}},"Old":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"q"}},"Kept":{"Type":"AWS::SQS::Queue","DeletionPolicy":"Retain","Properties":{"QueueName":"k"}}}}`
	dataV2 = `{"Resources":{"Data":{"Type":"AWS::RDS::DBInstance","UpdateReplacePolicy":"Snapshot","Properties":{"DBInstanceIdentifier":"orders","DBName":"b"}}}}`
	dataV3 = `{"Resources":{"Data":{"Type":"AWS::RDS::DBInstance","Properties":{"DBInstanceIdentifier":"orders","DBName":"a","MasterUserPassword":"other","MultiAZ":true}},"Old":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"q"}},"Kept":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"k"}}}}`
)

// A change that makes a resource anew deletes the old one, and says so.
func TestAReplacementIsADeletion(t *testing.T) {
	d := decoder(t)
	a := decode(t, d, stack(t, "UpdateStack", "TemplateBody", dataV2))
	if got := strings.Join(a.Parts[0].Unknown, " "); a.Parts[0].Fidelity != model.Partial || !strings.Contains(got, "whether it is replaced") {
		t.Errorf("nothing is known of the stack, and of its database is said %q", got)
	}
	accept(d, stack(t, "CreateStack", "TemplateBody", dataV1), "")
	a = decode(t, d, stack(t, "UpdateStack", "TemplateBody", dataV2))
	want := `cloudformation:UpdateStack update iac.stack | target cloudformation:stack arn:aws:cloudformation:R:A:stack/web/*
  rds:ModifyDBInstance update database.relational | target rds:db arn:aws:rds:R:A:db:orders
    rds:DeleteDBInstance delete database.relational | target rds:db arn:aws:rds:R:A:db:orders
  sqs:DeleteQueue delete messaging.queue | target sqs:queue arn:aws:sqs:R:A:q`
	if got := nestedLines(a, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if w := a.Parts[1].Where; w != "no longer in the template (Old)" {
		t.Errorf("where: %q", w)
	}
	a = decode(t, d, stack(t, "UpdateStack", "TemplateBody", dataV3))
	if len(a.Parts[0].Parts) != 0 || len(a.Parts) != 3 || !strings.Contains(strings.Join(a.Parts[0].Unknown, " "), "MultiAZ") {
		t.Errorf("%v\n%s", a.Parts[0].Unknown, nestedLines(a, ""))
	}

	// an update that may have been rolled back leaves two possibilities
	accept(d, stack(t, "UpdateStack", "TemplateBody", dataV2), "")
	for _, body := range []string{dataV1, dataV2} {
		if a := decode(t, d, stack(t, "UpdateStack", "TemplateBody", body)); len(a.Parts[0].Parts) == 0 {
			t.Errorf("with %s nothing is said to be replaced, and it may be", body)
		}
	}
	accept(d, stack(t, "DescribeStacks"), "<DescribeStacksResult><Stacks><member><StackId>arn:aws:cloudformation:us-east-1:029608264753:stack/web/1</StackId><StackStatus>UPDATE_ROLLBACK_COMPLETE</StackStatus></member></Stacks></DescribeStacksResult>")
	if a := decode(t, d, stack(t, "UpdateStack", "TemplateBody", dataV1)); len(a.Parts[0].Parts) != 0 {
		t.Errorf("after a rollback:\n%s", nestedLines(a, ""))
	}
	a = decode(t, d, stack(t, "DeleteStack"))
	if len(a.Parts) != 2 || a.Parts[0].Verb != model.Delete || len(a.Unknown) != 0 { // Kept is retained
		t.Errorf("%v\n%s", a.Unknown, nestedLines(a, ""))
	}
	for _, e := range d.memory.byKey {
		if strings.Contains(fmt.Sprintf("%+v", e.Value), "hunter2") {
			t.Error("a secret is remembered")
		}
	}
}

func nestedLines(a model.Action, indent string) string {
	out := indent + line(a)
	for _, p := range a.Parts {
		out += "\n" + nestedLines(p, indent+"  ")
	}
	return out
}

// What names a replaced resource in a property that cannot change is replaced too.
func TestAReplacementTakesWhatNamesItAlong(t *testing.T) {
	d := decoder(t)
	body := func(cidr string) string {
		return "Resources:\n  Net: {Type: AWS::EC2::VPC, Properties: {CidrBlock: " + cidr + "}}\n  Sub: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Net, CidrBlock: 10.0.1.0/24}}\n"
	}
	accept(d, stack(t, "CreateStack", "TemplateBody", body("10.0.0.0/16")), "")
	a := decode(t, d, stack(t, "UpdateStack", "TemplateBody", body("10.1.0.0/16")))
	for _, p := range a.Parts {
		if len(p.Parts) != 1 || p.Parts[0].Verb != model.Delete {
			t.Errorf("%s is not replaced\n%s", p.Where, nestedLines(p, ""))
		}
	}
}

func TestAPatchOfWhatOnlyACreationSetsIsSaid(t *testing.T) {
	a := decode(t, decoder(t), jsonCall(t, "cloudcontrolapi.us-east-1.amazonaws.com", "cloudcontrolapi", "CloudApiService.UpdateResource",
		`{"TypeName":"AWS::RDS::DBInstance","Identifier":"orders","PatchDocument":"[{\"op\":\"replace\",\"path\":\"/DBName\",\"value\":\"b\"}]"}`))
	if got := strings.Join(a.Parts[0].Unknown, " "); a.Parts[0].Fidelity != model.Partial || got != "whether it is replaced: DBName" {
		t.Errorf("%s %q", a.Parts[0].Fidelity, got)
	}
}

func TestTemplatesInTemplates(t *testing.T) {
	d := decoder(t)
	a := decode(t, d, stack(t, "CreateStack", "TemplateBody", "Resources:\n  In: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: https://b.s3.amazonaws.com/t}}\n"))
	if p := a.Parts[0]; p.Fidelity != model.Opaque {
		t.Errorf("a nested stack is %s %v", p.Fidelity, p.Unknown)
	}
	a = decode(t, d, stack(t, "CreateStack", "TemplateBody", "Resources:\n  In:\n    Type: AWS::CloudFormation::StackSet\n    Properties:\n      StackSetName: s\n      TemplateBody: |\n        Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}}\n"))
	if len(a.Parts) != 1 || len(a.Parts[0].Parts) != 1 || a.Parts[0].Parts[0].Name() != "sqs:CreateQueue" {
		t.Errorf("%s", nestedLines(a, ""))
	}
	a = decode(t, d, stack(t, "UpdateStackSet", "StackSetName", "s", "Accounts.member.1", "111111111111", "Regions.member.1", "eu-west-1", "Regions.member.2", "us-east-2",
		"TemplateBody", `{"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"q"}}}}`))
	if len(a.Parts) != 2 || a.Parts[0].Targets[0].URN != "arn:aws:sqs:eu-west-1:111111111111:q" || a.Parts[1].Region != "us-east-2" {
		t.Errorf("%s", nestedLines(a, ""))
	}
	a = decode(t, d, stack(t, "CreateStackRefactor", "StackDefinitions.member.1.StackName", "a", "StackDefinitions.member.1.TemplateBody", openDoor, "StackDefinitions.member.2.StackName", "b", "StackDefinitions.member.2.TemplateBody", openDoor))
	if len(a.Parts) != 4 || !a.Parts[0].DryRun {
		t.Errorf("%s", nestedLines(a, ""))
	}
}

func TestAMemoryHasBounds(t *testing.T) {
	m := newMemory(2, 100)
	one := func(cost int) version { return version{map[string]cfn.Resource{}, cost} }
	for _, key := range []string{"a", "b", "c"} {
		m.accepted(key, one(10), true)
	}
	if _, ok := m.get("a"); ok || m.used.Len() != 2 || m.size != 20 {
		t.Errorf("%d entries of %d bytes", m.used.Len(), m.size)
	}
	m.accepted("d", one(95), true)
	if m.used.Len() != 1 || m.size != 95 {
		t.Errorf("%d entries of %d bytes", m.used.Len(), m.size)
	}
	m.accepted("e", one(101), true)
	if _, ok := m.get("e"); ok {
		t.Error("what is over the bound alone is kept")
	}
	m = newMemory(2, 100)
	m.accepted("a", one(1), true)
	for range maxVersions {
		m.accepted("a", one(1), false)
	}
	if _, ok := m.get("a"); ok {
		t.Error("a stack whose templates were not all kept is still known")
	}
	m.accepted("b", one(1), false)
	if _, ok := m.get("b"); ok {
		t.Error("a stack whose first template was not seen is known")
	}
}
