package gate

import (
	"bytes"
	"encoding/json"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// Repair is what a machine can do about one reason of a decision.
type Repair struct {
	Code string `json:"code"`
	model.Repair
}

// Repairs are those of the findings that keep an action from being allowed, with
// patches in the caller's own terms where the platform's decoder has them; each
// patch is about the call as those before it leave it. A patch that would write a
// value that was taken out of the record is left out.
func Repairs(d decoders.Decoder, of policy.Decision) []Repair {
	if of.Verdict == policy.Allow {
		return nil
	}
	var out []Repair
	var plain []model.Repair
	for _, f := range of.Findings {
		if f.Fix != nil && f.Verdict != policy.Allow {
			out = append(out, Repair{Code: f.Code})
			plain = append(plain, *f.Fix)
		}
	}
	if m, ok := d.(decoders.Mender); ok {
		plain = m.Mend(of.Action, plain)
	}
	for i, r := range plain {
		if data, err := json.Marshal(r.Patches); err != nil || bytes.Contains(data, []byte(decoders.Redacted)) {
			r.Patches = nil
		}
		out[i].Repair = r
	}
	return out
}

// told is the repairs as a refusal carries them: none for an actor that is told
// less, and only as many of the first as there is room for.
func told(d decoders.Decoder, of policy.Decision) (text string) {
	if of.Explain == "codes" || of.Explain == "none" {
		return ""
	}
	defer func() {
		if recover() != nil { // a refusal is an answer, also without its repair
			text = ""
		}
	}()
	for all := Repairs(d, of); len(all) > 0; all = all[:len(all)-1] {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if e.Encode(all) == nil && b.Len() <= decoders.MaxRepair {
			return string(bytes.TrimSpace(b.Bytes()))
		}
	}
	return ""
}
