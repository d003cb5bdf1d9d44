package rego

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// nothing is a model in which nothing exists.
type nothing struct{}

func (nothing) Version() model.Version                    { return model.Version{} }
func (nothing) Resource(model.URN) (model.Resource, bool) { return model.Resource{}, false }
func (nothing) Resolve(string) (model.URN, bool)          { return "", false }
func (nothing) Dependents([]model.URN, int) model.Reach   { return model.Reach{Complete: true} }
func (nothing) Dependencies(model.URN) []model.Relation   { return nil }
func (nothing) Each(func(model.Resource) bool)            {}

func doc(body string, tests ...intent.RuleTest) *intent.Rule {
	if tests == nil {
		tests = []intent.RuleTest{}
	}
	return &intent.Rule{Pos: intent.Pos{File: "r.yaml", Line: 1}, Name: "r", Owner: "sec", Rego: intent.Text{Line: 10, Body: body}, Tests: tests}
}

func compiled(t testing.TB, body string, tests ...intent.RuleTest) (*Rules, error) {
	t.Helper()
	return Compile(&intent.Set{Rules: []*intent.Rule{doc(body, tests...)},
		Environments: []*intent.Environment{{Name: "prod", Tier: "production", Criticality: "critical"}}})
}

func must(t testing.TB, body string, tests ...intent.RuleTest) *Rules {
	t.Helper()
	rs, err := compiled(t, body, tests...)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// refused compiles a body that MUST NOT load, and returns the first problem.
func refused(t *testing.T, body, says string) intent.Problem {
	t.Helper()
	_, err := compiled(t, body)
	var list *intent.Error
	if !errors.As(err, &list) || len(list.Problems) == 0 {
		t.Fatalf("it loaded: %s (%v)", body, err)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("%s\nsays %s\nwant %q", body, err, says)
	}
	return list.Problems[0]
}

func open(params string) policy.Decision {
	return policy.Decision{ID: "dec_1", At: time.Unix(1_700_000_000, 0).UTC(), Verdict: policy.Allow, Grant: "x/y", Environments: []string{"prod"},
		Action: model.Action{Actor: model.Actor{ID: "bot", Kind: model.Agent}, Platform: "aws", Service: "ec2", Operation: "AuthorizeSecurityGroupIngress",
			Verb: model.Grant, Capability: "network.firewall", Fidelity: model.Exact, Params: json.RawMessage(params),
			Targets: []model.Target{{URN: "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1", Type: "ec2:security-group", Role: "target"}}}}
}

const world = `deny contains {"code": "world", "msg": msg} if {
	some p in input.action.params.IpPermissions
	some r in p.IpRanges
	r.CidrIp == "0.0.0.0/0"
	msg := sprintf("opens port %v", [p.FromPort])
}`

func TestARuleDenies(t *testing.T) {
	rs := must(t, world)
	d := open(`{"IpPermissions":[{"FromPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}`)
	if err := rs.Judge(context.Background(), &d, nothing{}); err != nil {
		t.Fatal(err)
	}
	if d.Verdict != policy.Deny || d.Grant != "" || len(d.Findings) != 1 || d.Findings[0].Why != "opens port 22 (world)" || d.Findings[0].Code != CodeRule {
		t.Errorf("%+v", d)
	}
	d = open(`{"IpPermissions":[{"FromPort":22,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]}`)
	if err := rs.Judge(context.Background(), &d, nothing{}); err != nil || d.Verdict != policy.Allow || len(d.Findings) != 0 {
		t.Errorf("%+v %v", d, err)
	}
}

func TestARuleNeverAllows(t *testing.T) {
	d := open(`{}`)
	d.Verdict = policy.Deny
	if err := must(t, world).Judge(context.Background(), &d, nothing{}); err != nil || d.Verdict != policy.Deny {
		t.Errorf("%s %v", d.Verdict, err)
	}
}

func TestPartsAreShownToRules(t *testing.T) {
	d := open(`{}`)
	part := open(`{"IpPermissions":[{"FromPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}`).Action
	d.Action.Parts = []model.Action{part}
	if err := must(t, world).Judge(context.Background(), &d, nothing{}); err != nil || d.Verdict != policy.Deny {
		t.Errorf("%s %v", d.Verdict, err)
	}
}

// A builtin that errs on what it is given is a fault, and not "undefined, so
// nothing is denied".
func TestTrapBuiltinErrorIsAFault(t *testing.T) {
	rs := must(t, `deny contains "x" if net.cidr_contains("10.0.0.0/8", input.action.params.cidr)`)
	d := open(`{"cidr":"garbage"}`)
	if err := rs.Judge(context.Background(), &d, nothing{}); err == nil || !strings.Contains(err.Error(), "rule r") {
		t.Errorf("no fault: %v", err)
	}
}

func TestTrapMisspeltInputIsRefused(t *testing.T) {
	p := refused(t, "deny contains \"x\" if {\n\tinput.action.verbb == \"delete\"\n}", "did you mean verb?")
	if p.File != "r.yaml" || p.Line != 11 || p.Code != intent.CodeRule {
		t.Errorf("%+v", p)
	}
	refused(t, `deny contains "x" if input.actions.verb == "delete"`, "did you mean action?")
	refused(t, `deny contains "x" if input.action.verb.name == "delete"`, "has no name")
	refused(t, `deny contains "x" if input.action.targets.urn == "x"`, "is a list")
	refused(t, `deny contains "x" if { some k; input.action[k] == "x" }`, "needs a name")
	refused(t, `deny contains "x" if { a := input.action; a.verbb == "delete" }`, "")
	refused(t, `deny contains "x" if { some t in input.action.targets; t.arn == "x" }`, "")
	refused(t, `deny contains "x" if walk(input, [_, "x"])`, "as a whole")
	refused(t, `deny contains "x" if data.foo == 1`, "data")
}

// not f(undefined) denies: rego.v2 is forced into every rule.
func TestTrapNotOverUndefinedDenies(t *testing.T) {
	rs := must(t, `deny contains "no approved prefix" if not startswith(input.action.params.name, "ok-")`)
	d := open(`{}`)
	if err := rs.Judge(context.Background(), &d, nothing{}); err != nil || d.Verdict != policy.Deny {
		t.Errorf("%s %v", d.Verdict, err)
	}
}

// The rule index of OPA 1.22.0 dropped this one.
func TestTrapRuleIndexKeepsEveryRule(t *testing.T) {
	rs := must(t, `deny contains "protected" if input.action.region in {"prod-root", input.action.params.protected}`)
	d := open(`{"protected":"eu"}`)
	d.Action.Region = "eu"
	in, err := (&facts{action: d.Action, whole: &d, model: nothing{}}).build(rs.list[0].reads)
	if err != nil {
		t.Fatal(err)
	}
	for _, indexed := range []bool{true, false} {
		if got, err := rs.list[0].run(context.Background(), in, d.At, indexed); err != nil || len(got) != 1 {
			t.Errorf("index %v: %v %v", indexed, got, err)
		}
	}
}

func TestTrapNothingOutsideIsReachable(t *testing.T) {
	for _, call := range []string{
		`http.send({"method": "get", "url": "http://x"}).status_code == 200`, `opa.runtime().env.HOME == "x"`,
		`net.lookup_ip_addr("x")[_] == "y"`, `rand.intn("x", 3) == 1`, `uuid.rfc4122("x") == "y"`, `trace("x")`,
		`rego.parse_module("a", "b").x == 1`, `count(numbers.range(1, 20000000)) > 1`, `bits.lsh(1, 1000000000) > 1`,
		`count(net.cidr_expand("0.0.0.0/0")) > 1`,
	} {
		refused(t, `deny contains "x" if `+call, "undefined function")
	}
}

func TestTrapStrictMode(t *testing.T) {
	refused(t, `deny contains "x" if { y := 1; input.action.verb == "delete" }`, "unused")
	refused(t, `deny contains "x" if { input := 1; input == 1 }`, "")
	refused(t, `deny contains "x" { input.action.verb == "delete" }`, "")
}

func TestTimeIsTheDecisions(t *testing.T) {
	rs := must(t, `deny contains sprintf("%v", [time.now_ns()]) if input.action.verb == "grant"`)
	d := open(`{}`)
	if err := rs.Judge(context.Background(), &d, nothing{}); err != nil || d.Findings[0].Why != "1700000000000000000 (r)" && d.Findings[0].Why != "1700000000000000000" {
		t.Errorf("%+v %v", d.Findings, err)
	}
}

func TestOnlyADenySetIsARule(t *testing.T) {
	for body, says := range map[string]string{
		`allow if true`:                "it defines allow",
		`deny if true`:                 "not a set",
		`deny := true`:                 "not a set",
		`deny := {"x"}`:                "not a set",
		`deny[x] := 1 if { x := "a" }`: "",
		`default deny := false`:        "",
		`deny(x) := x`:                 "function",
		`deny contains 1`:              "an element of deny would be a number",
		`deny contains true if input.action.verb == "x"`:                 "boolean",
		"package other\ndeny contains \"x\"":                             "",
		"import data.x\ndeny contains \"x\" if x":                        "",
		"deny contains \"x\"\nhelper if true":                            "it defines helper",
		`deny contains "x" if input.action.verb == "x" with input as {}`: "with is not allowed",
		`# nothing`: "defines no deny",
	} {
		refused(t, body, says)
	}
}

func TestAnswersOfTheWrongTypeAreFaults(t *testing.T) {
	rs := must(t, `deny contains x if x := input.action.params.x`)
	for params, fault := range map[string]bool{`{"x":"why"}`: false, `{"x":{"code":"c"}}`: false, `{"x":1}`: true, `{"x":{"msg":"no code"}}`: true, `{"x":[]}`: true} {
		d := open(params)
		if err := rs.Judge(context.Background(), &d, nothing{}); (err != nil) != fault {
			t.Errorf("%s: %v", params, err)
		} else if !fault && d.Verdict != policy.Deny {
			t.Errorf("%s: %s", params, d.Verdict)
		}
	}
}

func TestAnEndlessRuleIsAFault(t *testing.T) {
	rs := must(t, `deny contains "x" if {
		some a in input.action.params.n
		some b in input.action.params.n
		some c in input.action.params.n
		some d in input.action.params.n
		a + b + c + d == 0-1
	}`)
	n := "1" + strings.Repeat(",1", 300)
	d := open(`{"n":[` + n + `]}`)
	began := time.Now()
	err := rs.Judge(context.Background(), &d, nothing{})
	if err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("no fault: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestARuleMustPassItsOwnTests(t *testing.T) {
	in := map[string]any{"action": map[string]any{"params": map[string]any{"IpPermissions": []any{map[string]any{"FromPort": json.Number("22"), "IpRanges": []any{map[string]any{"CidrIp": "0.0.0.0/0"}}}}}}}
	must(t, world, intent.RuleTest{Name: "world", Input: in, Deny: []string{"world"}})
	if _, err := compiled(t, world, intent.RuleTest{Name: "world", Input: in, Deny: []string{}}); err == nil || !strings.Contains(err.Error(), `denies ["world"]`) {
		t.Errorf("%v", err)
	}
	typo := map[string]any{"action": map[string]any{"parms": 1}}
	if _, err := compiled(t, world, intent.RuleTest{Name: "typo", Input: typo, Deny: []string{}}); err == nil || !strings.Contains(err.Error(), "did you mean params?") {
		t.Errorf("%v", err)
	}
}

func TestARuleMayBeAboutWhatIsNotKnown(t *testing.T) {
	r := &rule{Rule: &intent.Rule{For: intent.For{Capability: intent.Words{"database.*"}, Verbs: intent.Verbs{model.Delete}}}}
	for want, a := range map[bool]model.Action{
		true:  {Verb: model.Unknown},
		false: {Verb: model.Delete, Capability: "compute.instance", Fidelity: model.Exact},
	} {
		if r.about(a) != want {
			t.Errorf("%+v", a)
		}
	}
}

func BenchmarkRule(b *testing.B) {
	rs := must(b, world)
	d := open(`{"IpPermissions":[{"FromPort":22,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := rs.Judge(context.Background(), &d, nothing{}); err != nil {
			b.Fatal(err)
		}
	}
}

// Whatever a rule's text is, it loads or is refused with a problem; what loads
// defines nothing but deny.
func FuzzRule(f *testing.F) {
	f.Add(world)
	f.Add("allow if true")
	f.Add("deny contains x if { some x in input.action.unknown }")
	f.Add("deny[msg] { msg := data.x }")
	f.Fuzz(func(t *testing.T, body string) {
		r, problems := compile(doc(body))
		if (r == nil) == (len(problems) == 0) {
			t.Fatalf("neither loaded nor refused: %q", body)
		}
		if r != nil && !strings.Contains(body, "deny") {
			t.Fatalf("it loaded without a deny: %q", body)
		}
	})
}

// Unknown never helps: a parameter that only the platform understands is no way
// past a rule that reads the parameters.
func TestARuleIsNotPassedByWhatItCannotSee(t *testing.T) {
	partial := func(unknown ...string) policy.Decision {
		d := open(`{"GroupId":"sg-1","IpPermissions.01.IpRanges.1.CidrIp":"0.0.0.0/0"}`)
		d.Action.Fidelity, d.Action.Unknown = model.Partial, unknown
		return d
	}
	judged := func(rs *Rules, d policy.Decision) policy.Decision {
		t.Helper()
		if err := rs.Judge(context.Background(), &d, nothing{}); err != nil {
			t.Fatal(err)
		}
		return d
	}
	rs := must(t, world)
	d := judged(rs, partial("IpPermissions.01.IpRanges.1.CidrIp"))
	if d.Verdict != policy.Deny || len(d.Findings) != 1 || !strings.Contains(d.Findings[0].Why, "IpPermissions.01") {
		t.Errorf("%v %+v", d.Verdict, d.Findings)
	}
	if d := judged(rs, partial("stdin")); d.Verdict != policy.Allow {
		t.Errorf("a connection's input is no parameter: %+v", d.Findings)
	}
	if d := judged(must(t, `deny contains "x" if input.actor.kind == "human"`), partial("A")); d.Verdict != policy.Allow {
		t.Errorf("a rule that reads no parameters: %+v", d.Findings)
	}
	own := `deny contains "x" if { input.action.params.A == 1; count(input.action.unknown) == 0 }`
	if d := judged(must(t, own), partial("A")); d.Verdict != policy.Allow {
		t.Errorf("a rule that looks at what is unknown itself: %+v", d.Findings)
	}
}

// TestNothingStandsAfterAnInput: parameters that are more than one JSON value are an
// error to a rule that reads them, and not their first half.
func TestNothingStandsAfterAnInput(t *testing.T) {
	for text, ok := range map[string]bool{`{"n":1}`: true, "{\"n\":1}\n ": true, `{"n":1}}`: false, `{"n":1} {"n":9}`: false, `{"n":1`: false, "nul": false} {
		if _, err := oneJSON([]byte(text)); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
