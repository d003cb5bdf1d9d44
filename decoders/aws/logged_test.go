package aws

import (
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// CloudTrail's names lead to the operations of the table, whatever AWS has put
// around them.
func TestWhatCloudTrailLoggedIsKnown(t *testing.T) {
	tab, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLive(tab)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		source, event, service, operation string
		mutates                           bool
	}{
		{"s3.amazonaws.com", "CreateBucket", "s3", "CreateBucket", true},
		{"s3.amazonaws.com", "GetBucketAcl", "s3", "GetBucketAcl", false},
		{"ec2.amazonaws.com", "RunInstances", "ec2", "RunInstances", true},
		{"ec2.amazonaws.com", "DescribeInstances", "ec2", "DescribeInstances", false},
		{"monitoring.amazonaws.com", "PutMetricAlarm", "cloudwatch", "PutMetricAlarm", true},
		{"lambda.amazonaws.com", "CreateFunction20150331", "lambda", "CreateFunction", true},
		{"lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "lambda", "UpdateFunctionCode", true},
		{"lambda.amazonaws.com", "GetFunction20150331v2", "lambda", "GetFunction", false},
		{"cloudfront.amazonaws.com", "CreateDistribution2020_05_31", "cloudfront", "CreateDistribution", true},
		{"elasticloadbalancing.amazonaws.com", "CreateTargetGroup", "elbv2", "CreateTargetGroup", true},
		{"elasticloadbalancing.amazonaws.com", "CreateLoadBalancerListeners", "elb", "CreateLoadBalancerListeners", true},
		{"secretsmanager.amazonaws.com", "GetSecretValue", "secretsmanager", "GetSecretValue", false},
		{"cn.amazonaws.com.cn", "Anything", "cn", "Anything", true},
		{"never-heard-of.amazonaws.com", "DoIt", "never-heard-of", "DoIt", true},
	} {
		service, operation, verb := l.Logged(c.source, c.event)
		if service != c.service || operation != c.operation || verb.Mutates() != c.mutates {
			t.Errorf("%s %s: %s:%s, %s", c.source, c.event, service, operation, verb)
		}
	}
	if _, _, verb := l.Logged("never-heard-of.amazonaws.com", "GetIt"); verb != model.Unknown {
		t.Errorf("what no table knows is %s", verb)
	}
}
