package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
)

// writeJSON writes one value on one line.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// decisionText is a decision told in full.
func decisionText(w io.Writer, d policy.Decision, outcome *ledger.Outcome) {
	fmt.Fprintf(w, "%s  %s %s\n", d.ID, term.Word(d), term.Plain(d.Action.Name()))
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-12s %s\n", name, term.Plain(fmt.Sprintf(format, args...)))
	}
	row("when", "%s (%s)", d.At.Format("2006-01-02 15:04:05 MST"), d.Mode)
	who := d.Action.Actor.ID
	if d.Action.Actor.Kind != "" {
		who += " (" + string(d.Action.Actor.Kind) + ")"
	}
	if len(d.Action.Actor.For) > 0 {
		who += " for " + strings.Join(d.Action.Actor.For, " for ")
	}
	row("who", "%s", who)
	if d.Action.Run != "" {
		row("run", "%s", d.Action.Run)
	}
	row("what", "%s %s, understood: %s", d.Action.Verb, d.Action.Capability, d.Action.Fidelity)
	for _, t := range d.Action.Targets {
		row(t.Role, "%s", t.URN)
	}
	for i, p := range d.Action.Props {
		name := ""
		if i == 0 {
			name = "makes true"
		}
		if p.Known {
			row(name, "%s: %v (%s)", p.Name, p.Value, p.Source)
		} else {
			row(name, "%s: cannot be told", p.Name)
		}
	}
	if len(d.Environments) > 0 {
		row("where", "%s", strings.Join(d.Environments, ", "))
	}
	if d.Grant != "" {
		row("allowed by", "%s", d.Grant)
	}
	if d.Accountable.Owner != "" {
		row("accountable", "%s: %s (%s) %s", d.Accountable.Owner, d.Accountable.Person, d.Accountable.From, d.Accountable.Contact)
		if d.Accountable.Others != "" {
			row("also claims", "%s", d.Accountable.Others)
		}
	} else {
		row("accountable", "nobody is declared")
	}
	bound := ""
	if !d.Radius.Complete {
		bound = " or more"
	}
	row("depend on it", "%d%s", d.Radius.Dependents, bound)
	for _, hop := range d.Radius.Sample {
		row("", "%s (%s, %d away)", hop.URN, hop.Relation, hop.Depth)
	}
	if x := d.Exposure; x != nil {
		exposureText(row, x)
	}
	for _, f := range d.Findings {
		row("reason", "%s: %s", f.Code, f.Title)
		row("", "%s", f.Why)
		row("  repair", "%s", f.Repair)
		if f.Source != "" {
			row("  source", "%s", f.Source)
		}
	}
	if d.Fault != "" {
		row("fault", "%s", d.Fault)
	}
	row("read", "model %d %s, intent %s", d.Basis.Model.Rev, d.Basis.Model.Digest, d.Basis.Intent)
	if outcome != nil {
		row("outcome", "%s %s", outcome.Result, strings.TrimSpace(fmt.Sprintf("%s status %d request %s", outcome.Reason, outcome.Status, outcome.RequestID)))
	} else if d.Blocks() {
		row("outcome", "refused; nothing was forwarded")
	} else {
		row("outcome", "not known yet")
	}
}

// exposureText tells what becomes reachable, and by whom.
func exposureText(row func(name, format string, args ...any), x *policy.Exposure) {
	bound := ""
	if !x.Complete {
		bound = " or more"
	}
	who := strings.Join(x.By, ", ")
	if who == "" {
		who = "whom the call does not say"
	}
	row("reachable", "%d%s, by %s", x.Opened, bound, who)
	if x.Reachable > 0 {
		row("", "and from there %d more", x.Reachable)
	}
	for _, hop := range x.Sample {
		way := "itself"
		if hop.Depth > 0 {
			way = fmt.Sprintf("%s, %d away", hop.Relation, hop.Depth)
		}
		row("", "%s (%s)", hop.URN, way)
	}
}
