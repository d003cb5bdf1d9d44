package intent

import (
	"strings"
	"testing"
)

func TestSetModeChangesNothingElse(t *testing.T) {
	const other = "# ö\napiVersion: assent.dev/v1\nkind: Environment\nmetadata: {name: other}\nspec: {scope: [{hosts: [a]}]}\n---\n"
	cases := []struct{ name, from, to string }{
		{"block", "kind: Environment\nmetadata:\n  name: prod # ours\nspec:\n  # the tier\n  tier: production\n  scope: [{hosts: [b]}]\n",
			"kind: Environment\nmetadata:\n  name: prod # ours\nspec:\n  # the tier\n  mode: observe\n  tier: production\n  scope: [{hosts: [b]}]\n"},
		{"flow", "kind: Environment\nmetadata: {name: prod}\nspec: {tier: production, scope: [{hosts: [ü]}]}\n",
			"kind: Environment\nmetadata: {name: prod}\nspec: {mode: observe, tier: production, scope: [{hosts: [ü]}]}\n"},
		{"there already", "kind: Environment\nmetadata: {name: prod}\nspec:\n  scope: [{hosts: [b]}]\n  mode: \"enforce\"   # since May\n",
			"kind: Environment\nmetadata: {name: prod}\nspec:\n  scope: [{hosts: [b]}]\n  mode: observe   # since May\n"},
		{"the same", "kind: Environment\nmetadata: {name: prod}\nspec:\n  mode: observe\n  scope: [{hosts: [b]}]\n",
			"kind: Environment\nmetadata: {name: prod}\nspec:\n  mode: observe\n  scope: [{hosts: [b]}]\n"},
	}
	for _, c := range cases {
		from, to := other+"apiVersion: assent.dev/v1\n"+c.from, other+"apiVersion: assent.dev/v1\n"+c.to
		got, err := SetMode([]byte(from), "prod", Observing)
		if err != nil || string(got) != to {
			t.Errorf("%s: %v\n%s", c.name, err, got)
		}
		if set, err := Parse("x.yaml", got); err != nil || set.Environments[1].Mode != Observing || set.Environments[0].Mode != "" {
			t.Errorf("%s: what was written reads as %v", c.name, err)
		}
	}
	if _, err := SetMode([]byte(other), "prod", Observing); err == nil || !strings.Contains(err.Error(), "no Environment prod") {
		t.Errorf("a stranger: %v", err)
	}
}

func FuzzSetMode(f *testing.F) {
	f.Add([]byte("apiVersion: assent.dev/v1\nkind: Environment\nmetadata: {name: e}\nspec:\n  scope: [{hosts: [a]}]\n"))
	f.Add([]byte("apiVersion: assent.dev/v1\nkind: Environment\nmetadata: {name: e}\nspec: {\"mode\": 'enforce', scope: [{hosts: [a]}]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := SetMode(text, "e", Observing)
		if err != nil {
			return
		}
		if _, err := Parse("x.yaml", text); err != nil {
			return // what did not read before need not read now
		}
		set, err := Parse("x.yaml", got)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		for _, e := range set.Environments {
			if e.Name == "e" && e.Mode == Observing {
				return
			}
		}
		t.Errorf("%q became %q", text, got)
	})
}
