package identify

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// Every shape of an S3 endpoint gives the bucket and the operation.
func TestS3HostGrammar(t *testing.T) {
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	id := New(tbl)
	const ap = "arn:aws:s3:us-east-1:123456789012:accesspoint/ap"
	for _, test := range []struct{ method, url, op, bucket, key string }{
		{"PUT", "https://b.s3.us-east-1.amazonaws.com/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3.us-east-1.amazonaws.com/folder/", "PutObject", "b", "folder/"},
		{"PUT", "https://b.s3.us-east-1.amazonaws.com//k", "PutObject", "b", "/k"},
		{"PUT", "https://b.s3.us-east-1.amazonaws.com/a//b%2F%2E%2E/c+~", "PutObject", "b", "a//b/../c+~"},
		{"PUT", "https://s3.us-east-1.amazonaws.com/dotted.bucket/k", "PutObject", "dotted.bucket", "k"},
		{"PUT", "https://s3.us-east-1.amazonaws.com/b/", "CreateBucket", "b", ""},
		{"PUT", "https://dotted.bucket.s3.amazonaws.com/k", "PutObject", "dotted.bucket", "k"},
		{"PUT", "https://b.s3.dualstack.us-east-1.amazonaws.com/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3-fips.us-east-1.amazonaws.com/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3-fips.dualstack.us-east-1.amazonaws.com/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3-accelerate.amazonaws.com/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3-accelerate.dualstack.amazonaws.com/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3-us-west-2.amazonaws.com/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3.cn-north-1.amazonaws.com.cn/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3.us-gov-west-1.amazonaws.com/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3.us-isob-east-1.sc2s.sgov.gov/k", "PutObject", "b", "k"},
		{"PUT", "https://b.s3.eusc-de-east-1.amazonaws.eu/k", "PutObject", "b", "k"},
		{"PUT", "https://ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com/k", "PutObject", ap, "k"},
		{"PUT", "https://ap-123456789012.s3-accesspoint.dualstack.us-east-1.amazonaws.com/k", "PutObject", ap, "k"},
		{"PUT", "https://ap-123456789012.s3-accesspoint-fips.us-east-1.amazonaws.com/k", "PutObject", ap, "k"},
		{"GET", "https://ol-123456789012.s3-object-lambda.us-east-1.amazonaws.com/k", "GetObject", "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/ol", "k"},
		{"POST", "https://route.s3-object-lambda.us-east-1.amazonaws.com/WriteGetObjectResponse", "WriteGetObjectResponse", "", ""},
		{"PUT", "https://ap-123456789012.op-01.s3-outposts.us-east-1.amazonaws.com/k", "PutObject", "arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-01/accesspoint/ap", "k"},
		{"PUT", "https://alias.mrap.accesspoint.s3-global.amazonaws.com/k", "PutObject", "arn:aws:s3:::accesspoint/alias.mrap", "k"},
		{"PUT", "https://b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com/k", "PutObject", "b--use1-az4--x-s3", "k"},
		{"PUT", "https://s3express-control.us-east-1.amazonaws.com/b--use1-az4--x-s3", "CreateBucket", "b--use1-az4--x-s3", ""},
		{"PUT", "https://bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com/b/k", "PutObject", "b", "k"},
		{"PUT", "https://ap-123456789012.accesspoint.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com/k", "PutObject", ap, "k"},
		{"GET", "https://b.s3.us-east-1.amazonaws.com/?acl", "GetBucketAcl", "b", ""},
		{"GET", "https://b.s3.us-east-1.amazonaws.com/?acl=", "GetBucketAcl", "b", ""},
		{"GET", "https://b.s3.us-east-1.amazonaws.com/?list-type=2", "ListObjectsV2", "b", ""},
		{"PUT", "https://b.s3.us-east-1.amazonaws.com/?newthing", "", "", ""},
		{"PUT", "https://b.s3.us-east-1.amazonaws.com/k?newthing&x-id=PutObject", "", "", ""},
		{"DELETE", "https://b.s3.us-east-1.amazonaws.com/k?x-id=GetObject", "DeleteObject", "b", "k"},
		{"POST", "https://b.s3.us-east-1.amazonaws.com/k", "", "", ""},
	} {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		r, err := id.Identify(decoders.Call{Method: test.method, Host: u.Host, URL: u, Header: http.Header{}})
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		name := ""
		if r.Operation != nil {
			name = r.Operation.Name
		}
		if name != test.op || r.Labels["Bucket"] != test.bucket || r.Labels["Key"] != test.key {
			t.Errorf("%s %s = %s %v", test.method, test.url, name, r.Labels)
		}
	}
}

func TestAccountOfAccessKey(t *testing.T) {
	for key, want := range map[string]string{"ASIAQNZGKIQY56JQ7WML": "029608264753", "AKIAIOSFODNN7EXAMPLE": "", "short": ""} {
		if got, _ := Account(key); got != want {
			t.Errorf("Account(%s) = %q, want %q", key, got, want)
		}
	}
}

// A bucket may be called anything that is a DNS name: like a website's host, or with
// the name of a region at its end. Its calls MUST be governed all the same.
func TestABucketsNameDoesNotTakeItOutOfGovernance(t *testing.T) {
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	id := New(tbl)
	for host, want := range map[string]bool{
		"acme-s3-website.s3.eu-west-1.amazonaws.com":                      true,
		"s3-website-assets.s3.amazonaws.com":                              true,
		"a.s3-website.s3.eu-west-1.amazonaws.com":                         true,
		"acme-s3-website-123456789012.s3-control.eu-west-1.amazonaws.com": true,
		"s3-website-1.execute-api.eu-west-1.amazonaws.com":                true,
		"logs.eu-west-1.s3.amazonaws.com":                                 true,
		"logs.us-east-1.s3-accelerate.amazonaws.com":                      true,
		"logs.us-east-1.s3-us-west-2.amazonaws.com":                       true,
		"logs.us-east-1.s3-external-1.amazonaws.com":                      true,
		"s3-website.s3.amazonaws.com":                                     true,
		"s3-website.s3.dualstack.eu-west-1.amazonaws.com":                 true,
		"b.s3-website.dualstack.eu-west-1.amazonaws.com":                  false,
		"compute.s3.amazonaws.com":                                        true,
		"b.s3-website-eu-west-1.amazonaws.com":                            false,
		"b.s3-website.eu-central-1.amazonaws.com":                         false,
		"b.s3-website.cn-north-1.amazonaws.com.cn":                        false,
		"my.site.s3-website.eu-central-1.amazonaws.com":                   false,
		"db.cxyz.eu-west-1.rds.amazonaws.com":                             false,
		"ABC.gr7.eu-west-1.eks.amazonaws.com":                             false,
		"lb-1.eu-west-1.elb.amazonaws.com":                                false,
		"ec2-1-2-3-4.eu-west-1.compute.amazonaws.com":                     false,
	} {
		if got := id.Governs(host); got != want {
			t.Errorf("%s is governed: %v, want %v", host, got, want)
		}
	}
}
