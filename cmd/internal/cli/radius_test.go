package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/store"
)

const radiusIntent = `apiVersion: assent.dev/v1
kind: Environment
metadata: {name: prod}
spec: {tier: production, scope: [{aws: {accounts: ["111122223333"]}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: data}
spec: {accountable: "human:dan@shop.example", contact: {slack: "#data"}, owns: [{tag: {team: data}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: shop}
spec: {accountable: "human:carol@shop.example", owns: [{tag: {app: shop}}, {aws: {account: "111122223333"}}]}
`

const arnBase = "arn:aws:ec2:eu-west-1:111122223333:"

// modelApp is an App over a small model: a subnet with a database of two minds
// and an instance in it.
func modelApp(t *testing.T) (*App, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("assent.yaml", "intent: intent\nmodel: model.db\nledger: ledger\n")
	write("intent/all.yaml", radiusIntent)
	s, err := store.Open(filepath.Join(dir, "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	see := func(urn, kind, attrs string, tags map[string]string, aliases ...string) model.Observation {
		return model.Observation{Whole: true, Resource: model.Resource{URN: model.URN(urn), Platform: "aws", Type: kind, Account: "111122223333", Region: "eu-west-1",
			Attrs: json.RawMessage(attrs), Tags: tags, Aliases: aliases, SeenAt: time.Unix(1, 0)}}
	}
	err = s.Save(context.Background(), []model.Observation{
		see(arnBase+"subnet/subnet-01234567", "ec2:subnet", `{}`, nil, "subnet-01234567"),
		see(arnBase+"security-group/sg-01234567", "ec2:security-group", `{}`, nil, "sg-01234567"),
		see("arn:aws:rds:eu-west-1:111122223333:db:orders", "rds:db", `{"DBSubnetGroup":{"Subnets":[{"SubnetIdentifier":"subnet-01234567"}]}}`, map[string]string{"team": "data", "app": "shop"}),
		see(arnBase+"instance/i-01234567", "ec2:instance", `{"SubnetId":"subnet-01234567","PublicIpAddress":"1.2.3.4","SecurityGroups":[{"GroupId":"sg-01234567"}]}`, map[string]string{"team": "data"}, "i-01234567"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	return &App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errOut, Getenv: func(string) string { return "" }, Dir: dir, Home: dir,
		Now: func() time.Time { return time.Unix(100, 0) }, Rand: rand.New(rand.NewSource(1)), Version: "test"}, &out, &errOut
}

func TestRadius(t *testing.T) {
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"radius subnet-01234567 --delete", `destroy ` + arnBase + `subnet/subnet-01234567
  breaks       2 resources (2 at 1)
               2 in production, 1 met by users
  of           data: 1
  of           nobody who is declared: 1
  way          subnet-01234567 ← i-01234567 (in)
  way          subnet-01234567 ← db/orders (in)
  destroy      ` + arnBase + `instance/i-01234567
  destroy      arn:aws:rds:eu-west-1:111122223333:db:orders
`, 0},
		{"radius i-01234567 --effect restart", "restart " + arnBase + "instance/i-01234567\n  breaks       nothing that is known\n", 0},
		{"radius sg-01234567 --effect widen", "widen " + arnBase + "security-group/sg-01234567\n  breaks       nothing that is known\n  opened       " + arnBase + "instance/i-01234567\n", 0},
		{"radius subnet-0fedcba9 --delete", "destroy subnet-0fedcba9\n  breaks       nothing that is known\n  incomplete   subnet-0fedcba9 was never read\n", 0},
		{"radius subnet-01234567", "", 2}, {"radius", "", 2}, {"radius x --delete --plan y", "", 2}, {"radius x --effect vanish", "", 2}, {"radius --plan missing.json", "", 1},
	} {
		a, out, errOut := modelApp(t)
		if code := a.Execute(context.Background(), strings.Fields(c.args)); code != c.code || out.String() != c.want {
			t.Errorf("%s: exit %d\n%swant\n%s%s", c.args, code, out, c.want, errOut)
		}
	}
}

func TestRadiusOfAPlan(t *testing.T) {
	a, out, errOut := modelApp(t)
	a.Stdin = strings.NewReader(`{"format_version":"1.2","resource_changes":[
		{"address":"aws_subnet.a","mode":"managed","type":"aws_subnet","change":{"actions":["delete","create"],"before":{"id":"subnet-01234567"}}},
		{"address":"random_id.b","mode":"managed","type":"random_id","change":{"actions":["delete"],"before":{}}}]}`)
	if code := a.Execute(context.Background(), []string{"radius", "--plan", "-", "--json"}); code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	var got radiated
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Changes) != 1 || got.Changes[0].Effect.String() != "replace" || got.Summary.Affected != 2 || got.Summary.Complete || len(got.Skipped) != 1 || len(got.Affected) != 2 {
		t.Errorf("%s", out)
	}
}

// What `assent run --plan` refuses as stale is said to be so; of a file that is no plan
// nothing is said.
func TestRadiusSaysThatAPlanIsStale(t *testing.T) {
	plan := func(at string) string {
		return `{"format_version":"1.2","timestamp":"` + at + `","resource_changes":[
			{"address":"aws_subnet.a","mode":"managed","type":"aws_subnet","change":{"actions":["delete"],"before":{"id":"subnet-01234567"}}}]}`
	}
	const before, after = "1970-01-01T00:00:10Z", "1970-01-01T00:01:10Z"
	for _, c := range []struct{ asked, json, text string }{
		{plan(before), `"stale":[{"address":"aws_subnet.a","urn":"` + arnBase + `subnet/subnet-01234567","why":"it was changed by dec_9 at 1970-01-01T00:00:50Z (ec2:ModifySubnetAttribute)`, "  stale        aws_subnet.a"},
		{plan(after), `"stale":[]`, ""},
		{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\n", "", ""},
	} {
		for _, asJSON := range []bool{true, false} {
			a, out, errOut := modelApp(t)
			db, err := store.Open(filepath.Join(a.Dir, "model.db"))
			if err != nil {
				t.Fatal(err)
			}
			err = db.Executed(t.Context(), []model.Built{{URN: arnBase + "subnet/subnet-01234567", Type: "ec2:subnet", At: time.Unix(50, 0), Decision: "dec_9", Operation: "ec2:ModifySubnetAttribute"}}, nil)
			if err = errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			a.Stdin = strings.NewReader(c.asked)
			args, want := []string{"radius", "--plan", "-"}, c.text
			if asJSON {
				args, want = append(args, "--json"), c.json
			}
			if code := a.Execute(t.Context(), args); code != 0 || !strings.Contains(out.String(), want) || want == "" && strings.Contains(out.String(), "stale") {
				t.Errorf("%s\nexit %d\n%s%swant %q", c.asked, code, out, errOut, want)
			}
		}
	}
}

// A file may be a call, a decision, or manifests; what is none of these is said to be so.
func TestRadiusOfWhatAFileAsksFor(t *testing.T) {
	stop := `{"method":"POST","url":"https://ec2.eu-west-1.amazonaws.com/","headers":{"Content-Type":"application/x-www-form-urlencoded; charset=utf-8"},"body_b64":"` +
		base64.StdEncoding.EncodeToString([]byte("Action=DeleteSubnet&Version=2016-11-15&SubnetId=subnet-01234567")) + `"}`
	open := `{"decision":{"action":{"platform":"aws","service":"ec2","operation":"AuthorizeSecurityGroupIngress","verb":"grant","fidelity":"exact","targets":[{"urn":"arn:aws:ec2:eu-west-1:*:security-group/sg-01234567","type":"ec2:security-group","role":"target"}]}}}`
	manifests := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: new, namespace: shop}\n"
	for name, c := range map[string]struct {
		text              string
		changes, affected int
		effect, opened    string
		skipped           int
		code              int
		says              string
	}{
		"a call":             {stop, 1, 2, "destroy", "", 0, 0, ""},
		"a decision":         {open, 1, 0, "widen", arnBase + "instance/i-01234567", 0, 0, ""},
		"manifests":          {manifests, 1, 0, "config", "", 1, 0, ""},
		"nothing":            {"", 0, 0, "", "", 0, 1, "it is empty"},
		"no object":          {"kind: ConfigMap", 0, 0, "", "", 0, 1, "line 1: it has no apiVersion"},
		"another JSON":       {`{"a":1}`, 0, 0, "", "", 0, 1, "manifests of Kubernetes"},
		"a call of nobody's": {`{"method":"GET","url":"ftp://x"}`, 0, 0, "", "", 0, 1, "want https://HOST"},
		"a plan without any": {`{"format_version":""}`, 0, 0, "", "", 0, 1, "terraform show -json"},
		"not YAML either":    {"a: [", 0, 0, "", "", 0, 1, "it is one of"},
	} {
		t.Run(name, func(t *testing.T) {
			a, out, errOut := modelApp(t)
			db, err := store.Open(filepath.Join(a.Dir, "model.db"))
			if err != nil {
				t.Fatal(err)
			}
			err = db.Save(t.Context(), []model.Observation{{Whole: true, Resource: model.Resource{URN: "k8s://c/core/ConfigMap/shop/settings",
				Platform: "kubernetes", Type: "core/ConfigMap", Name: "settings", Account: "c", Region: "shop", SeenAt: time.Unix(1, 0)}}})
			if err = errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			a.Stdin = strings.NewReader(c.text)
			if code := a.Execute(context.Background(), []string{"radius", "--plan", "-", "--json"}); code != c.code || !strings.Contains(errOut.String(), c.says) {
				t.Fatalf("exit %d: %s", code, errOut)
			}
			if c.code != 0 {
				return
			}
			var got radiated
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			opened := ""
			for _, h := range got.Exposure.Opened {
				opened += string(h.URN)
			}
			if len(got.Changes) != c.changes || got.Changes[0].Effect.String() != c.effect || got.Summary.Affected != c.affected || opened != c.opened || len(got.Skipped) != c.skipped {
				t.Errorf("%s", out)
			}
		})
	}
}
