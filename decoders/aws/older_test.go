package aws

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// A client of 2016 is understood as one of today: the same operation, with all of
// its parameters. The request is the one that botocore writes for that version.
func TestAnOlderClientIsUnderstood(t *testing.T) {
	d, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		method, url, body, contentType, want, version, params string
		verb                                                  model.Verb
	}{
		{"POST", "https://cloudfront.amazonaws.com/2016-01-28/distribution/D1/invalidation",
			`<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/2016-01-28/"><Paths><Quantity>1</Quantity><Items><Path>/a</Path></Items></Paths><CallerReference>r</CallerReference></InvalidationBatch>`,
			"", "cloudfront:CreateInvalidation", "2016-01-28",
			`{"DistributionId":"D1","InvalidationBatch":{"CallerReference":"r","Paths":{"Items":["/a"],"Quantity":1}}}`, model.Create},
		{"DELETE", "https://lambda.us-east-1.amazonaws.com/2014-11-13/functions/f", "", "",
			"lambda:DeleteFunction", "2014-11-11", `{"FunctionName":"f"}`, model.Delete},
		{"POST", "https://opsworks.us-east-1.amazonaws.com/", `{"StackId":"s"}`, "application/x-amz-json-1.1",
			"opsworks:DeleteStack", "2013-02-18", `{"StackId":"s"}`, model.Delete},
		{"DELETE", "https://elastictranscoder.us-east-1.amazonaws.com/2012-09-25/pipelines/1111111111111-abcde1", "", "",
			"elastictranscoder:DeletePipeline", "2012-09-25", `{"Id":"1111111111111-abcde1"}`, model.Delete},
	} {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		c := decoders.Call{Method: test.method, Scheme: "https", Host: u.Host, URL: u, Header: http.Header{}, Body: []byte(test.body)}
		if test.contentType != "" {
			c.Header.Set("Content-Type", test.contentType)
			c.Header.Set("X-Amz-Target", "OpsWorks_20130218.DeleteStack")
		}
		service, _, _ := strings.Cut(test.want, ":")
		c.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
		a, err := d.Decode(context.Background(), c)
		if err != nil {
			t.Errorf("%s: %v", test.want, err)
			continue
		}
		var native struct {
			APIVersion string `json:"api_version"`
		}
		if err := json.Unmarshal(a.Native, &native); err != nil {
			t.Fatal(err)
		}
		if a.Name() != test.want || native.APIVersion != test.version || string(a.Params) != test.params || a.Verb != test.verb || len(a.Unknown) > 0 {
			t.Errorf("%s %s: %s of version %s, %s %s, unknown %v", test.method, test.url, a.Name(), native.APIVersion, a.Verb, a.Params, a.Unknown)
		}
	}
}
