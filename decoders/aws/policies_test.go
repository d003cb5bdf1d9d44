package aws

import (
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// notPolicies are members that are called policies and say nothing about who may
// do what, by how their names end, and why not.
var notPolicies = map[string]string{
	"terminationpolicy": "which machines go first", "terminationpolicies": "which machines go first", "pullpolicy": "when an image is fetched",
	"dnspolicy": "how a pod resolves names", "deletionpolicy": "what becomes of a thing", "updatereplacepolicy": "what becomes of a thing",
	"createpolicy": "how tags are handed on", "protocolpolicy": "http or https", "referrerpolicy": "a header", "contentsecuritypolicy": "a header",
	"securitypolicy": "TLS versions", "lifecyclepolicy": "what is deleted with age", "lifecyclepolicytext": "what is deleted with age", "safeguardpolicy": "replication",
	"propagationpolicy": "what becomes of a thing", "mergepolicy": "captions", "paddingpolicy": "pictures", "sizingpolicy": "pictures", "keystoragepolicy": "where a key is kept",
	"alpnpolicy": "HTTP versions", "importpolicy": "what is copied", "snapshotpolicy": "when copies are made", "protectionpolicy": "what is scaled in",
	"creationpolicy": "game sessions", "handlingpolicy": "what is done on failure", "failurepolicy": "what is done on failure", "usercontextpolicy": "search results",
	"tlspolicy": "whether mail is encrypted", "httpspolicy": "whether links are encrypted", "fillpolicy": "advertising", "exceptionpolicy": "how streams are cut",
	"permissionpolicy": "rows of a data set", "routingpolicy": "DNS answers", "notificationpolicy": "when somebody is told", "updatepolicy": "when software is updated",
	"childpolicy": "what becomes of child workflows", "endpointpolicy": "FIPS or not", "browserpolicy": "settings of a browser", "stackpolicybody": "what a stack update may touch: it only narrows",
	"dataprotectionpolicy": "which data is masked", "selectionpolicy": "which sound track is taken", "defaultpolicy": "snapshots", "reputationentitypolicy": "mail",
}

// noAccess are the policies of single calls that let nobody in, and why.
var noAccess = map[string]string{
	"bedrock:CreateGuardrail": "a model's rules", "bedrock:UpdateGuardrail": "a model's rules",
	"config:PutConfigRule": "a rule in Guard", "config:PutOrganizationConfigRule": "a rule in Guard",
	"ec2:CreateVerifiedAccessEndpoint": "Cedar, within Verified Access", "ec2:CreateVerifiedAccessGroup": "Cedar, within Verified Access",
	"ec2:ModifyVerifiedAccessEndpointPolicy": "Cedar, within Verified Access", "ec2:ModifyVerifiedAccessGroupPolicy": "Cedar, within Verified Access",
	"ec2:CreateVpcEndpoint": "narrows what passes an endpoint", "ec2:ModifyVpcEndpoint": "narrows what passes an endpoint",
	"odb:CreateOdbNetwork": "narrows what passes an endpoint", "odb:UpdateOdbNetwork": "narrows what passes an endpoint",
	"eks:CreatePodIdentityAssociation": "a session policy only narrows", "eks:UpdatePodIdentityAssociation": "a session policy only narrows",
	"emr-serverless:StartJobRun": "a session policy only narrows", "glue:StartJobRun": "a session policy only narrows",
	"rolesanywhere:CreateProfile": "a session policy only narrows", "rolesanywhere:UpdateProfile": "a session policy only narrows",
	"transfer:CreateAccess": "a session policy only narrows", "transfer:UpdateAccess": "a session policy only narrows",
	"transfer:CreateUser": "a session policy only narrows", "transfer:UpdateUser": "a session policy only narrows",
	"ivs:CreateChannel": "video tracks", "ivs:UpdateChannel": "video tracks",
	"logs:PutDataProtectionPolicy": "which data is masked", "logs:PutAccountPolicy": "what is kept, masked and indexed", "logs:PutIndexPolicy": "what is indexed",
	"networkmanager:CreateCoreNetwork": "segments of a network", "networkmanager:PutCoreNetworkPolicy": "segments of a network",
	"opensearchserverless:CreateLifecyclePolicy": "what is deleted with age", "opensearchserverless:UpdateLifecyclePolicy": "what is deleted with age",
	"secretsmanager:ValidateResourcePolicy": "only looked at", "ses:CreateReceiptFilter": "which mail is taken", "ssm:PutParameter": "when a parameter expires",
}

// Every policy that an operation carries is read, or it is said why it need not be.
func TestEveryPolicyIsRead(t *testing.T) {
	d := decoder(t)
	used, read := map[string]bool{}, 0
	for _, info := range d.table.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		if s.Name == "securityhub" {
			continue // findings speak of policies, and change none
		}
		for _, op := range s.Operations {
			if op.Input == nil || !verbOf(op).Mutates() {
				continue
			}
			name := callName(op)
			policyMembers(op.Input, "", map[*table.Shape]bool{}, func(member, path string) {
				lower := strings.ToLower(member)
				excused := false
				for end := range notPolicies {
					if strings.HasSuffix(lower, end) {
						used[end], excused = true, true
					}
				}
				if excused {
					return
				}
				if noAccess[name] != "" {
					used[name] = true
					return
				}
				if !slices.ContainsFunc(d.properties[name], func(r *propertyRow) bool { return r.Read != "" && r.At == path }) {
					t.Errorf("%s carries a policy at %s, and nobody reads it", name, path)
				}
				read++
			})
		}
	}
	for _, list := range []map[string]string{notPolicies, noAccess} {
		for name, why := range list {
			if !used[name] || why == "" {
				t.Errorf("%s is excused, and there is no such policy", name)
			}
		}
	}
	if read < 110 {
		t.Errorf("only %d policies are read", read)
	}
	t.Logf("%d policies are read", read)
}

// policyMembers finds the texts that are called policies.
func policyMembers(s *table.Shape, path string, seen map[*table.Shape]bool, found func(member, path string)) {
	if seen[s] || strings.Count(path, ".") > 6 {
		return
	}
	seen[s] = true
	for i := range s.Members {
		m := &s.Members[i]
		at := strings.TrimPrefix(path+"."+m.Name, ".")
		shape := m.Shape
		for shape.Kind == table.List {
			shape, at = shape.Elem.Shape, at+".[]"
		}
		lower := strings.ToLower(m.Name)
		if shape.Kind == table.String && slices.ContainsFunc([]string{"policy", "policies", "policydocument", "policytext", "policybody", "policyinjson", "policydetail"}, func(end string) bool { return strings.HasSuffix(lower, end) }) {
			found(m.Name, at)
		} else if shape.Kind == table.Structure {
			policyMembers(shape, at, seen, found)
		}
	}
}
