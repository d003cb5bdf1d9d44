package e2e

import (
	"strings"
	"testing"
)

const dataStore = `apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: data-store, owner: platform}
spec:
  purpose: Any store of customer data, on any platform.
  for: {capability: ["database.*"], in: ["tier:production"]}
  require: {encryption.atRest: true}
  forbid: {network.public: true}
---
apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: no-open-admin, owner: platform}
spec:
  purpose: Nobody on the internet reaches an administration port.
  for: {}
  forbid: {network.ingress: [{from: internet, ports: [22, 3389]}]}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: building, owner: platform}
spec:
  purpose: The agent builds the shop.
  allow:
    - {id: all, who: [deploy-agent], may: [create, update, attach, grant], in: [shop]}
`

// One blueprint judges the native call, the template and Cloud Control alike, and
// a refused one changes nothing.
func TestOneBlueprintForEveryWayToBuild(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	aws := tool(t, "aws")
	w.behind(c, "intent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", strings.Replace(shopIntent, "regions: [us-east-1]", "regions: [us-east-1, global]", 1))
	w.write("intent/blueprints.yaml", dataStore)
	w.write("open.yaml", `Resources:
  Net:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.0.0.0/16}
  Door:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: the way in
      VpcId: !Ref Net
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
`)
	w.write("plain.yaml", `Resources:
  Store:
    Type: AWS::RDS::DBInstance
    Properties: {DBInstanceClass: db.t3.micro, Engine: postgres, AllocatedStorage: "20", PubliclyAccessible: false}
`)
	before := c.state()
	for name, call := range map[string]struct {
		args []string
		want []string
	}{
		"a template that opens a port": {[]string{"cloudformation", "create-stack", "--stack-name", "door", "--template-body", "file://open.yaml"},
			[]string{"AS2012", "template line 5 (Door)", "no-open-admin"}},
		"the native call": {[]string{"rds", "create-db-instance", "--db-instance-identifier", "shop", "--db-instance-class", "db.t3.micro", "--engine", "postgres",
			"--allocated-storage", "20", "--no-publicly-accessible"}, []string{"AS2012", "data-store", "encryption.atRest"}},
		"a template": {[]string{"cloudformation", "create-stack", "--stack-name", "store", "--template-body", "file://plain.yaml"},
			[]string{"AS2012", "data-store", "encryption.atRest", "template line 2 (Store)"}},
		"Cloud Control": {[]string{"cloudcontrol", "create-resource", "--type-name", "AWS::RDS::DBInstance", "--desired-state",
			`{"DBInstanceClass":"db.t3.micro","Engine":"postgres","AllocatedStorage":"20","PubliclyAccessible":false}`}, []string{"AS2012", "data-store", "encryption.atRest"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			r := w.assent(append([]string{"run", "--as", "deploy-agent", "--", aws}, call.args...)...)
			if r.code == 0 {
				t.Fatalf("not refused: %v", r)
			}
			contains(t, "the client's message", lineWith(r.errOut, "An error occurred"), call.want...)
		})
	}
	if c.state() != before {
		t.Error("refused calls changed the cloud")
	}
	if r := w.assent("run", "--as", "deploy-agent", "--", aws, "rds", "create-db-instance", "--db-instance-identifier", "shop", "--db-instance-class", "db.t3.micro",
		"--engine", "postgres", "--allocated-storage", "20", "--no-publicly-accessible", "--storage-encrypted"); r.code != 0 {
		t.Errorf("built as declared, and refused: %v", r)
	}
}

// A refused call is mended by what its decision says of it, and the same client
// sends it again: the native call and the template, comments and all.
func TestARefusedCallIsMendedAndSentAgain(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	aws := tool(t, "aws")
	w.behind(c, "intent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", strings.Replace(shopIntent, "regions: [us-east-1]", "regions: [us-east-1, global]", 1))
	w.write("intent/blueprints.yaml", dataStore)
	w.write("store.yaml", `Resources:
  Store: # the orders
    Type: AWS::RDS::DBInstance
    Properties: {DBInstanceIdentifier: orders, DBInstanceClass: db.t3.micro, Engine: postgres, AllocatedStorage: "20", PubliclyAccessible: true, StorageEncrypted: true}
`)
	mended := func(args ...string) string {
		r := w.assent(append([]string{"run", "--as", "deploy-agent", "--", aws}, args...)...)
		if r.code == 0 {
			t.Fatalf("not refused: %v", r)
		}
		_, id, _ := strings.Cut(lineWith(r.errOut, "An error occurred"), "assent explain ")
		r = w.assent("explain", strings.Fields(id)[0], "--repair")
		if r.code != 0 {
			t.Fatalf("not mended: %v", r)
		}
		return r.out
	}
	w.write("again.json", mended("rds", "create-db-instance", "--db-instance-identifier", "shop", "--db-instance-class", "db.t3.micro", "--engine", "postgres",
		"--allocated-storage", "20", "--publicly-accessible"))
	if r := w.assent("run", "--as", "deploy-agent", "--", aws, "rds", "create-db-instance", "--cli-input-json", "file://again.json"); r.code != 0 {
		t.Errorf("mended, and refused: %v", r)
	}
	w.write("stack.json", mended("cloudformation", "create-stack", "--stack-name", "store", "--template-body", "file://store.yaml"))
	if r := w.assent("run", "--as", "deploy-agent", "--", aws, "cloudformation", "create-stack", "--cli-input-json", "file://stack.json"); r.code != 0 {
		t.Errorf("mended, and refused: %v", r)
	}
	contains(t, "the mended template", w.read("stack.json"), "# the orders", "PubliclyAccessible: false")
}
