package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// lookup finds a path of nested.yaml in a shape: every step MUST exist.
func lookup(s *table.Shape, path string) (*table.Shape, error) {
	for step := range strings.SplitSeq(path, ".") {
		switch {
		case step == "[]" && s.Kind == table.List:
			s = s.Elem.Shape
		case s.Kind == table.Map:
			s = s.Value.Shape
		case s.Kind == table.Structure:
			i := slices.IndexFunc(s.Members, func(m table.Member) bool { return m.Name == step })
			if i < 0 {
				return nil, fmt.Errorf("%s has no member %s", s.Name, step)
			}
			s = s.Members[i].Shape
		default:
			return nil, fmt.Errorf("%s in %s", step, s.Name)
		}
	}
	return s, nil
}

func TestNestedNamesWhatExists(t *testing.T) {
	d := decoder(t)
	find := func(call string) *table.Operation {
		service, name, _ := strings.Cut(call, ":")
		s, ok := d.table.Service(service)
		if ok {
			if op, ok := s.Operation(name); ok {
				return op
			}
		}
		t.Fatalf("no operation %s", call)
		return nil
	}
	check := func(op *table.Operation, path string) *table.Shape {
		s, err := lookup(op.Input, path)
		if err != nil {
			t.Errorf("%s:%s#%s: %v", op.Service.Name, op.Name, path, err)
		}
		return s
	}
	for call, b := range d.nested.batches {
		op := find(call)
		entry := check(op, b.Each)
		inner := op
		if b.As != "" {
			inner = find(op.Service.Name + ":" + b.As)
		}
		for _, m := range []string{b.Item, b.List} {
			if m != "" {
				check(inner, m)
			}
		}
		for _, m := range b.With {
			check(op, m)
		}
		for m, as := range b.Choose {
			find(op.Service.Name + ":" + as)
			if _, err := lookup(entry, m); err != nil {
				t.Errorf("%s: %v", call, err)
			}
		}
	}
	for call, s := range d.nested.statements {
		check(find(call), s.Member)
	}
	for call, m := range d.nested.reveals {
		check(find(call), m)
	}
	for name, rows := range d.properties {
		if strings.HasPrefix(name, "AWS::") || name == "*" {
			continue
		}
		for _, row := range rows {
			if op := find(name); row.At != "" {
				check(op, row.At)
			}
		}
	}
}

func lines(a model.Action) string {
	out := []string{line(a)}
	for _, p := range a.Parts {
		out = append(out, "  "+line(p))
	}
	return strings.Join(out, "\n")
}

// A batch is judged item by item, and asks for nothing that none of its items
// asks for.
func TestBatchesFanOut(t *testing.T) {
	d := decoder(t)
	ddb := func(op, body string) decoders.Call {
		return jsonCall(t, "dynamodb.us-east-1.amazonaws.com", "dynamodb", "DynamoDB_20120810."+op, body)
	}
	for _, test := range []struct {
		call decoders.Call
		want string
	}{
		{ddb("BatchWriteItem", `{"RequestItems":{"a":[{"PutRequest":{"Item":{"id":{"S":"1"}}}}],"b":[{"DeleteRequest":{"Key":{"id":{"S":"2"}}}}]}}`), `
dynamodb:BatchWriteItem delete database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/b
  dynamodb:PutItem update database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/a
  dynamodb:DeleteItem delete database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/b`},
		{ddb("TransactWriteItems", `{"TransactItems":[{"Update":{"TableName":"a","Key":{"id":{"S":"1"}}}},{"ConditionCheck":{"TableName":"c","Key":{"id":{"S":"1"}},"ConditionExpression":"x"}}]}`), `
dynamodb:TransactWriteItems update database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/a
  dynamodb:UpdateItem update database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/a
  dynamodb:GetItem read database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/c`},
		{ddb("TransactWriteItems", `{"TransactItems":[{"Erase":{"TableName":"a"}}]}`), `
dynamodb:TransactWriteItems unknown database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/*
  dynamodb:TransactWriteItems unknown database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/*`},
		{ddb("BatchExecuteStatement", `{"Statements":[{"Statement":"SELECT * FROM \"a\""},{"Statement":"DELETE FROM b WHERE id = 'x'"}]}`), `
dynamodb:BatchExecuteStatement delete database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/b
  dynamodb:ExecuteStatement read database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/a
  dynamodb:ExecuteStatement delete database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/b`},
		{call(t, "POST", "https://b.s3.us-east-1.amazonaws.com/?delete", "s3", `<Delete><Object><Key>x/y</Key></Object><Object><Key>z</Key><VersionId>1</VersionId></Object></Delete>`, "Content-Type", "application/xml"), `
s3:DeleteObjects delete storage.bucket | target s3:object arn:aws:s3:::b/x/y | target s3:object arn:aws:s3:::b/z
  s3:DeleteObject delete storage.bucket | target s3:object arn:aws:s3:::b/x/y
  s3:DeleteObject delete storage.bucket | target s3:object arn:aws:s3:::b/z`},
		{call(t, "POST", "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1/rrset", "route53", `<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes><Change><Action>CREATE</Action><ResourceRecordSet><Name>a.example</Name><Type>A</Type></ResourceRecordSet></Change><Change><Action>DELETE</Action><ResourceRecordSet><Name>b.example</Name><Type>A</Type></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`, "Content-Type", "application/xml"), `
route53:ChangeResourceRecordSets delete network.dns | target route53:hostedzone arn:aws:route53:::hostedzone/Z1
  route53:ChangeResourceRecordSets create network.dns | target route53:hostedzone arn:aws:route53:::hostedzone/Z1
  route53:ChangeResourceRecordSets delete network.dns | target route53:hostedzone arn:aws:route53:::hostedzone/Z1`},
		{ec2Call(t, "Action=CreateTags&ResourceId.1=i-0123456789abcdef0&ResourceId.2=vol-0123456789abcdef0&Tag.1.Key=a&Tag.1.Value=b"), `
ec2:CreateTags update compute.instance | target ec2:instance arn:aws:ec2:R:A:instance/i-0123456789abcdef0
  ec2:CreateTags update compute.instance | target ec2:instance arn:aws:ec2:R:A:instance/i-0123456789abcdef0
  ec2:CreateTags update storage.volume | target ec2:volume arn:aws:ec2:R:A:volume/vol-0123456789abcdef0`},
		{jsonCall(t, "tagging.us-east-1.amazonaws.com", "tagging", "ResourceGroupsTaggingAPI_20170126.TagResources", `{"ResourceARNList":["arn:aws:s3:::b","arn:aws:lambda:us-east-1:029608264753:function:f"],"Tags":{"a":"b"}}`), `
resourcegroupstaggingapi:TagResources update storage.bucket | target s3:bucket arn:aws:s3:::b
  resourcegroupstaggingapi:TagResources update storage.bucket | target s3:bucket arn:aws:s3:::b
  resourcegroupstaggingapi:TagResources update compute.function | target lambda:function arn:aws:lambda:R:A:function:f`},
		{jsonCall(t, "api.ecr.us-east-1.amazonaws.com", "ecr", "AmazonEC2ContainerRegistry_V20150921.BatchDeleteImage", `{"repositoryName":"web","imageIds":[{"imageTag":"v1"}]}`), `
ecr:BatchDeleteImage delete registry | target ecr:repository arn:aws:ecr:R:A:repository/web
  ecr:BatchDeleteImage delete registry | target ecr:repository arn:aws:ecr:R:A:repository/web`},
		{jsonCall(t, "workspaces.us-east-1.amazonaws.com", "workspaces", "WorkspacesService.TerminateWorkspaces", `{"TerminateWorkspaceRequests":[{"WorkspaceId":"ws-1"}]}`), `
workspaces:TerminateWorkspaces delete aws.workspaces | target workspaces:workspaceid arn:aws:workspaces:R:A:workspace/ws-1
  workspaces:TerminateWorkspaces delete aws.workspaces | target workspaces:workspaceid arn:aws:workspaces:R:A:workspace/ws-1`},
	} {
		a, err := d.Decode(context.Background(), test.call)
		if err != nil {
			t.Errorf("%s %s: %v", test.call.Method, test.call.URL, err)
			continue
		}
		if got := "\n" + lines(a); got != test.want {
			t.Errorf("got%s\nwant%s", got, test.want)
		}
	}
}

// Law 3: fail closed. A batch that is not read to its end is not understood.
func TestABatchThatIsTooLongIsOpaque(t *testing.T) {
	d := decoder(t)
	body := `<Delete>` + strings.Repeat(`<Object><Key>x</Key></Object>`, maxParts+1) + `</Delete>`
	a, err := d.Decode(context.Background(), call(t, "POST", "https://b.s3.us-east-1.amazonaws.com/?delete", "s3", body, "Content-Type", "application/xml"))
	if err != nil || a.Fidelity != model.Opaque || len(a.Parts) != maxParts || len(a.Unknown) == 0 {
		t.Errorf("%s with %d parts, unknown %v, %v", a.Fidelity, len(a.Parts), a.Unknown, err)
	}
}

func TestAQueueBatchIsOnlyCounted(t *testing.T) {
	a, err := decoder(t).Decode(context.Background(), jsonCall(t, "sqs.us-east-1.amazonaws.com", "sqs", "AmazonSQS.DeleteMessageBatch",
		`{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/029608264753/q","Entries":[{"Id":"1","ReceiptHandle":"x"},{"Id":"2","ReceiptHandle":"y"}]}`))
	if err != nil || len(a.Parts) != 0 || !strings.Contains(string(a.Native), `"items":2`) {
		t.Errorf("%s %v", a.Native, err)
	}
}

func TestStatementsSayTheirVerb(t *testing.T) {
	d := decoder(t)
	for _, test := range []struct {
		host, service, target, body string
		want                        model.Verb
	}{
		{"dynamodb", "dynamodb", "DynamoDB_20120810.ExecuteStatement", `{"Statement":"SELECT * FROM t"}`, model.Read},
		{"dynamodb", "dynamodb", "DynamoDB_20120810.ExecuteStatement", `{"Statement":"INSERT INTO t VALUE {'a':1}"}`, model.Update},
		{"athena", "athena", "AmazonAthena.StartQueryExecution", `{"QueryString":"DROP TABLE t"}`, model.Delete},
		{"athena", "athena", "AmazonAthena.StartQueryExecution", `{"QueryString":"SELECT approx_distinct(a) FROM t"}`, model.Read},
		{"redshift-data", "redshift-data", "RedshiftData.ExecuteStatement", `{"Sql":"SELECT evil()"}`, model.Execute},
		{"redshift-data", "redshift-data", "RedshiftData.BatchExecuteStatement", `{"Sqls":["SELECT 1","TRUNCATE t"]}`, model.Delete},
		{"ssm", "ssm", "AmazonSSM.GetParameter", `{"Name":"a"}`, model.Read},
		{"ssm", "ssm", "AmazonSSM.GetParameter", `{"Name":"a","WithDecryption":false}`, model.Read},
		{"ssm", "ssm", "AmazonSSM.GetParameter", `{"Name":"a","WithDecryption":true}`, model.Reveal},
		{"ssm", "ssm", "AmazonSSM.GetParameters", `{"Names":["a"],"WithDecryption":"true"}`, model.Reveal},
	} {
		a, err := d.Decode(context.Background(), jsonCall(t, test.host+".us-east-1.amazonaws.com", test.service, test.target, test.body))
		if err != nil || a.Verb != test.want {
			t.Errorf("%s %s is %s (%v), want %s", a.Name(), test.body, a.Verb, err, test.want)
		}
	}
}
