package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// reference is AWS's service authorization reference, by IAM prefix.
type reference map[string]iamService

type iamService struct {
	actions   map[string]iamAction // by lower-case name
	resources map[string]iamResource
}

type iamAction struct {
	Name        string `json:"name"`
	AccessLevel string `json:"accessLevel"`
	Resources   []struct {
		Name     string `json:"name"`
		Required bool   `json:"required"`
	} `json:"resourceTypes"`
}

type iamResource struct {
	Key string `json:"key"`
	ARN string `json:"arn"`
}

func readReference(dir string) (reference, error) {
	files, err := os.ReadDir(filepath.Join(dir, "actions"))
	if err != nil {
		return nil, fmt.Errorf("reading the service authorization reference: %w", err)
	}
	ref := reference{}
	for _, f := range files {
		prefix := strings.TrimSuffix(f.Name(), ".json")
		var s iamService
		if err := readJSON(filepath.Join(dir, "actions", f.Name()), &s.actions); err != nil {
			return nil, err
		}
		if err := readJSON(filepath.Join(dir, "resourceTypes", f.Name()), &s.resources); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		ref[prefix] = s
	}
	return ref, nil
}

// prefixAliases are the services whose IAM prefix is neither their signing name,
// nor their endpoint prefix, nor botocore's name.
var prefixAliases = map[string][]string{
	"alexaforbusiness":               {"a4b"},
	"amp":                            {"aps"},
	"apigatewaymanagementapi":        {"execute-api"},
	"apigatewayv2":                   {"apigateway"},
	"application-insights":           {"applicationinsights"},
	"bedrock-agent-runtime":          {"bedrock"},
	"bedrock-agentcore-control":      {"bedrock-agentcore"},
	"bedrock-runtime":                {"bedrock"},
	"budgets":                        {"budgets", "aws-portal"},
	"chime-sdk-voice":                {"chime"},
	"cloudcontrol":                   {"cloudformation"},
	"cloudsearchdomain":              {"cloudsearch"},
	"connect-contact-lens":           {"connect"},
	"connectparticipant":             {"connect"},
	"customer-profiles":              {"profile"},
	"docdb":                          {"rds"},
	"dynamodbstreams":                {"dynamodb"},
	"efs":                            {"elasticfilesystem"},
	"elb":                            {"elasticloadbalancing"},
	"elbv2":                          {"elasticloadbalancing"},
	"emr":                            {"elasticmapreduce"},
	"finspace-data":                  {"finspace-api", "finspace"},
	"iot-data":                       {"iot"},
	"iot-jobs-data":                  {"iotjobsdata", "iot"},
	"iotevents-data":                 {"iotevents"},
	"keyspaces":                      {"cassandra"},
	"keyspacesstreams":               {"cassandra"},
	"kinesis-video-archived-media":   {"kinesisvideo"},
	"kinesis-video-media":            {"kinesisvideo"},
	"kinesis-video-signaling":        {"kinesisvideo"},
	"kinesis-video-webrtc-storage":   {"kinesisvideo"},
	"lex-models":                     {"lex"},
	"lex-runtime":                    {"lex"},
	"lexv2-models":                   {"lex"},
	"lexv2-runtime":                  {"lex"},
	"location":                       {"geo"},
	"marketplace-entitlement":        {"aws-marketplace"},
	"mediastore-data":                {"mediastore"},
	"meteringmarketplace":            {"aws-marketplace"},
	"migration-hub-refactor-spaces":  {"refactor-spaces"},
	"mwaa":                           {"airflow"},
	"neptune":                        {"rds"},
	"neptunedata":                    {"neptune-db"},
	"opensearch":                     {"es"},
	"opensearchserverless":           {"aoss"},
	"partnercentral-account":         {"partnercentral"},
	"partnercentral-benefits":        {"partnercentral"},
	"partnercentral-channel":         {"partnercentral"},
	"partnercentral-selling":         {"partnercentral"},
	"personalize-events":             {"personalize"},
	"personalize-runtime":            {"personalize"},
	"pinpoint":                       {"mobiletargeting"},
	"pinpoint-email":                 {"ses"},
	"pinpoint-sms-voice":             {"sms-voice"},
	"pinpoint-sms-voice-v2":          {"sms-voice"},
	"qconnect":                       {"wisdom"},
	"resourcegroupstaggingapi":       {"tag"},
	"s3":                             {"s3", "s3express"},
	"s3control":                      {"s3", "s3-outposts", "s3-object-lambda"},
	"s3outposts":                     {"s3-outposts"},
	"sagemaker-a2i-runtime":          {"sagemaker"},
	"sagemaker-edge":                 {"sagemaker"},
	"sagemaker-featurestore-runtime": {"sagemaker"},
	"sagemaker-metrics":              {"sagemaker"},
	"sagemaker-runtime":              {"sagemaker"},
	"service-quotas":                 {"servicequotas"},
	"sesv2":                          {"ses"},
	"sso-admin":                      {"sso"},
	"sso-oidc":                       {"sso-oauth"},
	"stepfunctions":                  {"states"},
	"support-app":                    {"supportapp"},
	"timestream-query":               {"timestream"},
	"timestream-write":               {"timestream"},
	"workspaces-thin-client":         {"thinclient"},
}

func (ref reference) prefixes(info *table.Info) []string {
	names := append([]string(nil), prefixAliases[info.Name]...)
	names = append(names, info.SigningName, info.EndpointPrefix, info.Name)
	names = append(names, info.SigningNames...)
	var out []string
	for _, n := range names {
		if _, ok := ref[n]; ok && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// apply gives a service and its operations what the reference lists, and guesses
// the level of the clearest of those that it does not list: the guesses of the
// embedded table are reviewed.
func (ref reference) apply(info *table.Info) {
	ref.applyListed(info)
	for _, op := range info.Operations {
		if op.Access == table.AccessUnknown {
			op.Access = guess(op)
		}
	}
}

// applyListed gives a service its IAM prefixes and resource types, and each
// operation the access level, resource types and action of its own name.
func (ref reference) applyListed(info *table.Info) {
	info.IAMPrefixes = ref.prefixes(info)
	types := map[string]table.ResourceType{}
	for _, prefix := range info.IAMPrefixes {
		for _, r := range ref[prefix].resources {
			name := prefix + ":" + r.Key
			types[name] = table.ResourceType{Name: name, ARN: r.ARN}
		}
	}
	for _, n := range sortedKeys(types) {
		info.ResourceTypes = append(info.ResourceTypes, types[n])
	}
	for _, op := range info.Operations {
		for _, prefix := range info.IAMPrefixes {
			a, ok := ref[prefix].actions[strings.ToLower(op.Name)]
			if !ok {
				continue
			}
			op.IAMActions = []string{prefix + ":" + a.Name}
			op.Access = accessLevel(a.AccessLevel)
			op.AWSAccess = op.Access
			op.Resources = resources(prefix, a, types)
			break
		}
	}
}

func resources(prefix string, a iamAction, types map[string]table.ResourceType) []table.ResourceType {
	var out []table.ResourceType
	for _, r := range a.Resources {
		t, ok := types[prefix+":"+r.Name]
		if !ok || slices.ContainsFunc(out, func(o table.ResourceType) bool { return o.Name == t.Name }) {
			continue
		}
		t.Required = r.Required
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// accessLevel takes the most telling of the levels that AWS lists: it writes
// "Permissions management, Write" and "Tagging, Write".
func accessLevel(s string) table.Access {
	for _, l := range []struct {
		word  string
		level table.Access
	}{
		{"Permissions management", table.AccessPermissions}, {"Tagging", table.AccessTagging},
		{"Write", table.AccessWrite}, {"Read", table.AccessRead}, {"List", table.AccessList},
	} {
		if strings.Contains(s, l.word) {
			return l.level
		}
	}
	return table.AccessUnknown
}

// guess classifies an operation that AWS's reference does not list: a read only
// if its name says so clearly and its wire form does not say otherwise. All else
// stays unknown, which is judged as a change.
func guess(op *table.Operation) table.Access {
	if op.Method == "DELETE" || op.Method == "PUT" || op.Method == "PATCH" {
		return table.AccessUnknown
	}
	for _, prefix := range []string{"List", "Describe", "Get", "Head", "BatchGet"} {
		rest, ok := strings.CutPrefix(op.Name, prefix)
		if !ok || rest == "" || rest[0] < 'A' || rest[0] > 'Z' {
			continue
		}
		if prefix == "List" {
			return table.AccessList
		}
		return table.AccessRead
	}
	return table.AccessUnknown
}
