package aws

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

func answer(contentType, body string) *decoders.Response {
	return &decoders.Response{Status: 200, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
}

const described = `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item>
<reservationId>r-0123456789abcdef0</reservationId><ownerId>111122223333</ownerId><instancesSet><item>
<instanceId>i-0123456789abcdef0</instanceId><imageId>ami-0123456789abcdef0</imageId><subnetId>subnet-0123456789abcdef0</subnetId>
<groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>web</groupName></item></groupSet>
<tagSet><item><key>Name</key><value>shop</value></item></tagSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`

func TestLearn(t *testing.T) {
	d := decoder(t)
	t.Run("a description", func(t *testing.T) {
		got := d.Learn(ec2Call(t, "Action=DescribeInstances"), answer("text/xml", described))
		if len(got) != 1 {
			t.Fatalf("%d observations: %+v", len(got), got)
		}
		r := got[0].Resource
		if r.URN != "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0" || r.Type != "ec2:instance" || r.Name != "shop" ||
			r.Account != "111122223333" || !got[0].Whole || len(r.Aliases) != 1 || r.Aliases[0] != "i-0123456789abcdef0" {
			t.Errorf("%+v", got[0])
		}
		var attrs struct {
			SubnetID string `json:"SubnetId"`
		}
		if err := json.Unmarshal(r.Attrs, &attrs); err != nil || attrs.SubnetID != "subnet-0123456789abcdef0" {
			t.Errorf("attrs %s", r.Attrs)
		}
	})
	t.Run("a termination", func(t *testing.T) {
		got := d.Learn(ec2Call(t, "Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0"), answer("text/xml", `<TerminateInstancesResponse><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId></item></instancesSet></TerminateInstancesResponse>`))
		if !goneOf(got, "arn:aws:ec2:us-east-1:029608264753:instance/i-0123456789abcdef0") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("the end of a part is not the end of the whole", func(t *testing.T) {
		got := d.Learn(call(t, "DELETE", "https://b.s3.us-east-1.amazonaws.com/?policy", "s3", ""), &decoders.Response{Status: 204, Header: http.Header{}})
		if goneOf(got, "arn:aws:s3:::b") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a creation with a name", func(t *testing.T) {
		got := d.Learn(call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/", "s3", ""), answer("application/xml", ""))
		if len(got) != 1 || got[0].Resource.URN != "arn:aws:s3:::b" || got[0].Resource.Name != "b" || got[0].Gone {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a creation with an id of the cloud's", func(t *testing.T) {
		got := d.Learn(ec2Call(t, "Action=CreateSecurityGroup&GroupName=web&GroupDescription=x"), answer("text/xml", `<CreateSecurityGroupResponse><groupId>sg-0123456789abcdef0</groupId></CreateSecurityGroupResponse>`))
		if len(got) != 1 || got[0].Resource.URN != "arn:aws:ec2:us-east-1:029608264753:security-group/sg-0123456789abcdef0" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("an attachment and a detachment", func(t *testing.T) {
		form := "&VolumeId=vol-0123456789abcdef0&InstanceId=i-0123456789abcdef0&Device=sdf"
		tied := d.Learn(ec2Call(t, "Action=AttachVolume"+form), answer("text/xml", "<AttachVolumeResponse/>"))
		cut := d.Learn(ec2Call(t, "Action=DetachVolume"+form), answer("text/xml", "<DetachVolumeResponse/>"))
		want := model.Relation{From: "arn:aws:ec2:us-east-1:029608264753:volume/vol-0123456789abcdef0", To: "arn:aws:ec2:us-east-1:029608264753:instance/i-0123456789abcdef0", Type: model.References, Source: "aws ec2:AttachVolume"}
		if len(tied) != 1 || len(tied[0].Relations) != 1 || tied[0].Relations[0] != want {
			t.Errorf("%+v", tied)
		}
		if len(cut) != 1 || len(cut[0].Cut) != 1 || cut[0].Cut[0].To != want.To {
			t.Errorf("%+v", cut)
		}
	})
	t.Run("a refusal teaches nothing", func(t *testing.T) {
		if got := d.Learn(ec2Call(t, "Action=DescribeInstances"), &decoders.Response{Status: 403, Body: []byte(described)}); got != nil {
			t.Errorf("%+v", got)
		}
	})
	t.Run("names in a list", func(t *testing.T) {
		got := d.Learn(jsonCall(t, "dynamodb.us-east-1.amazonaws.com", "dynamodb", "DynamoDB_20120810.ListTables", "{}"), answer("application/x-amz-json-1.0", `{"TableNames":["orders"]}`))
		if len(got) != 1 || got[0].Resource.URN != "arn:aws:dynamodb:us-east-1:029608264753:table/orders" || got[0].Whole {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a dry run teaches nothing", func(t *testing.T) {
		c := ec2Call(t, "Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&DryRun=true")
		if got := d.Learn(c, answer("text/xml", `<TerminateInstancesResponse><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId></item></instancesSet></TerminateInstancesResponse>`)); got != nil {
			t.Errorf("%+v", got)
		}
	})
}

func goneOf(all []model.Observation, urn model.URN) bool {
	for _, o := range all {
		if o.Gone && o.Resource.URN == urn {
			return true
		}
	}
	return false
}

// The account of a key that does not carry one is learnt from the key's own call.
func TestLearnAccountFromCallerIdentity(t *testing.T) {
	d := decoder(t)
	old := func(c decoders.Call) decoders.Call {
		c.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/"+"sts"+"/aws4_request, SignedHeaders=host, Signature=0")
		return c
	}
	c := old(call(t, "POST", "https://sts.us-east-1.amazonaws.com/", "sts", "Action=GetCallerIdentity&Version=2011-06-15"))
	d.Learn(c, answer("text/xml", `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>444455556666</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`))
	a, err := d.Decode(context.Background(), c)
	if err != nil || a.Account != "444455556666" {
		t.Errorf("account %q, %v", a.Account, err)
	}
}
