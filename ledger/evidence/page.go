package evidence

import (
	"bytes"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/ledger"
)

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #d0d7de}h3{font-size:1rem;margin-bottom:.3rem}
table{border-collapse:collapse;width:100%;margin:.6rem 0}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #d8dee4;overflow-wrap:anywhere}
th{font-weight:600;background:#f6f8fa}code{font:13px ui-monospace,monospace}.warn{background:#fff8c5}.bad{background:#ffebe9}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
@media print{body{margin:0;max-width:none}}`

// pageShown bounds the lists on the page; the files have all.
const pageShown = 50

// writer of HTML: every text that is put in goes through esc.
type writer struct{ bytes.Buffer }

func esc(s string) string { return html.EscapeString(s) }

// put writes a format of ours with texts of anybody's.
func (w *writer) put(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = esc(s)
		}
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// row writes a row of a table.
func (w *writer) row(class string, cells ...string) {
	w.WriteString(`<tr class="` + class + `">`)
	for _, c := range cells {
		w.WriteString("<td>" + esc(c) + "</td>")
	}
	w.WriteString("</tr>\n")
}

func (w *writer) head(cells ...string) {
	w.WriteString("<table><thead><tr>")
	for _, c := range cells {
		w.WriteString("<th>" + esc(c) + "</th>")
	}
	w.WriteString("</tr></thead><tbody>\n")
}

func (w *writer) end() { w.WriteString("</tbody></table>\n") }

// page is index.html: no script, nothing from elsewhere.
func page(p Pack) []byte {
	w, f := new(writer), p.Facts()
	w.WriteString(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><style>` + style + `</style>`)
	w.put(`<title>Evidence %s to %s</title></head><body>`, day(p.Params.From.String()), day(p.Params.To.String()))
	w.put(`<h1>Evidence of changes, %s to %s</h1>`, stamp(p.Params.From), stamp(p.Params.To))
	w.put(`<p>Prepared for %s. Every line here is made from signed entries that are in this folder, and can be made again: <code>assent evidence verify .</code>, or with other people's tools as <a href="VERIFY.md">VERIFY.md</a> says.</p>`, frameworks()[p.Params.Framework].Title)
	p.population(w, f)
	p.exceptions(w, f)
	p.inForce(w)
	p.mapping(w)
	p.samples(w)
	p.whole(w, f)
	w.put(`<h2>What this does not show</h2><ul>
<li>Whoever holds the log's key could have written another history before handing this over, unless somebody else has kept a checkpoint of it.</li>
<li>How things were before and after a change, and tests made before it, are not recorded here.</li>
<li>Reads are not recorded, except those that hand out a secret or a credential.</li>
<li>Times are those of the proxy's machine.</li></ul></body></html>`)
	return w.Bytes()
}

// outcomes says what became of the changes.
func (f Facts) outcomes() string {
	since := ""
	if f.Resolved > 0 {
		since = fmt.Sprintf(" (of %d it was found out since)", f.Resolved)
	}
	return fmt.Sprintf("%d succeeded, %d failed, %d never sent, %d not known%s, %d open", f.Succeeded, f.Failed, f.Unsent, f.Unknown, since, f.Open)
}

func day(s string) string { return s[:min(10, len(s))] }

func (p Pack) population(w *writer, f Facts) {
	w.put(`<h2>The population</h2><dl>`)
	for _, line := range [][2]string{
		{"Decisions", fmt.Sprint(f.Decisions)},
		{"Changes let through", fmt.Sprintf("%d: %d declared, %d not declared (the proxy was observing), %d in an emergency (the glass was broken)", f.Changes, f.Declared, f.Undeclared, f.Emergency)},
		{"Refused", fmt.Sprintf("%d, and %d at the door", f.Refused, f.Doors)},
		{"Outcomes of changes", f.outcomes()},
		{"With a signed approval", fmt.Sprintf("%d; of %d every approver is somebody else than who acted", f.Approved, f.Independent)},
		{"With an accountable person", fmt.Sprint(f.Owned)},
		{"Log", p.Head.Origin},
		{"Entries", fmt.Sprintf("%d to %d of %d, one unbroken range under the root %s", p.Head.First, max(p.Head.End, 1)-1, p.Head.Size, p.Head.Root)},
		{"Last entry of the period", stamp(p.Until)},
	} {
		w.put(`<dt>%s</dt><dd>%s</dd>`, line[0], line[1])
	}
	for _, k := range p.Before {
		w.put(`<dt>%s</dt><dd>%s</dd>`, fmt.Sprintf("Key up to entry %d", k.Last), k.VKey)
	}
	w.put(`</dl>`)
	if !p.Over {
		w.put(`<p class="warn">The log has no entry from after the period: it is told up to the last one above, not to its end.</p>`)
	}
	w.put(`<p>The whole list is <a href="population.csv">population.csv</a>.</p>`)
	type group struct{ platform, verb, verdict string }
	counts := map[group]int{}
	for _, r := range p.Records {
		counts[group{r.Platform, r.Verb, r.Verdict}]++
	}
	groups := make([]*group, 0, len(counts)) // pointers: a sort of its own for each struct would take assent-verify over its size
	for g := range counts {
		groups = append(groups, &g)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		return strings.Compare(a.platform+" "+a.verb+" "+a.verdict, b.platform+" "+b.verb+" "+b.verdict)
	})
	w.head("platform", "verb", "verdict", "decisions")
	for _, g := range groups {
		w.row("", g.platform, g.verb, g.verdict, fmt.Sprint(counts[*g]))
	}
	w.end()
}

// exceptions are what an auditor looks at first.
func (p Pack) exceptions(w *writer, f Facts) {
	w.put(`<h2>Exceptions</h2>`)
	n := f.Undeclared + f.Emergency + f.Unknown + f.Open + f.Bypasses
	if n == 0 {
		w.put(`<p>None: no change without declared intent, none by broken glass, no outcome that is not known, no bypass that was found in this period.</p>`)
		return
	}
	w.head("what", "when", "change", "who", "entry")
	shown := 0
	add := func(class string, cells ...string) {
		if shown++; shown <= pageShown {
			w.row(class, cells...)
		}
	}
	for _, b := range p.Bypasses {
		add("bad", "went past Assent: "+b.Why, stamp(b.At), b.Operation+" "+b.Target, b.Actor, b.Source+" "+b.Event)
	}
	for _, i := range p.Changes {
		r := p.Records[i]
		what := ""
		switch {
		case r.Outcome == ledger.Unresolved:
			what = "outcome not known"
			if r.Resolved != "" {
				what += " then; since found out: " + r.Resolved
			}
		case r.Outcome == "":
			what = "no outcome"
		case len(r.Glass) > 0:
			what = "in an emergency: the glass was broken by " + strings.Join(r.Glass, ", ")
		case r.Verdict != "allow":
			what = "not declared (" + strings.Join(r.Codes, " ") + ")"
		default:
			continue
		}
		add("warn", what, stamp(r.At), r.Operation+" "+first(r.Targets), r.Actor, fmt.Sprint(r.Index))
	}
	w.end()
	if shown > pageShown {
		w.put(`<p>and %d more, in the files.</p>`, shown-pageShown)
	}
}

func first(list []string) string {
	switch len(list) {
	case 0:
		return ""
	case 1:
		return list[0]
	}
	return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
}

func (p Pack) mapping(w *writer) {
	w.put(`<h2>Controls</h2><p>Which of the evidence speaks to which control. Whether a control is met is not said here.</p>`)
	w.head("control", "asks", "evidence", "not in this evidence")
	for _, c := range p.controls() {
		var says []string
		for _, e := range c.Evidence {
			says = append(says, e.Means+" ("+e.Where+"): "+e.Shows)
		}
		w.row("", c.Control, c.Asks, strings.Join(says, ". "), c.Lacks)
	}
	w.end()
}

func (p Pack) samples(w *writer) {
	w.put(`<h2>Samples</h2><p>%d of %d changes, drawn by the root of the log when the period was over, at %d entries: those with the lowest SHA-256 of <code>%s:INDEX</code>.</p>`, len(p.Sampled), len(p.Changes), p.Closed, p.Seed)
	for _, i := range p.Sampled {
		r := p.Records[i]
		w.put(`<h3 id="s%d">%d: %s</h3><dl>`, r.Index, r.Index, r.Operation)
		for _, line := range [][2]string{
			{"decision", r.ID}, {"decided", stamp(r.At)}, {"who", strings.TrimSpace(r.Actor + " " + paren(r.ActorKind) + " " + paren(r.Authn))}, {"on behalf of", strings.Join(r.For, ", ")},
			{"what", first(r.Targets)}, {"in", strings.Join(r.Environments, ", ")}, {"verdict", r.Verdict + ", " + r.Mode}, {"allowed by", r.Clause}, {"intent", r.Intent},
			{"depends on it", fmt.Sprintf("%d%s", r.Dependents, map[bool]string{false: ", and perhaps more"}[r.RadiusWhole])},
			{"accountable", strings.TrimSpace(r.Owner + " " + r.Accountable)}, {"findings", strings.Join(r.Codes, " ")}, {"approved by", approvers(r)},
			{"outcome", strings.TrimSpace(r.Outcome + " " + stamp(r.CompletedAt))}, {"the platform's own id", r.RequestID},
		} {
			if line[1] != "" {
				w.put(`<dt>%s</dt><dd>%s</dd>`, line[0], line[1])
			}
		}
		w.put(`<dt>files</dt><dd><a href="samples/%d.statement.json">statement</a> · <a href="samples/%d.sigstore.json">bundle</a> · <a href="samples/%d.tlog-proof">proof</a></dd></dl>`, r.Index, r.Index, r.Index)
	}
}

func paren(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func approvers(r Record) string {
	var out []string
	for _, a := range r.Approvals {
		text := a.By + " at " + stamp(a.At)
		if !a.Independent {
			text += " (who acted themselves)"
		}
		if a.Entry != nil {
			text += fmt.Sprintf(", entry %d", *a.Entry)
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// reaches is up to when a comparison with the platforms' logs tells.
func reaches(r ledger.Reconciliation) (to time.Time) {
	if !r.Until.IsZero() && r.Until.Before(r.At) {
		return r.Until
	}
	for _, s := range r.Sources {
		if s.Final.After(to) {
			to = s.Final
		}
	}
	return to
}

// compared is up to when the comparisons of the period tell.
func (p Pack) compared() (to time.Time) {
	for _, r := range p.Recons {
		if at := reaches(r); r.Compares() && at.After(to) {
			to = at
		}
	}
	return to
}

// whole is about what is not in the log.
func (p Pack) whole(w *writer, f Facts) {
	w.put(`<h2>Is anything missing?</h2>`)
	if f.Reconciled == 0 {
		w.put(`<p class="warn">In this period the ledger was not compared with the platforms' own logs (<code>assent ledger reconcile</code>): a change that went past Assent would not show. What was compared later is in the pack of that later time.</p>`)
	} else {
		if to := p.compared(); to.Before(p.Params.To) {
			w.put(`<p class="warn">No comparison that was made in this period reaches beyond %s. What was compared later is in the pack of that later time.</p>`, stamp(to))
		}
		w.head("compared", "of", "with", "events", "matched", "bypasses", "not to be told", "refused", "not in their logs")
		shown := 0
		for _, r := range p.Recons {
			if !r.Compares() {
				continue
			}
			if shown++; shown > pageShown {
				break
			}
			var with []string
			for _, s := range r.Sources[:min(8, len(r.Sources))] {
				with = append(with, s.Kind+" "+s.Name)
			}
			w.row("", stamp(r.At), stamp(r.Since)+" to "+stamp(reaches(r)), strings.Join(with, ", "), fmt.Sprint(r.Events), fmt.Sprint(r.Matched), fmt.Sprint(r.Bypasses), fmt.Sprint(r.Unknown), fmt.Sprint(r.Refused), fmt.Sprint(r.Unconfirmed))
		}
		w.end()
	}
	switch {
	case f.Heartbeats == 0:
		w.put(`<p class="warn">No heartbeats: no daemon ran in this period, or none wrote here.</p>`)
	case f.Gaps == 0:
		w.put(`<p>%d heartbeats; at no time of the period%s was there no proxy.</p>`, f.Heartbeats, map[bool]string{false: " up to its last entry"}[p.Over])
	default:
		w.put(`<p class="warn">%d heartbeats. At these times there was no proxy:</p>`, f.Heartbeats)
		w.head("from", "to", "the one before it")
		for _, g := range p.Gaps[:min(pageShown, len(p.Gaps))] {
			w.row("", stamp(g.From), stamp(g.To), map[bool]string{true: "ended in order", false: "fell silent, or there was none"}[g.Ended])
		}
		w.end()
	}
}
