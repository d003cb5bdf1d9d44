package hosts

import "testing"

func TestReduce(t *testing.T) {
	isRegion := func(l string) bool { return l == "us-east-1" }
	for host, want := range map[string]string{
		"ec2.us-east-1": "ec2 us-east-1", "sqs-fips.us-east-1": "sqs us-east-1", "fips-x": "x ", "vpce-1.sqs.us-east-1.vpce": "vpce-1.sqs us-east-1",
		"cloudfront.global": "cloudfront ", "s3.dualstack.us-east-1": "s3 us-east-1", "us-east-1.queue": "queue us-east-1", "iam": "iam ",
	} {
		label, region := Reduce(host, isRegion)
		if got := label + " " + region; got != want {
			t.Errorf("Reduce(%q) = %q, want %q", host, got, want)
		}
	}
}
