package wire

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

const (
	pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----"
	jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// TestSecretsAreNeverStored: neither what the model marks nor, once it is veiled, what
// looks like one.
func TestSecretsAreNeverStored(t *testing.T) {
	userData := base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\nexport X=ghp_abcdefghijklmnopqrstuvwxyz012345\n"))
	bodies := []string{
		`{"Password":"hunter22"}`,
		`{"Again":{"Again":{"Password":"hunter22"}}}`,
		`{"Tags":{"DB_PASSWORD":"hunter22"}}`,
		`{"Any":{"password":"hunter22"}}`,
		`{"New":{"secret_key":"hunter22"}}`,
		`{"NewPassword":"hunter22"}`,
		`{"Any":[{"name":"DB_PASSWORD","value":"hunter22"}]}`,
		`{"Name":"` + strings.ReplaceAll(pem, "\n", `\n`) + `"}`,
		`{"Name":"see xoxb-1234567890-abcdef"}`,
		`{"Name":"` + jwt + `"}`,
		`{"Name":"AKIAIOSFODNN7EXAMPLE ` + key + `"}`,
		`{"Name":"aws_secret_access_key = ` + key + `"}`,
		`{"Data":"` + userData + `"}`,
		`{"Name":"` + userData + `"}`,
	}
	for _, body := range bodies {
		in, err := try(t, JSON, body)
		got := string((*model.Veil)(nil).JSON(json.RawMessage(text(in.Params))))
		if err != nil || !strings.Contains(got, decoders.Redacted) {
			t.Errorf("%s: %v", got, err)
		}
		for _, leak := range []string{"hunter22", "MIIabc", "xoxb-1", "dozjg", key, userData} {
			if strings.Contains(got, leak) {
				t.Errorf("%s holds %q", got, leak)
			}
		}
	}
}

// TestNamesOfSecretsAreKept: what identifies a secret is not one.
func TestNamesOfSecretsAreKept(t *testing.T) {
	for _, name := range []string{"SecretId", "SecretArn", "NextToken", "ClientToken", "ClientRequestToken", "KeyName", "PasswordPolicy", "AuthorizationType"} {
		if secretName(name) {
			t.Errorf("%s", name)
		}
	}
	arn := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:payments/db-AbCdEf"
	if in, err := try(t, JSON, `{"Name":"`+arn+`"}`); err != nil || in.Params["Name"] != arn {
		t.Errorf("got %v, %v", in.Params, err)
	}
}

// TestAskedForSecrets: only Options.Secrets leaves them in.
func TestAskedForSecrets(t *testing.T) {
	op := operation()
	in, err := DecodeInput(op, JSON, decoders.Call{Body: []byte(`{"Password":"hunter22"}`)}, Options{Secrets: true})
	if err != nil || in.Params["Password"] != "hunter22" {
		t.Errorf("got %v, %v", in.Params, err)
	}
	out, err := DecodeOutput(op, JSON, &decoders.Response{Body: []byte(`{"Password":"hunter22","Name":"a","New":1}`)})
	if err != nil || text(out) != `{"Name":"a","Password":"(redacted)"}` {
		t.Errorf("got %v, %v", out, err)
	}
}

// TestSensitiveStructure: a marked structure goes as a whole.
func TestSensitiveStructure(t *testing.T) {
	op := operation()
	op.Input = &table.Shape{Kind: table.Structure, Members: members("All",
		&table.Shape{Kind: table.Structure, Sensitive: true, Members: members("Name", str)})}
	in, err := DecodeInput(op, JSON, decoders.Call{Body: []byte(`{"All":{"Name":"a"}}`)}, Options{})
	if err != nil || in.Params["All"] != decoders.Redacted {
		t.Errorf("got %v, %v", in.Params, err)
	}
}

// TestRealSecretsAreNeverStored: calls that carry a secret, as they are sent.
func TestRealSecretsAreNeverStored(t *testing.T) {
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ service, operation, protocol, body, kept string }{
		{"secretsmanager", "PutSecretValue", JSON, `{"SecretId":"payments/db","SecretString":"hunter22"}`, "payments/db"},
		{"ssm", "PutParameter", JSON, `{"Name":"/db/pw","Type":"SecureString","Value":"hunter22"}`, "/db/pw"},
		{"rds", "CreateDBInstance", Query, "Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier=db1&MasterUserPassword=hunter22", "db1"},
		{"iam", "CreateLoginProfile", Query, "Action=CreateLoginProfile&Version=2010-05-08&UserName=ann&Password=hunter22", "ann"},
		{"lambda", "CreateFunction", RestJSON, `{"FunctionName":"f1","Environment":{"Variables":{"DB_PASSWORD":"hunter22"}}}`, "f1"},
		{"ecs", "RegisterTaskDefinition", JSON, `{"family":"web1","containerDefinitions":[{"environment":[{"name":"DB_PASSWORD","value":"hunter22"}]}]}`, "web1"},
		{"cloudformation", "CreateStack", Query, "Action=CreateStack&Version=2010-05-15&StackName=s1&Parameters.member.1.ParameterKey=DbPassword&Parameters.member.1.ParameterValue=hunter22", "s1"},
		{"redshift", "CreateCluster", Query, "Action=CreateCluster&Version=2012-12-01&ClusterIdentifier=c1&MasterUserPassword=hunter22", "c1"},
		{"elasticache", "CreateReplicationGroup", Query, "Action=CreateReplicationGroup&Version=2015-02-02&ReplicationGroupId=g1&AuthToken=hunter22", "g1"},
	} {
		svc, ok := tbl.Service(c.service)
		if !ok {
			t.Fatalf("no service %s", c.service)
		}
		op, ok := svc.Operation(c.operation)
		if !ok {
			t.Fatalf("no operation %s.%s", c.service, c.operation)
		}
		in, err := DecodeInput(op, c.protocol, decoders.Call{Method: "POST", Body: []byte(c.body)}, Options{})
		got := text(in.Params)
		if err != nil || in.Unknown != nil || strings.Contains(got, "hunter22") || !strings.Contains(got, c.kept) || !strings.Contains(got, decoders.Redacted) {
			t.Errorf("%s.%s: %s, unknown %v, %v", c.service, c.operation, got, in.Unknown, err)
		}
	}
}

// What a sensitive value names is kept, and nothing else of it.
func TestWhatOnlyNamesAThingIsNoSecret(t *testing.T) {
	const arn, url = "arn:aws:sqs:us-east-1:111122223333:orders", "https://sqs.us-east-1.amazonaws.com/111122223333/orders"
	for _, kept := range []string{arn, url, "arn:aws:kms:us-east-1:111122223333:key/7d55347a-6e69-456f-9cbe-b33746f50681"} {
		if got := withheld(kept, 0); got != kept {
			t.Errorf("%s became %v", kept, got)
		}
	}
	for _, secret := range []any{"hunter2", "", "arn:aws:sqs:us-east-1:111122223333:orders hunter2", url + "?X-Amz-Signature=1", "https://u:p@sqs.us-east-1.amazonaws.com/111122223333/q",
		"postgres://u:p@h/db", "arn:hunter2", json.Number("7"), true, []any{"a"}, map[string]any{"PASSWORD": "hunter2"}, map[string]any{}} {
		if got := withheld(secret, 0); got != decoders.Redacted {
			t.Errorf("%v became %v", secret, got)
		}
	}
	got, _ := withheld(map[string]any{"QUEUE_ARN": arn, "DB_PASSWORD": "hunter2"}, 0).(map[string]any)
	if got["QUEUE_ARN"] != arn || got["DB_PASSWORD"] != decoders.Redacted || len(got) != 2 {
		t.Errorf("%v", got)
	}
}
