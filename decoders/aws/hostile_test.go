package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// A call that names more than is looked at is not understood: the one resource
// that nobody may touch might be among those that were left out.
func TestNoTargetIsLostInACrowd(t *testing.T) {
	d := decoder(t)
	noise := strings.Repeat(`"x",`, maxFields-1) + `"x"`
	var ids strings.Builder
	for i := range maxTargets + 1 {
		fmt.Fprintf(&ids, "&InstanceId.%d=i-%017x", i+1, i)
	}
	deep := strings.Repeat(`{"A":`, fieldDepth+2) + `"x"` + strings.Repeat(`}`, fieldDepth+2)
	for name, body := range map[string]string{
		"noise before the names": `{"AAA":[` + noise + `],"Names":["mine","prod"]}`,
		"noise inside the list":  `{"Names":["mine",` + noise + `,"prod"]}`,
		"names out of depth":     `{"AAA":` + deep + `,"Names":["mine"]}`,
	} {
		a, err := d.Decode(context.Background(), jsonCall(t, "ssm.us-east-1.amazonaws.com", "ssm", "AmazonSSM.DeleteParameters", body))
		if err == nil && (a.Fidelity != model.Opaque || !slices.Contains(a.Unknown, "targets")) {
			t.Errorf("%s: %v, %d targets, unknown %.3q", name, a.Fidelity, len(a.Targets), a.Unknown)
		}
	}
	a, err := d.Decode(context.Background(), ec2Call(t, "Action=TerminateInstances"+ids.String()))
	if err == nil && a.Fidelity != model.Opaque {
		t.Errorf("%d instances: %v with %d targets", maxTargets+1, a.Fidelity, len(a.Targets))
	}
	var keys strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&keys, "<Object><Key>k%d</Key><VersionId>v</VersionId><ETag>e</ETag><LastModifiedTime>Thu, 01 Jan 2026 00:00:00 GMT</LastModifiedTime></Object>", i)
	}
	a, err = d.Decode(context.Background(), call(t, "POST", "https://b.s3.us-east-1.amazonaws.com/?delete", "s3", "<Delete>"+keys.String()+"</Delete>"))
	if err != nil || a.Fidelity != model.Exact || len(a.Targets) < 1000 {
		t.Errorf("the largest honest batch: %v, %v, %d targets, unknown %v", err, a.Fidelity, len(a.Targets), a.Unknown)
	}
}

// One resource has one URN, however its name is written; and what a call runs on
// is what it changes.
func TestASpellingIsNoWayPastAClause(t *testing.T) {
	d := decoder(t)
	lambda := func(name string) decoders.Call {
		return call(t, "DELETE", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/"+name, "lambda", "")
	}
	ssm := func(op, body string) decoders.Call {
		return jsonCall(t, "ssm.us-east-1.amazonaws.com", "ssm", "AmazonSSM."+op, body)
	}
	kms := func(id string) decoders.Call {
		return jsonCall(t, "kms.us-east-1.amazonaws.com", "kms", "TrentService.DisableKey", `{"KeyId":"`+id+`"}`)
	}
	sqs := func(u string) decoders.Call {
		return jsonCall(t, "sqs.us-east-1.amazonaws.com", "sqs", "AmazonSQS.DeleteQueue", `{"QueueUrl":"`+u+`"}`)
	}
	const here, prod = "029608264753", "arn:aws:lambda:us-east-1:029608264753:function:prod"
	for _, c := range []struct {
		call decoders.Call
		want string
	}{
		{lambda("prod"), prod},
		{lambda("prod:live"), prod},
		{lambda("prod:$LATEST"), prod},
		{lambda("function:prod"), prod},
		{lambda(here + ":function:prod"), prod},
		{lambda(here + ":prod"), prod},
		{lambda("us-east-1:" + here + ":function:prod:3"), prod},
		{lambda(prod), prod},
		{lambda(prod + ":live"), prod},
		{lambda("111111111111:function:prod"), "arn:aws:lambda:us-east-1:111111111111:function:prod"},
		{kms("0a1b"), "arn:aws:kms:us-east-1:029608264753:key/0a1b"},
		{kms("alias/prod"), "arn:aws:kms:us-east-1:029608264753:key/*"},
		{kms("arn:aws:kms:us-east-1:029608264753:alias/prod"), "arn:aws:kms:us-east-1:029608264753:key/*"},
		{sqs("https://sqs.us-east-1.amazonaws.com/" + here + "/jobs"), "arn:aws:sqs:us-east-1:029608264753:jobs"},
		{sqs("https://sqs.us-east-1.amazonaws.com/111111111111/jobs"), "arn:aws:sqs:us-east-1:111111111111:jobs"},
		{ssm("SendCommand", `{"DocumentName":"Doc","InstanceIds":["i-0123456789abcdef0"]}`), "arn:aws:ec2:us-east-1:029608264753:instance/i-0123456789abcdef0"},
		{ssm("SendCommand", `{"DocumentName":"Doc","Targets":[{"Key":"tag:a","Values":["b"]}]}`), "arn:aws:ec2:us-east-1:029608264753:instance/*"},
		{ssm("SendCommand", `{"DocumentName":"Doc","InstanceIds":["mi-0123456789abcdef0"]}`), "arn:aws:ssm:us-east-1:029608264753:managed-instance/mi-0123456789abcdef0"},
		{ssm("StartSession", `{"Target":"i-0123456789abcdef0"}`), "arn:aws:ec2:us-east-1:029608264753:instance/i-0123456789abcdef0"},
	} {
		a, err := d.Decode(context.Background(), c.call)
		if err != nil || !slices.ContainsFunc(a.Targets, func(x model.Target) bool { return string(x.URN) == c.want && x.Role == model.RoleTarget }) {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.call.URL, err, line(a), c.want)
		}
	}
}

// What a customer writes into a map teaches nothing: an environment variable of
// one function would be what is known of another.
func TestACustomersOwnWordsAreNotLearnt(t *testing.T) {
	d := decoder(t)
	const prod, mine = "arn:aws:lambda:us-east-1:029608264753:function:prod", "arn:aws:lambda:us-east-1:029608264753:function:mine"
	tags := call(t, "GET", "https://lambda.us-east-1.amazonaws.com/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A029608264753%3Afunction%3Amine", "lambda", "")
	for _, o := range d.Learn(tags, &decoders.Response{Status: 200, Body: []byte(`{"Tags":{"Arn":"` + prod + `","FunctionArn":"` + prod + `","FunctionName":"prod"}}`)}) {
		if o.Resource.URN != mine {
			t.Errorf("learnt %s from a tag", o.Resource.URN)
		}
	}
	get := call(t, "GET", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/mine", "lambda", "")
	for _, o := range d.Learn(get, &decoders.Response{Status: 200, Body: []byte(`{"Configuration":{"FunctionName":"mine","FunctionArn":"` +
		strings.Replace(prod, "prod", "mine", 1) + `"},"Tags":{"Arn":"` + prod + `","Name":"prod"}}`)}) {
		if strings.Contains(string(o.Resource.URN), "prod") {
			t.Errorf("learnt %s from a tag", o.Resource.URN)
		}
	}
}
