package aws

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// props writes an action's properties: name=value, or name=? where unknown.
func props(a model.Action) string {
	var out []string
	for _, p := range a.Props {
		value := "?"
		if p.Known {
			data, err := json.Marshal(p.Value)
			if err != nil {
				panic(err)
			}
			value = string(data)
		}
		out = append(out, p.Name+"="+value)
	}
	return strings.Join(out, " ")
}

func iamCall(t testing.TB, action string, params ...string) decoders.Call {
	v := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	return call(t, "POST", "https://iam.amazonaws.com/", "iam", "Action="+action+"&Version=2010-05-08&"+v.Encode())
}

func TestProperties(t *testing.T) {
	d := decoder(t)
	sg := func(rest string) decoders.Call {
		return ec2Call(t, "Action=AuthorizeSecurityGroupIngress&GroupId=sg-0123456789abcdef0&"+rest)
	}
	bucketPolicy := func(statement string) decoders.Call {
		return call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?policy", "s3", `{"Version":"2012-10-17","Statement":[`+statement+`]}`)
	}
	const assume = `{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111111111111:root","Service":"ec2.amazonaws.com"}}]}`
	for _, test := range []struct {
		call decoders.Call
		want string
	}{
		{sg("IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"),
			`network.ingress=[{"cidr":"0.0.0.0/0","from":22,"proto":"tcp","to":22}] network.ingress.public=true`},
		{sg("IpProtocol=tcp&FromPort=22&ToPort=22&CidrIp=128.0.0.0/1"),
			`network.ingress=[{"cidr":"128.0.0.0/1","from":22,"proto":"tcp","to":22}] network.ingress.public=true`},
		{sg("IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=443&IpPermissions.1.ToPort=443&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8&IpPermissions.1.Groups.1.GroupId=sg-0123456789abcdef1"),
			`network.ingress=[{"cidr":"10.0.0.0/8","from":443,"proto":"tcp","to":443},{"from":443,"group":"sg-0123456789abcdef1","proto":"tcp","to":443}] network.ingress.public=false`},
		{sg("IpPermissions.1.IpProtocol=-1&IpPermissions.1.PrefixListIds.1.PrefixListId=pl-0123456789abcdef0"),
			`network.ingress=[{"prefixList":"pl-0123456789abcdef0","proto":"-1"}] network.ingress.public=?`},
		{sg("IpPermissions.1.IpProtocol=-1&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=2000::/3"),
			`network.ingress=[{"cidr":"2000::/3","proto":"-1"}] network.ingress.public=true`},
		{ec2Call(t, "Action=CreateNetworkAclEntry&NetworkAclId=acl-0123456789abcdef0&RuleNumber=1&Protocol=6&RuleAction=allow&Egress=false&CidrBlock=0.0.0.0/0&PortRange.From=22&PortRange.To=22"),
			`network.ingress=[{"cidr":"0.0.0.0/0","from":22,"proto":"6","to":22}] network.ingress.public=true`},
		{ec2Call(t, "Action=CreateNetworkAclEntry&NetworkAclId=acl-0123456789abcdef0&RuleNumber=1&Protocol=6&RuleAction=deny&Egress=false&CidrBlock=0.0.0.0/0"), ``},
		{ec2Call(t, "Action=ModifySecurityGroupRules&GroupId=sg-0123456789abcdef0&SecurityGroupRule.1.SecurityGroupRuleId=sgr-0123456789abcdef0&SecurityGroupRule.1.SecurityGroupRule.CidrIpv4=0.0.0.0/0"),
			`network.ingress=? network.ingress.public=?`},
		{bucketPolicy(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`), `access.anonymous=true access.publicRead=true`},
		{bucketPolicy(`{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}`), `access.anonymous=true access.publicRead=false`},
		{bucketPolicy(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}`), `access.anonymous=? access.publicRead=?`},
		{bucketPolicy(`{"Effect":"Allow","Principal":{"AWS":["029608264753","111111111111"]},"Action":"s3:*","Resource":"*"}`), `access.anonymous=false access.crossAccount=["111111111111"] access.publicRead=false`},
		{call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?policy", "s3", `not json`), `access.anonymous=? access.crossAccount=? access.publicRead=?`},
		{call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?acl", "s3", "", "X-Amz-Acl", "public-read-write"), `access.publicRead=true access.publicWrite=true`},
		{call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?acl", "s3", "", "X-Amz-Grant-Read", `uri="http://acs.amazonaws.com/groups/global/AllUsers"`), `access.publicRead=true`},
		{call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?publicAccessBlock", "s3", `<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`, "Content-Type", "application/xml"), `access.publicRead=false`},
		{call(t, "DELETE", "https://b.s3.us-east-1.amazonaws.com/?publicAccessBlock", "s3", ""), `access.publicRead=?`},
		{iamCall(t, "PutRolePolicy", "RoleName", "r", "PolicyName", "p", "PolicyDocument", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), `identity.privilege="admin"`},
		{iamCall(t, "PutRolePolicy", "RoleName", "r", "PolicyName", "p", "PolicyDocument", `{"Statement":{"Effect":"Allow","Action":"*","Action":"s3:GetObject","Resource":"*"}}`), `identity.privilege=?`},
		{iamCall(t, "AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"), `identity.privilege="admin"`},
		{iamCall(t, "AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::029608264753:policy/ours"), `identity.privilege=?`},
		{iamCall(t, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", assume), `access.anonymous=false access.crossAccount=["arn:aws:iam::111111111111:root"] identity.trust=["arn:aws:iam::111111111111:root","ec2.amazonaws.com"]`},
		{call(t, "POST", "https://rds.us-east-1.amazonaws.com/", "rds", "Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier=x&DBInstanceClass=db.t3.micro&Engine=mysql&PubliclyAccessible=true"),
			`compute.size="db.t3.micro" encryption.atRest=false network.public=true`},
		{call(t, "POST", "https://rds.us-east-1.amazonaws.com/", "rds", "Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=x&SkipFinalSnapshot=true"), `backup.destroyed=true lifecycle.finalSnapshot=false`},
		{call(t, "POST", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions", "lambda", `{"FunctionName":"f","Role":"arn:aws:iam::029608264753:role/r","Code":{"S3Bucket":"b"}}`, "Content-Type", "application/json"),
			`identity.runsAs=["arn:aws:iam::029608264753:role/r"] image.signed=false`},
		{ec2Call(t, "Action=RunInstances&ImageId=ami-0123456789abcdef0&MinCount=1&MaxCount=3&IamInstanceProfile.Name=web&UserData=aGVsbG8="),
			`identity.runsAs=["arn:aws:iam::029608264753:instance-profile/web"] image.ref=["ami-0123456789abcdef0"] instance.bootScript="sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" scale.max=3`},
		{ec2Call(t, "Action=ModifySnapshotAttribute&SnapshotId=snap-0123456789abcdef0&CreateVolumePermission.Add.1.Group=all"), `access.publicRead=true`},
		{jsonCall(t, "sqs.us-east-1.amazonaws.com", "sqs", "AmazonSQS.SetQueueAttributes", `{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/029608264753/q","Attributes":{"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sqs:*\",\"Resource\":\"*\"}]}"}}`), `access.anonymous=true access.publicRead=false`},
		{jsonCall(t, "dynamodb.us-east-1.amazonaws.com", "dynamodb", "DynamoDB_20120810.DescribeTable", `{"TableName":"x"}`), ``},
	} {
		a, err := d.Decode(context.Background(), test.call)
		if err != nil {
			t.Errorf("%s %s: %v", test.call.Method, test.call.URL, err)
			continue
		}
		got := props(a)
		if got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", a.Name(), got, test.want)
		}
	}
}

// Every pointer leads to the value that it stands for.
func TestPropertiesPointAtTheirValue(t *testing.T) {
	a, err := decoder(t).Decode(context.Background(), ec2Call(t, "Action=AuthorizeSecurityGroupIngress&GroupId=sg-0123456789abcdef0&IpPermissions.1.IpProtocol=tcp&IpPermissions.2.IpProtocol=tcp&IpPermissions.2.IpRanges.1.CidrIp=0.0.0.0/0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range a.Props {
		if p.Name == "network.ingress.public" && p.Native != "/IpPermissions/1/IpRanges/0/CidrIp" {
			t.Errorf("%+v", p)
		}
	}
}

// The names are the vocabulary's, and two of our own.
func TestPropertiesHavePortableNames(t *testing.T) {
	names := map[string]bool{"access.publicWrite": true, "network.ingress.public": true} // ours
	for _, row := range vocabulary(t) {
		names[row.name] = true
	}
	for in, rows := range decoder(t).properties {
		for _, r := range rows {
			if !names[r.Name] {
				t.Errorf("%s: %s is no portable name", in, r.Name)
			}
		}
	}
}
