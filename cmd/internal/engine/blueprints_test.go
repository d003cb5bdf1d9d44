package engine

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// everything declares a place, an owner, and an agent that may do anything, so that
// only the blueprint decides.
const everything = `apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop}
spec:
  tier: production
  scope:
    - {aws: {accounts: ["123456789012"]}}
    - {kubernetes: {clusters: [shop], clusterScoped: true}}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec: {accountable: "human:ines@shop.example", owns: [{aws: {account: "123456789012"}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: bot}
spec: {kind: agent, identify: [{run: bot}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: anything, owner: platform}
spec:
  purpose: Only the blueprint decides.
  allow: [{id: all, who: ["*"], may: [create, update, scale, enable, disable, attach, detach, grant, revoke, execute, delete], in: ["*"]}]
`

// query is a call of an AWS query service, as a client writes it.
func query(service, form string) decoders.Call {
	return decoders.Call{Method: "POST", Scheme: "https", Host: service + ".us-east-1.amazonaws.com", URL: &url.URL{Path: "/"},
		Header: http.Header{
			"Content-Type":  {"application/x-www-form-urlencoded; charset=utf-8"},
			"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIARZPUZDIKABSGK3LP/20261124/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=00"},
		}, Body: []byte(form)}
}

// target is a call of an AWS JSON service.
func target(service, operation, body string) decoders.Call {
	c := query(service, body)
	c.Header["Content-Type"], c.Header["X-Amz-Target"] = []string{"application/x-amz-json-1.1"}, []string{operation}
	return c
}

// create is a call of the API server that makes an object.
func create(path, body string) decoders.Call {
	return decoders.Call{Method: "POST", Scheme: "https", Host: "shop.example:6443", URL: &url.URL{Path: path},
		Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
}

func pod(more, container string) decoders.Call {
	return create("/api/v1/namespaces/web/pods", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"web"},"spec":{`+more+`"containers":[{"name":"a","image":"shop/web@sha256:00","securityContext":{`+container+`}}]}}`)
}

func deployment(container string) decoders.Call {
	return create("/apis/apps/v1/namespaces/web/deployments", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"web"},"spec":{"selector":{"matchLabels":{"a":"a"}},"template":{"metadata":{"labels":{"a":"a"}},"spec":{"containers":[{"name":"a","image":"shop/web@sha256:00","securityContext":{`+container+`}}]}}}}`)
}

const (
	ingress = "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-0123456789abcdef0&IpPermissions.1.IpProtocol=tcp"
	made    = "Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier=a&DBInstanceClass=db.t3.micro&Engine=postgres&PubliclyAccessible=false"
	deleted = "Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=a"
	least   = `"runAsNonRoot":true,"allowPrivilegeEscalation":false,"seccompProfile":{"type":"RuntimeDefault"},"capabilities":{"drop":["ALL"]}`
)

func policyOf(statement string) string {
	return "Action=CreatePolicy&Version=2010-05-08&PolicyName=a&PolicyDocument=" + url.QueryEscape(`{"Version":"2012-10-17","Statement":[`+statement+`]}`)
}

// lambda is a call that makes a function which is given the ARN of something.
func lambda(name, of string) decoders.Call {
	arn := map[string]string{"cards": "dynamodb:us-east-1:123456789012:table/cards", "orders": "dynamodb:us-east-1:123456789012:table/orders",
		"unheard-of": "dynamodb:us-east-1:123456789012:table/unheard-of", "ledgers": "lambda:us-east-1:123456789012:function:ledgers",
		"application": "lambda:us-east-1:123456789012:function:application"}[of]
	c := target("lambda", "", `{"FunctionName":"`+name+`","Role":"arn:aws:iam::123456789012:role/r","Code":{"ImageUri":"i"},"Environment":{"Variables":{"OF":"arn:aws:`+arn+`"}}}`)
	c.URL.Path = "/2015-03-31/functions"
	delete(c.Header, "X-Amz-Target")
	return c
}

// segmented is an estate in zones: cards are read by an application and by a ledger
// that is in no zone.
func segmented() model.Snapshot {
	g := graph.New(graph.Config{})
	one := func(service, kind, resource, zone string) model.Resource {
		return model.Resource{URN: model.URN("arn:aws:" + service + ":us-east-1:123456789012:" + resource), Platform: "aws", Type: kind,
			Account: "123456789012", Region: "us-east-1", Tags: map[string]string{"zone": zone}}
	}
	cards := one("dynamodb", "dynamodb:table", "table/cards", "pci")
	app := one("lambda", "lambda:function", "function:application", "app")
	ledgers := one("lambda", "lambda:function", "function:ledgers", "")
	g.Load([]model.Resource{cards, one("dynamodb", "dynamodb:table", "table/orders", "shop"), app, ledgers},
		[]model.Relation{{From: app.URN, To: cards.URN, Type: model.Reads}, {From: ledgers.URN, To: cards.URN, Type: model.Reads}})
	return g.Snapshot()
}

// Each starter blueprint refuses what it is there for, and lets its harmless twin
// pass.
func TestStarterBlueprints(t *testing.T) {
	bad := map[string]map[string]decoders.Call{
		"data-store.yaml": {
			"a database in the clear":             query("rds", made+"&BackupRetentionPeriod=7&StorageEncrypted=false"),
			"a database in the clear, by default": query("rds", made+"&BackupRetentionPeriod=7"),
			"a database on the internet":          query("rds", strings.Replace(made, "PubliclyAccessible=false", "PubliclyAccessible=true", 1)+"&BackupRetentionPeriod=7&StorageEncrypted=true"),
			"backups for a day":                   query("rds", made+"&BackupRetentionPeriod=1&StorageEncrypted=true"),
		},
		"backup-outlives-data.yaml": {
			"a database without a last snapshot": query("rds", deleted+"&SkipFinalSnapshot=true"),
			"a database with its backups":        query("rds", deleted+"&SkipFinalSnapshot=false&FinalDBSnapshotIdentifier=b&DeleteAutomatedBackups=true"),
			"a secret at once":                   target("secretsmanager", "secretsmanager.DeleteSecret", `{"SecretId":"a","ForceDeleteWithoutRecovery":true}`),
		},
		"public-edge.yaml": {
			"SSH for everybody":       query("ec2", ingress+"&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"),
			"all ports for everybody": query("ec2", strings.Replace(ingress, "tcp", "-1", 1)+"&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=%3A%3A%2F0"),
		},
		"no-privilege-escalation.yaml": {
			"a policy for everything":     query("iam", policyOf(`{"Effect":"Allow","Action":"*","Resource":"*"}`)),
			"a policy to give oneself it": query("iam", policyOf(`{"Effect":"Allow","Action":"iam:CreatePolicyVersion","Resource":"*"}`)),
		},
		"pod-security-baseline.yaml": {
			"a privileged pod":        pod("", `"privileged":true`),
			"a privileged deployment": deployment(`"privileged":true`),
			"the node's network":      pod(`"hostNetwork":true,`, ""),
			"the node's files":        pod(`"volumes":[{"name":"v","hostPath":{"path":"/"}}],`, ""),
			"a capability":            pod("", `"capabilities":{"add":["SYS_ADMIN"]}`),
		},
		"pod-security-restricted.yaml": {
			"as root":            pod("", `"allowPrivilegeEscalation":false,"seccompProfile":{"type":"RuntimeDefault"}`),
			"without a profile":  pod("", `"runAsNonRoot":true,"allowPrivilegeEscalation":false`),
			"with an escalation": deployment(strings.Replace(least, `Escalation":false`, `Escalation":true`, 1)),
		},
		"agent-sandbox.yaml": {
			"a role":              query("iam", "Action=CreateRole&Version=2010-05-08&RoleName=a&AssumeRolePolicyDocument=%7B%7D"),
			"the end of a trail":  target("cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.StopLogging", `{"Name":"a"}`),
			"the end of data":     query("rds", deleted+"&SkipFinalSnapshot=false&FinalDBSnapshotIdentifier=b"),
			"a cluster's rules":   create("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"a"}}`),
			"rights in a cluster": create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"a"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"}}`),
		},
	}
	bad["segmentation.yaml"] = map[string]decoders.Call{
		"SSH from everywhere":             query("ec2", ingress+"&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"),
		"cards read by whoever":           lambda("reports", "cards"),
		"cards, by way of somebody else":  lambda("reports", "ledgers"),
		"a table that nobody has read of": lambda("reports", "unheard-of"),
	}
	good := map[string]map[string]decoders.Call{
		"segmentation.yaml": {
			"HTTPS from everywhere":    query("ec2", ingress+"&IpPermissions.1.FromPort=443&IpPermissions.1.ToPort=443&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"),
			"orders":                   lambda("reports", "orders"),
			"cards by the application": lambda("reports", "application"),
		},
		"data-store.yaml": {
			"a database as it should be": query("rds", made+"&BackupRetentionPeriod=7&StorageEncrypted=true"),
			"a larger database":          query("rds", "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=a&AllocatedStorage=40"),
		},
		"backup-outlives-data.yaml": {
			"a database with a last snapshot": query("rds", deleted+"&SkipFinalSnapshot=false&FinalDBSnapshotIdentifier=b&DeleteAutomatedBackups=false"),
			"a secret in a month":             target("secretsmanager", "secretsmanager.DeleteSecret", `{"SecretId":"a","RecoveryWindowInDays":30}`),
		},
		"public-edge.yaml": {
			"HTTPS for everybody": query("ec2", ingress+"&IpPermissions.1.FromPort=443&IpPermissions.1.ToPort=443&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"),
			"SSH for the office":  query("ec2", ingress+"&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0%2F8"),
		},
		"no-privilege-escalation.yaml": {
			"a policy for a bucket": query("iam", policyOf(`{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::acme-reports/*"}`)),
		},
		"pod-security-baseline.yaml":   {"a plain pod": pod("", ""), "a plain deployment": deployment(`"capabilities":{"add":["NET_BIND_SERVICE"]}`)},
		"pod-security-restricted.yaml": {"the least": pod("", least), "the least, by a deployment": deployment(least)},
		"agent-sandbox.yaml": {
			"a queue": target("sqs", "AmazonSQS.CreateQueue", `{"QueueName":"a"}`),
			"a pod":   pod("", ""),
		},
	}
	files, err := filepath.Glob("../../../deploy/blueprints/*.yaml")
	if err != nil || len(files) != len(bad) || len(files) != len(good) {
		t.Fatalf("%d blueprints, %d with a bad and %d with a good request: %v", len(files), len(bad), len(good), err)
	}
	registry, err := Registry([]Cluster{{Cluster: kube.Cluster{Name: "shop", Host: "shop.example:6443"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	amazon, _, err := Amazon("")
	if err != nil {
		t.Fatal(err)
	}
	segments := segmented()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		set, err := intent.Parse(name, []byte(everything+"---\n"+string(text)))
		if err != nil {
			t.Fatal(err)
		}
		judge, err := Decider(set)
		if err != nil {
			t.Fatal(err)
		}
		verdict := func(c decoders.Call) policy.Decision {
			d, _, err := registry.Find(c)
			if err != nil || d == nil {
				t.Fatalf("%s is nobody's: %v", c.Host, err)
			}
			a, err := d.Decode(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			a.Actor = model.Actor{ID: "bot", Kind: model.Agent, Authn: "run"}
			(&Engine{decide: judge, amazon: amazon}).foresee(&a, segments)
			return judge.Decide(t.Context(), a, segments, policy.Enforce, time.Unix(1_800_000_000, 0), "dec_1")
		}
		for what, c := range bad[name] {
			d := verdict(c)
			if first, _ := d.First(); d.Verdict != policy.Deny || !strings.HasPrefix(first.Code, "AS20") || !strings.Contains(first.Source, name) {
				t.Errorf("%s: %s: %s: %+v\n%+v", name, what, d.Verdict, d.Findings, d.Action.Props)
			}
		}
		for what, c := range good[name] {
			if d := verdict(c); d.Verdict != policy.Allow {
				t.Errorf("%s: %s: %s: %+v\n%+v", name, what, d.Verdict, d.Findings, d.Action.Props)
			}
		}
	}
}
