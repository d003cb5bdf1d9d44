package intent

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func shop(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLoadReadsEveryKind(t *testing.T) {
	s, err := Load(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Environments) != 1 || len(s.Owners) != 2 || len(s.Actors) != 2 || len(s.Intents) != 1 || len(s.Rules) != 1 {
		t.Fatalf("%+v", s)
	}
	i := s.Intents[0]
	if got := i.Allow[1].Pos.String(); got != "shop.yaml:65" {
		t.Errorf("idle-machines stands at %s", got)
	}
	if *i.Allow[1].Limits.Targets != 3 || i.Allow[1].Who[0] != "kind:agent" || i.Never[0].Reason == "" {
		t.Errorf("%+v", i)
	}
	if r := s.Rules[0]; r.Rego.Line != 85 || r.Tests[0].Input["action"] == nil {
		t.Errorf("%+v", r)
	}
}

// Each broken document is told with its line, a code, and what was meant.
func TestProblemsHavePlaceAndSuggestion(t *testing.T) {
	cases := []struct{ name, from, to, code, says string }{
		{"unknown field", "limits: {dependents: 5}", "limits: {dependants: 5}", CodeField, "did you mean dependents?"},
		{"unknown kind", "kind: Rule", "kind: Role", CodeValue, "did you mean Rule?"},
		{"unknown verb", "may: [create, update]", "may: [creat, update]", CodeValue, "did you mean create?"},
		{"unknown value", "tier: production", "tier: prodution", CodeValue, "did you mean production?"},
		{"unknown version", "apiVersion: assent.dev/v1\nkind: Rule", "apiVersion: assent.dev/v2\nkind: Rule", CodeValue, "apiVersion"},
		{"dangling actor", "who: [checkout-deploy]", "who: [checkout-deplyo]", CodeReference, "did you mean checkout-deploy?"},
		{"dangling owner", "inherits: platform", "inherits: platfrom", CodeReference, "did you mean platform?"},
		{"dangling environment", "in: [shop-prod]\n      limits", "in: [shop-prd]\n      limits", CodeReference, "did you mean shop-prod?"},
		{"dangling tier", "in: [\"tier:production\"]\n      limits", "in: [\"tier:prod\"]\n      limits", CodeReference, "production"},
		{"twice a document", "name: tidy-agent}", "name: checkout-deploy}", CodeDuplicate, "declared twice"},
		{"twice a clause", "id: idle-machines", "id: roll-out", CodeDuplicate, "two clauses"},
		{"twice a key", "criticality: high", "tier: staging", CodeDuplicate, "twice"},
		{"twice owned", "{kubernetes: {namespace: shop-checkout}}", "{aws: {account: \"111122223333\"}}", CodeDuplicate, "own the same"},
		{"a condition of tomorrow", "limits: {dependents: 5}", "cost: {estimate: 5 EUR}", CodeField, "never skipped"},
		{"a window that nobody has", "limits: {dependents: 5}", "when: {window: working-day}", CodeReference, "has a window working-day"},
		{"no day", "criticality: high", "windows: [{name: w, days: monday, from: \"08:00\", to: \"17:00\"}]", CodeValue, "are no days"},
		{"no time of the day", "criticality: high", "windows: [{name: w, days: mon-fri, from: \"8\", to: \"17:00\"}]", CodeValue, "no time of the day"},
		{"no time zone", "criticality: high", "windows: [{name: w, days: mon-fri, from: \"08:00\", to: \"17:00\", zone: Mars/Base}]", CodeValue, "no time zone"},
		{"a freeze that ends before it begins", "criticality: high", "freezes: [{name: f, from: \"2026-12-20\", to: \"2026-12-01\"}]", CodeValue, "no length of time"},
		{"a freeze for a stranger", "criticality: high", "freezes: [{name: f, from: \"2026-12-20\", to: \"2026-12-21\", except: [nobody]}]", CodeReference, "nobody is not declared"},
		{"missing", "accountable: human:ines@shop.example", "members: [human:ines@shop.example]", CodeMissing, "accountable"},
		{"two accountable", "accountable: human:ines@shop.example", "accountable: human:ines@shop.example, human:bo", CodeValue, "exactly one person"},
		{"list of accountable", "accountable: human:ines@shop.example", "accountable: [human:ines, human:bo]", CodeValue, "accountable has to be a text"},
		{"an alias", "in: [shop-prod]\n      limits", "in: &x [shop-prod]\n      limits", CodeBound, "anchor"},
		{"an empty list", "what: {capability: compute.instance}", "what: {capability: []}", CodeValue, "empty list"},
		{"no value", "what: {capability: compute.instance}", "what: {capability: }", CodeValue, "no value"},
		{"a negative limit", "dependents: 0", "dependents: -1", CodeValue, "0 or more"},
		{"an account of eleven digits", "accounts: [\"111122223333\"]", "accounts: [\"11112222333\"]", CodeValue, "twelve digits"},
		{"two kinds of evidence", "{run: tidy-agent}", "{run: tidy-agent, proxy: {user: tidy}}", CodeValue, "exactly one of"},
		{"not YAML", "tier: production", "tier: [production", CodeSyntax, "not YAML"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(shop(t), c.from, c.to, 1)
			if text == shop(t) {
				t.Fatal("nothing was replaced")
			}
			set, err := Parse("shop.yaml", []byte(text))
			var list *Error
			if set != nil || !errors.As(err, &list) {
				t.Fatalf("no problem found: %v", err)
			}
			p := list.Problems[0]
			if p.Code != c.code || !strings.Contains(p.String(), c.says) || p.File != "shop.yaml" || p.Line == 0 || p.Col == 0 {
				t.Errorf("got %s", err)
			}
		})
	}
}

func TestTwoEnvironmentsEquallySpecificAreRefused(t *testing.T) {
	env := func(name, scope string) string {
		return "---\napiVersion: assent.dev/v1\nkind: Environment\nmetadata: {name: " + name + "}\nspec: {scope: [" + scope + "]}\n"
	}
	cases := []struct {
		a, b string
		tie  bool
	}{
		{`{aws: {accounts: ["111122223333"]}}`, `{aws: {accounts: ["111122223333"]}}`, true},
		{`{aws: {accounts: ["111122223333"]}}`, `{aws: {accounts: ["*"]}}`, false},
		{`{aws: {accounts: ["111122223333"]}}`, `{aws: {accounts: ["111122223333"], regions: [eu-west-1]}}`, false},
		{`{aws: {accounts: ["111122223333"], regions: [us-east-1]}}`, `{aws: {accounts: ["111122223333"], regions: [eu-west-1]}}`, false},
		{`{kubernetes: {clusters: [a], namespaces: ["exp-*"]}}`, `{kubernetes: {clusters: [a], namespaces: ["*-exp"]}}`, true},
		{`{kubernetes: {clusters: [a], namespaces: ["exp-*"]}}`, `{kubernetes: {clusters: [a], namespaces: [system], clusterScoped: true}}`, false},
		{`{kubernetes: {clusters: [a], namespaces: [x], clusterScoped: true}}`, `{kubernetes: {clusters: [a]}}`, true},
		{`{hosts: ["*.example"]}`, `{hosts: ["*.example"]}`, true},
	}
	for _, c := range cases {
		_, err := Parse("e.yaml", []byte(env("one", c.a)+env("two", c.b)))
		if got := err != nil && strings.Contains(err.Error(), CodeTie); got != c.tie {
			t.Errorf("%s and %s: tie %v, want %v (%v)", c.a, c.b, got, c.tie, err)
		}
	}
}

// The digest is of the content: comments, key order, document order and files
// do not change it; a limit does.
func TestDigestIsOfTheContent(t *testing.T) {
	whole, err := Parse("shop.yaml", []byte(shop(t)))
	if err != nil {
		t.Fatal(err)
	}
	docs := strings.Split(shop(t), "---\n")
	parts := fstest.MapFS{}
	for i, d := range docs {
		d = strings.Replace(d, "spec:\n  kind: agent", "# a comment\nspec:\n  owner: platform\n  kind: agent", 1)
		d = strings.Replace(d, "run\": tidy-agent}]\n  owner: platform", "", 1)
		if strings.Contains(d, "# a comment") {
			d = strings.Replace(d, "}]\n  owner: platform", "}]", 1)
		}
		parts["sub/"+string(rune('z'-i))+".yaml"] = &fstest.MapFile{Data: []byte(d)}
	}
	parts[".git/x.yaml"] = &fstest.MapFile{Data: []byte("not read")}
	split, err := Load(parts)
	if err != nil {
		t.Fatal(err)
	}
	if split.Digest != whole.Digest || split.Files != len(docs) {
		t.Errorf("%s and %s", split.Digest, whole.Digest)
	}
	other, err := Parse("shop.yaml", []byte(strings.Replace(shop(t), "dependents: 5", "dependents: 6", 1)))
	if err != nil || other.Digest == whole.Digest {
		t.Errorf("a limit changed and the digest did not: %v", err)
	}
}

func TestNothingDeclaredIsNoProblem(t *testing.T) {
	s, err := Load(fstest.MapFS{"README.md": {Data: []byte("hi")}})
	if err != nil || !s.Empty() || s.Digest != None {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSetsAreBounded(t *testing.T) {
	_, err := Parse("big.yaml", []byte(strings.Repeat("#", maxFileBytes+1)))
	if err == nil || !strings.Contains(err.Error(), CodeBound) {
		t.Errorf("%v", err)
	}
	deep := "apiVersion: assent.dev/v1\nkind: Rule\nmetadata: {name: x}\nspec: {rego: x, tests: [{name: x, deny: [], input: " +
		strings.Repeat("{a: ", 100) + "1" + strings.Repeat("}", 100) + "}]}"
	if _, err := Parse("deep.yaml", []byte(deep)); err == nil || !strings.Contains(err.Error(), CodeBound) {
		t.Errorf("%v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(shop(f))
	f.Add("a: &a [*a]")
	f.Add("---\n---\n- x")
	f.Add("apiVersion: assent.dev/v1\nkind: Owner\nmetadata: {name: a}\nspec: {accountable: human:x, inherits: a}")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("f.yaml", []byte(text))
		if (s == nil) == (err == nil) {
			t.Fatalf("set %v, error %v", s, err)
		}
		if again, err2 := Parse("f.yaml", []byte(text)); (err == nil) != (err2 == nil) || s != nil && again.Digest != s.Digest {
			t.Fatal("reading twice differs")
		}
	})
}
