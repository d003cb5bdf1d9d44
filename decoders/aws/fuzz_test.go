package aws

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

// No call and no answer may panic, and whatever mutates has a target.
func FuzzDecode(f *testing.F) {
	d := decoder(f)
	f.Add("POST", "https://ec2.us-east-1.amazonaws.com/", "", "application/x-www-form-urlencoded", "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0", "<a><instancesSet><item/></instancesSet></a>")
	f.Add("POST", "https://dynamodb.us-east-1.amazonaws.com/", "DynamoDB_20120810.DeleteTable", "application/x-amz-json-1.0", `{"TableName":"arn:aws:dynamodb:::table/x"}`, `{"TableDescription":{"TableArn":"arn:aws:dynamodb:us-east-1:1:table/x"}}`)
	f.Add("PUT", "https://b.s3.us-east-1.amazonaws.com/k%2f?acl", "", "application/xml", "<AccessControlPolicy/>", "")
	f.Add("POST", "https://cloudformation.us-east-1.amazonaws.com/", "", "application/x-www-form-urlencoded", "Action=CreateStack&Version=2010-05-15&StackName=x&TemplateBody=Resources%3A%0A%20A%3A%20%7BType%3A%20AWS%3A%3AIAM%3A%3ARole%2C%20Properties%3A%20%7BPolicies%3A%20%5B%7BPolicyDocument%3A%20%21Ref%20A%7D%5D%7D%7D", "")
	f.Add("POST", "https://cloudcontrolapi.us-east-1.amazonaws.com/", "CloudApiService.UpdateResource", "application/x-amz-json-1.0", `{"TypeName":"AWS::EC2::SecurityGroup","Identifier":"sg-0123456789abcdef0","PatchDocument":"[{\"op\":\"add\",\"path\":\"/SecurityGroupIngress/-\",\"value\":{\"CidrIp\":\"::/0\"}}]"}`, "")
	f.Add("POST", "https://dynamodb.us-east-1.amazonaws.com/", "DynamoDB_20120810.BatchWriteItem", "application/x-amz-json-1.0", `{"RequestItems":{"a":[{"PutRequest":{"Item":{}}},{"DeleteRequest":{}},{}]}}`, "")
	f.Fuzz(func(t *testing.T, method, rawURL, target, contentType, body, answer string) {
		u, err := url.Parse(rawURL)
		if err != nil {
			return
		}
		c := decoders.Call{Method: method, Scheme: "https", Host: u.Host, URL: u, Body: []byte(body), Header: http.Header{"Content-Type": {contentType}}}
		if target != "" {
			c.Header.Set("X-Amz-Target", target)
		}
		d.Claims(c)
		a, err := d.Decode(context.Background(), c)
		if err == nil && a.Verb.Mutates() && len(a.Targets) == 0 {
			t.Errorf("%s mutates and has no target", a.Name())
		}
		for _, p := range a.Parts {
			if err == nil && p.Verb.Mutates() && (len(p.Targets) == 0 || !a.Mutates() && !a.DryRun) {
				t.Errorf("part %s of %s mutates and has no target, or is hidden in a read", p.Name(), a.Name())
			}
		}
		d.Learn(c, &decoders.Response{Status: 200, Header: http.Header{"Content-Type": {"text/xml"}}, Body: []byte(answer)})
	})
}
