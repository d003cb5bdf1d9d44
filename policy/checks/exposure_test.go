package checks_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/rego"
)

// awsAction is what a call of a query protocol would do, by the bot.
func awsAction(t *testing.T, service, body string) model.Action {
	t.Helper()
	d, err := aws.New()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("https://" + service + ".us-east-1.amazonaws.com/")
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.Decode(context.Background(), decoders.Call{Method: "POST", Scheme: "https", Host: u.Host, URL: u, Body: []byte(body), Header: http.Header{
		"Content-Type":  {"application/x-www-form-urlencoded; charset=utf-8"},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIARZPUZDIKABSGK3LP/20260101/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=0"}}})
	if err != nil {
		t.Fatal(err)
	}
	a.Actor = model.Actor{ID: "bot", Kind: model.Agent, Authn: "run-token"}
	return a
}

// What becomes reachable, and by whom, is part of the decision: it is said, limited,
// recorded, and comes out the same when the decision is made again (law 5).
func TestTheDecisionSaysWhatBecomesReachableByWhom(t *testing.T) {
	s := estateModel(t)
	id := func(kind, attribute, value string) string { return idOf(t, s, kind, attribute, value) }
	web, lb := id("ec2:security-group", "GroupName", "web"), id("ec2:security-group", "GroupName", "lb")
	open := func(group, from string) string {
		return "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=" + group + "&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&" + from
	}
	targetGroup := string(func() (urn model.URN) {
		s.Each(func(r model.Resource) bool {
			if r.Type == "elasticloadbalancing:targetgroup" && strings.Contains(string(r.URN), "/shop/") {
				urn = r.URN
			}
			return urn == ""
		})
		return urn
	}())
	if targetGroup == "" {
		t.Fatal("the estate has no target group shop")
	}
	for name, c := range map[string]struct {
		service, body, limits string
		verdict               policy.Verdict
		code                  string
		public                bool
		opened                int
		says                  []string
	}{
		"the internet": {"ec2", open(web, "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"), "", policy.Allow, checks.CodeExposes, true, 12,
			[]string{"the internet (0.0.0.0/0) on port 22 can reach 12 resources, and from there", "(ec2:instance)", "owners: shop"}},
		"a range of ours": {"ec2", open(web, "IpPermissions.1.IpRanges.1.CidrIp=10.1.0.0/16"), "", policy.Allow, checks.CodeExposes, false, 12, []string{"10.1.0.0/16 on port 22 can reach 12 resources"}},
		"a group":         {"ec2", open(web, "IpPermissions.1.Groups.1.GroupId="+lb), "", policy.Allow, checks.CodeExposes, false, 12, []string{lb}},
		"more than is allowed": {"ec2", open(web, "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"), ", limits: {exposed: 3}", policy.Deny, checks.CodeExposed, true, 12,
			[]string{"the internet (0.0.0.0/0) on port 22", "open/all allows 3"}},
		"as many as are allowed": {"ec2", open(web, "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"), ", limits: {exposed: 12}", policy.Allow, checks.CodeExposes, true, 12, nil},
		"a group that was never read": {"ec2", open("sg-0123456789abcdef0", "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"), ", limits: {exposed: 100}", policy.Deny, checks.CodeExposed, true, 0,
			[]string{"can reach what is not known"}},
		"a load balancer's group": {"ec2", open(lb, "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"), "", policy.Allow, checks.CodeExposes, true, 5, []string{"(elasticloadbalancing:loadbalancer/app/)", "(elasticloadbalancing:targetgroup)"}},
		"a new target":            {"elasticloadbalancing", "Action=RegisterTargets&Version=2015-12-01&TargetGroupArn=" + targetGroup + "&Targets.member.1.Id=" + id("ec2:instance", "", ""), ", limits: {exposed: 0}", policy.Deny, checks.CodeExposed, false, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := intent.Parse("intent.yaml", []byte(strings.Replace(inUse, "{id: idle, who: bot, may: [delete], in: prod, limits: {dependents: 0}}", "{id: idle, who: bot, may: [delete], in: prod}", 1)+`---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: open, owner: shop}
spec:
  purpose: open doors
  allow:
    - {id: all, who: bot, may: [grant, update, attach, create], in: prod`+c.limits+`}
`))
			if err != nil {
				t.Fatal(err)
			}
			e, err := decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{decide.Using(checks.Compile), decide.Using(rego.Compile)}})
			if err != nil {
				t.Fatal(err)
			}
			a := awsAction(t, c.service, c.body)
			at := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
			d := e.Decide(context.Background(), a, s, policy.Enforce, at, "dec_x")
			if d.Verdict != c.verdict || d.Exposure == nil {
				t.Fatalf("%s, %+v, %+v", d.Verdict, d.Findings, d.Exposure)
			}
			why := ""
			for _, f := range d.Findings {
				if f.Code == c.code {
					why = f.Why
				}
			}
			if d.Exposure.Opened != c.opened || d.Exposure.Public != c.public || why == "" && len(d.Exposure.By) > 0 {
				t.Errorf("%+v, %+v", d.Exposure, d.Findings)
			}
			for _, word := range c.says {
				if !strings.Contains(why, word) {
					t.Errorf("it does not say %q: %s", word, why)
				}
			}
			again := e.Decide(context.Background(), a, radius.Recall(recorded(t, d)), policy.Enforce, at, "dec_x")
			x, err1 := ledger.DecisionStatement(d)
			y, err2 := ledger.DecisionStatement(again)
			if err1 != nil || err2 != nil || string(x) != string(y) {
				t.Errorf("made again it differs: %v %v\n%s\n%s", err1, err2, x, y)
			}
			read, err := ledger.ParseDecision(x)
			if err != nil || read.Exposure == nil || read.Exposure.Opened != c.opened || read.Exposure.Public != c.public {
				t.Errorf("the ledger has %+v, %v", read.Exposure, err)
			}
		})
	}
}

// recorded are the facts of a decision, as the ledger keeps them.
func recorded(t *testing.T, d policy.Decision) (f model.Facts) {
	t.Helper()
	data, err := json.Marshal(d.Facts.Facts())
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}
