package aws

import "testing"

// A name is written with more or less around it than its ARN has; the ARN is the
// same.
func TestNamesAreFilledAsTheARNHasThem(t *testing.T) {
	for _, test := range []struct {
		template string
		values   map[string]string
		want     string
	}{
		{"arn:${Partition}:route53:::hostedzone/${Id}", map[string]string{"Id": "/hostedzone/Z1"}, "arn:aws:route53:::hostedzone/Z1"},
		{"arn:${Partition}:kms:${Region}:${Account}:alias/${Alias}", map[string]string{"Alias": "alias/data"}, "arn:aws:kms:us-east-1:111122223333:alias/data"},
		{"arn:${Partition}:ssm:${Region}:${Account}:parameter/${ParameterNameWithoutLeadingSlash}", map[string]string{"ParameterNameWithoutLeadingSlash": "/a/b"}, "arn:aws:ssm:us-east-1:111122223333:parameter/a/b"},
		{"arn:${Partition}:wafv2:${Region}:${Account}:${Scope}/webacl/${Name}/${Id}", map[string]string{"Scope": "REGIONAL", "Name": "w", "Id": "1"}, "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/w/1"},
		{"arn:${Partition}:wafv2:${Region}:${Account}:${Scope}/webacl/${Name}/${Id}", map[string]string{"Scope": "CLOUDFRONT", "Name": "w", "Id": "1"}, "arn:aws:wafv2:us-east-1:111122223333:global/webacl/w/1"},
		{"arn:${Partition}:organizations::${Account}:policy/o-${OrganizationId}/${PolicyType}/p-${PolicyId}", map[string]string{"PolicyId": "p-12345678"}, "arn:aws:organizations::111122223333:policy/o-*/*/p-12345678"},
		{"arn:${Partition}:ecs:${Region}:${Account}:task-definition/${TaskDefinitionFamilyName}:${TaskDefinitionRevisionNumber}", map[string]string{"TaskDefinitionRevisionNumber": "web:3"}, "arn:aws:ecs:us-east-1:111122223333:task-definition/web:3"},
		{"arn:${Partition}:ecs:${Region}:${Account}:task-definition/${TaskDefinitionFamilyName}:${TaskDefinitionRevisionNumber}", map[string]string{"TaskDefinitionRevisionNumber": "web"}, "arn:aws:ecs:us-east-1:111122223333:task-definition/web:*"},
	} {
		if got := here.fill(test.template, test.values); got != test.want {
			t.Errorf("%v in %s\ngot  %s\nwant %s", test.values, test.template, got, test.want)
		}
	}
}

// What a call can name by less than its ARN is known by that too.
func TestShortNamesAreAliases(t *testing.T) {
	for _, test := range [][3]string{
		{"secretsmanager:Secret", "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf", "arn:aws:secretsmanager:us-east-1:111122223333:secret:db"},
		{"iam:role", "arn:aws:iam::111122223333:role/teams/shop/run", "arn:aws:iam::111122223333:role/run"},
		{"iam:role", "arn:aws:iam::111122223333:role/run", ""},
		{"iam:oidc-provider", "arn:aws:iam::111122223333:oidc-provider/a.example/b", ""},
		{"cloudformation:stack", "arn:aws:cloudformation:us-east-1:111122223333:stack/net/2d3a", "arn:aws:cloudformation:us-east-1:111122223333:stack/net/*"},
		{"autoscaling:autoScalingGroup", "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:2d3a:autoScalingGroupName/web", "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:*:autoScalingGroupName/web"},
		{"ec2:vpc", "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1", ""},
	} {
		if got, ok := shortened(test[0], test[1]); got != test[2] || ok != (test[2] != "") {
			t.Errorf("%s: %q, want %q", test[1], got, test[2])
		}
	}
}

// An ARN's type is that of the template that says most of it.
func TestARNsFitTheirTemplates(t *testing.T) {
	for _, test := range []struct {
		template, rest string
		letters        int
		ok             bool
	}{
		{"vpc/${VpcId}", "vpc/vpc-1", 4, true},
		{"vpc/${VpcId}", "vpc/", 0, false},
		{"vpc/${VpcId}", "subnet/vpc/1", 0, false},
		{"table/${T}/backup/${B}", "table/a/backup/b", 14, true},
		{"table/${T}/backup/${B}", "table/a", 0, false},
		{"${TopicName}", "orders", 0, true},
		{"restapis/${Id}/models", "restapis/1/models", 16, true},
		{"restapis/${Id}/models", "restapis/1/models/2", 0, false},
		{"catalog", "catalog", 7, true},
		{"catalog", "catalog/1", 0, false},
	} {
		if n, ok := fits(test.template, test.rest); n != test.letters || ok != test.ok {
			t.Errorf("%s and %s: %d, %v", test.template, test.rest, n, ok)
		}
	}
}
