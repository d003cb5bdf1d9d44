// Package reason puts decisions into words: the one line of a refusal, and the
// table of codes with a help page each.
//
// # The line
//
// Message is what a caller reads in a terminal, in Terraform, or as an agent:
//
//	assent refused this call: WHAT: WHY (CODE). Accountable: OWNER. Next: STEP.
//	This is policy, not an outage: do not retry or work around it. Why: assent explain dec_…
//
// It is one line of printable ASCII, at most 400 bytes, fit for a header. Long
// parts are shortened in their middle; the code, the last two sentences and the
// decision id never are. Words that look like a credential are taken out.
//
// What passes by itself (another change that is under way, a freeze) says when to try
// again instead. A call that only lacks an approval reads "assent holds this call", names
// the request to answer, and says that it may be run again.
//
// How much it says follows Decision.Explain, since reasons also teach an
// attacker: codes leaves out what and why, none leaves out the code too.
package reason

import (
	"regexp"
	"strings"

	"github.com/assent-iom/assent/policy"
)

// MaxMessage bounds the line, in bytes.
const MaxMessage = 400

// The shares of the parts that can be long. With the fixed words they stay
// below MaxMessage for every code and a decision id of up to maxID bytes.
const (
	maxID   = 40
	maxCode = 12
	never   = "do not retry or work around it"
	held    = "run it again once it is approved"
)

// closing are the last two sentences, with what a caller does about a refusal.
func closing(d policy.Decision, again string) string {
	return "This is policy, not an outage: " + again + ". Why: assent explain " + middle(clean(d.ID), maxID)
}

// Message renders the refusal of a decision, or that it waits for an approval.
func Message(d policy.Decision) string {
	if d.Verdict == policy.Hold && d.Request != "" {
		return line(d, "assent holds this call", closing(d, held))
	}
	again := never
	if f, ok := d.First(); ok && (d.Explain == "" || d.Explain == "full") {
		if page, ok := Find(f.Code); ok && page.Again != "" {
			again = page.Again
		}
	}
	return line(d, "assent refused this call", closing(d, again))
}

// Answer renders a decision that was only asked for: nothing was sent, and the
// ledger has nothing to explain.
func Answer(d policy.Decision) string {
	const only = "It was only a question, and nothing was sent."
	switch {
	case d.Verdict == policy.Allow && (d.Explain == "codes" || d.Explain == "none"):
		return "assent may: this would be allowed. " + only
	case d.Verdict == policy.Allow:
		return "assent may: this would be allowed by " + middle(clean(d.Grant), 200) + ". " + only
	}
	return line(d, "assent may: this would be refused", only)
}

func line(d policy.Decision, head, tail string) string {
	tail = " " + tail
	f, ok := d.First()
	what := ""
	switch {
	case d.Explain == "none":
		return head + "." + tail
	case ok:
		code := " (" + middle(clean(f.Code), maxCode) + ")"
		if d.Explain == "codes" {
			what = "it is not allowed" + code
		} else {
			what = code
		}
	default:
		what = "no clause of declared intent allows it"
	}
	who := person(d.Accountable)
	step := next(f.Code, d)
	if d.Explain == "codes" {
		step = "ask them"
		if d.Accountable.Owner == "" {
			step = "ask whoever keeps the intent documents"
		}
	}
	// what is fixed is counted first; the reason takes what is left
	who, step = middle(clean(who), 64), middle(clean(step), 72)
	rest := ". Accountable: " + who + ". Next: " + step + "."
	if ok && d.Explain != "codes" {
		room := MaxMessage - len(head) - len(": ") - len(what) - len(rest) - len(tail)
		text := clean(f.Title)
		if why := clean(f.Why); why != "" {
			text += ": " + why
		}
		what = middle(fewer(text, room), room) + what
	}
	return head + ": " + what + rest + tail
}

// fewer drops clauses from the end, as long as there are several and they are
// too long: what was asked for stands first, what comes near it last.
func fewer(text string, n int) string {
	for len(text) > n {
		i := strings.LastIndex(text, "; ")
		if i < 0 {
			break
		}
		text = text[:i]
	}
	return text
}

// person says who is accountable in a few words.
func person(a policy.Accountable) string {
	if a.Owner == "" {
		return "nobody is declared"
	}
	name := strings.TrimPrefix(a.Person, "human:")
	if name == "" {
		return a.Owner
	}
	return a.Owner + "/" + name
}

// next is the next step, short; the whole repair is in assent explain.
func next(code string, d policy.Decision) string {
	page, ok := Find(code)
	step := "see assent explain"
	if ok && page.Next != "" {
		step = page.Next
	}
	who := "whoever keeps the intent documents"
	if d.Accountable.Owner != "" {
		who = d.Accountable.Owner
		if c := d.Accountable.Contact; c != "" {
			if _, first, ok := strings.Cut(c, " "); ok {
				c = first
			}
			c, _, _ = strings.Cut(c, ",")
			who += " (" + c + ")"
		}
	}
	return strings.NewReplacer("OWNER", who, "REQUEST", d.Request).Replace(step)
}

// credential matches what must not stand in a message, whoever put it there.
var credential = regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+[a-z0-9+/=._~-]{8,}|\beyJ[A-Za-z0-9_-]{8,}[A-Za-z0-9._-]*|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[a-z]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{20,}|\bxox[a-z]-[A-Za-z0-9-]{10,}|\b(?:password|passwd|secret|token)\s*[=:]\s*\S+|-----BEGIN [A-Z ]+-----`)

// clean makes one line of printable ASCII without credentials.
func clean(s string) string {
	const most = 4096 // what is longer is cut to a fraction of it anyway
	if len(s) > most {
		s = s[:most]
	}
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case r == ' ' || r == '\n' || r == '\t' || r == '\r':
			space = b.Len() > 0
			continue
		case r < ' ' || r == 0x7f:
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		if r > '~' {
			r = '?'
		}
		b.WriteRune(r)
	}
	return credential.ReplaceAllString(b.String(), "(redacted)")
}

// middle shortens ASCII text to n bytes by cutting out its middle: names tell
// most at their ends.
func middle(s string, n int) string {
	const gap = "..."
	if len(s) <= n {
		return s
	}
	if n <= len(gap) {
		return s[:max(n, 0)]
	}
	keep := n - len(gap)
	front := (keep + 1) / 2
	return s[:front] + gap + s[len(s)-(keep-front):]
}
