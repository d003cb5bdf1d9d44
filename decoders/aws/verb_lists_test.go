package aws

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// The names that mislead. Each list is what the table and the overrides have:
// an operation that joins one has to be looked at, and written down here.

// looksRead are named like a read; AWS, or a review, says that they are none.
const looksRead = `
reveal apigateway:GetApiKey apigateway:GetApiKeys athena:GetSessionEndpoint bedrock-agentcore:GetWorkloadAccessToken
reveal bedrock-agentcore:GetWorkloadAccessTokenForJWT bedrock-agentcore:GetWorkloadAccessTokenForUserId cognito-idp:GetTokensFromRefreshToken
reveal datazone:GetIamPortalLoginUrl emr:GetClusterSessionCredentials emr:GetOnClusterAppUIPresignedURL emr:GetPersistentAppUIPresignedURL
reveal emr-containers:GetManagedEndpointSessionCredentials lambda:GetLayerVersionByArn lightsail:GetInstanceAccessDetails
reveal finspace-data:GetExternalDataViewAccessDetails lakeformation:GetTemporaryDataLocationCredentials
reveal lightsail:GetRelationalDatabaseMasterUserPassword redshift:GetClusterCredentials redshift:GetClusterCredentialsWithIAM
reveal redshift-serverless:GetCredentials sso:GetRoleCredentials sts:GetDelegatedAccessToken sts:GetFederationToken sts:GetWebIdentityToken
update cognito-identity:GetId security-ir:GetCaseAttachmentUploadUrl socialmessaging:GetWhatsAppMessageMedia stepfunctions:GetActivityTask
read appfabric:BatchGetUserAccessTasks bcm-pricing-calculator:ListTagsForResource billing:GetResourcePolicy glue:DescribeConnectionType
read glue:DescribeEntity glue:ListConnectionTypes glue:ListEntities quicksight:DescribeTopicPermissions route53globalresolver:ListTagsForResource
read ssm-sap:GetResourcePermission`

// looksWrite are reads by AWS's level that a review made something else; all the
// other operations of that level read, whatever they are called.
const looksWrite = `
reveal acm:ExportCertificate ec2:ExportClientVpnClientConfiguration eks-auth:AssumeRoleForPodIdentity gamelift:RequestUploadCredentials
reveal kinesisanalyticsv2:CreateApplicationPresignedUrl sagemaker:CreateHubContentPresignedUrls signin:CreateOAuth2Token
reveal ec2:ExportVerifiedAccessInstanceClientConfiguration opsworkscm:ExportServerEngineAttribute
execute bedrock-agent-runtime:InvokeAgent bedrock-agent-runtime:InvokeFlow bedrock-agent-runtime:InvokeInlineAgent sagemaker-runtime:InvokeEndpointAsync
update bedrock-agentcore:CompleteResourceTokenAuth config:DeliverConfigSnapshot sqs:ReceiveMessage
enable ec2:StartDeclarativePoliciesReport`

// notPlainGet travel as GET or HEAD and do not just read.
const notPlainGet = `
reveal apigateway:GetApiKey apigateway:GetApiKeys appsync:ListApiKeys datazone:GetEnvironmentCredentials deadline:AssumeFleetRoleForRead
reveal deadline:AssumeFleetRoleForWorker deadline:AssumeQueueRoleForRead deadline:AssumeQueueRoleForUser deadline:AssumeQueueRoleForWorker
reveal lambda:GetFunction lambda:GetLayerVersion lambda:GetLayerVersionByArn s3:CreateSession s3control:GetDataAccess sso:GetRoleCredentials
reveal chime:GetAttendee chime:GetBot chime:ListAttendees chime:ListBots chime-sdk-meetings:GetAttendee chime-sdk-meetings:ListAttendees
reveal connect:GetFederationToken datazone:GetConnection emr-serverless:GetSessionEndpoint finspace-data:GetProgrammaticAccessCredentials
reveal location:DescribeKey mediapackage:DescribeChannel mediapackage:ListChannels pca-connector-scep:GetChallengePassword
reveal quicksight:GetDashboardEmbedUrl quicksight:GetSessionEmbedUrl route53globalresolver:GetAccessToken wickr:GetOidcInfo wickr:GetOpentdfConfig
update iot:ConfirmTopicRuleDestination`

// wrongTrait have the models' readonly trait and change something.
const wrongTrait = `
enable ivs:BatchStartViewerSessionRevocation ivs:StartViewerSessionRevocation networkflowmonitor:StartQueryWorkloadInsightsTopContributors
enable networkflowmonitor:StartQueryWorkloadInsightsTopContributorsData
disable networkflowmonitor:StopQueryWorkloadInsightsTopContributors networkflowmonitor:StopQueryWorkloadInsightsTopContributorsData
execute neptunedata:ExecuteOpenCypherExplainQuery`

// secrets hand out a secret or a credential.
const secrets = `
reveal secretsmanager:GetSecretValue secretsmanager:BatchGetSecretValue ssm:GetParameter ssm:GetParameters ssm:GetParametersByPath
reveal ssm:GetParameterHistory ec2:GetPasswordData ec2:GetConsoleOutput ec2:GetConsoleScreenshot ecr:GetAuthorizationToken
reveal ecr-public:GetAuthorizationToken kms:Decrypt kms:GenerateDataKey kms:GenerateDataKeyPair lambda:GetFunction codeartifact:GetAuthorizationToken
reveal cognito-identity:GetCredentialsForIdentity cognito-identity:GetOpenIdToken sts:AssumeRole sts:AssumeRoleWithSAML
reveal sts:AssumeRoleWithWebIdentity sts:AssumeRoot sts:GetSessionToken sts:GetFederationToken sso:GetRoleCredentials codecommit:GetFile
reveal acm:ExportCertificate redshift:GetClusterCredentials redshift-serverless:GetCredentials lightsail:DownloadDefaultKeyPair
reveal eks-auth:AssumeRoleForPodIdentity s3:CreateSession codepipeline:GetJobDetails codepipeline:GetThirdPartyJobDetails
reveal connect:GetFederationToken cognito-idp:ListUserPoolClientSecrets datazone:GetConnection emr-serverless:GetSessionEndpoint
reveal finspace-data:GetExternalDataViewAccessDetails finspace-data:GetProgrammaticAccessCredentials gamelift:GetComputeAccess
reveal gamelift:GetComputeAuthToken gamelift:GetInstanceAccess lakeformation:GetTemporaryDataLocationCredentials
reveal lakeformation:GetTemporaryGluePartitionCredentials lakeformation:GetTemporaryGlueTableCredentials license-manager:GetAccessToken
reveal redshift:GetIdentityCenterAuthToken route53globalresolver:GetAccessToken bedrock-agentcore:GetResourcePaymentToken
reveal pca-connector-scep:GetChallengePassword kinesis-video-signaling:GetIceServerConfig quicksight:GetDashboardEmbedUrl
reveal quicksight:GetSessionEmbedUrl ivs:GetStreamKey ivs:BatchGetStreamKey ivs-realtime:GetIngestConfiguration
reveal mediapackage:DescribeChannel mediapackage:ListChannels location:DescribeKey wickr:GetOidcInfo wickr:GetOpentdfConfig
reveal ec2:ExportVerifiedAccessInstanceClientConfiguration opsworkscm:ExportServerEngineAttribute chime:GetBot chime:ListBots
reveal chime:GetAttendee chime:ListAttendees chime-sdk-meetings:GetAttendee chime-sdk-meetings:ListAttendees`

// payload are calls whose effect is in what they carry: before it is read, each
// counts as a change.
const payload = `
execute dynamodb:ExecuteStatement dynamodb:ExecuteTransaction dynamodb:BatchExecuteStatement rds-data:ExecuteStatement
execute rds-data:BatchExecuteStatement redshift-data:ExecuteStatement redshift-data:BatchExecuteStatement athena:StartQueryExecution
execute ssm:SendCommand ssm:StartAutomationExecution ssm:StartSession ecs:ExecuteCommand lambda:Invoke stepfunctions:StartExecution glue:StartJobRun
execute iot-data:Publish neptune-graph:ExecuteQuery
create cloudformation:CreateChangeSet cloudcontrol:CreateResource s3control:CreateJob
update cloudformation:ExecuteChangeSet cloudcontrol:UpdateResource
delete cloudcontrol:DeleteResource`

// listed reads a list: the verb, then the operations that have it.
func listed(list string) map[string]model.Verb {
	out := map[string]model.Verb{}
	for line := range strings.SplitSeq(strings.TrimSpace(list), "\n") {
		words := strings.Fields(line)
		for _, name := range words[1:] {
			out[name] = model.Verb(words[0])
		}
	}
	return out
}

var readNamed = regexp.MustCompile(`^(Describe|Get|List|Head|BatchGet|Search|Query|Scan|Select)`)

// The names that mislead are those of the lists, no more and no less.
func TestNamesThatMisleadAreThoseListed(t *testing.T) {
	d := decoder(t)
	found := map[string]map[string]model.Verb{"looksRead": {}, "looksWrite": {}, "notPlainGet": {}, "wrongTrait": {}}
	reads := 0
	for _, info := range d.table.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range s.Operations {
			verb, level := verbOf(op), op.AWSAccess
			if level == table.AccessUnknown {
				level = op.Access
			}
			plain, aread := verb == model.Read || verb == model.List, level == table.AccessRead || level == table.AccessList
			switch {
			case readNamed.MatchString(op.Name) && !aread && level != table.AccessUnknown:
				found["looksRead"][callName(op)] = verb
			case !readNamed.MatchString(op.Name) && aread && !plain:
				found["looksWrite"][callName(op)] = verb
			case !readNamed.MatchString(op.Name) && aread:
				reads++
			}
			if (op.Method == "GET" || op.Method == "HEAD") && !plain {
				found["notPlainGet"][callName(op)] = verb
			}
			if op.Readonly && verb.Mutates() {
				found["wrongTrait"][callName(op)] = verb
			}
		}
	}
	for name, list := range map[string]string{"looksRead": looksRead, "looksWrite": looksWrite, "notPlainGet": notPlainGet, "wrongTrait": wrongTrait} {
		want, got := listed(list), found[name]
		for _, op := range slices.Sorted(maps.Keys(want)) {
			if got[op] != want[op] {
				t.Errorf("%s: %s is %q, the list says %s", name, op, got[op], want[op])
			}
			delete(got, op)
		}
		for _, op := range slices.Sorted(maps.Keys(got)) {
			t.Errorf("%s: %s is %s and is not on the list", name, op, got[op])
		}
	}
	if reads < 180 {
		t.Errorf("only %d operations are reads by their level against their names: AWS has about 199", reads)
	}
}

// What hands out a secret is revealing, and what depends on its payload is a
// change until the payload is read.
func TestSecretsAndPayloadsAreThoseListed(t *testing.T) {
	d := decoder(t)
	for name, list := range map[string]string{"secrets": secrets, "payload": payload} {
		for op, want := range listed(list) {
			service, operation, _ := strings.Cut(op, ":")
			s, ok := d.table.Service(service)
			if !ok {
				t.Errorf("%s: no service %s", name, service)
				continue
			}
			known, ok := s.Operation(operation)
			if !ok {
				t.Errorf("%s: no operation %s", name, op)
			} else if got := verbOf(known); got != want {
				t.Errorf("%s: %s (%s) is %s, the list says %s", name, op, known.Access, got, want)
			}
		}
	}
}

// Whatever its name and its level, a call whose answer holds credentials of AWS is no
// plain read. A table that is newer than this list MUST NOT bring one in unseen.
func TestCredentialsInAnAnswerAreRevealed(t *testing.T) {
	d := decoder(t)
	found := 0
	for _, info := range d.table.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range s.Operations {
			if op.Output == nil || !holdsCredentials(op.Output, 0) {
				continue
			}
			found++
			if verb := verbOf(op); verb == model.Read || verb == model.List {
				t.Errorf("%s answers with an access key and its secret, and is %s", callName(op), verb)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d operations answer with credentials", found)
	}
}

// holdsCredentials reports a structure with the secret of an access key.
func holdsCredentials(s *table.Shape, depth int) bool {
	if s == nil || depth > 6 {
		return false
	}
	switch s.Kind {
	case table.List:
		return holdsCredentials(s.Elem.Shape, depth+1)
	case table.Map:
		return holdsCredentials(s.Value.Shape, depth+1)
	case table.Structure:
		for i := range s.Members {
			m := &s.Members[i]
			if name := strings.ToLower(m.Name); name == "secretaccesskey" || name == "secretkey" && m.Shape.Kind == table.String || holdsCredentials(m.Shape, depth+1) {
				return true
			}
		}
	}
	return false
}
