package gate

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// The codes of findings that the gate itself makes; `assent help CODE` has a
// page for each.
const (
	CodeUndecodable = "AS1001" // the call contradicts itself or cannot be read
	CodeFault       = "AS5001" // no verdict could be reached
	CodeLedger      = "AS5002" // the ledger cannot be written
)

// forDecision lets a decoder ask the platform about a call that is on its way, under
// the id of its decision. A review comes from the platform itself.
func forDecision(ctx context.Context, in proxy.Asked, id string) context.Context {
	if in.Echo {
		return ctx
	}
	return decoders.ForDecision(ctx, id)
}

// understand is what a call comes to for everybody from here on: no secret of a known
// form is in it, nor in its error. Deciding on the names as they were recorded is what
// lets a decision be made again; never clauses count what is not said as the worst.
func (g *Gate) understand(ctx context.Context, in proxy.Asked, id string, at time.Time) (model.Action, error) {
	a, err := decode(ctx, in)
	stamp(&a, in, id, at)
	if spellsCommitment(a) { // nobody could tell it from what that stands for
		a.Unknown = append(slices.Clone(a.Unknown), "a name that is spelt like a commitment")
		a.Fidelity = model.Opaque
	}
	if err != nil {
		err = errors.New(g.cfg.Veil.Text(err.Error()))
	}
	return g.cfg.Veil.Action(a), err
}

func spellsCommitment(a model.Action) bool {
	return slices.ContainsFunc(a.Targets, func(t model.Target) bool { return model.Commits(string(t.URN)) }) || slices.ContainsFunc(a.Parts, spellsCommitment)
}

// decode understands a call; a panic in a decoder is an error like any other.
func decode(ctx context.Context, in proxy.Asked) (a model.Action, err error) {
	defer func() {
		if r := recover(); r != nil {
			a, err = model.Action{}, fmt.Errorf("the %s decoder panicked: %v", in.Decoder.Name(), r)
		}
		if err != nil {
			a.Platform = in.Decoder.Name()
			a.Verb, a.Fidelity = model.Unknown, model.Opaque
			if a.Service == "" {
				a.Service = in.Call.Host
			}
			if a.Operation == "" {
				a.Operation = in.Call.Method
			}
			a.Unknown = append(a.Unknown, "call")
		}
	}()
	if a, err = in.Decoder.Decode(ctx, in.Call); err == nil && len(in.Call.Trailer) > 0 {
		a.Unknown = slices.Clone(a.Unknown)
		for _, name := range in.Call.Trailer {
			a.Unknown = append(a.Unknown, "trailer "+name)
		}
		slices.Sort(a.Unknown)
		a.Fidelity = min(a.Fidelity, model.Partial)
	}
	return a, err
}

// stamp says who, when and under which id. What a decoder found the client to say
// of itself is kept, as said.
func stamp(a *model.Action, in proxy.Asked, id string, at time.Time) {
	said := maps.Clone(in.Actor.Said)
	for k, v := range a.Actor.Said {
		if said == nil {
			said = map[string]string{}
		}
		if _, known := said[k]; !known {
			said[k] = v
		}
	}
	a.ID, a.Actor, a.Run, a.At = id, in.Actor, in.Run, at
	a.Actor.Said = said
}

// undecodable is the decision on a call that could not be read. It is recorded
// like any other and refused when enforcing.
func undecodable(a model.Action, err error, mode policy.Mode, at time.Time, id string) policy.Decision {
	return policy.Decision{
		ID: id, At: at, Mode: mode, Verdict: policy.Deny, Action: a,
		Findings: []policy.Finding{{
			Code: CodeUndecodable, Title: "the call cannot be understood", Verdict: policy.Deny,
			Why:    err.Error(),
			Repair: "send the call with a current version of its client, unaltered; if it is well-formed, report it with the decision id",
		}},
		Basis: policy.Basis{Decoder: a.Decoder},
	}
}

// faulty is the decision when no verdict could be reached.
func faulty(a model.Action, fault string, mode policy.Mode, at time.Time, id string) policy.Decision {
	return policy.Decision{
		ID: id, At: at, Mode: mode, Verdict: policy.Deny, Action: a, Fault: fault,
		Findings: []policy.Finding{{
			Code: CodeFault, Title: "no verdict could be reached", Verdict: policy.Deny,
			Why:    fault,
			Repair: "nothing is wrong with the call; whoever operates assent finds the cause with: assent doctor",
		}},
		Basis: policy.Basis{Decoder: a.Decoder},
	}
}

// refusal is what the caller is told of a decision.
func (g *Gate) refusal(in proxy.Asked, d policy.Decision) *decoders.Refusal {
	return &decoders.Refusal{Code: decoders.DeniedCode, Message: g.message(d), DecisionID: d.ID, Repair: told(in.Decoder, d)}
}

// refuseUnrecorded refuses without a decision on disk: the one case in which a
// refusal has no evidence, since evidence is what is missing.
func (g *Gate) refuseUnrecorded(why string) proxy.Permit {
	return proxy.Permit{Refusal: &decoders.Refusal{
		Code: decoders.DeniedCode, DecisionID: "dec_none",
		Message: cut("assent refused this call: "+why+", and no change may pass unrecorded ("+CodeLedger+
			"). Nothing was sent. Next: whoever operates assent runs: assent doctor", maxMessage),
	}}
}

// warning is what a caller that is not refused should still know.
func (g *Gate) warning(d policy.Decision) string {
	switch {
	case d.Explain == "none":
		return "" // it is told as little when nothing is refused
	case d.Explain == "codes" && d.Verdict == policy.Allow:
		return ""
	case d.Verdict != policy.Allow && d.Basis.Intent == intent.None:
		return "" // with nothing declared, a warning on every change says nothing
	case d.Verdict != policy.Allow:
		f, ok := d.First()
		if !ok {
			return ""
		}
		return cut("assent: would be refused when enforcing: "+f.Title+" ("+f.Code+"); why: assent explain "+d.ID, maxMessage)
	case d.Radius.Dependents > 0 && d.Action.Verb != model.Reveal:
		return cut(fmt.Sprintf("assent: allowed, but %d resources depend on this (%s)", d.Radius.Dependents, d.ID), maxMessage)
	default:
		return ""
	}
}

// maxMessage bounds what a caller is told, in bytes: one line in any terminal,
// header or error field.
const maxMessage = 400

// message renders the refusal; if that fails too, something true is said.
func (g *Gate) message(d policy.Decision) (text string) {
	defer func() {
		if r := recover(); r != nil || text == "" {
			text = "assent refused this call. This is policy, not an outage: do not retry or work around it. Why: assent explain " + d.ID
		}
	}()
	return cut(g.cfg.Message(d), maxMessage)
}

// cut shortens a line to n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// idSource makes decision ids that sort by time and fit on a line: dec_ and 20
// characters, which are 44 bits of milliseconds (until 2527) and 56 random bits.
type idSource struct {
	mu   sync.Mutex // the reader need not be safe for concurrent use
	rand io.Reader
}

var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func (s *idSource) next(at time.Time) (string, error) {
	var raw [13]byte // 100 bits are used: 20 characters of 5
	binary.BigEndian.PutUint64(raw[:8], uint64(at.UnixMilli())<<20)
	s.mu.Lock()
	defer s.mu.Unlock()
	var random [7]byte
	if _, err := io.ReadFull(s.rand, random[:]); err != nil {
		return "", err
	}
	raw[5] |= random[0] >> 4
	for i := range 6 {
		raw[6+i] = random[i]<<4 | random[i+1]>>4
	}
	raw[12] = random[6] << 4
	return "dec_" + crockford.EncodeToString(raw[:])[:20], nil
}
