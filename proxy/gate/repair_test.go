package gate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// mender is a decoder that answers every repair with one patch.
type mender struct {
	decoders.Decoder
	value any
}

func (m mender) Mend(_ model.Action, all []model.Repair) []model.Repair {
	for i := range all {
		all[i].Patches = []model.Patch{{Ops: []model.PatchOp{{Op: "replace", Path: "/A", Value: m.value}}}}
	}
	return all
}

func (m mender) Mended(a model.Action, _ []model.Patch) (json.RawMessage, error) {
	return a.Params, nil
}

func denied(n int) policy.Decision {
	d := policy.Decision{Findings: []policy.Finding{{Code: "AS3004", Verdict: policy.Allow, Fix: &model.Repair{Kind: model.RepairAsk}}}}
	for range n {
		d.Findings = append(d.Findings, policy.Finding{Code: "AS2012", Fix: &model.Repair{Kind: model.RepairSet, Want: &model.Want{Property: "network.public", Is: false}}})
	}
	return d
}

func TestARefusalCarriesWhatAMachineCanMend(t *testing.T) {
	got := told(mender{value: false}, denied(1))
	if want := `[{"code":"AS2012","kind":"set","want":{"property":"network.public","is":false},"patches":[{"ops":[{"op":"replace","path":"/A","value":false}]}]}]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, level := range []string{"codes", "none"} {
		d := denied(1)
		if d.Explain = level; told(mender{value: false}, d) != "" {
			t.Errorf("an actor that is told %s is told the repair", level)
		}
	}
	if got := told(mender{value: "x" + decoders.Redacted}, denied(1)); strings.Contains(got, "patches") {
		t.Errorf("a patch writes what was taken out: %s", got)
	}
	if got := told(mender{value: strings.Repeat("long ", 200)}, denied(20)); len(got) > decoders.MaxRepair || !strings.HasSuffix(got, "}]") {
		t.Errorf("%d bytes", len(got))
	}
	if got := told(mender{value: func() {}}, denied(1)); strings.Contains(got, "patches") {
		t.Errorf("%s", got)
	}
	allowed := denied(1)
	if allowed.Verdict = policy.Allow; told(mender{}, allowed) != "" {
		t.Error("what is allowed is mended")
	}
}
