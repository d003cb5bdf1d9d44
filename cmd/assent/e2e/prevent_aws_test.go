package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model/reconcile"
)

// preventIntent lets the agents do whatever there is to do, so that all that stands
// in their way is what is declared of single things.
const preventIntent = shopIntent + `
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: network}
spec:
  accountable: human:nina@shop.example
  owns: [{urn: "arn:aws:ec2:*:*:security-group/*"}]
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: net-agent}
spec: {kind: agent, identify: [{run: net-agent}], owner: network}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: building, owner: platform}
spec:
  purpose: The agents build the shop.
  allow:
    - {id: all, who: [deploy-agent, net-agent], may: [create, update, scale, enable, disable, attach, detach, grant, revoke, execute, delete], in: [shop]}
`

// adopter declares nina, whose key is made here, and answers for what the network
// owns.
func (w *world) adopter(owner string) {
	w.must(tool(w.t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(w.dir, "nina"))
	w.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(w.dir, "mallory"))
	w.write("intent/nina.yaml", `apiVersion: assent.dev/v1
kind: Actor
metadata: {name: nina}
spec:
  kind: human
  person: human:nina@shop.example
  identify: [{ssh: "`+strings.TrimSpace(w.must("cat", "nina.pub").out)+`"}]
  owner: `+owner+`
`)
}

// group is the document of a security group, which has to let in these ports.
func group(id string, ports ...string) string {
	doc := `apiVersion: assent.dev/v1
kind: Resource
metadata: {name: web-firewall, owner: network}
spec:
  urn: ` + id + `
  reserved: [IpPermissionsEgress]
  fields:
    IpPermissions:
`
	for _, p := range ports {
		doc += "      - {IpProtocol: tcp, FromPort: " + p + ", ToPort: " + p + ", IpRanges: [{CidrIp: 10.0.0.0/8}]}\n"
	}
	return doc
}

// refusal fails the test unless the last decision, explained, says every part.
func (w *world) refusal(parts ...string) {
	w.t.Helper()
	all := w.decisions()
	contains(w.t, "the reason", w.must(binary, "explain", all[len(all)-1].ID).out, parts...)
}

// allowed fails the test if a client was refused, and returns what it wrote.
func (w *world) allowed(what string, r result) string {
	w.t.Helper()
	if r.code != 0 {
		w.t.Fatalf("%s is refused: %v", what, r)
	}
	return strings.TrimSpace(r.out)
}

// refusedFor fails the test unless a client was refused by assent, for every part.
func (w *world) refusedFor(what string, r result, parts ...string) {
	w.t.Helper()
	if r.code == 0 {
		w.t.Fatalf("%s is let through: %v", what, r)
	}
	contains(w.t, what, r.errOut, append(parts, "assent refused this call")...)
}

// Every rung of prevention has its allow and its refuse: another owner's field, what
// would not be as declared, what builds on what has drifted, the way back, and the
// owner's word.
func TestPreventionAtAWS(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	aws := tool(t, "aws")
	w.behind(c, "model: model.db\nintent: intent\nmode: enforce\ncollect:\n  aws:\n    - {}\n")
	w.write("intent/shop.yaml", preventIntent)
	w.adopter("network")
	as := func(actor string, args ...string) result {
		t.Helper()
		return w.assent(append([]string{"run", "--as", actor, "--", aws}, args...)...)
	}
	allowed, refused := w.allowed, w.refusedFor
	ingress := func(verb, id, port string) []string {
		return []string{"ec2", verb + "-security-group-ingress", "--group-id", id, "--protocol", "tcp", "--port", port, "--cidr", "10.0.0.0/8"}
	}
	direct := func(args ...string) string {
		t.Helper()
		return w.must(aws, append([]string{"--endpoint-url", c.url}, args...)...).out
	}
	image := strings.TrimSpace(direct("ec2", "describe-images", "--owners", "amazon", "--query", "Images[0].ImageId", "--output", "text"))
	launch := func(groups ...string) result {
		t.Helper()
		args := []string{"ec2", "run-instances", "--image-id", image}
		if len(groups) > 0 {
			args = append(append(args, "--security-group-ids"), groups...)
		}
		return as("deploy-agent", args...)
	}
	id := allowed("building it", as("deploy-agent", "ec2", "create-security-group", "--group-name", "web", "--description", "web", "--query", "GroupId", "--output", "text"))
	allowed("building it", as("deploy-agent", ingress("authorize", id, "443")...))
	urn := "arn:aws:ec2:us-east-1:" + account + ":security-group/" + id

	w.write("intent/web.yaml", group(id, "443"))
	w.write("intent/nightly.yaml", "apiVersion: assent.dev/v1\nkind: Resource\nmetadata: {name: nightly, owner: platform}\nspec:\n  urn: arn:aws:s3:::acme-nightly\n  fields: {bucketversioning.Status: Enabled}\n")
	w.collect()
	all, _ := w.drift("--all")
	if s := all[urn]; s.State != reconcile.Aligned {
		t.Fatalf("built as declared, and %s", words(map[string]reconcile.Status{urn: s}))
	}
	if s := all["arn:aws:s3:::acme-nightly"]; s.State != reconcile.Unbuilt || !strings.Contains(s.Why, "Resource nightly, nightly.yaml:6") {
		t.Errorf("declared, and not there: %+v", s)
	}

	// Another owner's field; what nobody has declared of it is not.
	refused("another owner's field", as("deploy-agent", ingress("authorize", id, "80")...), "AS2041", "network", "web.yaml:8")
	refused("another owner's reserved field", as("deploy-agent", "ec2", "revoke-security-group-egress", "--group-id", id, "--protocol", "all", "--cidr", "0.0.0.0/0"), "AS2041", "network")
	allowed("a field that nobody declares", as("deploy-agent", "ec2", "create-tags", "--resources", id, "--tags", "Key=team,Value=shop"))
	// The owner changes the document first; then whoever builds it so may.
	refused("what would not be as declared", as("net-agent", ingress("authorize", id, "80")...), "AS2042", "web.yaml:8")
	w.write("intent/web.yaml", group(id, "443", "80"))
	w.collect()
	if all, _ = w.drift(); all[urn].State != reconcile.Violating {
		t.Errorf("declared otherwise since, and %s", words(map[string]reconcile.Status{urn: all[urn]}))
	}
	allowed("what makes it as declared", as("deploy-agent", ingress("authorize", id, "80")...))
	w.collect()

	// Quarantine: drifted, and not as declared.
	direct(ingress("authorize", id, "22")...)
	w.collect()
	if all, _ = w.drift(); !all[urn].Quarantine || all[urn].State != reconcile.Violating {
		t.Fatalf("it is not in quarantine: %s", words(map[string]reconcile.Status{urn: all[urn]}))
	}
	refused("what builds on it", launch(id), "AS2043", "assent revert")
	w.refusal("Resource web-firewall, web.yaml:8", urn, "network (human:nina@shop.example)", "assent adopt")
	allowed("what does not", launch())
	refused("another change of it", as("net-agent", "ec2", "create-tags", "--resources", id, "--tags", "Key=team,Value=net"), "AS2043")

	// The way back, through the same gate; the quarantine ends with it.
	shown := w.assent("revert", id)
	contains(t, "what would set it back", shown.out, "aws ec2 revoke-security-group-ingress", id, "22", "--region us-east-1")
	if r := w.assent("revert", id, "--run", "--as", "stranger"); r.code == 0 || !strings.Contains(r.errOut, "AS3003") {
		t.Errorf("a stranger set it back: %v", r)
	}
	allowed("setting it back", w.assent("revert", id, "--run", "--as", "deploy-agent"))
	allowed("what builds on what is back", launch(id))
	w.collect()
	if all, _ = w.drift("--all"); all[urn].State != reconcile.Aligned {
		t.Errorf("set back, and %s", words(map[string]reconcile.Status{urn: all[urn]}))
	}

	// The owner's word, and nobody else's.
	direct(ingress("authorize", id, "8443")...)
	w.collect()
	refused("what builds on it", launch(id), "AS2043")
	if r := w.assent("adopt", id, "--key", "mallory", "--yes"); r.code == 0 || !strings.Contains(r.errOut, "none of your SSH keys") {
		t.Errorf("a stranger adopted it: %v", r)
	}
	var out struct{ Decision string }
	r := w.must(binary, "adopt", id, "--key", "nina", "--yes", "--reason", "INC-4711", "--json")
	if err := json.Unmarshal([]byte(r.out), &out); err != nil || out.Decision == "" {
		t.Fatalf("%v: %v", err, r)
	}
	allowed("what builds on what is adopted", launch(id))
	if all, _ = w.drift(); all[urn].Quarantine || all[urn].State != reconcile.Violating {
		t.Errorf("adopted, and %s", words(map[string]reconcile.Status{urn: all[urn]}))
	}
	contains(t, "the evidence", w.must(binary, "explain", out.Decision, "--json").out, "adopt", id, "nina", "INC-4711")
	contains(t, "ledger verify", w.must(binary, "ledger", "verify").out, "ok")
}

// Nothing is made reachable that nobody built, or that has drifted; with the repair done
// it is.
func TestNothingUnfitIsMadeReachableAtAWS(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	aws := tool(t, "aws")
	w.behind(c, "model: model.db\nintent: intent\nmode: enforce\ncollect:\n  aws:\n    - {}\n")
	w.write("intent/shop.yaml", strings.Replace(preventIntent, "tier: production", "tier: production\n  exposes: settled", 1)+`---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: machines}
spec:
  accountable: human:nina@shop.example
  owns: [{urn: "arn:aws:ec2:*:*:instance/*"}]
`)
	w.adopter("machines")
	as := func(args ...string) result {
		t.Helper()
		return w.assent(append([]string{"run", "--as", "deploy-agent", "--", aws, "--output", "text"}, args...)...)
	}
	direct := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(w.must(aws, append([]string{"--endpoint-url", c.url, "--output", "text"}, args...)...).out)
	}
	vpc := direct("ec2", "describe-vpcs", "--query", "Vpcs[0].VpcId")
	image := direct("ec2", "describe-images", "--owners", "amazon", "--query", "Images[0].ImageId")
	firewall := w.allowed("building it", as("ec2", "create-security-group", "--group-name", "web", "--description", "web", "--query", "GroupId"))
	other := w.allowed("building it", as("ec2", "create-security-group", "--group-name", "other", "--description", "other", "--query", "GroupId"))
	launch := []string{"ec2", "run-instances", "--image-id", image, "--security-group-ids", firewall, "--query", "Instances[0].InstanceId"}
	built, stray := w.allowed("building it", as(launch...)), direct(launch...)
	group := w.allowed("building it", as("elbv2", "create-target-group", "--name", "shop", "--protocol", "HTTP", "--port", "80", "--vpc-id", vpc, "--query", "TargetGroups[0].TargetGroupArn"))
	register := func(id string) result {
		t.Helper()
		return as("elbv2", "register-targets", "--target-group-arn", group, "--targets", "Id="+id)
	}
	urn := func(id string) string { return "arn:aws:ec2:us-east-1:" + account + ":instance/" + id }
	w.collect()

	w.allowed("what was built, and is as it was", register(built))
	w.refusedFor("what nobody built", register(stray), "AS2044", stray)
	w.refusal(urn(stray), "nobody built it", "machines (human:nina@shop.example)", "assent adopt "+urn(stray))
	w.must(binary, "adopt", stray, "--key", "nina", "--yes", "--reason", "INC-4712")
	w.allowed("what is adopted", register(stray))

	w.allowed("taking it out", as("elbv2", "deregister-targets", "--target-group-arn", group, "--targets", "Id="+built))
	guard := func(group string) []string {
		return []string{"ec2", "modify-instance-attribute", "--instance-id", built, "--groups", group}
	}
	direct(guard(other)...)
	w.collect()
	w.refusedFor("what has drifted", register(built), "AS2044", built)
	w.refusal("SecurityGroups[", "assent revert "+urn(built), "assent adopt "+urn(built))
	open := func(cidr string) result {
		t.Helper()
		return as("ec2", "authorize-security-group-ingress", "--group-id", other, "--protocol", "tcp", "--port", "443", "--cidr", cidr)
	}
	w.refusedFor("a group that is opened before it", open("192.0.2.0/24"), "AS2044", built)
	w.allowed("what opens nothing", as("ec2", "create-tags", "--resources", stray, "--tags", "Key=team,Value=shop"))
	w.allowed("setting it back", as(guard(firewall)...))
	w.collect()
	w.allowed("what is back", register(built))
	w.allowed("a group that opens nothing", open("192.0.2.0/24"))
	contains(t, "ledger verify", w.must(binary, "ledger", "verify").out, "ok")
}

// A plan is carried out as long as what it would change is what it was made on.
func TestAStalePlanIsNotRun(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	aws := tool(t, "aws")
	w.behind(c, "model: model.db\nintent: intent\nmode: enforce\ncollect:\n  aws:\n    - {}\n")
	w.write("intent/shop.yaml", preventIntent)
	direct := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(w.must(aws, append([]string{"--endpoint-url", c.url, "--output", "text"}, args...)...).out)
	}
	as := func(more []string, args ...string) result {
		t.Helper()
		return w.assent(append(append(append([]string{"run", "--as", "deploy-agent"}, more...), "--", aws, "--output", "text"), args...)...)
	}
	image := direct("ec2", "describe-images", "--owners", "amazon", "--query", "Images[0].ImageId")
	id := w.allowed("building it", as(nil, "ec2", "run-instances", "--image-id", image, "--tag-specifications", "ResourceType=instance,Tags=[{Key=team,Value=shop}]", "--query", "Instances[0].InstanceId"))
	tag := func(value string) []string {
		return []string{"ec2", "create-tags", "--resources", id, "--tags", "Key=team,Value=" + value}
	}
	plan := func() []string { // as terraform show -json writes it
		return []string{"--plan", w.write("plan.json", `{"format_version":"1.2","timestamp":"`+time.Now().UTC().Format(time.RFC3339Nano)+`","resource_changes":[{"address":"aws_instance.web","mode":"managed","type":"aws_instance",
			"change":{"actions":["update"],"before":{"arn":"arn:aws:ec2:us-east-1:`+account+`:instance/`+id+`","tags_all":{"team":"shop"}},"after":{"tags_all":{"team":"toys"}}}}]}`)}
	}
	refused := func(what string, r result, parts ...string) {
		t.Helper()
		if r.code != 3 {
			t.Fatalf("%s is run: %v", what, r)
		}
		contains(t, what, r.errOut, append(parts, "AS2027", "aws_instance.web", "plan again")...)
	}
	w.collect()
	made := plan()
	w.allowed("what it was made on", as(made, tag("toys")...))
	refused("changed by way of assent since", as(made, tag("books")...), "changed by "+w.decisions()[1].ID)
	w.allowed("while observing", as(append(made, "--observe"), "sts", "get-caller-identity"))

	w.allowed("as it was", as(nil, tag("shop")...))
	w.collect()
	made = plan()
	direct(tag("books")...)
	w.collect()
	refused("changed past assent since", as(made, tag("toys")...), "tags.team was planned on shop, and somebody has made it books")
	contains(t, "radius --plan", w.must(binary, append([]string{"radius"}, made...)...).out, "stale", "somebody has made it books", "AS2027")
}

// insideOnly wants databases, and Services, that nobody outside can reach.
const insideOnly = `---
apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: inside, owner: OWNER}
spec:
  purpose: What serves others is reached from inside.
  for: {capability: ["database.*", network.service]}
  forbid: {network.public: true}
`

// What somebody has changed to be otherwise than a blueprint wants it is in quarantine
// until it is back.
func TestWhatDriftsFromABlueprintIsInQuarantineAtAWS(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	aws := tool(t, "aws")
	w.behind(c, "model: model.db\nintent: intent\nmode: enforce\ncollect:\n  aws:\n    - {}\n")
	w.write("intent/shop.yaml", preventIntent+strings.Replace(insideOnly, "OWNER", "platform", 1))
	as := func(args ...string) result {
		t.Helper()
		return w.assent(append([]string{"run", "--as", "deploy-agent", "--", aws, "--output", "text", "rds"}, args...)...)
	}
	modify := []string{"modify-db-instance", "--db-instance-identifier", "shop", "--apply-immediately"}
	keep := func(days string) result {
		t.Helper()
		return as(append(modify, "--backup-retention-period", days)...)
	}
	urn := "arn:aws:rds:us-east-1:" + account + ":db:shop"
	w.allowed("building it", as("create-db-instance", "--db-instance-identifier", "shop", "--db-instance-class", "db.t3.micro", "--engine", "postgres", "--allocated-storage", "20",
		"--master-username", "shop", "--master-user-password", "not-a-secret", "--no-publicly-accessible"))
	w.collect()
	w.allowed("a change of it", keep("3"))
	w.must(aws, append([]string{"--endpoint-url", c.url, "rds"}, append(modify, "--publicly-accessible")...)...)
	w.collect()
	if all, _ := w.drift(); !all[urn].Quarantine {
		t.Fatalf("it is not in quarantine: %s", words(map[string]reconcile.Status{urn: all[urn]}))
	}
	w.refusedFor("a change of it", keep("5"), "AS2043", "assent revert")
	w.refusal("platform forbids network.public: true", "PubliclyAccessible", "Blueprint inside, shop.yaml:", "assent revert "+urn)
	w.allowed("setting it back", w.assent("revert", urn, "--run", "--as", "deploy-agent"))
	w.collect()
	w.allowed("a change of what is back", keep("5"))
}
