package aws

import (
	"context"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// What two parsers could take for two different calls is refused, whatever they
// disagree on: which operation it is, which of two values counts, where a body ends
// or which letters it holds.
func TestWhatTwoParsersReadDifferentlyIsRefused(t *testing.T) {
	d := decoder(t)
	const (
		ec2, iam = "https://ec2.us-east-1.amazonaws.com/", "https://iam.amazonaws.com/"
		ddb      = "https://dynamodb.us-east-1.amazonaws.com/"
		cw       = "https://monitoring.us-east-1.amazonaws.com/service/GraniteServiceVersion20100801/operation/"
		object   = "https://b.s3.us-east-1.amazonaws.com/k"
		formType = "application/x-www-form-urlencoded"
		json10   = "application/x-amz-json-1.0"
	)
	form, target := []string{"Content-Type", formType}, "DynamoDB_20120810.ListTables"
	list := []string{"Content-Type", json10, "X-Amz-Target", target}
	twice := func(c decoders.Call, name, value string) decoders.Call { c.Header.Add(name, value); return c }
	elsewhere := call(t, "POST", ec2, "ec2", "Action=DescribeVpcs&Version=2016-11-15", form...)
	elsewhere.Header.Set("Authorization", strings.Replace(elsewhere.Header.Get("Authorization"), "us-east-1", "eu-west-1", 1))
	for name, c := range map[string]decoders.Call{
		"two Actions":                    call(t, "POST", ec2, "ec2", "Action=DescribeVpcs&Action=DeleteVpc&Version=2016-11-15&VpcId=vpc-1", form...),
		"two Actions, one escaped":       call(t, "POST", ec2, "ec2", "Action=DescribeVpcs&%41ction=DeleteVpc&Version=2016-11-15", form...),
		"two Actions in the URL":         call(t, "GET", ec2+"?Action=DescribeVpcs&Action=DeleteVpc&Version=2016-11-15", "ec2", ""),
		"two Versions":                   call(t, "POST", iam, "iam", "Action=ListUsers&Version=2010-05-08&Version=2016-11-15", form...),
		"an Action in URL and body":      call(t, "POST", ec2+"?Action=DescribeVpcs", "ec2", "Action=DeleteVpc&Version=2016-11-15", form...),
		"a Version in the URL only":      call(t, "POST", ec2+"?Version=2014-01-01", "ec2", "Action=DeleteVpc&Version=2016-11-15&VpcId=v", form...),
		"parameters in URL and body":     call(t, "POST", ec2+"?VpcId=vpc-2", "ec2", "Action=DeleteVpc&Version=2016-11-15&VpcId=vpc-1", form...),
		"two values of one parameter":    call(t, "POST", ec2, "ec2", "Action=DeleteVpc&Version=2016-11-15&VpcId=vpc-1&VpcId=vpc-2", form...),
		"a semicolon between parameters": call(t, "POST", ec2, "ec2", "Action=DeleteVpc&Version=2016-11-15&VpcId=vpc-1;VpcId=vpc-2", form...),
		"duplicate JSON keys":            call(t, "POST", ddb, "dynamodb", `{"TableName":"mine","TableName":"prod"}`, "Content-Type", json10, "X-Amz-Target", "DynamoDB_20120810.DeleteTable"),
		"a JSON key twice, one escaped":  call(t, "POST", ddb, "dynamodb", `{"TableName":"mine","T\u0061bleName":"prod"}`, "Content-Type", json10, "X-Amz-Target", "DynamoDB_20120810.DeleteTable"),
		"two JSON texts":                 call(t, "POST", ddb, "dynamodb", `{"TableName":"mine"}{"TableName":"prod"}`, "Content-Type", json10, "X-Amz-Target", "DynamoDB_20120810.DeleteTable"),
		"two targets":                    twice(call(t, "POST", ddb, "dynamodb", "{}", list...), "X-Amz-Target", "DynamoDB_20120810.DeleteTable"),
		"a target and an Action":         call(t, "POST", ddb+"?Action=DeleteTable", "dynamodb", "{}", list...),
		"a target and a form":            call(t, "POST", ddb, "dynamodb", "Action=DeleteTable", "Content-Type", formType, "X-Amz-Target", target),
		"a target of another service":    call(t, "POST", ddb, "dynamodb", "{}", "Content-Type", json10, "X-Amz-Target", "AmazonSSM.GetParameter"),
		"a target and rpc-v2":            call(t, "POST", cw+"ListDashboards", "monitoring", "\xa0", "Smithy-Protocol", "rpc-v2-cbor", "X-Amz-Target", "GraniteServiceVersion20100801.DeleteDashboards"),
		"rpc-v2 and an Action":           call(t, "POST", cw+"ListDashboards?Action=DeleteDashboards", "monitoring", "\xa0", "Smithy-Protocol", "rpc-v2-cbor"),
		"rpc-v2 of another body":         call(t, "POST", cw+"ListDashboards", "monitoring", "{}", "Smithy-Protocol", "rpc-v2-cbor", "Content-Type", "application/json"),
		"two rpc-v2 protocols":           twice(call(t, "POST", cw+"ListDashboards", "monitoring", "\xa0", "Smithy-Protocol", "rpc-v2-cbor"), "Smithy-Protocol", "rpc-v2-json"),
		"two content types":              twice(call(t, "POST", ddb, "dynamodb", "{}", list...), "Content-Type", formType),
		"a body of another charset":      call(t, "POST", ddb, "dynamodb", "{}", "Content-Type", json10+"; charset=utf-16", "X-Amz-Target", target),
		"a byte order mark":              call(t, "POST", ddb, "dynamodb", "\ufeff{}", list...),
		"NUL in a key":                   call(t, "POST", ddb, "dynamodb", `{"TableName\u0000":"prod"}`, "Content-Type", json10, "X-Amz-Target", "DynamoDB_20120810.DeleteTable"),
		"NUL in a form key":              call(t, "POST", ec2, "ec2", "Action=DeleteVpc&Version=2016-11-15&VpcId%00=vpc-1", form...),
		"overlong UTF-8 in a key":        call(t, "POST", ddb, "dynamodb", "{\"TableName\xc0\x80\":\"prod\"}", "Content-Type", json10, "X-Amz-Target", "DynamoDB_20120810.DeleteTable"),
		"overlong UTF-8 in a form key":   call(t, "POST", ec2, "ec2", "Action=DeleteVpc&Version=2016-11-15&Vpc%C1%89d=vpc-1", form...),
		"half a surrogate pair":          call(t, "POST", ddb, "dynamodb", `{"TableName\ud800":"prod"}`, "Content-Type", json10, "X-Amz-Target", "DynamoDB_20120810.DeleteTable"),
		"a copy source nobody signed":    call(t, "PUT", object, "s3", "", "X-Amz-Copy-Source", "/prod/secret"),
		"another service's signature":    call(t, "POST", ec2, "iam", "Action=ListUsers&Version=2010-05-08", form...),
		"another region's signature":     elsewhere,
		"two signatures":                 twice(call(t, "POST", ec2, "ec2", "Action=DescribeVpcs&Version=2016-11-15", form...), "Authorization", "AWS K:s"),
		"a signature in URL and head":    call(t, "GET", object+"?X-Amz-Credential=K%2F20260101%2Fus-east-1%2Fs3%2Faws4_request", "s3", ""),
		"an entity in XML":               call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?tagging", "s3", `<!DOCTYPE a [<!ENTITY e "x">]><Tagging><TagSet><Tag><Key>&e;</Key></Tag></TagSet></Tagging>`),
		"an element twice in XML":        call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?versioning", "s3", `<VersioningConfiguration><Status>Enabled</Status><Status>Suspended</Status></VersioningConfiguration>`),
		"a key twice in CBOR":            call(t, "POST", cw+"DeleteDashboards", "monitoring", "\xa2\x61a\x01\x61a\x02", "Smithy-Protocol", "rpc-v2-cbor", "Content-Type", "application/cbor"),
		"a query parameter twice":        call(t, "GET", object+"?versionId=1&versionId=2", "s3", ""),
		"a .. in a label":                call(t, "DELETE", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/a%2F..%2Fprod", "lambda", ""),
	} {
		if a, err := d.Decode(context.Background(), c); err == nil {
			t.Errorf("%s: decoded as %s (%s, unknown %q)", name, line(a), a.Fidelity, a.Unknown)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q is not one line", name, err)
		}
	}
}

// What none of the table's operations is called by is unknown, not the nearest.
func TestANewerKeyMakesAnotherOperation(t *testing.T) {
	d := decoder(t)
	for name, c := range map[string]decoders.Call{
		"an x-amz- key":                  call(t, "POST", "https://us-east-1.oauth.signin.aws/v1/token?x-amz-client-auth-method=iam", "signin", `{}`, "Content-Type", "application/json"),
		"a bare key":                     call(t, "GET", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions?purge", "lambda", ""),
		"a selecting key of a sibling":   call(t, "POST", "https://voice-chime.us-east-1.amazonaws.com/phone-numbers?operation=batch-incinerate", "chime", `{}`, "Content-Type", "application/json"),
		"a bare key of S3":               call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?newthing", "s3", ""),
		"a copy, if S3 looks at the URL": call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/k?x-amz-copy-source=%2Fprod%2Fsecret", "s3", ""),
	} {
		a, err := d.Decode(context.Background(), c)
		if err == nil && (a.Verb != model.Unknown || a.Fidelity != model.Opaque || !a.Mutates()) {
			t.Errorf("%s: taken for %s, %s, unknown %q", name, line(a), a.Fidelity, a.Unknown)
		}
	}
	a, err := d.Decode(context.Background(), call(t, "GET", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions?NewFilter=x", "lambda", ""))
	if err != nil || a.Name() != "lambda:ListFunctions" || a.Fidelity != model.Partial {
		t.Errorf("a new parameter: %s %s %v", line(a), a.Fidelity, err)
	}
	a, err = d.Decode(context.Background(), call(t, "GET", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions", "lambda", "", "New-Filter", "x"))
	if err != nil || a.Fidelity != model.Partial || len(a.Unknown) != 1 {
		t.Errorf("a new header: %s %s %q %v", line(a), a.Fidelity, a.Unknown, err)
	}
}
