package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/aws/internal/exam"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// written says what is wrong with the call that EncodeInput makes of what botocore
// was asked for: what is written MUST be what is read.
func (s sample) written(op *table.Operation) (why string, ok bool) {
	c, err := EncodeInput(op, s.Protocol, "service.us-east-1.amazonaws.com", s.Want)
	if errors.Is(err, ErrNotWritten) {
		return "", false
	}
	if err != nil {
		return "writing: " + err.Error(), true
	}
	in, err := DecodeInput(op, s.Protocol, c, Options{Secrets: true, Labels: s.Labels})
	if err != nil {
		return "what was written: " + err.Error(), true
	}
	if len(in.Unknown) > 0 {
		return "unknown in what was written: " + strings.Join(in.Unknown, ", "), true
	}
	if where := exam.Differs(s.Want, in.Params); where != "" {
		return "written: " + where, true
	}
	return "", true
}

// What does not fit is an error, and not left out.
func TestNothingIsGuessedWhenWriting(t *testing.T) {
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	write := func(service, operation string, params map[string]any) (string, error) {
		s, _ := tbl.Service(service)
		op, ok := s.Operation(operation)
		if !ok {
			t.Fatalf("no %s:%s", service, operation)
		}
		c, err := EncodeInput(op, s.Protocols[0], "h", params)
		if err != nil {
			return "", err
		}
		return c.Method + " " + c.URL.RequestURI() + " " + string(c.Body), nil
	}
	for _, ok := range []struct {
		service, operation string
		params             map[string]any
		want               string
	}{
		{"ec2", "DescribeVpcs", map[string]any{"VpcIds": []any{"vpc-1"}, "MaxResults": 5}, "POST / Action=DescribeVpcs&MaxResults=5&Version=2016-11-15&VpcId.1=vpc-1"},
		{"s3", "GetBucketPolicy", map[string]any{"Bucket": "a.b"}, "GET /a.b?policy "},
		{"route53", "ListResourceRecordSets", map[string]any{"HostedZoneId": "Z1", "MaxItems": "7"}, "GET /2013-04-01/hostedzone/Z1/rrset?maxitems=7 "},
		{"kms", "DescribeKey", map[string]any{"KeyId": "k"}, `POST / {"KeyId":"k"}`},
		{"eks", "DescribeCluster", map[string]any{"name": "a/b"}, "GET /clusters/a%2Fb "},
	} {
		if got, err := write(ok.service, ok.operation, ok.params); err != nil || got != ok.want {
			t.Errorf("%s: %q, %v; want %q", ok.operation, got, err, ok.want)
		}
	}
	for name, params := range map[string]map[string]any{
		"a member that is not there": {"VpcIds": []any{"v"}, "Frobnicate": true},
		"a text for a list":          {"VpcIds": "v"},
		"a list for a number":        {"MaxResults": []any{}},
		"a nested stranger":          {"Filters": []any{map[string]any{"Nome": "x"}}},
	} {
		if got, err := write("ec2", "DescribeVpcs", params); err == nil {
			t.Errorf("%s: written as %s", name, got)
		}
	}
	if got, err := write("eks", "DescribeCluster", nil); err == nil {
		t.Errorf("a required member is missing: %s", got)
	}
	if got, err := write("eks", "DescribeCluster", map[string]any{"name": ".."}); err == nil {
		t.Errorf("a .. in a label: %s", got)
	}
}
