package engine

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// bucket is a call of S3 on the bucket acme.
func bucket(what, body string, header ...string) decoders.Call {
	c := query("s3", body)
	c.Method, c.Host, c.URL = "PUT", "acme.s3.us-east-1.amazonaws.com", &url.URL{Path: "/", RawQuery: what}
	delete(c.Header, "Content-Type")
	signed := "host"
	for i := 0; i+1 < len(header); i += 2 {
		c.Header[http.CanonicalHeaderKey(header[i])], signed = []string{header[i+1]}, signed+";"+header[i]
	}
	c.Header["Authorization"] = []string{strings.Replace(c.Header["Authorization"][0], "SignedHeaders=host", "SignedHeaders="+signed, 1)}
	return c
}

// shared is a policy of a resource that lets somebody in.
func shared(with string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + with + `,"Action":"s3:GetObject","Resource":"*"}]}`
}

const ours, whoever = `{"AWS":"arn:aws:iam::123456789012:root"}`, `"*"`

func tablePolicy(with string) decoders.Call {
	return target("dynamodb", "DynamoDB_20120810.PutResourcePolicy", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:123456789012:table/a","Policy":`+strconv.Quote(shared(with))+`}`)
}

func statefulSet(more string) decoders.Call {
	return create("/apis/apps/v1/namespaces/web/statefulsets", `{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a","namespace":"web"},"spec":{`+more+`"serviceName":"a","selector":{"matchLabels":{"a":"a"}},"template":{"metadata":{"labels":{"a":"a"}},"spec":{"containers":[{"name":"a","image":"postgres:17"}]}},"volumeClaimTemplates":[{"metadata":{"name":"d"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}}`)
}

func networkPolicy(rule string) decoders.Call {
	return create("/apis/networking.k8s.io/v1/namespaces/web/networkpolicies", `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"a","namespace":"web"},"spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[`+rule+`]}}`)
}

func policyOf(statement string) string {
	return "Action=CreatePolicy&Version=2010-05-08&PolicyName=a&PolicyDocument=" + url.QueryEscape(`{"Version":"2012-10-17","Statement":[`+statement+`]}`)
}

// lambda is a call that makes a function which is given the ARN of something.
func lambda(name, of string) decoders.Call {
	arn := map[string]string{"cards": "dynamodb:us-east-1:123456789012:table/cards", "orders": "dynamodb:us-east-1:123456789012:table/orders",
		"unheard-of": "dynamodb:us-east-1:123456789012:table/unheard-of", "elsewhere": "dynamodb:us-east-1:999999999999:table/cards", "ledgers": "lambda:us-east-1:123456789012:function:ledgers",
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

// silent are properties whose good twin does without: a role instead of a key.
var silent = map[string]bool{"identity.longLivedCredential": true}

// requirements are where each requirement of a file stands, with the property that
// it is about, if it is one.
func requirements(set *intent.Set, file string) map[string]string {
	all := map[string]string{}
	add := func(at intent.Pos, property string) {
		if at.File == file && strings.Count(everything, "\n") < at.Line {
			all[at.String()] = property
		}
	}
	for _, b := range set.Blueprints {
		for _, c := range slices.Concat(b.Require, b.Forbid) {
			add(c.Pos, c.Property)
		}
		for _, r := range b.Topology {
			add(r.Pos, "")
		}
	}
	for _, i := range set.Intents {
		for _, n := range i.Never {
			add(n.Pos, "")
		}
	}
	return all
}

// Each requirement of each starter blueprint refuses what it is there for, by a
// native request, and lets its harmless twin pass. One that has no request fails.
func TestStarterBlueprints(t *testing.T) {
	bad := map[string]map[string]decoders.Call{
		"data-store.yaml": {
			"a database in the clear":             query("rds", made+"&BackupRetentionPeriod=7&StorageEncrypted=false"),
			"a database in the clear, by default": query("rds", made+"&BackupRetentionPeriod=7"),
			"a database on the internet":          query("rds", strings.Replace(made, "PubliclyAccessible=false", "PubliclyAccessible=true", 1)+"&BackupRetentionPeriod=7&StorageEncrypted=true"),
			"backups for a day":                   query("rds", made+"&BackupRetentionPeriod=1&StorageEncrypted=true"),
			"a bucket that everybody reads":       bucket("acl", "", "x-amz-acl", "public-read"),
			"a bucket that everybody writes":      bucket("acl", "", "x-amz-acl", "public-read-write"),
			"a bucket for whoever comes":          bucket("policy", shared(whoever)),
			"a table for whoever comes":           tablePolicy(whoever),
			"volumes that go with their database": statefulSet(`"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Delete"},`),
		},
		"backup-outlives-data.yaml": {
			"a database without a last snapshot": query("rds", deleted+"&SkipFinalSnapshot=true"),
			"a database with its backups":        query("rds", deleted+"&SkipFinalSnapshot=false&FinalDBSnapshotIdentifier=b&DeleteAutomatedBackups=true"),
			"a secret at once":                   target("secretsmanager", "secretsmanager.DeleteSecret", `{"SecretId":"a","ForceDeleteWithoutRecovery":true}`),
		},
		"public-edge.yaml": {
			"SSH for everybody":               query("ec2", ingress+"&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"),
			"a database's port, in a cluster": networkPolicy(`{"from":[{"ipBlock":{"cidr":"0.0.0.0/0"}}],"ports":[{"port":5432}]}`),
			"all ports for everybody":         query("ec2", strings.Replace(ingress, "tcp", "-1", 1)+"&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=%3A%3A%2F0"),
		},
		"no-privilege-escalation.yaml": {
			"a policy for everything":     query("iam", policyOf(`{"Effect":"Allow","Action":"*","Resource":"*"}`)),
			"a key without an end":        query("iam", "Action=CreateAccessKey&Version=2010-05-08&UserName=a"),
			"a binding to everything":     create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"a"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"}}`),
			"a policy to give oneself it": query("iam", policyOf(`{"Effect":"Allow","Action":"iam:CreatePolicyVersion","Resource":"*"}`)),
		},
		"pod-security-baseline.yaml": {
			"a privileged pod":        pod("", `"privileged":true`),
			"a privileged deployment": deployment(`"privileged":true`),
			"the node's network":      pod(`"hostNetwork":true,`, ""),
			"the node's files":        pod(`"volumes":[{"name":"v","hostPath":{"path":"/"}}],`, ""),
			"a capability":            pod("", `"capabilities":{"add":["SYS_ADMIN"]}`),
			"the node's port":         pod(`"initContainers":[{"name":"i","image":"shop/web@sha256:00","ports":[{"containerPort":80,"hostPort":80}]}],`, ""),
			"a probe of another host": pod(`"initContainers":[{"name":"i","image":"shop/web@sha256:00","livenessProbe":{"httpGet":{"host":"10.0.0.1","port":80}}}],`, ""),
			"without seccomp":         pod("", `"seccompProfile":{"type":"Unconfined"}`),
			"a kernel's parameter":    pod(`"securityContext":{"sysctls":[{"name":"kernel.msgmax","value":"1"}]},`, ""),
		},
		"pod-security-restricted.yaml": {
			"as root":            pod("", `"allowPrivilegeEscalation":false,"seccompProfile":{"type":"RuntimeDefault"}`),
			"without a profile":  pod("", `"runAsNonRoot":true,"allowPrivilegeEscalation":false`),
			"the node's files":   pod(`"volumes":[{"name":"v","hostPath":{"path":"/"}}],`, least),
			"a capability":       pod("", strings.Replace(least, `"drop":["ALL"]`, `"drop":["ALL"],"add":["SYS_TIME"]`, 1)),
			"all of proc":        pod("", least+`,"procMount":"Unmasked"`),
			"with an escalation": deployment(strings.Replace(least, `Escalation":false`, `Escalation":true`, 1)),
		},
		"agent-sandbox.yaml": {
			"a secret":            target("secretsmanager", "secretsmanager.GetSecretValue", `{"SecretId":"a"}`),
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
		"a table of another environment":  lambda("reports", "elsewhere"),
	}
	good := map[string]map[string]decoders.Call{
		"segmentation.yaml": {
			"HTTPS from everywhere":    query("ec2", ingress+"&IpPermissions.1.FromPort=443&IpPermissions.1.ToPort=443&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"),
			"orders":                   lambda("reports", "orders"),
			"cards by the application": lambda("reports", "application"),
		},
		"data-store.yaml": {
			"a database as it should be": query("rds", made+"&BackupRetentionPeriod=7&StorageEncrypted=true"),
			"a bucket of one's own":      bucket("acl", "", "x-amz-acl", "private"),
			"a bucket for one's account": bucket("policy", shared(ours)),
			"a table for one's account":  tablePolicy(ours),
			"volumes that stay":          statefulSet(`"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain"},`),
			"a stateful set as it is":    statefulSet(""),
			"a larger database":          query("rds", "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=a&AllocatedStorage=40"),
		},
		"backup-outlives-data.yaml": {
			"a database with a last snapshot": query("rds", deleted+"&SkipFinalSnapshot=false&FinalDBSnapshotIdentifier=b&DeleteAutomatedBackups=false"),
			"a secret in a month":             target("secretsmanager", "secretsmanager.DeleteSecret", `{"SecretId":"a","RecoveryWindowInDays":30}`),
		},
		"public-edge.yaml": {
			"HTTPS for everybody": query("ec2", ingress+"&IpPermissions.1.FromPort=443&IpPermissions.1.ToPort=443&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"),
			"pods for a database": networkPolicy(`{"from":[{"podSelector":{}}],"ports":[{"port":5432}]}`),
			"SSH for the office":  query("ec2", ingress+"&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0%2F8"),
		},
		"no-privilege-escalation.yaml": {
			"a role, and no key":    query("iam", "Action=CreateRole&Version=2010-05-08&RoleName=a&AssumeRolePolicyDocument="+url.QueryEscape(strings.Replace(shared(`{"Service":"ec2.amazonaws.com"}`), "s3:GetObject", "sts:AssumeRole", 1))),
			"a binding to read":     create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"a"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"}}`),
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
		refused, passed := map[string]bool{}, map[string]bool{} // where requirements stand; properties that are said
		for what, c := range bad[name] {
			d := verdict(c)
			for _, f := range d.Findings {
				if _, at, found := strings.Cut(f.Source, ", "); found && f.Verdict == policy.Deny {
					refused[at] = true
				}
			}
			if first, _ := d.First(); d.Verdict != policy.Deny || !strings.HasPrefix(first.Code, "AS20") || !strings.Contains(first.Source, name) {
				t.Errorf("%s: %s: %s: %+v\n%+v", name, what, d.Verdict, d.Findings, d.Action.Props)
			}
		}
		for what, c := range good[name] {
			d := verdict(c)
			if d.Verdict != policy.Allow {
				t.Errorf("%s: %s: %s: %+v\n%+v", name, what, d.Verdict, d.Findings, d.Action.Props)
			}
			for _, p := range d.Action.Props {
				passed[p.Name] = passed[p.Name] || p.Known
			}
		}
		for at, property := range requirements(set, name) {
			if !refused[at] {
				t.Errorf("%s: no bad request is refused by what stands there", at)
			}
			if property != "" && !passed[property] && !silent[property] {
				t.Errorf("%s: no good request says %s as it should be", at, property)
			}
		}
	}
}
