package ledger

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func sample() policy.Decision {
	return policy.Decision{
		ID: "dec_01", At: at, Verdict: policy.Allow, Grant: "payments/deploy", Environments: []string{"prod"},
		Action: model.Action{
			ID: "dec_01", At: at, Run: "run_1", Actor: model.Actor{ID: "ann", Kind: model.Human, Said: map[string]string{"user-agent": "aws-cli"}},
			Platform: "aws", Service: "s3", Operation: "CreateBucket", Verb: model.Create, Capability: "storage.bucket",
			Targets: []model.Target{{URN: "arn:aws:s3:::logs", Type: "s3:bucket", Role: model.RoleCreated}},
			Params:  json.RawMessage(`{"Bucket":"logs","N":12345678901234567890}`), Fidelity: model.Exact,
		},
		Accountable: policy.Accountable{Owner: "platform", Person: "bo"},
		Radius:      policy.Radius{Dependents: 1, Complete: true, Sample: []model.Hop{{URN: "x", Type: "y", Depth: 1}}},
		Findings:    []policy.Finding{{Code: "AS2001", Title: "t", Why: "a < b & c", Repair: "r", Verdict: policy.Allow}},
		Basis:       policy.Basis{Model: model.Version{Rev: 3, Digest: "sha256:00"}, Intent: "sha256:11", Rules: "sha256:22"},
	}
}

func TestDecisionComesBackAsItWent(t *testing.T) {
	d := sample()
	data, err := DecisionStatement(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckJSON(data); err != nil {
		t.Fatal(err)
	}
	got, err := ParseDecision(data)
	if err != nil {
		t.Fatal(err)
	}
	d.Action.Params = json.RawMessage(`{"Bucket":"logs","N":12345678901234567890}`)
	if !reflect.DeepEqual(got, d) {
		t.Errorf("got  %+v\nwant %+v", got, d)
	}
	again, err := DecisionStatement(got)
	if err != nil || string(again) != string(data) {
		t.Errorf("encoded again: %v\n%s\n%s", err, again, data)
	}
	about, err := Describe(data)
	if err != nil || about != (About{Kind: KindDecision, Key: "dec_01", Run: "run_1", At: at, By: "assent", Awaits: true}) {
		t.Errorf("%+v, %v", about, err)
	}
}

func TestOutcomeIsOfTheSameActionAlsoAfterARestart(t *testing.T) {
	for name, d := range map[string]policy.Decision{"usual": sample(), "long": long()} {
		statement, err := DecisionStatement(d)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := ParseDecision(statement)
		if err != nil {
			t.Fatal(err)
		}
		o := Outcome{Decision: d.ID, Of: Receipt{Index: 7}, Result: Unresolved, Reason: "restart", CompletedAt: at}
		a, err := OutcomeStatement(o, d)
		if err != nil {
			t.Fatal(err)
		}
		b, err := OutcomeStatement(o, parsed)
		if err != nil || string(a) != string(b) {
			t.Errorf("%s: from the record it says\n%s\nand before\n%s", name, b, a)
		}
		if c, err := OutcomeOf(o, d.Action.Run, statement); err != nil || string(c) != string(a) {
			t.Errorf("%s: from the statement it says\n%s\nand before\n%s (%v)", name, c, a, err)
		}
		if got, err := ParseOutcome(a); err != nil || got != o {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if _, err := OutcomeOf(Outcome{Decision: "dec_other", Result: Failed}, "", statement); err == nil {
			t.Errorf("%s: an outcome of another decision was encoded", name)
		}
	}
	if _, err := OutcomeStatement(Outcome{Decision: "dec_02", Result: Failed}, sample()); err == nil {
		t.Error("an outcome of another decision was encoded")
	}
	if _, err := OutcomeStatement(Outcome{Decision: "dec_01", Result: "fine"}, sample()); err == nil {
		t.Error("an unknown result was encoded")
	}
}

func long() policy.Decision {
	d := sample()
	d.Action.Params, _ = json.Marshal(strings.Repeat("x", 100<<10))
	for i := range 2000 {
		d.Action.Targets = append(d.Action.Targets, model.Target{URN: model.URN(fmt.Sprintf("arn:aws:s3:::b%d", i))})
	}
	return d
}

func TestNothingIsTooLongToRecord(t *testing.T) {
	huge := strings.Repeat("é<\"", 2<<10)
	worst := policy.Decision{ID: "dec_01", Fault: huge, Grant: huge, Environments: []string{huge}, Basis: policy.Basis{Intent: huge}}
	worst.Action = model.Action{Operation: huge, Service: huge, Verb: model.Verb(huge), Account: huge, Unknown: []string{huge}, Txn: &model.Txn{ID: huge}}
	worst.Action.Actor = model.Actor{ID: huge, Said: map[string]string{huge: huge}}
	for range 100 {
		worst.Action.Targets = append(worst.Action.Targets, model.Target{URN: model.URN(huge)})
		worst.Findings = append(worst.Findings, policy.Finding{Why: huge, Title: huge})
		worst.Action.Unknown = append(worst.Action.Unknown, huge)
		worst.Action.Parts = append(worst.Action.Parts, model.Action{Params: json.RawMessage(`{"a":1}`)})
	}
	odd := sample()
	odd.Action.Params = json.RawMessage("{not json \xff")
	odd.Action.Props = []model.Property{{Name: "f", Value: func() {}}}
	deep := sample()
	deep.Action.Params = json.RawMessage(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))
	twice := sample()
	twice.Action.Params = json.RawMessage(`{"a":1,"a":2,"b":"` + "\xff" + `"}`)
	for name, d := range map[string]policy.Decision{"long": long(), "worst": worst, "odd": odd, "deep": deep, "twice": twice} {
		data, err := DecisionStatement(d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := CheckJSON(data); err != nil || len(data) > MaxStatement {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
		if got, err := ParseDecision(data); err != nil || got.Verdict != d.Verdict {
			t.Errorf("%s: %v", name, err)
		}
		if long := name == "long" || name == "worst"; long != strings.Contains(string(data), `"truncated":[`) {
			t.Errorf("%s: says nothing, or too much, of what was left out", name)
		}
	}
	if data, err := DoorStatement(map[string]any{"host": huge, "run": "r", "status": 421}); err != nil || len(data) > MaxStatement {
		t.Errorf("door: %d bytes, %v", len(data), err)
	}
}

func TestLaw8SecretsAreNeverStored(t *testing.T) {
	const canary = "CanaryCanaryCanary"
	secret := "wJalrXUtnFEMI/K7MDENG/bPxRfiCYCANARYKEYa"[:40]
	values := map[string]string{
		"header":       "Authorization: Bearer " + canary + "0123456789",
		"basic":        "Basic " + canary + "==",
		"pem":          "-----BEGIN RSA PRIVATE KEY-----\n" + canary + "\n-----END RSA PRIVATE KEY-----",
		"pem, cut":     "-----BEGIN PRIVATE KEY-----\n" + canary,
		"github":       "ghp_" + canary + "012345",
		"slack":        "xoxb-" + canary,
		"jwt":          "eyJ" + canary + ".eyJ" + canary + "." + canary,
		"url":          "https://h/?X-Amz-Signature=" + canary + "&X-Amz-Security-Token=" + canary,
		"escaped json": `{"password":"` + canary + `"}`,
		"twice so":     `{"a":"{\"password\":\"` + canary + `\"}"}`,
		"userinfo":     "postgres://bob:" + canary + "@db/x",
		"env":          "AWS_SECRET_ACCESS_KEY=" + canary,
		"beside an id": "AKIAIOSFODNN7EXAMPLE " + secret,
		"sigv4":        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/x, Signature=0123456789abcdef",
		"unicode":      "héllo ghp_" + canary + "012345",
	}
	for name, value := range values {
		text, _ := json.Marshal(value)
		for _, params := range []string{
			string(text), `{"k":` + string(text) + `}`, `{"k":[1,` + string(text) + `]}`, `{` + string(text) + `:1}`,
		} {
			d := sample()
			d.Action.Params = json.RawMessage(params)
			d.Action.Native = json.RawMessage(params)
			d.Action.Parts = []model.Action{{Params: json.RawMessage(params)}}
			d.Action.Actor.Said = map[string]string{"x": value}
			d.Action.Targets = append(d.Action.Targets, model.Target{URN: model.URN(value)})
			d.Action.Props = []model.Property{{Name: "p", Value: value}}
			d.Findings[0].Why, d.Fault = value, value
			data, err := DecisionStatement(d)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, leak := range []string{canary, secret, "0123456789abcdef"} {
				if i := strings.Index(string(data), leak); i >= 0 {
					t.Errorf("%s: stored: %s", name, data[max(0, i-60):i+20])
				}
			}
			if _, err := ParseDecision(data); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, name := range []string{"Authorization", "X-Amz-Security-Token", "SecretAccessKey", "sessionToken", "MasterUserPassword", "Set-Cookie"} {
		for _, form := range []string{`{%q:"v-` + canary + `"}`, `{%q:["v-` + canary + `"]}`, `{"a":{%q:"v-` + canary + `","b":"kept"}}`} {
			in := fmt.Sprintf(form, name)
			out := string(Scrub([]byte(in)))
			if strings.Contains(out, canary) || !json.Valid([]byte(out)) || strings.Contains(in, "kept") && !strings.Contains(out, "kept") {
				t.Errorf("%s became %s", in, out)
			}
		}
	}
}

func TestWhatIsNoSecretIsKept(t *testing.T) {
	for _, text := range []string{
		`{"Bucket":"logs","KeyId":"AKIAIOSFODNN7EXAMPLE","sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}`,
		`{"Tokens":[1,2],"PasswordLength":12,"basic":"basic plan","url":"https://example.org/a?b=c"}`,
		`{"user-agent":"aws-cli/2.1","password":""}`, `{"private":true,"password":7}`,
	} {
		if out := Scrub([]byte(text)); string(out) != text {
			t.Errorf("%s became %s", text, out)
		}
	}
}

func TestJSONThatTwoReadersSeeDifferentlyIsRefused(t *testing.T) {
	for _, bad := range []string{``, `{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, `{} {}`, `{}x`, "{\"a\":\"\xff\"}", `{"a":1`, strings.Repeat("[", 300) + strings.Repeat("]", 300)} {
		if err := CheckJSON([]byte(bad)); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
	for _, good := range []string{`{}`, ` [1, "a", null, {"a": {"a": 1}}] `, `7`} {
		if err := CheckJSON([]byte(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestADecisionThatWasChangedIsNotRead(t *testing.T) {
	data, err := DecisionStatement(sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"operation":"CreateBucket"`, `"operation":"DeleteBucket"`}, {`"id":"dec_01"`, `"id":""`},
		{"change-decision/v0.1", "change-decision/v9"}, {"Statement/v1", "Statement/v2"}, {`"subject":[`, `"subjects":[`},
		{"change-decision/v0.1", "change-outcome/v0.1"},
	} {
		bad := strings.Replace(string(data), change[0], change[1], 1)
		if bad == string(data) {
			t.Fatalf("%q is not there", change[0])
		}
		if _, err := ParseDecision([]byte(bad)); err == nil {
			t.Errorf("read with %s", change[1])
		}
	}
}

func FuzzParseDecision(f *testing.F) {
	for _, d := range []policy.Decision{sample(), {ID: "x"}} {
		data, err := DecisionStatement(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		envelope, _ := Envelope{PayloadType: PayloadType, Payload: data, Signatures: []Signature{{"k", []byte("s")}}}.Encode()
		f.Add(envelope)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDecision(data)
		if err != nil {
			return
		}
		if _, err := DecisionStatement(d); err != nil {
			t.Fatalf("read but not writable: %v", err)
		}
		_, _ = ParseOutcome(data)
		_, _ = ParseGenesis(data)
		_, _ = Describe(data)
	})
}

func FuzzScrub(f *testing.F) {
	f.Add([]byte(`{"Authorization":["x"],"a":"ghp_0123456789abcdef0123"}`))
	f.Add([]byte(`{"a":"AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYa"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		once := Scrub(data)
		if json.Valid(data) && !json.Valid(once) {
			t.Fatalf("%q became %q", data, once)
		}
	})
}

func BenchmarkDecisionStatement(b *testing.B) {
	d := sample()
	for b.Loop() {
		if _, err := DecisionStatement(d); err != nil {
			b.Fatal(err)
		}
	}
}
