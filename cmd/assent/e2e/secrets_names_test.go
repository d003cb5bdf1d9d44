package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everything allows what the test does, and asks dana about what is deleted.
const everything = `---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: everything, owner: platform}
spec:
  purpose: All that the test does.
  allow:
    - id: all
      who: ["*"]
      may: [create, update, reveal, attach, enable, disable, execute, grant]
      what: {resource: ["*"]}
      in: [shop]
  never:
    - id: vault
      who: ["*"]
      may: [delete]
      what: {resource: ["arn:aws:s3:::acme-names/vault/*"]}
`

// Secrets are never stored where they are a part of a name either: of an object's key,
// a tag, a parameter, a query. What stands in their place is one name for one thing in
// the ledger, in the model and on the console, and another for another.
func TestSecretsInNamesAreNeverStored(t *testing.T) {
	o := newOffice(t, "wait: 0s\n")
	_, public := o.disclosureKey()
	file := o.write("webhook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	port, verified := startReceiver(t, o.world, file)
	o.write("assent.yaml", o.read("assent.yaml")+"withhold: "+public+"\nwebhook: {url: \"http://127.0.0.1:"+port+"/hook-path\", secret_file: webhook.secret}\n")
	o.write("intent/everything.yaml", strings.TrimPrefix(everything, "---\n"))
	o.write("names.py", `
import base64, boto3, json, re, urllib.parse
import botocore.exceptions
w = "Tr0ub" "4dor"
aws = "wJalrXUtnFEMI" + w + "bPxRfiCYKEYZabcdef"
assert len(aws) == 40, len(aws)
secrets = {
    "github": "ghp_" + w + "0123456789ab", "githubpat": "github_pat_11" + w + "0123456789", "gitlab": "glpat-" + w + "0123456789",
    "slack": "xoxb-012345678901-" + w + "01", "openai": "sk-proj-" + w + "0123456789aB", "vault": "hvs." + w + "0123456789abcdef",
    "npm": "npm_" + (w + "0123456789" * 4)[:36], "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJ" + w + "." + w, "aws": "AKIA2E0A8F3B244C9986/" + aws,
    "assigned": "password=" + w + "01", "userinfo": "postgres://bob:" + w + "@db.example/x", "stripe": "sk_live_" + w + "0123456789",
    "pem": "-----BEGIN PRIVATE KEY-----\n" + w + "\n-----END PRIVATE KEY-----",
}
def tried(f, **kw):
    try:
        return f(**kw)
    except (botocore.exceptions.ClientError, botocore.exceptions.ParamValidationError, botocore.exceptions.HTTPClientError) as e:
        pass
s3, ec2, ssm, sqs, iam, lam, tag = (boto3.client(n, config=boto3.session.Config(retries={"max_attempts": 0})) for n in ("s3", "ec2", "ssm", "sqs", "iam", "lambda", "resourcegroupstaggingapi"))
s3.create_bucket(Bucket="acme-names")
vm = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
for name, secret in secrets.items():
    forms = (secret, base64.b64encode(secret.encode()).decode(), urllib.parse.quote(secret, safe=""))
    for form in forms if name in ("github", "userinfo", "pem") else forms[:1]:
        k = "backup/" + name + "/" + form
        tried(s3.put_object, Bucket="acme-names", Key=k, Body=b"x")
        tried(s3.put_object_tagging, Bucket="acme-names", Key=k, Tagging={"TagSet": [{"Key": form[:120], "Value": form[:250]}]})
        tried(s3.get_object_tagging, Bucket="acme-names", Key=k)
        tried(s3.copy_object, Bucket="acme-names", Key=k + ".copy", CopySource={"Bucket": "acme-names", "Key": k})
        tried(s3.delete_objects, Bucket="acme-names", Delete={"Objects": [{"Key": k + ".copy"}]})
    tried(ec2.create_tags, Resources=[vm], Tags=[{"Key": name + " " + secret, "Value": secret}, {"Key": "Name", "Value": secret}])
    if re.fullmatch(r"[A-Za-z0-9_./-]+", secret): # what a parameter may be called
        tried(ssm.put_parameter, Name="/x/" + secret, Value="1", Type="String", Description=secret)
        tried(ssm.get_parameter, Name="/x/" + secret)
    tried(sqs.create_queue, QueueName=name, tags={secret: secret})
    tried(sqs.get_queue_url, QueueName=secret[:80])
    tried(ec2.create_security_group, GroupName=secret, Description=secret)
    tried(iam.create_role, RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/" + secret}, "Action": "sts:AssumeRole"}]}),
          Description=secret, Tags=[{"Key": "k " + secret[:100], "Value": secret}])
    tried(lam.delete_function, FunctionName=secret)
    tried(s3.list_objects_v2, Bucket="acme-names", Prefix=secret)
def query(request, **kw):
    request.url += ("&" if "?" in request.url else "?") + "hush=" + urllib.parse.quote(secrets["github"]) + "&" + secrets["gitlab"] + "=1"
    request.headers["X-Note"] = secrets["slack"]
    request.headers["User-Agent"] = "tool " + secrets["github"]
s3.meta.events.register("before-sign.s3", query)
tried(s3.put_object, Bucket="acme-names", Key="q", Body=b"x")
tried(s3.delete_object, Bucket="acme-names", Key="q")
tried(s3.list_objects_v2, Bucket="acme-names")
s3.meta.events.unregister("before-sign.s3", query)
s3.list_objects_v2(Bucket="acme-names"); ec2.describe_instances(); ec2.describe_tags(); ec2.describe_security_groups(); ssm.describe_parameters(); iam.list_roles(); tag.get_resources()
# Refused, held, and told of.
tried(s3.delete_object, Bucket="acme-names", Key="backup/" + secrets["github"])
tried(s3.delete_object, Bucket="acme-names", Key="backup/" + secrets["gitlab"])
tried(s3.delete_object, Bucket="acme-names", Key="vault/" + secrets["gitlab"])
tried(s3.delete_bucket, Bucket="acme-" + secrets["assigned"])
tried(s3.delete_object, Bucket="acme-names", Key="backup/(secret-abcdefghijklmnop)")
for i in range(2):
    tried(s3.put_object, Bucket="acme-names", Key="same/ghp_" + w + "0123456789a" + str(i), Body=b"x")
`)
	r := o.assent("run", "--as", "deploy-agent", "--", tool(t, "python3"), "names.py")
	if r.code != 0 {
		t.Fatalf("%v", r)
	}
	o.must(binary, "evidence", "pack", "--from", "1h", "--to", "2999-01-01", "--framework", "soc2", "--samples", "100", "--out", filepath.Join(o.home, "state", "pack"))
	o.must(binary, "docs", "--out", filepath.Join(o.home, "state", "docs"))
	waitFor(t, "the request to be told", func() bool { return len(verified()) >= 1 })

	found := finder{words: append([]string{"Tr0ub4dor"}, spelled("Tr0ub4dor")...)}
	found.look("stderr", []byte(r.errOut))
	found.look("webhook", []byte(o.read("told")))
	for _, args := range [][]string{{"evidence", "query", "--json"}, {"evidence", "export", "--format", "csv"}, {"evidence", "export", "--format", "ocsf"}, {"evidence", "export", "--format", "cloudevents"},
		{"ledger", "tail", "--all", "--json"}, {"ledger", "tail", "--all"}, {"what"}, {"what", "--json"}, {"intent", "suggest"}, {"inbox"}, {"inbox", "--json"}} {
		got := o.assent(args...)
		found.look(strings.Join(args, " "), []byte(got.out+got.errOut))
	}
	state := filepath.Join(o.home, "state")
	if err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found.look(path, []byte(path))
		found.look(path, data)
		if filepath.Ext(path) == ".db" {
			return found.cells(path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, where := range found.where {
		t.Errorf("a secret is in %s", where)
	}
	if found.looked < 800 || found.unpacked < 100 {
		t.Errorf("only %d texts and %d in base64 were looked at", found.looked, found.unpacked)
	}
	if got := o.decisions(); len(got) < 120 {
		t.Errorf("only %d decisions were recorded", len(got))
	}
	// Two keys are two things, and each is one everywhere.
	same := map[string]bool{}
	for _, line := range strings.Split(o.must(binary, "ledger", "tail", "--all", "--json").out, "\n") {
		if _, rest, ok := strings.Cut(line, `"urn":"arn:aws:s3:::acme-names/same/`); ok {
			urn, _, _ := strings.Cut(rest, `"`)
			same[urn] = true
			contains(t, "the run's own lines", r.errOut, urn)
			contains(t, "the parameters", line, `"Key":"same/`+urn+`"`)
		}
	}
	if len(same) != 2 {
		t.Errorf("two keys are %v", same)
	}
	// What was forwarded is what was sent.
	if keys := o.must("aws", "--endpoint-url", o.cloud.url, "s3api", "list-objects-v2", "--bucket", "acme-names").out; !strings.Contains(keys, "same/ghp_Tr0ub4dor0123456789a0") || !strings.Contains(keys, "backup/gitlab/glpat-Tr0ub4dor") {
		t.Errorf("the cloud has %s", keys)
	}
}
