package identify

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

func TestParseScope(t *testing.T) {
	for _, test := range []struct {
		auth, regionSet, query string
		want                   scope
		err                    bool
	}{
		{auth: "AWS4-HMAC-SHA256 Credential=A/K/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0", want: scope{"sigv4", "A/K", "eu-west-1", "s3", false}},
		{auth: "AWS4-ECDSA-P256-SHA256 Credential=K/20260101/s3/aws4_request, SignedHeaders=host, Signature=0", regionSet: "*", want: scope{"sigv4a", "K", "*", "s3", true}},
		{auth: "AWS K:sig", want: scope{Kind: "sigv2", Key: "K", Service: "s3"}},
		{auth: "Bearer abc", want: scope{Kind: "bearer"}},
		{query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20260101%2Fus-east-1%2Fs3%2Faws4_request", want: scope{"presigned", "K", "us-east-1", "s3", false}},
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

// A signature for several regions is taken in each of them: the call is where it is
// sent to, whatever else is in the set, and however often the header is there.
func TestARegionSetDoesNotMoveACall(t *testing.T) {
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	id := New(tbl)
	const auth = "AWS4-ECDSA-P256-SHA256 Credential=K/20260101/events/aws4_request, SignedHeaders=host, Signature=0"
	const presigned = "?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Credential=K%2F20260101%2Fs3%2Faws4_request&X-Amz-Region-Set="
	for _, test := range []struct {
		url  string
		sets []string
		want string
	}{
		{"https://events.eu-west-1.amazonaws.com/", []string{"us-east-1"}, "eu-west-1"},
		{"https://events.eu-west-1.amazonaws.com/", []string{"us-east-1", "eu-west-1"}, "eu-west-1"},
		{"https://events.eu-west-1.amazonaws.com/", []string{"us-east-1,eu-*"}, "eu-west-1"},
		{"https://events.eu-west-1.amazonaws.com/", []string{"*"}, "eu-west-1"},
		{"https://b.s3.eu-west-1.amazonaws.com/k" + presigned + "us-east-1", nil, "eu-west-1"},
		{"https://b.s3.eu-west-1.amazonaws.com/k" + presigned + "*", nil, "eu-west-1"},
		{"https://alias.mrap.accesspoint.s3-global.amazonaws.com/k" + presigned + "*", nil, ""},
	} {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		if test.sets != nil {
			h["Authorization"], h["X-Amz-Region-Set"] = []string{auth}, test.sets
			h.Set("X-Amz-Target", "AWSEvents.DeleteRule")
		}
		r, err := id.Identify(decoders.Call{Method: "POST", Host: u.Host, URL: u, Header: h})
		if err != nil || r.Region != test.want {
			t.Errorf("%s for %q is in %q, want %q: %v", test.url, test.sets, r.Region, test.want, err)
		}
	}
}
