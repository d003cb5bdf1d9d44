package identify

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

func TestParseScope(t *testing.T) {
	for _, test := range []struct {
		auth, regionSet, query string
		want                   scope
		err                    bool
	}{
		{auth: "AWS4-HMAC-SHA256 Credential=A/K/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0", want: scope{"sigv4", "A/K", "eu-west-1", "s3"}},
		{auth: "AWS4-ECDSA-P256-SHA256 Credential=K/20260101/s3/aws4_request, SignedHeaders=host, Signature=0", regionSet: "*", want: scope{"sigv4a", "K", "*", "s3"}},
		{auth: "AWS K:sig", want: scope{Kind: "sigv2", Key: "K", Service: "s3"}},
		{auth: "Bearer abc", want: scope{Kind: "bearer"}},
		{query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20260101%2Fus-east-1%2Fs3%2Faws4_request", want: scope{"presigned", "K", "us-east-1", "s3"}},
		{query: "AWSAccessKeyId=K&Signature=s&Expires=1", want: scope{Kind: "presigned-v2", Key: "K", Service: "s3"}},
		{want: scope{}},
		{auth: "AWS4-HMAC-SHA256 Credential=K/s3/aws4_request", err: true},
		{auth: "AWS4-HMAC-SHA256 Signature=0", err: true},
		{auth: "AWS K:sig", query: "X-Amz-Credential=K%2F20260101%2Fus-east-1%2Fs3%2Faws4_request", err: true},
	} {
		c := decoders.Call{URL: &url.URL{RawQuery: test.query}, Header: http.Header{}}
		if test.auth != "" {
			c.Header.Set("Authorization", test.auth)
			c.Header.Set("X-Amz-Region-Set", test.regionSet)
		}
		got, err := parseScope(c, query(test.query))
		if (err != nil) != test.err || err == nil && got != test.want {
			t.Errorf("%s %s: %+v, %v", test.auth, test.query, got, err)
		}
	}
}
