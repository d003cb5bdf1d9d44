package aws

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// What one server reads and another passes over is refused: a DryRun that only we
// see would carry a change past the ledger.
func TestParametersThatOnlyWeWouldReadAreRefused(t *testing.T) {
	d := decoder(t)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	terminate := "https://ec2.us-east-1.amazonaws.com/?Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&Version=2016-11-15"
	chunk := "c;chunk-signature=0&Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&Version=2016-11-15&x=\r\nDryRun=true&\r\n0\r\n\r\n"
	for name, c := range map[string]decoders.Call{
		"a form in the body of a GET": call(t, "GET", terminate, "ec2", "DryRun=true", form...),
		"and without a content type":  call(t, "GET", terminate, "ec2", "DryRun=true"),
		"in the URL and in the body":  call(t, "POST", terminate, "ec2", "DryRun=true", form...),
		"DryRun beside the form":      call(t, "POST", "https://ec2.us-east-1.amazonaws.com/?DryRun=true", "ec2", "Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&Version=2016-11-15"),
		"frames that are parameters":  call(t, "POST", "https://ec2.us-east-1.amazonaws.com/", "ec2", chunk, append(form, "Content-Encoding", "aws-chunked")...),
		"letters of another charset":  ec2Typed(t, "application/x-www-form-urlencoded; charset=ibm037"),
		"a charset half hidden":       ec2Typed(t, "application/x-www-form-urlencoded; charset=ibm037; x"),
		"two content types":           ec2Typed(t, "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16"),
		"a .. in a name":              call(t, "DELETE", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/mine%2F..%2Fprod", "lambda", ""),
	} {
		if a, err := d.Decode(context.Background(), c); err == nil {
			t.Errorf("%s: decoded as %s, dry run %v", name, line(a), a.DryRun)
		}
	}
	honest := ec2Call(t, "Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&DryRun=true")
	if a, err := d.Decode(context.Background(), honest); err != nil || !strings.Contains(string(a.Native), `"dry_run":true`) {
		t.Errorf("an honest dry run: %s, %v", a.Native, err)
	}
}

// An x-amz- name in the URL may stand for the header of that name.
func TestAHeaderInTheURLIsNotPassedOver(t *testing.T) {
	d := decoder(t)
	for _, name := range []string{"x-amz-acl=public-read", "X-Amz-Acl=public-read", "x-amz-copy-source=/prod/secret", "x-amz-grant-read=uri"} {
		c := call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/k?"+name, "s3", "")
		c.Streamed = true
		a, err := d.Decode(context.Background(), c)
		key, _, _ := strings.Cut(name, "=")
		if key == "x-amz-copy-source" && err == nil && a.Verb == model.Unknown && a.Fidelity == model.Opaque {
			continue // it would be a copy, if S3 looked there: neither that nor an upload
		}
		if err == nil && (a.Fidelity != model.Partial || !slices.Contains(a.Unknown, key)) {
			t.Errorf("%s: %v, unknown %v", name, a.Fidelity, a.Unknown)
		}
	}
	keyed := call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/k?x-amz-server-side-encryption-customer-key=U0VDUkVU", "s3", "")
	keyed.Streamed = true
	if a, err := d.Decode(context.Background(), keyed); err == nil && strings.Contains(string(a.Params), "U0VDUkVU") {
		t.Errorf("a key in the URL is kept: %s", a.Params)
	}
	presigned := call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Security-Token=t&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-id=PutObject&x-amz-checksum-crc32=AAAA&x-amz-sdk-checksum-algorithm=CRC32", "s3", "")
	if a, err := d.Decode(context.Background(), presigned); err != nil || a.Fidelity != model.Exact {
		t.Errorf("a presigned upload: %v %v %v", a.Fidelity, a.Unknown, err)
	}
}

// A host that need not look at a signature is not known by what one says: a
// function would be called as if its functions were listed.
func TestASignatureDoesNotMakeAFrontEndAReadableService(t *testing.T) {
	d := decoder(t)
	for _, c := range []decoders.Call{
		call(t, "GET", "https://x.lambda-url.us-east-1.on.aws/2015-03-31/functions/", "lambda", ""),
		call(t, "GET", "https://signin.aws.amazon.com/federation?Action=getSigninToken&Session=x", "s3", ""),
		call(t, "GET", "https://us-east-1.console.aws.amazon.com/ec2/", "s3", ""),
		jsonCall(t, "x.lambda-url.us-east-1.on.aws", "dynamodb", "DynamoDB_20120810.ListTables", `{}`),
	} {
		if !d.Claims(decoders.Call{Method: "CONNECT", Host: c.Host}).Mine {
			t.Errorf("%s is not governed", c.Host)
		}
		a, err := d.Decode(context.Background(), c)
		if err == nil && (a.Verb != model.Unknown || a.Fidelity != model.Opaque) {
			t.Errorf("%s: %s", c.Host, line(a))
		}
	}
	renew := call(t, "POST", "https://us-east-1.signin.aws.amazon.com/v1/token", "", `{"clientId":"c","grantType":"refresh_token","refreshToken":"t"}`, "Content-Type", "application/json")
	renew.Header.Del("Authorization")
	if a, err := d.Decode(context.Background(), renew); err != nil || a.Name() != "signin:CreateOAuth2Token" || a.Mutates() {
		t.Errorf("the CLI's renewal of its session: %s %v", line(a), err)
	}
	if d.Claims(decoders.Call{Method: "CONNECT", Host: "docs.aws.amazon.com"}).Mine {
		t.Error("the documentation is governed")
	}
}

func ec2Typed(t *testing.T, types ...string) decoders.Call {
	c := ec2Call(t, "Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&DryRun=true")
	c.Header["Content-Type"] = types
	return c
}
