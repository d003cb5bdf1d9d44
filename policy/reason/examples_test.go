package reason_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/reason"
	"github.com/assent-iom/assent/policy/rego"
)

// around is a set of documents with a line for each field that an example may be
// about. An agent deletes a machine of theirs.
const around = `apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop-prod}
spec:
  tier: production
  scope: [{aws: {accounts: ["111122223333"], regions: [eu-west-1]}}]
  unknownActions: deny
  caps: {}
  freezes: []
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec:
  accountable: human:ana@shop.example
  owns: [{aws: {account: "111122223333"}}]
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: deploy-bot}
spec: {kind: agent, identify: [{run: deploy-bot}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: incident}
spec: {kind: human, person: "human:ana@shop.example", identify: [{run: incident}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: work, owner: platform}
spec:
  purpose: The examples of the help pages.
  allow:
    - id: machines
      who: ["*"]
      may: [create, delete]
      what: {capability: [compute.instance]}
      in: [shop-prod]
      limits: {}
      approvals: []
  never: []
`

// example is one line of a page that is about a document, and the documents with it.
type example struct {
	code, line string
	wrong      bool
	text       string
}

var field = regexp.MustCompile(`^(?:spec: \{)?([a-zA-Z]+):`)

// examples are those lines of the pages that can be put into the documents.
func examples(t *testing.T) (all []example) {
	t.Helper()
	for _, p := range reason.Pages() {
		wrong := false
		for _, line := range strings.Split(p.Text, "\n") {
			switch {
			case line == "Wrong:":
				wrong = true
			case line == "Right:":
				wrong = false
			case strings.HasPrefix(line, "    "):
				if text, ok := within(strings.TrimSpace(line)); ok {
					all = append(all, example{p.Code, strings.TrimSpace(line), wrong, text})
				}
			}
		}
	}
	return all
}

// within puts a line in the place of the one that has its field.
func within(line string) (string, bool) {
	m := field.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	switch m[1] {
	case "regions":
		return strings.Replace(around, "regions: [eu-west-1]", line, 1), true
	case "accountable", "members": // the whole spec of an Owner
		head, tail, _ := strings.Cut(around, "spec:\n  accountable: human:ana@shop.example\n  owns: [{aws: {account: \"111122223333\"}}]\n")
		return head + line + "\n" + tail, true
	case "unknownActions":
		line, _, _ = strings.Cut(strings.TrimPrefix(line, "spec: {"), "}")
	}
	lines := strings.Split(around, "\n")
	i := slices.IndexFunc(lines, func(l string) bool {
		return strings.HasPrefix(strings.TrimSpace(l), m[1]+":") && !strings.HasPrefix(l, m[1])
	})
	if i < 0 {
		return "", false
	}
	indent := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " "))]
	lines[i] = indent + line
	return strings.Join(lines, "\n"), true
}

func load(text string) (*intent.Set, []string) {
	set, err := intent.Load(fstest.MapFS{"shop.yaml": &fstest.MapFile{Data: []byte(text)}})
	var problems *intent.Error
	var codes []string
	if errors.As(err, &problems) {
		for _, p := range problems.Problems {
			codes = append(codes, p.Code)
		}
	} else if err != nil {
		codes = []string{err.Error()}
	}
	return set, codes
}

// Every line of a page that is about a document reads as its page says: what is wrong
// about documents has that very code, and all else can be pasted.
func TestTheExamplesOfThePagesReadAsTheySay(t *testing.T) {
	if _, codes := load(around); codes != nil {
		t.Fatal(codes)
	}
	about := 0
	for _, x := range examples(t) {
		about++
		_, codes := load(x.text)
		if documents := strings.HasPrefix(x.code, "AS6"); x.wrong && documents {
			if !slices.Contains(codes, x.code) {
				t.Errorf("%s, wrong: %s: it has %v", x.code, x.line, codes)
			}
		} else if codes != nil {
			t.Errorf("%s: %s: it cannot be pasted: %v", x.code, x.line, codes)
		}
	}
	if about < 20 {
		t.Errorf("only %d examples were read", about)
	}
}

// What a page calls wrong is refused, or remarked, with its code; what it calls right
// is not.
func TestTheExamplesOfThePagesAreJudgedAsTheySay(t *testing.T) {
	const machine = model.URN("arn:aws:ec2:eu-west-1:111122223333:instance/i-1")
	judged := map[string]bool{}
	for _, x := range examples(t) {
		a := model.Action{Actor: model.Actor{ID: "deploy-bot", Authn: "run-token", Kind: model.Agent}, Platform: "aws", Service: "ec2", Operation: "TerminateInstances", Verb: model.Delete, Capability: "compute.instance",
			Account: "111122223333", Region: "eu-west-1", Fidelity: model.Exact, Targets: []model.Target{{URN: machine, Type: "ec2:instance", Role: model.RoleTarget}}}
		f := model.Facts{Names: map[string]model.URN{string(machine): machine}, Broken: &model.Broken{Complete: true},
			Resources: []model.Resource{{URN: machine, Platform: "aws", Type: "ec2:instance", Account: "111122223333", Region: "eu-west-1", Tags: map[string]string{"team": "checkout"}}}}
		switch x.code {
		case "AS2002", "AS2003", "AS3004":
		case "AS1002":
			a.Fidelity, a.Verb = model.Opaque, model.Unknown
		case "AS2006":
			f.Broken.Count = 1
		case "AS2015":
			a.Actor.ID = "incident"
		case "AS3001":
			a.Region, a.Targets[0].URN, f = "us-east-1", "arn:aws:ec2:us-east-1:111122223333:instance/i-1", model.Facts{Broken: f.Broken}
		default:
			continue
		}
		set, codes := load(x.text)
		if codes != nil {
			t.Fatalf("%s: %v", x.line, codes)
		}
		e, err := decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{decide.Using(checks.Compile)}})
		if err != nil {
			t.Fatal(err)
		}
		judged[x.code] = true
		d := e.Decide(context.Background(), a, radius.Recall(f), policy.Enforce, time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), "dec_1")
		has := slices.ContainsFunc(d.Findings, func(f policy.Finding) bool { return f.Code == x.code })
		switch {
		case x.wrong && !has:
			t.Errorf("%s, wrong: %s: %+v", x.code, x.line, d.Findings)
		case !x.wrong && x.code == "AS1002": // it is still not understood, and now let pass
			if d.Verdict != policy.Allow {
				t.Errorf("%s, right: %s: %+v", x.code, x.line, d.Findings)
			}
		case !x.wrong && x.code == "AS2006": // it is still so, and now refused
			if d.Verdict != policy.Deny {
				t.Errorf("%s, right: %s: %s", x.code, x.line, d.Verdict)
			}
		case !x.wrong && has:
			t.Errorf("%s, right: %s: %+v", x.code, x.line, d.Findings)
		}
	}
	if len(judged) < 7 {
		t.Errorf("only %v were judged", judged)
	}
}

// The rules that the pages show load, or do not, as the pages say.
func TestTheRulesOfThePagesLoadAsTheySay(t *testing.T) {
	p, _ := reason.Find("AS6010")
	wrong, right, ok := strings.Cut(p.Text, "Right:")
	_, wrong, ok2 := strings.Cut(wrong, "Wrong:")
	if !ok || !ok2 {
		t.Fatal(p.Text)
	}
	for body, loads := range map[string]bool{strings.TrimSpace(wrong): false, strings.TrimSpace(right): true} {
		_, err := rego.Compile(&intent.Set{Rules: []*intent.Rule{{Name: "x", Owner: "platform", Rego: intent.Text{Line: 1, Body: body}, Tests: []intent.RuleTest{}}}})
		if (err == nil) != loads {
			t.Errorf("%q: %v", body, err)
		}
	}
}
