package aws

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/rego"
)

// A rule about a portable property, and clauses for everything but the identities.
const routesIntent = `
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop}
spec:
  tier: production
  scope: [{aws: {accounts: ["029608264753"]}}]
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec:
  accountable: human:ines@shop.example
  contact: {mail: platform@shop.example}
  owns: [{aws: {account: "029608264753"}}]
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: bot}
spec: {kind: agent, identify: [{run: bot}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: all, owner: platform}
spec:
  purpose: Everything but identities.
  allow:
    - {id: makes, who: [bot], may: [create, update, attach, enable], what: {capability: ["compute.*", "network.*", "storage.*", "database.*", "messaging.*", "log.*", "key", "secret", "pipeline", "iac.*"]}, in: [shop]}
    - {id: opens, who: [bot], may: [grant], what: {capability: ["network.*", "storage.*", "compute.*"]}, in: [shop]}
---
apiVersion: assent.dev/v1
kind: Rule
metadata: {name: private, owner: platform}
spec:
  for: {in: ["*"]}
  rego: |
    deny contains {"code": "public", "msg": "nothing is open to the world"} if {
      some name in ["network.public", "network.ingress.public", "access.anonymous", "container.privileged"]
      input.action.props[name] == true
    }
  tests:
    - {name: open, input: {action: {props: {network.public: true}}}, deny: [public]}
    - {name: closed, input: {action: {props: {network.public: false}}}, deny: []}
`

// A CreateStack, a Cloud Control create and the native call for one resource give
// the same verb, capability, targets, properties, roles handed over, and verdict.
func TestThreeWaysAreOne(t *testing.T) {
	d := decoder(t)
	judge := judgeOf(t, routesIntent)
	const app = "arn:aws:iam::029608264753:role/app"
	const open = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`
	quoted := strconv.Quote
	query := func(host, body string) decoders.Call {
		return call(t, "POST", "https://"+host+".us-east-1.amazonaws.com/", host, body)
	}
	rest := func(host, service, path, body string) decoders.Call {
		return call(t, "POST", "https://"+host+".us-east-1.amazonaws.com"+path, service, body, "Content-Type", "application/json")
	}
	control := func(kind, state string) decoders.Call {
		body, err := json.Marshal(map[string]string{"TypeName": kind, "DesiredState": state})
		if err != nil {
			t.Fatal(err)
		}
		return jsonCall(t, "cloudcontrolapi.us-east-1.amazonaws.com", "cloudcontrolapi", "CloudApiService.CreateResource", string(body))
	}
	verdicts := map[policy.Verdict]int{}
	ways := []struct {
		kind, state string
		native      decoders.Call
	}{
		{"AWS::RDS::DBInstance", `{"DBInstanceIdentifier":"x","DBInstanceClass":"db.t3.micro","Engine":"mysql","PubliclyAccessible":true}`,
			call(t, "POST", "https://rds.us-east-1.amazonaws.com/", "rds", "Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier=x&DBInstanceClass=db.t3.micro&Engine=mysql&PubliclyAccessible=true")},
		{"AWS::S3::Bucket", `{"BucketName":"b"}`, call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/", "s3", "")},
		{"AWS::S3::BucketPolicy", `{"Bucket":"b","PolicyDocument":{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}}`,
			call(t, "PUT", "https://b.s3.us-east-1.amazonaws.com/?policy", "s3", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}`)},
		{"AWS::EC2::SecurityGroupIngress", `{"GroupId":"sg-0123456789abcdef0","IpProtocol":"tcp","FromPort":22,"ToPort":22,"CidrIp":"0.0.0.0/0"}`,
			ec2Call(t, "Action=AuthorizeSecurityGroupIngress&GroupId=sg-0123456789abcdef0&IpProtocol=tcp&FromPort=22&ToPort=22&CidrIp=0.0.0.0/0")},
		{"AWS::IAM::Role", `{"RoleName":"r","AssumeRolePolicyDocument":{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"111111111111"}}}}`,
			iamCall(t, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"111111111111"}}}`)},
		{"AWS::Lambda::Function", `{"FunctionName":"f","Role":"arn:aws:iam::029608264753:role/r","Code":{"S3Bucket":"b"}}`,
			call(t, "POST", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions", "lambda", `{"FunctionName":"f","Role":"arn:aws:iam::029608264753:role/r","Code":{"S3Bucket":"b"}}`, "Content-Type", "application/json")},
		{"AWS::DynamoDB::Table", `{"TableName":"t","KeySchema":[]}`, jsonCall(t, "dynamodb.us-east-1.amazonaws.com", "dynamodb", "DynamoDB_20120810.CreateTable", `{"TableName":"t","KeySchema":[]}`)},
		{"AWS::EC2::Instance", `{"ImageId":"ami-0123456789abcdef0","UserData":"aGVsbG8="}`, ec2Call(t, "Action=RunInstances&ImageId=ami-0123456789abcdef0&UserData=aGVsbG8=")},
		{"AWS::SNS::Topic", `{"TopicName":"t"}`, call(t, "POST", "https://sns.us-east-1.amazonaws.com/", "sns", "Action=CreateTopic&Version=2010-03-31&Name=t")},
		{"AWS::Logs::LogGroup", `{"LogGroupName":"/a"}`, jsonCall(t, "logs.us-east-1.amazonaws.com", "logs", "Logs_20140328.CreateLogGroup", `{"logGroupName":"/a"}`)},
		{"AWS::SQS::Queue", `{"QueueName":"q"}`, jsonCall(t, "sqs.us-east-1.amazonaws.com", "sqs", "AmazonSQS.CreateQueue", `{"QueueName":"q"}`)},
		{"AWS::EC2::Volume", `{"AvailabilityZone":"us-east-1a","Size":10,"Encrypted":false}`, ec2Call(t, "Action=CreateVolume&AvailabilityZone=us-east-1a&Size=10&Encrypted=false")},
		{"AWS::EFS::FileSystem", `{"Encrypted":true,"KmsKeyId":"k"}`, rest("elasticfilesystem", "elasticfilesystem", "/2015-02-01/file-systems", `{"CreationToken":"x","Encrypted":true,"KmsKeyId":"k"}`)},
		{"AWS::Kinesis::Stream", `{"Name":"s","ShardCount":1}`, jsonCall(t, "kinesis.us-east-1.amazonaws.com", "kinesis", "Kinesis_20131202.CreateStream", `{"StreamName":"s","ShardCount":1}`)},
		{"AWS::EKS::Cluster", `{"Name":"c","RoleArn":"` + app + `","ResourcesVpcConfig":{"EndpointPublicAccess":true,"PublicAccessCidrs":["0.0.0.0/0"]}}`,
			rest("eks", "eks", "/clusters", `{"name":"c","roleArn":"`+app+`","resourcesVpcConfig":{"endpointPublicAccess":true,"publicAccessCidrs":["0.0.0.0/0"]}}`)},
		{"AWS::Redshift::Cluster", `{"ClusterIdentifier":"w","NodeType":"ra3.large","PubliclyAccessible":true,"Encrypted":false,"IamRoles":["` + app + `"]}`,
			query("redshift", "Action=CreateCluster&Version=2012-12-01&ClusterIdentifier=w&NodeType=ra3.large&PubliclyAccessible=true&Encrypted=false&IamRoles.IamRoleArn.1="+app)},
		{"AWS::ElastiCache::ReplicationGroup", `{"ReplicationGroupId":"g","ReplicationGroupDescription":"x","TransitEncryptionEnabled":false,"MultiAZEnabled":true}`,
			query("elasticache", "Action=CreateReplicationGroup&Version=2015-02-02&ReplicationGroupId=g&ReplicationGroupDescription=x&TransitEncryptionEnabled=false&MultiAZEnabled=true")},
		{"AWS::Lambda::Url", `{"TargetFunctionArn":"arn:aws:lambda:us-east-1:029608264753:function:f","AuthType":"NONE"}`, rest("lambda", "lambda", "/2021-10-31/functions/f/url", `{"AuthType":"NONE"}`)},
		{"AWS::Lambda::Permission", `{"FunctionName":"f","Action":"lambda:InvokeFunction","Principal":"111111111111"}`, rest("lambda", "lambda", "/2015-03-31/functions/f/policy", `{"StatementId":"s","Action":"lambda:InvokeFunction","Principal":"111111111111"}`)},
		{"AWS::EC2::NetworkAclEntry", `{"NetworkAclId":"acl-0123456789abcdef0","RuleNumber":1,"Protocol":"6","RuleAction":"allow","CidrBlock":"0.0.0.0/0","PortRange":{"From":22,"To":22}}`,
			ec2Call(t, "Action=CreateNetworkAclEntry&NetworkAclId=acl-0123456789abcdef0&RuleNumber=1&Protocol=6&RuleAction=allow&CidrBlock=0.0.0.0/0&PortRange.From=22&PortRange.To=22&Egress=false")},
		{"AWS::EC2::Route", `{"RouteTableId":"rtb-0123456789abcdef0","DestinationCidrBlock":"0.0.0.0/0","GatewayId":"igw-0123456789abcdef0"}`,
			ec2Call(t, "Action=CreateRoute&RouteTableId=rtb-0123456789abcdef0&DestinationCidrBlock=0.0.0.0/0&GatewayId=igw-0123456789abcdef0")},
		{"AWS::EC2::VPC", `{"CidrBlock":"10.0.0.0/16"}`, ec2Call(t, "Action=CreateVpc&CidrBlock=10.0.0.0/16")},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", `{"Name":"l","Scheme":"internet-facing"}`, query("elasticloadbalancing", "Action=CreateLoadBalancer&Version=2015-12-01&Name=l&Scheme=internet-facing")},
		{"AWS::ElasticLoadBalancingV2::Listener", `{"LoadBalancerArn":"arn:aws:elasticloadbalancing:us-east-1:029608264753:loadbalancer/app/l/1","Protocol":"HTTP","Port":80}`,
			query("elasticloadbalancing", "Action=CreateListener&Version=2015-12-01&LoadBalancerArn=arn:aws:elasticloadbalancing:us-east-1:029608264753:loadbalancer/app/l/1&Protocol=HTTP&Port=80")},
		{"AWS::KMS::Key", `{"KeyPolicy":` + open + `}`, jsonCall(t, "kms.us-east-1.amazonaws.com", "kms", "TrentService.CreateKey", `{"Policy":`+quoted(open)+`}`)},
		{"AWS::SecretsManager::Secret", `{"Name":"s"}`, jsonCall(t, "secretsmanager.us-east-1.amazonaws.com", "secretsmanager", "secretsmanager.CreateSecret", `{"Name":"s"}`)},
		{"AWS::ECS::TaskDefinition", `{"Family":"f","TaskRoleArn":"` + app + `","NetworkMode":"host","ContainerDefinitions":[{"Image":"nginx","Privileged":true,"User":"root"}]}`,
			jsonCall(t, "ecs.us-east-1.amazonaws.com", "ecs", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition", `{"family":"f","taskRoleArn":"`+app+`","networkMode":"host","containerDefinitions":[{"image":"nginx","privileged":true,"user":"root"}]}`)},
		{"AWS::IAM::AccessKey", `{"UserName":"u"}`, iamCall(t, "CreateAccessKey", "UserName", "u")},
		{"AWS::OpenSearchService::Domain", `{"DomainName":"d","EncryptionAtRestOptions":{"Enabled":false}}`, rest("es", "es", "/2021-01-01/opensearch/domain", `{"DomainName":"d","EncryptionAtRestOptions":{"Enabled":false}}`)},
		{"AWS::RedshiftServerless::Workgroup", `{"WorkgroupName":"w","NamespaceName":"n","PubliclyAccessible":true}`,
			jsonCall(t, "redshift-serverless.us-east-1.amazonaws.com", "redshift-serverless", "RedshiftServerless.CreateWorkgroup", `{"workgroupName":"w","namespaceName":"n","publiclyAccessible":true}`)},
		{"AWS::AmazonMQ::Broker", `{"BrokerName":"b","PubliclyAccessible":true}`, rest("mq", "mq", "/v1/brokers", `{"brokerName":"b","publiclyAccessible":true}`)},
		{"AWS::AutoScaling::AutoScalingGroup", `{"AutoScalingGroupName":"g","MinSize":1,"MaxSize":4}`, query("autoscaling", "Action=CreateAutoScalingGroup&Version=2011-01-01&AutoScalingGroupName=g&MinSize=1&MaxSize=4")},
		{"AWS::DMS::ReplicationInstance", `{"ReplicationInstanceIdentifier":"r","ReplicationInstanceClass":"dms.t3.micro","PubliclyAccessible":true}`,
			jsonCall(t, "dms.us-east-1.amazonaws.com", "dms", "AmazonDMSv20160101.CreateReplicationInstance", `{"ReplicationInstanceIdentifier":"r","ReplicationInstanceClass":"dms.t3.micro","PubliclyAccessible":true}`)},
		{"AWS::StepFunctions::StateMachine", `{"StateMachineName":"m","RoleArn":"` + app + `","DefinitionString":"{}"}`, jsonCall(t, "states.us-east-1.amazonaws.com", "states", "AWSStepFunctions.CreateStateMachine", `{"name":"m","roleArn":"`+app+`","definition":"{}"}`)},
	}
	if len(ways) < 25 {
		t.Fatalf("only %d types", len(ways))
	}
	for _, test := range ways {
		var said []string
		var last policy.Verdict
		for _, c := range []decoders.Call{test.native, control(test.kind, test.state),
			stack(t, "CreateStack", "TemplateBody", `{"Resources":{"A":{"Type":"`+test.kind+`","Properties":`+test.state+`}}}`)} {
			a, err := d.Decode(context.Background(), c)
			if err != nil {
				t.Fatal(test.kind, err)
			}
			decision := judge(a)
			var codes []string
			for _, f := range decision.Findings {
				if f.Verdict != policy.Allow {
					codes = append(codes, f.Code)
				}
			}
			last = decision.Verdict
			if whole := a; whole.Service == "cloudcontrol" || whole.Service == "cloudformation" {
				a = a.Parts[0]
				if whole.Service == "cloudcontrol" && (whole.Verb != a.Verb || whole.Capability != a.Capability) {
					t.Errorf("%s is as a whole %s", test.kind, line(whole))
				}
			}
			said = append(said, nestedLines(a, "")+" || "+props(a)+" || "+a.Fidelity.String()+" || "+decision.Verdict.String()+" "+strings.Join(distinct(codes), " "))
		}
		verdicts[last]++
		if said[0] != said[1] || said[0] != said[2] {
			t.Errorf("%s\nnative   %s\ncontrol  %s\ntemplate %s", test.kind, said[0], said[1], said[2])
		}
	}
	if verdicts[policy.Allow] == 0 || verdicts[policy.Deny] == 0 {
		t.Errorf("all verdicts are the same: %v", verdicts)
	}
}

// judgeOf decides as the engine does, over an empty model.
func judgeOf(t *testing.T, documents string) func(model.Action) policy.Decision {
	t.Helper()
	set, err := intent.Parse("routes.yaml", []byte(documents))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{decide.Using(checks.Compile), decide.Using(rego.Compile)}})
	if err != nil {
		t.Fatal(err)
	}
	snapshot := graph.New(graph.Config{}).Snapshot()
	return func(a model.Action) policy.Decision {
		a.Actor = model.Actor{ID: "bot", Kind: model.Agent, Authn: "run-token"}
		d := policy.Decision{Fault: "not asked"}
		for i := 0; i < 20 && d.Fault != ""; i++ { // rules have 50 ms, and a busy machine may not give them to a test
			d = engine.Decide(context.Background(), a, snapshot, policy.Enforce, time.Unix(0, 0), "dec_1")
		}
		return d
	}
}
