package aws

import (
	"context"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// Names that mislead, and the plain ones.
func TestVerbs(t *testing.T) {
	d := decoder(t)
	for name, want := range map[string]model.Verb{
		"ec2 RunInstances": model.Create, "ec2 StartInstances": model.Enable, "ec2 StopInstances": model.Disable, "ec2 TerminateInstances": model.Delete,
		"ec2 CreateTags": model.Update, "ec2 GetPasswordData": model.Reveal, "ec2 DescribeInstances": model.List, "ec2 AttachVolume": model.Attach,
		"ec2 RevokeSecurityGroupIngress": model.Revoke, "autoscaling SetDesiredCapacity": model.Scale, "lambda Invoke": model.Execute,
		"iam AttachRolePolicy": model.Grant, "iam DetachRolePolicy": model.Revoke, "iam CreateUser": model.Create, "iam CreateAccessKey": model.Grant,
		"iam SimulatePrincipalPolicy": model.Read, "s3 PutBucketPolicy": model.Grant, "s3 PutObject": model.Create, "s3 DeletePublicAccessBlock": model.Revoke,
		"s3 CreateSession": model.Reveal, "sqs ReceiveMessage": model.Update, "sts AssumeRole": model.Reveal, "sts GetCallerIdentity": model.Read,
		"stepfunctions GetActivityTask": model.Update, "dynamodb ExecuteStatement": model.Execute, "kms Decrypt": model.Reveal,
		"kms ScheduleKeyDeletion": model.Delete, "acm ExportCertificate": model.Reveal, "secretsmanager GetSecretValue": model.Reveal,
		"ecr GetAuthorizationToken": model.Reveal, "rds ModifyDBInstance": model.Update, "elbv2 RegisterTargets": model.Attach, "ecs RunTask": model.Execute,
	} {
		service, operation, _ := strings.Cut(name, " ")
		s, ok := d.table.Service(service)
		if !ok {
			t.Fatalf("no service %s", service)
		}
		op, ok := s.Operation(operation)
		if !ok {
			t.Errorf("no operation %s", name)
			continue
		}
		if got := verbOf(op); got != want {
			t.Errorf("%s (%s) is %s, want %s", name, op.Access, got, want)
		}
	}
}

// Nothing that AWS does not call a read, or that no review made one, reads.
func TestUnknownIsTreatedAsMutating(t *testing.T) {
	d := decoder(t)
	for _, info := range d.table.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range s.Operations {
			if op.Access == 0 && !verbOf(op).Mutates() {
				t.Errorf("%s:%s has no access level and reads", s.Name, op.Name)
			}
		}
	}
}

// DryRun is marked on the action but only as a hint: it never makes a mutation a
// read.
func TestDryRunIsOnlyAHint(t *testing.T) {
	d := decoder(t)
	for form, marked := range map[string]bool{
		"Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&DryRun=true":  true,
		"Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&DryRun=false": false,
		"Action=CreateVpc&CidrBlock=10.0.0.0%2F16&DryRun=true":                    true,
	} {
		a, err := d.Decode(context.Background(), ec2Call(t, form))
		if err != nil || !a.Mutates() || a.DryRun || strings.Contains(string(a.Native), `"dry_run":true`) != marked {
			t.Errorf("%s: mutates %v, native %s, %v", form, a.Mutates(), a.Native, err)
		}
	}
}
