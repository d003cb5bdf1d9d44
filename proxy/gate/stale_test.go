package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// What was approved is what was looked at: a call whose target has changed since is
// refused, with what changed and by whom, and its approval is good for nothing more. One
// whose target has not goes on.
func TestAnApprovalIsForWhatWasLookedAt(t *testing.T) {
	then := policy.Prior{"db": {Built: "dec_1", Fields: map[string]string{"Encrypted": "1", "Size": "1"}}}
	for name, c := range map[string]struct {
		now    policy.Prior
		signed string // the digest that was approved; empty: that of then
		says   []string
	}{
		"as it was":              {now: policy.Prior{"db": {Built: "dec_1", Fields: map[string]string{"Encrypted": "1", "Size": "1"}}}},
		"seen more closely":      {now: policy.Prior{"db": {Built: "dec_1", Fields: map[string]string{"Encrypted": "1", "Size": "1", "Zone": "1"}}}},
		"changed by way of us":   {now: policy.Prior{"db": {Built: "dec_2", Fields: map[string]string{"Encrypted": "2", "Size": "1"}}}, says: []string{"Encrypted of db changed since by dec_2", "dana"}},
		"changed past us":        {now: policy.Prior{"db": {Built: "dec_1", Fields: map[string]string{"Encrypted": "1", "Size": "2"}}}, says: []string{"Size of db changed since (request req_1"}},
		"gone":                   {now: policy.Prior{}, says: []string{"db is gone"}},
		"another was looked at":  {now: policy.Prior{"db": {Fields: map[string]string{"Size": "3"}}}, signed: "sha256:0", says: []string{"cannot be told"}},
		"changed in many fields": {now: policy.Prior{"db": {Fields: map[string]string{}}}, says: []string{"Encrypted, Size of db"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, b := &desk{prior: then}, &book{}
			h.approve()
			h.given[0].State = then.Digest()
			if c.signed != "" {
				h.given[0].State = c.signed
			}
			g := holdingGate(t, h, b, time.Minute)
			g.cfg.Prior = func(model.Action, model.Snapshot) policy.Prior { return c.now }
			p := g.Judge(t.Context(), deletion())
			if len(c.says) == 0 {
				if p.Refusal != nil || b.kinds() != "approval change-decision" {
					t.Fatalf("%+v, recorded %q", p.Refusal, b.kinds())
				}
				return
			}
			if p.Refusal == nil || b.kinds() != "change-decision" || h.claimed != 1 {
				t.Fatalf("%+v, recorded %q, %d approvals used up", p.Refusal, b.kinds(), h.claimed)
			}
			for _, part := range append(c.says, CodeStale) {
				if !strings.Contains(string(b.entries[0].Statement), part) {
					t.Errorf("it does not say %q: %s", part, b.entries[0].Statement)
				}
			}
		})
	}
}
