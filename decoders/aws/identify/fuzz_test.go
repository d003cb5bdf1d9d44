package identify

import (
	"net/http"
	"net/url"
	"runtime"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// No request, however made, may panic or take more than ten times its size (and a
// megabyte), and an operation that is found belongs to
// the service that is named with it.
func FuzzIdentify(f *testing.F) {
	tbl, err := table.Open()
	if err != nil {
		f.Fatal(err)
	}
	id := New(tbl)
	for _, info := range tbl.Services() { // the first use of a service parses it
		if _, _, err := id.router(info); err != nil {
			f.Fatal(err)
		}
	}
	scope := "AWS4-HMAC-SHA256 Credential=ASIAQNZGKIQY56JQ7WML/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
	f.Add("PUT", "b.s3.us-east-1.amazonaws.com", "/a//b%2Fc?partNumber=1&uploadId=x", scope, "", "", "")
	f.Add("POST", "ec2.us-east-1.amazonaws.com", "/", "", "", "application/x-www-form-urlencoded", "Action=DeleteVpc&Version=2016-11-15")
	f.Add("POST", "dynamodb.us-east-1.amazonaws.com", "/", "", "DynamoDB_20120810.PutItem", "application/x-amz-json-1.0", "{}")
	f.Add("GET", "bucket.vpce-1-2.s3.us-east-1.vpce.amazonaws.com", "/BUCKET/?acl", scope, "", "", "")
	f.Add("PUT", "ap-123456789012.op-0.s3-outposts.us-east-1.amazonaws.com", "/k/", "", "", "", "")
	f.Fuzz(func(t *testing.T, method, host, target, auth, amzTarget, contentType, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		c := decoders.Call{Method: method, Host: host, URL: u, Header: http.Header{}, Body: []byte(body)}
		for k, v := range map[string]string{"Authorization": auth, "X-Amz-Target": amzTarget, "Content-Type": contentType} {
			if v != "" {
				c.Header.Set(k, v)
			}
		}
		id.Governs(host)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := id.Identify(c)
		runtime.ReadMemStats(&after)
		size := len(target) + len(host) + len(auth) + len(amzTarget) + len(contentType) + len(body)
		if took := after.TotalAlloc - before.TotalAlloc; took > uint64(10*size+1<<20) {
			t.Errorf("a call of %d bytes took %d", size, took)
		}
		if err == nil && r.Operation != nil && r.Operation.Service != r.Service {
			t.Errorf("%s of another service than %s", r.Operation.Name, r.Service.Name)
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	tbl, err := table.Open()
	if err != nil {
		b.Fatal(err)
	}
	id := New(tbl)
	scope := "AWS4-HMAC-SHA256 Credential=ASIAQNZGKIQY56JQ7WML/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
	u, err := url.Parse("https://b.s3.us-east-1.amazonaws.com/a/key?partNumber=1&uploadId=x")
	if err != nil {
		b.Fatal(err)
	}
	c := decoders.Call{Method: "PUT", Host: u.Host, URL: u, Header: http.Header{"Authorization": {scope}}}
	for b.Loop() {
		if _, err := id.Identify(c); err != nil {
			b.Fatal(err)
		}
	}
}
