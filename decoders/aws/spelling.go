package aws

import (
	"cmp"
	"maps"
	"net/url"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// The other spellings under which a service takes a name. One resource has to
// have one URN, or a clause about it is passed by writing its name differently.

// said is what a service lets a caller, or itself, write before a name that an
// ARN has without it, by the end of the ARN's template.
var said = map[string]string{
	":hostedzone/${Id}": "/hostedzone/", ":change/${Id}": "/change/", ":delegationset/${Id}": "/delegationset/",
	":alias/${Alias}": "alias/", ":parameter/${ParameterNameWithoutLeadingSlash}": "/",
}

// bare takes off what a name was written with, and what the template says itself:
// the p- of an organization's policy. A WAF's scope has another word in its ARN.
func bare(template, name, value string) string {
	i := strings.Index(template, "${"+name+"}")
	switch {
	case i < 0:
		return value
	case name == "Scope" && value == "CLOUDFRONT": // WAF's word for it
		return "global"
	case name == "Scope":
		return strings.ToLower(value)
	}
	start := strings.LastIndexAny(template[:i], ":/") + 1
	if literal := template[start:i]; literal != "" {
		return strings.TrimPrefix(value, literal)
	}
	return strings.TrimPrefix(value, said[template[strings.LastIndexByte(template[:i], ':'):]])
}

// canonical is an ARN as all calls about the resource have it: a log group's may
// end in a wildcard for its streams, a function's in a version.
func canonical(kind, urn string) string {
	switch {
	case kind == "logs:log-group":
		return strings.TrimSuffix(urn, ":*")
	case strings.HasPrefix(kind, "lambda:function"):
		return unqualified(functionTail, urn)
	}
	return urn
}

// shortened is the ARN that a call can be told to mean where it names a resource
// by less than its ARN holds: a secret without the letters that the cloud adds, a
// role without its path, a stack without its id (as the target of a call has it).
func shortened(kind, urn string) (string, bool) {
	switch {
	case kind == "secretsmanager:Secret":
		if i := len(urn) - 7; i > 0 && urn[i] == '-' {
			return urn[:i], true
		}
	case strings.HasPrefix(kind, "iam:"):
		if first, last := strings.IndexByte(urn, '/'), strings.LastIndexByte(urn, '/'); first > 0 && first < last && kind != "iam:oidc-provider" {
			return urn[:first] + urn[last:], true
		}
	case kind == "autoscaling:autoScalingGroup":
		if f := strings.Split(urn, ":"); len(f) == 8 {
			f[6] = "*"
			return strings.Join(f, ":"), true
		}
	case kind == "cloudformation:stack", kind == "eks:nodegroup", kind == "eks:addon", kind == "eks:fargateprofile":
		return urn[:strings.LastIndexByte(urn, '/')+1] + "*", true
	}
	return "", false
}

const (
	functionTail = ":function:${FunctionName}"
	taskTail     = "TaskDefinitionRevisionNumber}"
	keyTail      = ":key/${KeyId}"
)

// spelled reads what a value says beside the name: a Lambda function may be called
// REGION:ACCOUNT:function:NAME:QUALIFIER with any of it left out, a task definition
// FAMILY:REVISION, and a KMS key by an alias, which does not say which key it is.
func (s scene) spelled(template string, values map[string]string) (scene, map[string]string) {
	switch {
	case strings.HasSuffix(template, functionTail):
		value := values["FunctionName"]
		if _, isARN := parseARN(value); isARN || !strings.Contains(value, ":") {
			return s, values
		}
		parts := strings.Split(value, ":")
		if len(parts) > 1 && strings.Count(parts[0], "-") >= 2 && (isAccount(parts[1]) || parts[1] == "function") {
			s.region, parts = parts[0], parts[1:]
		}
		if len(parts) > 1 && isAccount(parts[0]) {
			s.account, parts = parts[0], parts[1:]
		}
		if len(parts) > 1 && parts[0] == "function" {
			parts = parts[1:]
		}
		values = maps.Clone(values)
		values["FunctionName"] = parts[0]
	case strings.HasSuffix(template, taskTail):
		names := variables(template)
		value := cmp.Or(values[names[1]], values[names[0]])
		if _, isARN := parseARN(value); !isARN && value != "" {
			family, revision, _ := strings.Cut(value, ":")
			values = map[string]string{names[0]: family, names[1]: revision}
		}
	case strings.HasSuffix(template, keyTail):
		if value := values["KeyId"]; strings.HasPrefix(value, "alias/") || strings.Contains(value, ":alias/") {
			values = maps.Clone(values)
			values["KeyId"] = "*"
		}
	}
	return s, values
}

// unqualified takes the version or alias off a function's ARN: they are the
// function's own.
func unqualified(template, urn string) string {
	if !strings.HasSuffix(template, functionTail) {
		return urn
	}
	f := strings.SplitN(urn, ":", 8)
	return strings.Join(f[:min(len(f), 7)], ":")
}

// ofURL reads the name in a URL; a queue's says whose queue it is too.
func (s scene) ofURL(template, raw string) string {
	name := lastSegment(raw)
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return name
	}
	account, _, two := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if t := strings.SplitN(template, ":", 6); two && isAccount(account) && len(t) == 6 && strings.Contains(t[4], "Account") && strings.HasPrefix(t[5], "${") {
		s = s.known()
		return "arn:" + s.partition + ":" + t[2] + ":" + s.region + ":" + account + ":" + name
	}
	return name
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func lastSegment(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return raw
	}
	return u.Path[strings.LastIndexByte(u.Path, '/')+1:]
}

// runsAnywhere reports a call that picks the machines that it runs on by tag or
// query: Systems Manager's Targets.
func runsAnywhere(op *table.Operation, verb model.Verb, params map[string]any) bool {
	list, ok := params["Targets"].([]any)
	return ok && len(list) > 0 && op.Service.Name == "ssm" && verb.Mutates()
}

// TypeOf is the type of the resource that an ARN names, as far as a service knows
// it: ec2:instance.
func TypeOf(arn string, s *table.Service) string {
	if _, ok := parseARN(arn); !ok {
		return ""
	}
	return typeOfARN(arn, s)
}
