package exam

import (
	"strings"
	"testing"
)

// unwritable are the reasons for which botocore writes no request for a shape.
var unwritable = []string{
	"Path-style addressing cannot be used with",          // GetBucketLocation insists on path style
	"Access points are not supported for this operation", // CreateBucket
	"S3Express does not support Dual-stack",              // s3control, for directory buckets
	"JSONDecodeError('Expecting value",                   // a body, XML or binary, that presigning takes for JSON
	"codec can't decode",
	"Signature version(s) are not supported", // a bearer or SigV4A URL
	"EndpointResolutionError",                // the service has no such endpoint there
}

// S3 is found on every shape of its endpoints, whatever signs the call: the
// operation, the bucket, the key byte for byte, the region, the account.
func TestS3OnEveryShapeOfEndpoint(t *testing.T) {
	id := newIdentifier(t)
	var g grades
	shapes, unwritten := map[string]int{}, map[string]int{}
	Each(t, "s3", "", func(r Row) {
		if r.Method == "" {
			unwritten[reason(t, r)]++
			return
		}
		shapes[r.Shape]++
		got, _ := g.grade(t, id, r)
		if got.Operation == nil {
			t.Errorf("%s, %s %s: %s", r.Shape, r.Method, r.URL, g.unknown[r.Name()])
			return
		}
		found := map[string]string{"Region": got.Region, "Account": got.Account, "Bucket": got.Labels["Bucket"], "Key": got.Labels["Key"]}
		for what, want := range r.Found {
			if found[what] != want {
				t.Errorf("%s, %s %s %s: %s is %q, want %q", r.Shape, r.Name(), r.Method, r.URL, what, found[what], want)
			}
		}
	})
	g.report(t, "S3 on its endpoints")
	t.Logf("%d shapes; botocore itself refused to write %v", len(shapes), unwritten)
	if len(shapes) < 28 || g.total < 1132 {
		t.Errorf("only %d requests on %d shapes", g.total, len(shapes))
	}
}

// reason gives why botocore wrote nothing, which has to be one that is known.
func reason(t *testing.T, r Row) string {
	t.Helper()
	for _, why := range unwritable {
		if strings.Contains(r.Error, why) {
			return why
		}
	}
	t.Errorf("botocore wrote no request for %s, %s: %s", r.Name(), r.Shape, r.Error)
	return r.Error
}

// Every service is found on its hosts in every partition, with dualstack and with
// FIPS, behind a VPC endpoint, and from a presigned URL.
func TestEveryServiceOnItsOtherEndpoints(t *testing.T) {
	id := newIdentifier(t)
	var g grades
	shapes, unwritten := map[string]int{}, map[string]int{}
	Each(t, "endpoints", "", func(r Row) {
		if r.Method == "" {
			unwritten[reason(t, r)]++
			return
		}
		shapes[r.Shape]++
		if got, _ := g.grade(t, id, r); got.Operation == nil {
			t.Errorf("%s, %s %s: %s", r.Shape, r.Method, r.URL, g.unknown[r.Name()])
		} else if region, _, _ := strings.Cut(r.Shape, " "); strings.Contains(r.URL, region) && got.Partition != partitions[region] {
			t.Errorf("%s, %s: partition %s", r.Shape, r.URL, got.Partition)
		}
	})
	g.report(t, "other endpoints")
	t.Logf("%v; botocore itself refused to write %v", shapes, unwritten)
}

var partitions = map[string]string{"eu-west-1": "aws", "us-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso",
	"us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc"}

// A service is found in every protocol that it lists: CloudWatch in three.
func TestEveryProtocolOfAService(t *testing.T) {
	id := newIdentifier(t)
	var g grades
	protocols := map[string]int{}
	Each(t, "alternate", "", func(r Row) {
		got, c := g.grade(t, id, r)
		if got.Operation == nil {
			t.Errorf("%s in %s: %s", r.Name(), r.Protocol, g.unknown[r.Name()])
			return
		}
		protocols[r.Protocol]++
		if got.Protocol != r.Protocol {
			t.Errorf("%s in %s was taken for %s", r.Name(), r.Protocol, got.Protocol)
		}
		if why := unread(got, c); why != "" {
			t.Errorf("%s in %s: %s", r.Name(), r.Protocol, why)
		}
	})
	g.report(t, "alternate protocols")
	t.Logf("%v", protocols)
}
