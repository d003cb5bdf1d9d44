package lint

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model/intent"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const head = `
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: prod}
spec: {tier: production, scope: [{aws: {accounts: ["111122223333"]}}]}
---
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: test}
spec: {tier: staging, scope: [{aws: {accounts: ["444455556666"]}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: shop}
spec: {accountable: "human:dana@shop.example", owns: [{aws: {account: "111122223333"}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: deploy}
spec: {kind: pipeline, identify: [{run: deploy}], owner: shop}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: helper}
spec: {kind: agent, identify: [{run: helper}], owner: shop}
---
apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: stores, owner: shop}
spec: {purpose: stores, for: {capability: [storage.bucket]}, require: {encryption.atRest: true}}
---
`

func set(t testing.TB, allow, never string, more ...string) *intent.Set {
	t.Helper()
	text := head + "apiVersion: assent.dev/v1\nkind: Intent\nmetadata: {name: work, owner: shop}\nspec:\n  purpose: work\n"
	if allow != "" {
		text += "  allow:\n" + lines(allow)
	}
	if never != "" {
		text += "  never:\n" + lines(never)
	}
	for _, doc := range more {
		text += "---\n" + doc
	}
	s, err := intent.Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

func lines(clauses string) string {
	var out strings.Builder
	for _, c := range strings.Split(strings.TrimSpace(clauses), "\n") {
		fmt.Fprintf(&out, "    - %s\n", strings.TrimSpace(c))
	}
	return out.String()
}

// everybody is a clause that keeps the rest of a set out of the findings.
const everybody = `{id: all, who: ["*"], may: [scale], what: {type: ["probe:*"]}, in: ["*"]}`

func said(problems []Problem) string {
	var out []string
	for _, p := range problems {
		if p.Why == "" || p.Repair == "" {
			out = append(out, "unexplained")
		}
		out = append(out, string(p.Kind)+" "+p.What)
	}
	return strings.Join(out, "; ")
}

func TestClausesThatCannotTakeEffectAreFound(t *testing.T) {
	cases := []struct{ name, allow, never, want string }{
		{"nothing wrong", everybody, `{id: n, may: [delete]}`, ""},
		{"a narrower clause", everybody + `
			{id: wide, who: [deploy], may: [create, update], what: {capability: ["storage.*"]}, in: ["*"]}
			{id: narrow, who: [deploy], may: [create], what: {capability: [storage.bucket], resource: ["arn:aws:s3:::acme-*"]}, in: [prod]}`, "", "shadowed work/narrow"},
		{"a stricter clause that shadows nothing", everybody + `
			{id: wide, who: [deploy], may: [create], in: [prod], limits: {targets: 1}}
			{id: narrow, who: [deploy], may: [create], what: {capability: [storage.bucket]}, in: [prod]}`, "", ""},
		{"the wide one asks people", everybody + `
			{id: wide, who: [deploy], may: [create], in: [prod], approvals: [{from: owner}]}
			{id: narrow, who: [deploy], may: [create], what: {capability: [storage.bucket]}, in: [prod]}`, "", ""},
		{"both ask the same people", everybody + `
			{id: wide, who: [deploy], may: [create], in: [prod], approvals: [{from: owner}]}
			{id: narrow, who: [deploy], may: [create], what: {capability: [storage.bucket]}, in: [prod], approvals: [{from: owner, count: 2}]}`, "", "shadowed work/narrow"},
		{"the wide one has a condition", everybody + `
			{id: wide, who: [deploy], may: [create], in: [prod], must: {encryption.atRest: true}}
			{id: narrow, who: [deploy], may: [create], what: {capability: [storage.bucket]}, in: [prod]}`, "", ""},
		{"two that cover a third together", everybody + `
			{id: a, who: [deploy], may: [create, update], in: [prod]}
			{id: b, who: [deploy], may: [create], in: ["*"]}
			{id: c, who: [deploy], may: [update], in: ["*"]}`, "", "shadowed work/a"},
		{"twice the same", everybody + `
			{id: a, who: ["kind:pipeline"], may: [create], in: ["tier:production"]}
			{id: b, who: [deploy], may: [create], in: [prod]}`, "", "shadowed work/b"},
		{"never wins", everybody + `
			{id: a, who: [helper], may: [delete], what: {capability: [database.relational]}, in: [prod]}`,
			`{id: n, who: ["kind:agent"], may: [delete, create], what: {capability: ["database.*"]}, in: ["tier:production"]}`, "contradicted work/a"},
		{"never without a verb", everybody + `
			{id: a, who: [helper], may: [reveal], what: {resource: ["arn:aws:s3:::x"]}, in: [prod]}`,
			`{id: n, who: [helper], what: {resource: ["arn:aws:s3:::*"]}}`, "contradicted work/a"},
		{"never takes a part", everybody + `
			{id: a, who: [helper], may: [delete], in: [prod]}`,
			`{id: n, who: ["kind:agent"], may: [delete], what: {capability: ["database.*"]}}`, ""},
		{"never twice", everybody, `{id: n, may: [delete], in: [prod]}
			{id: m, may: [delete, create], in: ["*"]}`, "shadowed work/n"},
		{"the wide never may be lifted", everybody, `{id: n, may: [delete], in: [prod], waivable: false}
			{id: m, may: [delete, create], in: ["*"]}`, ""},
		{"an actor and an environment without a clause", `{id: a, who: [deploy], may: [create], in: [prod]}`, "", "unbuilt Environment test; idle Actor helper"},
		{"nobody and nowhere", everybody + `
			{id: a, who: ["kind:controller"], may: [create], in: [prod]}
			{id: b, who: [deploy], may: [create], in: ["tier:sandbox"]}`, `{id: n, who: ["kind:human"], may: [delete]}`, "nobody work/a; nowhere work/b; nobody work/n"},
	}
	for _, c := range cases {
		if got := said(Check(set(t, c.allow, c.never), at)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := Check(nil, at); len(got) != 0 {
		t.Errorf("nothing declared: %v", got)
	}
}

func exception(name, waives, from, until string) string {
	return "apiVersion: assent.dev/v1\nkind: Exception\nmetadata: {name: " + name + ", owner: shop}\nspec: {waives: {blueprint: stores, " + waives +
		`}, for: {resource: ["arn:aws:s3:::x"]}, reason: r, from: "` + from + `", until: "` + until + "\", approvedBy: \"human:dana@shop.example\"}\n"
}

func TestExceptionsThatHaveEndedAreFound(t *testing.T) {
	s := set(t, everybody, "", exception("old", "require: [encryption.atRest]", "2026-11-01", "2026-11-23"), exception("good", "require: [encryption.atRest]", "2026-11-01", "2026-11-24"))
	if got, want := said(Check(s, at)), "expired Exception old"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDifferencesAreThoseOfMeaning(t *testing.T) {
	const base = `{id: a, who: [deploy], may: [create, update], what: {capability: ["storage.*"]}, in: [prod]}`
	cases := []struct{ name, oldAllow, nowAllow, oldNever, nowNever, want string }{
		{"the same", base, base, "", "", ""},
		{"renamed and split", base, `{id: b, who: ["kind:pipeline"], may: [create], what: {capability: ["storage.*"]}, in: ["tier:production"]}
			{id: c, who: [deploy], may: [update], what: {capability: ["storage.*"]}, in: [prod]}`, "", "", ""},
		{"narrower", base, `{id: a, who: [deploy], may: [create], what: {capability: [storage.bucket]}, in: [prod]}`, "", "", "allows less work/a"},
		{"wider", base, `{id: a, who: [deploy, helper], may: [create, update], what: {capability: ["storage.*"]}, in: [prod]}`, "", "", "allows more work/a"},
		{"a limit", base, strings.TrimSuffix(base, "}") + ", limits: {targets: 3}}", "", "", "allows less work/a"},
		{"another pattern", base, strings.Replace(base, "storage.*", "database.*", 1), "", "", "allows more work/a; allows less work/a"},
		{"a new never", base, base, "", `{id: n, may: [delete]}`, "forbids more work/n"},
		{"a never that can be lifted now", base, base, `{id: n, may: [delete], waivable: false}`, `{id: n, may: [delete]}`, "forbids less work/n"},
	}
	for _, c := range cases {
		var got []string
		for _, d := range Diff(set(t, c.oldAllow, c.oldNever), set(t, c.nowAllow, c.nowNever)) {
			got = append(got, d.Effect+" "+d.What)
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %v, want %q", c.name, got, c.want)
		}
	}
	all := Diff(nil, set(t, base, ""))
	if len(all) != 7 || all[0].Example != "deploy create storage.* in prod" {
		t.Errorf("%+v", all)
	}
}
