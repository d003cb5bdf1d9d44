package checks

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// With a ratchet no violation is new and an improving change always conforms, compared
// with what exists now; what is not known of that never helps.
func TestARatchetComparesWithWhatIs(t *testing.T) {
	ratchet := strings.Replace(plans, "  require:\n", "  ratchet: true\n  require:\n", 1)
	with, without := compile(t, base+ratchet), compile(t, base+plans)
	cur := func(name string, value any) model.Property {
		return model.Property{Name: name, Value: value, Known: true, Source: "current"}
	}
	ssh := map[string]any{"cidr": "0.0.0.0/0", "from": 22, "to": 22, "proto": "tcp"}
	rdp := map[string]any{"cidr": "0.0.0.0/0", "from": 3389, "to": 3389, "proto": "tcp"}
	for name, c := range map[string]struct {
		now, then model.Property
		passes    bool
	}{
		"as it was":                     {cur("encryption.atRest", false), is1("encryption.atRest", false), true},
		"it was as required":            {cur("encryption.atRest", true), is1("encryption.atRest", false), false},
		"what it was is not known":      {not1("encryption.atRest"), is1("encryption.atRest", false), false},
		"what it would be is not known": {cur("encryption.atRest", false), not1("encryption.atRest"), false},
		"nearer, and not there yet":     {cur("backup.retentionDays", json.Number("1")), is1("backup.retentionDays", json.Number("3")), true},
		"farther away":                  {cur("backup.retentionDays", json.Number("3")), is1("backup.retentionDays", json.Number("1")), false},
		"a newer TLS, still too old":    {cur("tls.minVersion", "1.0"), is1("tls.minVersion", "1.1"), true},
		"an older TLS":                  {cur("tls.minVersion", "1.1"), is1("tls.minVersion", "1.0"), false},
		"a word that has no order":      {cur("tls.minVersion", "1.0"), is1("tls.minVersion", "ssl"), false},
		"fewer others":                  {cur("access.crossAccount", []any{"1", "2"}), is1("access.crossAccount", []any{"2"}), true},
		"one other more":                {cur("access.crossAccount", []any{"1"}), is1("access.crossAccount", []any{"1", "2"}), false},
		"another one":                   {cur("access.crossAccount", []any{"1"}), is1("access.crossAccount", []any{"2"}), false},
		"a rule that is there":          {cur("network.ingress", []any{ssh, rdp}), is1("network.ingress", []any{ssh}), true},
		"a rule that is not":            {cur("network.ingress", []any{ssh}), is1("network.ingress", []any{ssh, rdp}), false},
		"of something else":             {cur("network.public", true), is1("encryption.atRest", false), false},
	} {
		t.Run(name, func(t *testing.T) {
			a := database(model.Update, "shop", c.then)
			a.Targets[0].Role = model.RoleTarget
			a.Before = []model.Property{c.now}
			d := judge(t, with, a, shop)
			if passes := d.Verdict == policy.Allow; passes != c.passes {
				t.Errorf("%s: %+v", d.Verdict, d.Findings)
			}
			if c.passes && !strings.HasPrefix(codes(d), CodeRatchet) {
				t.Errorf("it is not said: %s", codes(d))
			}
			if d := judge(t, without, a, shop); d.Verdict != policy.Deny {
				t.Errorf("without a ratchet: %s", d.Verdict)
			}
			a.Targets[0].Role = model.RoleCreated
			if d := judge(t, with, a, shop); d.Verdict != policy.Deny {
				t.Errorf("what is created was never before: %s", d.Verdict)
			}
		})
	}
}

// Removing what is known of before never allows more.
func TestARatchetWithoutKnowledge(t *testing.T) {
	p := compile(t, base+strings.Replace(plans, "  require:\n", "  ratchet: true\n  require:\n", 1))
	a := database(model.Update, "shop", is1("encryption.atRest", false))
	a.Targets[0].Role = model.RoleTarget
	if d := judge(t, p, a, shop); d.Verdict != policy.Deny || codes(d) != CodeBlueprint {
		t.Errorf("%s %s", d.Verdict, codes(d))
	}
}
