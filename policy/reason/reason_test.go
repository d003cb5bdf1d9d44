package reason

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

func denied() policy.Decision {
	return policy.Decision{
		ID:          "dec_01k8r2v4p6q8s0t2w4y6a8c0e2",
		Action:      model.Action{Service: "ec2", Operation: "TerminateInstances"},
		Accountable: policy.Accountable{Owner: "platform", Person: "human:ines@shop.example", Contact: "slack #platform, oncall x"},
		Findings: []policy.Finding{
			{Code: "AS3004", Title: "a remark", Why: "w", Repair: "r", Verdict: policy.Allow},
			{Code: "AS2004", Title: "too much depends on it", Why: "14 resources depend on it; chores/idle allows 0", Repair: "r"},
		},
	}
}

func TestARefusalIsOneLine(t *testing.T) {
	want := "assent refused this call: too much depends on it: 14 resources depend on it; chores/idle allows 0 (AS2004). " +
		"Accountable: platform/ines@shop.example. Next: free its dependents first, or ask platform (#platform). " +
		"This is policy, not an outage: do not retry or work around it. Why: assent explain dec_01k8r2v4p6q8s0t2w4y6a8c0e2"
	if got := Message(denied()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What ends by itself is not said to be for ever: the closing sentence fits the code.
func TestARefusalThatPassesSaysWhenToTryAgain(t *testing.T) {
	d := denied()
	d.Findings[1].Code = "AS2025"
	if got := Message(d); !strings.Contains(got, "not an outage: try again after the other. Why: assent explain dec_") || strings.Contains(got, "do not retry") {
		t.Errorf("%s", got)
	}
	for _, level := range []string{"codes", "none"} { // it tells no more than it may
		if d.Explain = level; !strings.Contains(Message(d), never) {
			t.Errorf("%s: %s", level, Message(d))
		}
	}
	for _, p := range Pages() {
		if len(p.Again) > len(never) {
			t.Errorf("%s: %q does not fit where %q does", p.Code, p.Again, never)
		}
	}
}

func TestAnAnswerSaysThatNothingWasSent(t *testing.T) {
	refused, allowed := denied(), denied()
	allowed.Verdict, allowed.Grant, allowed.Findings = policy.Allow, "shop/tables", nil
	for d, want := range map[*policy.Decision]string{&refused: "would be refused: too much depends", &allowed: "would be allowed by shop/tables"} {
		said := Answer(*d)
		if !strings.Contains(said, want) || !strings.HasSuffix(said, "nothing was sent.") || strings.Contains(said, "assent explain") || len(said) > MaxMessage {
			t.Errorf("%q", said)
		}
	}
}

// Of a long reason the name of what was refused stays, and the near miss goes.
func TestWhatWasRefusedIsNotShortenedAway(t *testing.T) {
	d := denied()
	d.Findings[1].Title = "no intent allows this"
	d.Findings[1].Why = "deploy-agent may not execute k8s://production/core/Pod/checkout/web-7dbfcdb455-nwz86 (core:create pods/exec) in shop; nearest is deploys/open-pod, whose what.resource does not cover it"
	if got := Message(d); !strings.Contains(got, "Pod/checkout/web-7dbfcdb455-nwz86") || len(got) > MaxMessage {
		t.Errorf("%s", got)
	}
}

func TestExplainLevels(t *testing.T) {
	d := denied()
	d.Explain = "codes"
	if got := Message(d); strings.Contains(got, "14 resources") || !strings.Contains(got, "AS2004") || !strings.Contains(got, "platform") {
		t.Errorf("codes: %s", got)
	}
	d.Explain = "none"
	if got := Message(d); strings.Contains(got, "AS2004") || strings.Contains(got, "platform") || !strings.Contains(got, "assent explain dec_") {
		t.Errorf("none: %s", got)
	}
}

func TestSecretsAreNeverInAMessage(t *testing.T) {
	for _, secret := range []string{"Bearer abcdefghijklmnop", "AKIARZPUZDIKABSGK3LP", "eyJhbGciOiJIUzI1NiJ9.e30.abc", "ghp_0123456789abcdefghij", "password=hunter22"} {
		d := denied()
		d.Findings[1].Why = "it says " + secret + " here"
		if got := Message(d); strings.Contains(got, secret) || !strings.Contains(got, "(redacted)") {
			t.Errorf("%s", got)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("dec_1", "AS2004", "title", "why", "owner", "human:x", "slack #x", "full")
	f.Add("dec_1", strings.Repeat("A", 500), strings.Repeat("t\n", 500), strings.Repeat("é", 500), strings.Repeat("o", 500), "human:"+strings.Repeat("x", 500), strings.Repeat("c ", 500), "codes")
	f.Fuzz(func(t *testing.T, id, code, title, why, owner, person, contact, explain string) {
		d := policy.Decision{ID: id, Explain: explain, Accountable: policy.Accountable{Owner: owner, Person: person, Contact: contact},
			Findings: []policy.Finding{{Code: code, Title: title, Why: why}}}
		got := Message(d)
		if len(got) > MaxMessage {
			t.Errorf("%d bytes: %s", len(got), got)
		}
		for i := range len(got) {
			if got[i] < ' ' || got[i] > '~' {
				t.Fatalf("byte %d of %q is not printable ASCII", i, got)
			}
		}
		if !strings.Contains(got, "This is policy, not an outage") {
			t.Errorf("the sentence is lost: %s", got)
		}
	})
}

// Every code that this module emits has a page with a wrong and a right example.
func TestEveryCodeHasAPage(t *testing.T) {
	literal := regexp.MustCompile(`"(AS\d{4})"`)
	known := map[string]bool{}
	for _, p := range Pages() {
		if p.Title == "" || p.Next == "" || !strings.Contains(p.Text, "Wrong:") || !strings.Contains(p.Text, "Right:") || known[p.Code] {
			t.Errorf("the page of %s is not whole", p.Code)
		}
		known[p.Code] = true
	}
	root := os.DirFS("../..")
	emitted := 0
	for _, dir := range []string{"policy", "proxy", "cmd", "model", "ledger", "decoders"} {
		err := fs.WalkDir(root, dir, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			data, err := fs.ReadFile(root, name)
			for _, m := range literal.FindAllStringSubmatch(string(data), -1) {
				if emitted++; !known[m[1]] {
					t.Errorf("%s emits %s, which has no page", name, m[1])
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if emitted < 20 {
		t.Errorf("only %d codes found: is the search broken?", emitted)
	}
}

// A hostile agent learns nothing: no line that it reads has a name, a code or a
// reason, whatever the decision; the id of the decision is for those who may ask.
func TestAnActorThatMayBeToldNothingReadsNoName(t *testing.T) {
	for _, p := range Pages() {
		for _, verdict := range []policy.Verdict{policy.Deny, policy.Hold, policy.Allow} {
			d := policy.Decision{ID: "dec_1", Verdict: verdict, Explain: "none", Grant: "hush/clause", Request: "hush-request", Fault: "hush", Environments: []string{"hush-env"},
				Accountable: policy.Accountable{Owner: "hush-owner", Person: "human:hush", Contact: "slack #hush", From: "urn hush"},
				Needs:       []policy.Need{{Grant: "hush/clause", From: "owner:hush", People: []string{"hush"}}}, Approvals: []policy.Approval{{By: "hush"}},
				Radius:   policy.Radius{Dependents: 4711, Owners: []string{"hush"}},
				Findings: []policy.Finding{{Code: p.Code, Title: "hush", Why: "hush 4711", Repair: "hush", Source: "hush.yaml:1", Verdict: verdict}}}
			for _, text := range []string{Message(d), Answer(d)} {
				if strings.Contains(text, "hush") || strings.Contains(text, p.Code) || strings.Contains(text, "4711") {
					t.Errorf("%s, %s: %q", p.Code, verdict, text)
				}
			}
			if d.Explain = "codes"; strings.Contains(Answer(d), "clause") {
				t.Errorf("%s, %s: codes are not clauses: %q", p.Code, verdict, Answer(d))
			}
		}
	}
}
