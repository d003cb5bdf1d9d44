package aws

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

const key = "ASIAQNZGKIQY56JQ7WML" // carries account 029608264753

func decoder(t testing.TB) *Decoder {
	t.Helper()
	d, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// call makes a signed call: "POST ec2.us-east-1.amazonaws.com / Action=…".
func call(t testing.TB, method, rawURL, service, body string, headers ...string) decoders.Call {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	c := decoders.Call{Method: method, Scheme: u.Scheme, Host: u.Host, URL: u, Header: http.Header{}, Body: []byte(body)}
	region := "us-east-1"
	c.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20260101/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	if strings.HasPrefix(body, "Action=") {
		c.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		c.Header.Set(headers[i], headers[i+1])
	}
	return c
}

func ec2Call(t testing.TB, body string) decoders.Call {
	return call(t, "POST", "https://ec2.us-east-1.amazonaws.com/", "ec2", body+"&Version=2016-11-15")
}

func jsonCall(t testing.TB, host, service, target, body string) decoders.Call {
	return call(t, "POST", "https://"+host+"/", service, body, "X-Amz-Target", target, "Content-Type", "application/x-amz-json-1.0")
}

func line(a model.Action) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", a.Name(), a.Verb, a.Capability)
	for _, t := range a.Targets {
		fmt.Fprintf(&b, " | %s %s %s", t.Role, t.Type, strings.ReplaceAll(string(t.URN), "us-east-1:029608264753", "R:A"))
	}
	return b.String()
}

func TestDecode(t *testing.T) {
	d := decoder(t)
	for _, test := range []struct {
		call decoders.Call
		want string
	}{
		{ec2Call(t, "Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&InstanceId.2=i-0123456789abcdef1"),
			"ec2:TerminateInstances delete compute.instance | target ec2:instance arn:aws:ec2:R:A:instance/i-0123456789abcdef0 | target ec2:instance arn:aws:ec2:R:A:instance/i-0123456789abcdef1"},
		{ec2Call(t, "Action=RunInstances&ImageId=ami-0123456789abcdef0&SubnetId=subnet-0123456789abcdef0&MinCount=1&MaxCount=1&SecurityGroupId.1=sg-0123456789abcdef0"),
			"ec2:RunInstances create compute.instance | created ec2:instance arn:aws:ec2:R:A:instance/* | dependency ec2:image arn:aws:ec2:us-east-1::image/ami-0123456789abcdef0 | dependency ec2:security-group arn:aws:ec2:R:A:security-group/sg-0123456789abcdef0 | dependency ec2:subnet arn:aws:ec2:R:A:subnet/subnet-0123456789abcdef0"},
		{ec2Call(t, "Action=AuthorizeSecurityGroupIngress&GroupId=sg-0123456789abcdef0&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.Groups.1.GroupId=sg-0123456789abcdef1"),
			"ec2:AuthorizeSecurityGroupIngress grant network.firewall | target ec2:security-group arn:aws:ec2:R:A:security-group/sg-0123456789abcdef0 | dependency ec2:security-group arn:aws:ec2:R:A:security-group/sg-0123456789abcdef1"},
		{ec2Call(t, "Action=CreateSecurityGroup&GroupName=web&GroupDescription=x&VpcId=vpc-0123456789abcdef0"),
			"ec2:CreateSecurityGroup create network.firewall | created ec2:security-group arn:aws:ec2:R:A:security-group/* | dependency ec2:vpc arn:aws:ec2:R:A:vpc/vpc-0123456789abcdef0"},
		{ec2Call(t, "Action=DescribeInstances"), "ec2:DescribeInstances list compute.instance"},
		{call(t, "PUT", "https://my-bucket.s3.us-east-1.amazonaws.com/", "s3", ""), "s3:CreateBucket create storage.bucket | created s3:bucket arn:aws:s3:::my-bucket"},
		{call(t, "DELETE", "https://s3.us-east-1.amazonaws.com/my-bucket", "s3", ""), "s3:DeleteBucket delete storage.bucket | target s3:bucket arn:aws:s3:::my-bucket"},
		{call(t, "PUT", "https://my-bucket.s3.us-east-1.amazonaws.com/a//b%2Fc", "s3", ""), "s3:PutObject create storage.bucket | created s3:object arn:aws:s3:::my-bucket/a//b/c"},
		{call(t, "PUT", "https://my-bucket.s3.us-east-1.amazonaws.com/?newthing", "s3", ""), "s3:PUT unknown storage.bucket | target aws:account arn:aws:s3:R:A:*"},
		{jsonCall(t, "dynamodb.us-east-1.amazonaws.com", "dynamodb", "DynamoDB_20120810.DeleteTable", `{"TableName":"orders"}`),
			"dynamodb:DeleteTable delete database.keyvalue | target dynamodb:table arn:aws:dynamodb:R:A:table/orders"},
		{jsonCall(t, "dynamodb.us-east-1.amazonaws.com", "dynamodb", "DynamoDB_20120810.GrowTable", `{"TableName":"orders"}`),
			"dynamodb:GrowTable unknown database.keyvalue | target aws:account arn:aws:dynamodb:R:A:*"},
		{jsonCall(t, "secretsmanager.us-east-1.amazonaws.com", "secretsmanager", "secretsmanager.GetSecretValue", `{"SecretId":"db"}`),
			"secretsmanager:GetSecretValue reveal secret | target secretsmanager:Secret arn:aws:secretsmanager:R:A:secret:db"},
		{call(t, "POST", "https://iam.amazonaws.com/", "iam", "Action=AttachRolePolicy&Version=2010-05-08&RoleName=deploy&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess"),
			"iam:AttachRolePolicy grant identity.role | target iam:role arn:aws:iam::029608264753:role/deploy | dependency iam:policy arn:aws:iam::aws:policy/AdministratorAccess"},
		{call(t, "POST", "https://rds.us-east-1.amazonaws.com/", "rds", "Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=orders"),
			"rds:DeleteDBInstance delete database.relational | target rds:db arn:aws:rds:R:A:db:orders"},
		{call(t, "DELETE", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/f", "lambda", ""),
			"lambda:DeleteFunction delete compute.function | target lambda:function arn:aws:lambda:R:A:function:f"},
	} {
		a, err := d.Decode(context.Background(), test.call)
		if err != nil {
			t.Errorf("%s %s: %v", test.call.Method, test.call.URL, err)
			continue
		}
		if got := line(a); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// Law 3: fail closed. A call that contradicts itself is an error.
func TestContradictionsAreRefused(t *testing.T) {
	d := decoder(t)
	twice := jsonCall(t, "dynamodb.us-east-1.amazonaws.com", "dynamodb", "DynamoDB_20120810.ListTables", `{}`)
	twice.Header.Add("X-Amz-Target", "DynamoDB_20120810.DeleteTable")
	for name, c := range map[string]decoders.Call{
		"scope vs host":          call(t, "POST", "https://ec2.us-east-1.amazonaws.com/", "s3", "Action=DescribeVpcs&Version=2016-11-15"),
		"region vs host":         call(t, "POST", "https://ec2.eu-west-1.amazonaws.com/", "ec2", "Action=DescribeVpcs&Version=2016-11-15"[:0]),
		"two actions":            ec2Call(t, "Action=DescribeVpcs&Action=DeleteVpc"),
		"an escaped action":      ec2Call(t, "Action=DescribeVpcs&%41ction=DeleteVpc"),
		"action in URL and body": call(t, "POST", "https://ec2.us-east-1.amazonaws.com/?Action=DeleteVpc", "ec2", "Action=DescribeVpcs&Version=2016-11-15"),
		"two targets":            twice,
		"target and action":      jsonCall(t, "dynamodb.us-east-1.amazonaws.com/?Action=DeleteTable", "dynamodb", "DynamoDB_20120810.ListTables", `{}`),
		"content type":           call(t, "POST", "https://dynamodb.us-east-1.amazonaws.com/", "dynamodb", "{}", "X-Amz-Target", "DynamoDB_20120810.ListTables", "Content-Type", "application/xml"),
	} {
		if name == "region vs host" {
			c.Header.Set("Authorization", strings.Replace(c.Header.Get("Authorization"), "us-east-1", "ap-south-1", 1))
		}
		if a, err := d.Decode(context.Background(), c); err == nil {
			t.Errorf("%s: decoded as %s", name, line(a))
		}
	}
}

// Every mutating operation of AWS names at least one target, and every
// operation has a verb and a capability.
func TestEveryMutationHasATarget(t *testing.T) {
	d := decoder(t)
	for _, info := range d.table.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range s.Operations {
			verb := verbOf(op)
			if !verb.Valid() {
				t.Errorf("%s:%s: verb %q", s.Name, op.Name, verb)
			}
			found, main, _ := d.hand.targets(op, verb, map[string]any{}, scene{"aws", "us-east-1", "111111111111"})
			if verb.Mutates() && len(found) == 0 {
				t.Errorf("%s:%s mutates and has no target", s.Name, op.Name)
			}
			if d.capabilities.of(main, s) == "" {
				t.Errorf("%s:%s has no capability", s.Name, op.Name)
			}
		}
	}
}

func TestClaims(t *testing.T) {
	d := decoder(t)
	for host, want := range map[string]bool{
		"ec2.us-east-1.amazonaws.com": true, "s3.cn-north-1.amazonaws.com.cn": true, "aos.us-east-1.api.aws": true,
		"sqs.eusc-de-east-1.amazonaws.eu": true, "ec2.us-iso-east-1.c2s.ic.gov": true, "x.lambda-url.us-east-1.on.aws": true,
		"vpce-1-2.sqs.us-east-1.vpce.amazonaws.com": true, "iam.amazonaws.com": true,
		"example.com": false, "b.s3-website-us-east-1.amazonaws.com": false, "d1.cloudfront.net": false,
		"AB12.gr7.us-east-1.eks.amazonaws.com": false, "lb-1.us-east-1.elb.amazonaws.com": false, "ec2-1-2-3-4.compute-1.amazonaws.com": false,
	} {
		if got := d.Claims(decoders.Call{Method: "CONNECT", Host: strings.ToLower(host)}).Mine; got != want {
			t.Errorf("Claims(%s) = %v", host, got)
		}
	}
	if got := d.Claims(call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/k", "s3", "")).Body; got != decoders.StreamBody {
		t.Error("an S3 upload is to be streamed")
	}
	if got := d.Claims(call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?policy", "s3", "")).Body; got != decoders.WholeBody {
		t.Error("a bucket policy is to be read whole")
	}
}

func BenchmarkDecode(b *testing.B) {
	d := decoder(b)
	for name, c := range map[string]decoders.Call{
		"ec2": ec2Call(b, "Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0"),
		"s3":  call(b, "PUT", "https://my-bucket.s3.us-east-1.amazonaws.com/key", "s3", ""),
		"ddb": jsonCall(b, "dynamodb.us-east-1.amazonaws.com", "dynamodb", "DynamoDB_20120810.DeleteTable", `{"TableName":"orders"}`),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := d.Decode(context.Background(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
