package wire

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

const (
	pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----"
	jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// TestSecretsAreNeverStored: neither what the model marks nor what looks like one.
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
		got := text(in.Params)
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
