package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assent-iom/assent/model/store/postgres/pgtest"
)

const sharedIntent = `apiVersion: assent.dev/v1
kind: Environment
metadata: {name: prod}
spec: {tier: production, scope: [{aws: {accounts: ["123456789012"]}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec: {accountable: "human:ines@shop.example", owns: [{aws: {account: "123456789012"}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: deploy-agent}
spec: {kind: agent, identify: [{run: deploy-agent}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: network, owner: platform}
spec:
  purpose: networks
  allow:
    - {id: build, who: deploy-agent, may: [create, update], in: prod}
    - {id: idle, who: deploy-agent, may: [delete], in: prod, limits: {dependents: 0}}
`

// newShared is a machine of its own with an `assent serve` that keeps its model in a
// database.
func newShared(t *testing.T, c *cloud, database, more string) *service {
	t.Helper()
	w := newWorld(t)
	dir, err := os.MkdirTemp("", "assent") // a socket's path has room for some hundred bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w.env["ADMIN"] = filepath.Join(dir, "admin.sock")
	addr := "127.0.0.1:" + freePort(t)
	w.env["PROXY"] = "http://assent:a-token@" + addr
	w.write("intent/network.yaml", sharedIntent)
	w.behind(c, fmt.Sprintf("listen: %s\nadmin: %s\nmode: enforce\nintent: intent\ntokens:\n  deploy-agent: sha256:%x\nstore:\n  url: %q\n  max_age: 5s\n%s",
		addr, w.env["ADMIN"], sha256.Sum256([]byte("a-token")), database, more))
	return startService(t, w, nil)
}

// boto is one Python with a boto3 client of EC2 behind each of some proxies.
type boto struct {
	t   *testing.T
	in  *json.Encoder
	out *bufio.Scanner
}

func startBoto(t *testing.T, all ...*service) *boto {
	t.Helper()
	var behind [][2]string
	for _, d := range all {
		behind = append(behind, [2]string{d.env["PROXY"], filepath.Join(d.home, "state", "assent", "ca", "ca.pem")})
	}
	proxies, err := json.Marshal(behind)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "python3"), "-c", `
import sys, json, io, contextlib, boto3, botocore
all = [boto3.client("ec2", region_name="us-east-1", verify=ca, config=botocore.config.Config(proxies={"https": proxy}, read_timeout=120, retries={"total_max_attempts": 1}))
       for proxy, ca in json.loads(sys.argv[1])]
for line in sys.stdin:
    n, code = json.loads(line)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            exec(code, {"ec2": all[n]})
        except botocore.exceptions.ClientError as e:
            print(e.response["Error"]["Code"], e.response["Error"]["Message"])
    print(json.dumps(said.getvalue().strip()), flush=True)
`, string(proxies))
	cmd.Env, cmd.Stderr = all[0].environ(), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &boto{t, json.NewEncoder(in), bufio.NewScanner(out)}
}

// at runs lines with the client behind the n-th proxy, and returns what they print,
// or the error of the cloud.
func (b *boto) at(n int, lines string) (said string) {
	b.t.Helper()
	if err := b.in.Encode([]any{n, lines}); err != nil {
		b.t.Fatal(err)
	}
	if !b.out.Scan() || json.Unmarshal(b.out.Bytes(), &said) != nil {
		b.t.Fatalf("python has ended: %q %v", b.out.Text(), b.out.Err())
	}
	return said
}

// sharedModel is what the daemon's own door says of its model.
type sharedModel struct {
	Seq    int64   `json:"seq"`
	Head   int64   `json:"head"`
	Age    float64 `json:"age_seconds"`
	Why    string  `json:"why"`
	Wait   int     `json:"waiting"`
	Reload int     `json:"reloads"`
}

func (d *service) shared() (m sharedModel) {
	d.t.Helper()
	status, body := d.admin("/model")
	if status != 200 || json.Unmarshal([]byte(body), &m) != nil {
		d.t.Fatalf("%d %s", status, body)
	}
	return m
}

// away is how long the database is away at least; ASSENT_PG_AWAY=60s is the whole exam.
func away(t *testing.T) time.Duration {
	text := os.Getenv("ASSENT_PG_AWAY")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Three proxies on three machines share one model: what one learns, the others judge
// by. When its database is away, decisions go on with the model's age shown, and what
// destroys stops at the stated age; it ends by itself when the database is back.
func TestThreeProxiesShareOneModel(t *testing.T) {
	pg, c := pgtest.Start(t), startCloud(t, -1)
	database := pg.Database(t)
	var all []*service
	for range 3 {
		all = append(all, newShared(t, c, database, ""))
	}
	a, b, d := all[0], all[1], all[2]
	ec2 := startBoto(t, all...)
	ids := strings.Fields(ec2.at(0, `vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
one, two = [ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.%d.0/24" % i)["Subnet"]["SubnetId"] for i in (1, 2)]
print(vpc, one, two)`))
	if len(ids) != 3 {
		t.Fatalf("%q", ids)
	}
	vpc, one, two := ids[0], ids[1], ids[2]
	level := func() {
		waitFor(t, "everybody knows everything", func() bool {
			m := a.shared()
			return m.Wait+b.shared().Wait+d.shared().Wait == 0 && m.Seq > 0 && b.shared().Seq == m.Seq && d.shared().Seq == m.Seq
		})
	}
	level()
	for _, other := range []int{1, 2} { // who never saw a call about it
		contains(t, "the refusal", ec2.at(other, `ec2.delete_vpc(VpcId="`+vpc+`")`), "AssentDenied", "2 resources depend on it", one)
	}
	if got := ec2.at(1, `ec2.delete_subnet(SubnetId="`+one+`")`); got != "" {
		t.Errorf("nothing depends on it: %s", got)
	}
	level()
	contains(t, "the refusal", ec2.at(2, `ec2.delete_vpc(VpcId="`+vpc+`")`), "1 resource depends on it", two)
	contains(t, "the doctor", a.assent("doctor").out, "answers: event", "the daemon here knows everything")

	pg.Down(t)
	down, before := time.Now(), len(d.decisions())
	label := `ec2.create_tags(Resources=["` + vpc + `"], Tags=[{"Key": "seen", "Value": "%d"}])`
	stopped := false
	for age := 0; !stopped || time.Since(down) < away(t); age++ {
		waitFor(t, "it grows older", func() bool { return d.shared().Age >= float64(age) })
		if got := ec2.at(2, fmt.Sprintf(label, age)); got != "" {
			t.Fatalf("decisions go on, also at the age of %d s: %s", age, got)
		}
		spare := ec2.at(2, fmt.Sprintf(`print(ec2.create_subnet(VpcId="%s", CidrBlock="10.0.%d.0/24")["Subnet"]["SubnetId"])`, vpc, 10+age))
		got := ec2.at(2, `ec2.delete_subnet(SubnetId="`+spare+`")`)
		switch {
		case strings.Contains(got, "AS5003"):
			contains(t, "the refusal", got, "AssentDenied", "has not been heard from for")
			stopped, two = true, two+" "+spare
		case got != "" || stopped || age >= 5:
			t.Fatalf("at the age of %d s a deletion is answered %q", age, got)
		}
	}
	shown, deleted, refused := 0, 0, 0
	for _, one := range d.decisions()[before:] {
		old := one.finding("AS5003")
		switch {
		case old != "":
			refused++
			since, err := time.Parse(time.RFC3339, old[strings.LastIndex(old, "since ")+len("since "):])
			if err != nil || one.At.Sub(since) < 5*time.Second {
				t.Errorf("refused before the stated age: %s, %v: %s", one.At, err, old)
			}
		case one.name() == "ec2:DeleteSubnet":
			deleted++
		}
		if old != "" || one.finding("AS5004") != "" {
			shown++
		} else if shown > 0 {
			t.Errorf("%s does not show the model's age", one.ID)
		}
	}
	if refused == 0 || shown <= refused {
		t.Errorf("%d decisions show the model's age, %d are refused for it", shown, refused)
	}
	t.Logf("away for %s: %d decisions, %d of them show the model's age; of %d deletions the %d past 5 s are refused",
		time.Since(down).Round(time.Second), len(d.decisions())-before, shown, deleted+refused, refused)
	_, metrics := d.admin("/metrics")
	contains(t, "metrics", metrics, "assent_model_age_seconds", "assent_model_max_age_seconds 5")
	contains(t, "the doctor", d.assent("doctor").out, "has not heard from it for", "5s old")
	if status, body := d.admin("/readyz"); status != 200 {
		t.Errorf("%d %s", status, body)
	}

	pg.Up(t)
	waitFor(t, "it is heard again", func() bool { m := d.shared(); return m.Age < 3 && m.Why == "" })
	for _, id := range strings.Fields(two) {
		if got := ec2.at(2, `ec2.delete_subnet(SubnetId="`+id+`")`); got != "" {
			t.Errorf("it is back: %s", got)
		}
	}
	level()
	if got := ec2.at(0, `ec2.delete_vpc(VpcId="`+vpc+`")`); got != "" {
		t.Errorf("nothing depends on it any more: %s", got)
	}
	for _, one := range all {
		if m := one.shared(); m.Reload != 0 {
			t.Errorf("the place in the log was lost: %+v", m)
		}
		said := one.out.String() + one.errOut.String() + one.must(binary, "config").out + one.must(binary, "config", "--json").out
		if strings.Contains(said, pgtest.Password) {
			t.Error("the password is shown")
		}
	}

	// What all have decided is asked at one, and is what was signed.
	decided := len(a.decisions()) + len(b.decisions()) + len(d.decisions())
	waitFor(t, "the copies of the ledgers", func() bool {
		return strings.Count(a.must(binary, "evidence", "query", "--fleet", "--json").out, "\n") == decided
	})
	denied := a.must(binary, "evidence", "query", "--fleet", "--verdict", "deny", "--resource", "*"+vpc).out
	if strings.Count(denied, "\n") != 3 {
		t.Errorf("three were refused, by two: %s", denied)
	}
	fleet := a.must(binary, "evidence", "fleet", "--check").out
	if strings.Count(fleet, " as signed\n") != 3 || strings.Count(fleet, "there ") != 3 {
		t.Errorf("the fleet: %s", fleet)
	}
	if out, err := pg.PSQL("UPDATE assent_entry SET envelope = 'x' WHERE idx = 2", database); err != nil {
		t.Fatal(err, out)
	}
	if r := b.assent("evidence", "fleet", "--check", "--json"); r.code != 1 || strings.Count(r.out, `"problem"`) != 3 {
		t.Errorf("copies that were changed: %v", r)
	}
}

// Of two proxies one reads the account; when it ends, the other does.
func TestOneOfManyCollects(t *testing.T) {
	pg, c := pgtest.Start(t), startCloud(t, -1)
	database := pg.Database(t)
	const reads = "collect:\n  aws:\n    - {regions: [us-east-1]}\n"
	a, b := newShared(t, c, database, reads), newShared(t, c, database, reads)
	collects := func(d *service) bool { return strings.Contains(d.out.String(), `"collected"`) }
	waitFor(t, "somebody reads", func() bool { return collects(a) || collects(b) })
	if collects(b) {
		a, b = b, a
	}
	a.t, b.t = t, t
	holder := func() string {
		out, err := pg.PSQL("SELECT holder || ' ' || fence FROM assent_lease WHERE name LIKE 'collect/%' AND until > clock_timestamp()", database)
		if err != nil {
			t.Fatal(err, out)
		}
		return out
	}
	first := holder()
	r := b.assent("collect")
	if r.code == 0 || !strings.Contains(r.errOut, "another proxy") {
		t.Errorf("it is read by another: %v", r)
	}
	if collects(b) && holder() == first {
		t.Error("both read")
	}
	a.signal(syscall.SIGTERM)
	a.wait()
	waitFor(t, "the other reads", func() bool { return collects(b) })
	if now := holder(); now == first || now == "" {
		t.Errorf("%q after %q", now, first)
	}
}
