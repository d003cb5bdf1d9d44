package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// The names in a pack that are not derived from others.
const (
	dirLog      = "log/"
	fileHead    = dirLog + "checkpoint"
	fileOpening = dirLog + "opening"
	fileGrown   = dirLog + "cosigned"
	fileEntries = dirLog + "entries.jsonl"
	fileVKey    = dirLog + "log.vkey"
	fileKeys    = dirLog + "keys.jsonl" // where the pack does not begin with the log
	fileSums    = "SHA256SUMS"
	filePack    = "pack.json"
)

// source is what the derived files are made from.
type source struct {
	pack             Pack
	closing, opening []byte // signed; opening nil: none
	entry            func(index uint64) ([]byte, error)
	prove            tlog.Subtrees
}

// summary is pack.json.
type summary struct {
	Format   int       `json:"format"`
	Params   Params    `json:"params"`
	Log      Head      `json:"log"`
	Closed   uint64    `json:"closed"`           // size of the log when the period was over
	Seed     string    `json:"seed"`             // root of the log of that size
	ToldTo   time.Time `json:"told_to,omitzero"` // the latest time in the entries of the period
	Facts    Facts     `json:"facts"`
	Sampled  []uint64  `json:"sampled"` // indexes
	Controls []string  `json:"controls"`
}

// derived makes every file of a pack that is not log itself.
func derived(s source) (map[string][]byte, error) {
	p := s.pack
	out := map[string][]byte{}
	sum := summary{Format: Format, Params: p.Params, Log: p.Head, Closed: p.Closed, Seed: p.Seed, ToldTo: p.Until, Facts: p.Facts(), Sampled: []uint64{}, Controls: []string{}}
	for _, i := range p.Sampled {
		sum.Sampled = append(sum.Sampled, p.Records[i].Index)
	}
	controls := p.controls()
	for _, c := range controls {
		sum.Controls = append(sum.Controls, c.Control)
	}
	for name, v := range map[string]any{filePack: sum, "controls.json": controls, "reconciliation.json": p.reconciliation(), "exports/oscal.json": OSCAL(p)} {
		data, err := indented(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = data
	}
	out["population.csv"], out["in-force.csv"] = CSV(p.Records), p.inForceTable()
	var err error
	if out["exports/ocsf.jsonl"], err = lines(p.Records, func(r Record) any { return OCSF(p.Head.Origin, r) }); err != nil {
		return nil, err
	}
	if out["exports/cloudevents.jsonl"], err = lines(p.Records, func(r Record) any { return CloudEvent(p.Head.Origin, r) }); err != nil {
		return nil, err
	}
	if s.opening != nil && p.Head.Opening < p.Head.Size {
		proof, err := tlog.Consistency(s.prove, p.Head.Opening, p.Head.Size)
		if err != nil {
			return nil, err
		}
		out[dirLog+"consistency"] = tlog.FormatConsistency(p.Head.Opening, proof, s.closing)
	}
	for _, k := range append(p.Before, Span{VKey: p.Head.VKey}) {
		if out[k.pem()], err = PublicPEM(k.VKey); err != nil {
			return nil, err
		}
	}
	for _, i := range p.Sampled {
		if err := s.sample(p.Records[i], out); err != nil {
			return nil, fmt.Errorf("sample %d: %w", p.Records[i].Index, err)
		}
	}
	out["index.html"] = page(p)
	out["VERIFY.md"] = guide(p)
	return out, nil
}

// sample adds the files of a change: its decision, its outcome, its approvals.
func (s source) sample(r Record, out map[string][]byte) error {
	indexes := []uint64{r.Index}
	if r.OutcomeAt != nil {
		indexes = append(indexes, *r.OutcomeAt)
	}
	for _, a := range r.Approvals {
		if a.Entry != nil {
			indexes = append(indexes, *a.Entry)
		}
	}
	for _, index := range indexes {
		envelope, err := s.entry(index)
		if err != nil {
			return err
		}
		proof, err := tlog.Inclusion(s.prove, index, s.pack.Head.Size)
		if err != nil {
			return err
		}
		files, err := EntryFiles(index, envelope)
		if err != nil {
			return err
		}
		files["tlog-proof"] = tlog.FormatInclusion(index, proof, s.closing)
		for ext, data := range files {
			out[fmt.Sprintf("samples/%d.%s", index, ext)] = data
		}
	}
	return nil
}

// EntryFiles are the forms of one entry that others' tools read, by the end of
// their names: DSSE envelope, Sigstore bundle, what was signed and the signature,
// the statement; of a decision the action, of an approval what the person signed.
func EntryFiles(index uint64, envelope []byte) (map[string][]byte, error) {
	e, err := ledger.ParseEnvelope(envelope)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", index, err)
	}
	bundle, err := ledger.Bundle(envelope)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", index, err)
	}
	files := map[string][]byte{
		"dsse.json": envelope, "sigstore.json": bundle, "statement.json": e.Payload,
		"pae": ledger.PAE(e.PayloadType, e.Payload), "sig": e.Signatures[0].Sig,
	}
	about, err := ledger.Describe(e.Payload)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", index, err)
	}
	switch about.Kind {
	case ledger.KindDecision:
		if files["action.json"], err = ledger.RecordedAction(envelope); err != nil {
			return nil, err
		}
	case ledger.KindApproval:
		given, _, err := ledger.ParseApproval(envelope)
		if err != nil {
			return nil, err
		}
		files["ticket"], files["ticket.sig"] = []byte(given.Ticket), []byte(given.Signature)
	}
	return files, nil
}

// reconciled is reconciliation.json.
type reconciled struct {
	Reconciliations []ledger.Reconciliation `json:"reconciliations"`
	Bypasses        []ledger.Bypass         `json:"bypasses"`
	Heartbeats      int                     `json:"heartbeats"`
	Gaps            []Gap                   `json:"gaps"` // times without a proxy
}

func (p Pack) reconciliation() reconciled {
	return reconciled{append([]ledger.Reconciliation{}, p.Recons...), append([]ledger.Bypass{}, p.Bypasses...), p.Beats, append([]Gap{}, p.Gaps...)}
}

// CSV writes records as a table (RFC 4180).
func CSV(records []Record) []byte {
	var b bytes.Buffer
	head := []string{"index", "id", "at", "actor", "actor_kind", "authn", "for", "run", "platform", "operation", "verb", "capability", "targets",
		"environments", "owner", "accountable", "mode", "verdict", "passed", "clause", "intent", "dependents", "radius_complete", "codes",
		"approvals", "independent", "outcome", "status", "request_id", "completed_at", "outcome_index"}
	csvRow(&b, head)
	for _, r := range records {
		var by []string
		alone := ""
		for _, a := range r.Approvals {
			by = append(by, a.By)
			if alone == "" {
				alone = "true"
			}
			if !a.Independent {
				alone = "false"
			}
		}
		at, status := "", ""
		if r.OutcomeAt != nil {
			at = strconv.FormatUint(*r.OutcomeAt, 10)
		}
		if r.Status != 0 {
			status = strconv.Itoa(r.Status)
		}
		row := []string{strconv.FormatUint(r.Index, 10), r.ID, stamp(r.At), r.Actor, r.ActorKind, r.Authn, strings.Join(r.For, " "), r.Run, r.Platform,
			r.Operation, r.Verb, r.Capability, strings.Join(r.Targets, " "), strings.Join(r.Environments, " "), r.Owner, r.Accountable, r.Mode, r.Verdict,
			strconv.FormatBool(r.Passed), r.Clause, r.Intent, strconv.Itoa(r.Dependents), strconv.FormatBool(r.RadiusWhole), strings.Join(r.Codes, " "),
			strings.Join(by, " "), alone, r.Outcome, status, r.RequestID, stamp(r.CompletedAt), at}
		for i, cell := range row {
			row[i] = inert(cell)
		}
		csvRow(&b, row)
	}
	return b.Bytes()
}

// csvRow writes one row. encoding/csv would take assent-verify over its size.
func csvRow(b *bytes.Buffer, row []string) {
	for i, cell := range row {
		if i > 0 {
			b.WriteByte(',')
		}
		if strings.ContainsAny(cell, ",\"\r\n") || strings.HasPrefix(cell, " ") {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		b.WriteString(cell)
	}
	b.WriteByte('\n')
}

// inert keeps a spreadsheet from taking a stranger's text for a formula.
func inert(cell string) string {
	if cell != "" && strings.IndexByte("=+-@\t\r", cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// lines writes one JSON value a line.
func lines(records []Record, of func(Record) any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, r := range records {
		if err := enc.Encode(of(r)); err != nil {
			return nil, fmt.Errorf("writing %s: %w", r.ID, err)
		}
	}
	return b.Bytes(), nil
}

// sums is SHA256SUMS: what sha256sum -c reads.
func sums(digests map[string][32]byte) []byte {
	names := make([]string, 0, len(digests))
	for name := range digests {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	for _, name := range names {
		digest := digests[name]
		fmt.Fprintf(&b, "%s  %s\n", hex.EncodeToString(digest[:]), name)
	}
	return b.Bytes()
}

func digest(data []byte) [32]byte { return sha256.Sum256(data) }
