package aws

import (
	"regexp"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// ec2Prefixes are the id prefixes that name a resource type for sure.
var ec2Prefixes = map[string]string{
	"i": "instance", "sg": "security-group", "sgr": "security-group-rule", "vpc": "vpc", "subnet": "subnet", "vol": "volume",
	"snap": "snapshot", "ami": "image", "eni": "network-interface", "eipalloc": "elastic-ip", "rtb": "route-table",
	"igw": "internet-gateway", "eigw": "egress-only-internet-gateway", "nat": "natgateway", "acl": "network-acl", "vgw": "vpn-gateway",
	"cgw": "customer-gateway", "vpn": "vpn-connection", "pcx": "vpc-peering-connection", "vpce": "vpc-endpoint", "vpce-svc": "vpc-endpoint-service",
	"lt": "launch-template", "tgw": "transit-gateway", "tgw-attach": "transit-gateway-attachment", "tgw-rtb": "transit-gateway-route-table",
	"fl": "vpc-flow-log", "pl": "prefix-list", "key": "key-pair", "dopt": "dhcp-options", "cr": "capacity-reservation", "h": "dedicated-host",
	"fleet": "fleet", "sfr": "spot-fleet-request", "sir": "spot-instances-request", "pg": "placement-group", "lgw": "local-gateway",
}

var ec2ID = regexp.MustCompile(`^([a-z]+(?:-[a-z]+)?)-[0-9a-f]{8,17}$`)

// ec2Type names the EC2 resource type of an id such as i-0123456789abcdef0.
func ec2Type(id string) (string, bool) {
	if len(id) < 10 || len(id) > 40 || strings.IndexByte(id, '-') < 1 {
		return "", false
	}
	m := ec2ID.FindStringSubmatch(id)
	if m == nil {
		return "", false
	}
	t, ok := ec2Prefixes[m[1]]
	return t, ok
}

// prefixed reports whether the ids of an EC2 type are told by their prefix.
func prefixed(kind string) bool {
	for _, t := range ec2Prefixes {
		if t == kind {
			return true
		}
	}
	return false
}

// stem reduces a parameter's or a template variable's name to the noun that both
// share: InstanceIds, InstanceId and InstanceIdentifier give instance.
func stem(name string) string {
	s := strings.TrimSuffix(name, "WithPath")
	lower := strings.ToLower(s)
	for _, list := range []string{"list", "s"} {
		if cut, ok := strings.CutSuffix(lower, list); ok && !strings.HasSuffix(lower, "ss") && len(cut) > 2 {
			lower = cut
		}
	}
	for _, suffix := range []string{"identifier", "name", "arn", "url", "id"} {
		if cut, ok := strings.CutSuffix(lower, suffix); ok && cut != "" {
			lower = cut
			break
		}
	}
	return squeeze(lower)
}

// squeeze drops what separates words: types are written load-balancer, and
// operations LoadBalancer.
func squeeze(s string) string {
	if !strings.ContainsAny(s, "-_/ ") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '/' || r == ' ' {
			return -1
		}
		return r
	}, s)
}

// singular of a camel-case noun, lower case.
func singular(s string) string {
	s = strings.ToLower(s)
	switch {
	case strings.HasSuffix(s, "ies"):
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "sses"), strings.HasSuffix(s, "xes"):
		return s[:len(s)-2]
	case strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && !strings.HasSuffix(s, "us"):
		return s[:len(s)-1]
	}
	return s
}

// core takes off what an answer's members are called beside the thing itself:
// LoadBalancerDescriptions, StackSummaries and DatabaseList.
func core(n string) string {
	for _, suffix := range []string{"listentry", "description", "configuration", "summary", "detail", "metadata", "info", "list", "entry", "output"} {
		if cut, ok := strings.CutSuffix(n, suffix); ok && cut != "" {
			return singular(cut)
		}
	}
	return n
}

func splitType(t string) (prefix, name string) {
	prefix, name, _ = strings.Cut(t, ":")
	return prefix, name
}

// noun is a resource type's name as it stands in operation names.
func noun(resourceType string) string {
	_, name := splitType(resourceType)
	if other, ok := nouns[resourceType]; ok {
		return other
	}
	return squeeze(strings.ToLower(name))
}

// nounsOf are the singular nouns, as operations and answers write them, that are a
// resource type.
func nounsOf(resourceType string) []string {
	own := noun(resourceType)
	all := append([]string{own}, otherNouns[resourceType]...)
	if one := singular(own); one != own {
		all = append(all, one)
	}
	return slices.DeleteFunc(all, func(n string) bool { return n == "" })
}

// isNoun reports whether a noun is a resource type.
func isNoun(resourceType, n string) bool { return slices.Contains(nounsOf(resourceType), n) }

// nouns are the types that operations call by another name.
var nouns = map[string]string{
	"ec2:elastic-ip": "address", "ec2:vpc-flow-log": "flowlog", "ec2:dedicated-host": "host",
	"rds:db": "dbinstance", "rds:cluster": "dbcluster", "rds:subgrp": "dbsubnetgroup", "rds:pg": "dbparametergroup",
	"rds:snapshot": "dbsnapshot", "rds:cluster-snapshot": "dbclustersnapshot", "rds:es": "eventsubscription", "rds:og": "optiongroup",
	"rds:cluster-pg": "dbclusterparametergroup", "rds:secgrp": "dbsecuritygroup", "rds:proxy": "dbproxy", "rds:proxy-endpoint": "dbproxyendpoint",
	"rds:cluster-endpoint": "dbclusterendpoint", "rds:deployment": "bluegreendeployment", "rds:shardgrp": "dbshardgroup",
	"rds:auto-backup": "dbinstanceautomatedbackup", "rds:cluster-auto-backup": "dbclusterautomatedbackup", "rds:ri": "reserveddbinstance",
	"rds:target-group": "dbproxytargetgroup", "rds:cev": "customdbengineversion", "rds:snapshot-tenant-database": "dbsnapshottenantdatabase",
	"elasticloadbalancing:loadbalancer/app/": "loadbalancer", "elasticloadbalancing:loadbalancer/net/": "loadbalancer", "elasticloadbalancing:loadbalancer/gwy/": "loadbalancer",
	"elasticloadbalancing:listener/app": "listener", "elasticloadbalancing:listener/net": "listener", "elasticloadbalancing:listener/gwy": "listener",
	"elasticloadbalancing:listener-rule/app": "rule", "elasticloadbalancing:listener-rule/net": "rule",
	"states:statemachine": "statemachine", "es:domain": "domain", "autoscaling:autoScalingGroup": "autoscalinggroup",
	"redshift:subnetgroup": "clustersubnetgroup", "redshift:parametergroup": "clusterparametergroup", "redshift:snapshot": "clustersnapshot",
	"redshift:securitygroup": "clustersecuritygroup",
	"elasticache:cluster":    "cachecluster", "elasticache:subnetgroup": "cachesubnetgroup", "elasticache:parametergroup": "cacheparametergroup",
	"elasticache:securitygroup": "cachesecuritygroup", "elasticache:reserved-instance": "reservedcachenode",
	"events:rule-on-default-event-bus": "rule", "events:rule-on-custom-event-bus": "rule",
	"iam:oidc-provider": "openidconnectprovider",
}

// otherNouns are further names, for types that have several.
var otherNouns = map[string][]string{
	"ec2:prefix-list": {"managedprefixlist"}, "ec2:vpc-endpoint-service": {"vpcendpointserviceconfiguration"}, "ec2:subnet": {"defaultsubnet"},
	"ec2:vpc": {"defaultvpc"}, "ec2:ipv4pool-ec2": {"publicipv4pool"}, "ec2:transit-gateway-attachment": {"transitgatewayconnect", "transitgatewayvpcattachment", "transitgatewaypeeringattachment"},
	"ec2:spot-fleet-request": {"spotfleet"}, "ec2:spot-instances-request": {"spotinstance"}, "ec2:instance": {"scheduledinstance"}, "ec2:image": {"restoreimagetask"},
	"cloudfront:distribution": {"distributionwithtag"}, "cloudfront:streaming-distribution": {"streamingdistributionwithtag"},
	"cloudfront:origin-access-identity": {"cloudfrontoriginaccessidentity"}, "route53:delegationset": {"reusabledelegationset"}, "kafka:cluster": {"clusterv2"},
	"cloudwatch:alarm": {"metricalarm", "compositealarm"}, "es:domain": {"elasticsearchdomain"}, "athena:datacatalog": {"datacatalogssummary", "catalog"},
}

// foreignTypes are the types of another service with the same IAM prefix.
var foreignTypes = map[string]func(resourceType string) bool{
	"elbv2": func(t string) bool { return t == "elasticloadbalancing:loadbalancer" },
	"elb":   func(t string) bool { return t != "elasticloadbalancing:loadbalancer" },
}

// own leaves out what belongs to another service, and takes apart the types that
// have several forms of ARN: those of both versions of API Gateway.
func own(s *table.Service, all []table.ResourceType) []table.ResourceType {
	other := foreignTypes[s.Name]
	if other == nil && !slices.ContainsFunc(all, func(r table.ResourceType) bool { return strings.Contains(r.ARN, ", ") }) {
		return all
	}
	var out []table.ResourceType
	for _, r := range all {
		if other != nil && other(r.Name) {
			continue
		}
		for _, form := range strings.Split(r.ARN, ", ") {
			r.ARN = form
			out = append(out, r)
		}
	}
	return out
}

// expand replaces the ${Variables} of an ARN template.
func expand(template string, value func(name string) string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(template, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		b.WriteString(value(name))
		template = after
	}
}

// variables lists the variables of an ARN template, but for those that every
// template has.
func variables(template string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(template, "${")
		if !ok {
			return out
		}
		name, after, _ := strings.Cut(rest, "}")
		if name != "Partition" && name != "Region" && name != "Account" {
			out = append(out, name)
		}
		template = after
	}
}

// parseARN returns the parts of an ARN, or false.
func parseARN(s string) (parts []string, ok bool) {
	if !strings.HasPrefix(s, "arn:") {
		return nil, false
	}
	parts = strings.SplitN(s, ":", 6)
	return parts, len(parts) == 6 && parts[2] != "" && parts[5] != ""
}
