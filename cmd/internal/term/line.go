package term

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// Word is what a decision is called: allow, deny, hold; and in observe mode,
// where intent says otherwise, would deny or would hold.
func Word(d policy.Decision) string {
	if d.Mode == policy.Observe && d.Verdict != policy.Allow {
		if d.Basis.Intent == intent.None || d.Basis.Intent == "" {
			return "allow"
		}
		return "would " + d.Verdict.String()
	}
	return d.Verdict.String()
}

// Line is one decision in at most Width columns: verdict, call, target, owner,
// dependents, id. The id is whole; the target gives way first.
func Line(d policy.Decision, colours bool) string {
	word := fmt.Sprintf("%-6s", Word(d))
	owner := Plain(d.Accountable.Owner)
	if owner == "" {
		owner = "no owner"
	}
	dependents := fmt.Sprintf("%d dependents", d.Radius.Dependents)
	if !d.Radius.Complete && d.Radius.Dependents > 0 {
		dependents = fmt.Sprintf("≥%d dependents", d.Radius.Dependents)
	}
	end := "  " + cut(owner, 16) + "  " + dependents + "  " + d.ID
	room := Width - len("assent: ") - utf8.RuneCountInString(word) - 1 - utf8.RuneCountInString(end)
	name := cut(Plain(d.Action.Name()), max(room-6, 8))
	target := cut(target(d), room-utf8.RuneCountInString(name)-2)
	if target != "" {
		target = "  " + target
	}
	pad := max(room-utf8.RuneCountInString(name)-utf8.RuneCountInString(target), 0)
	return "assent: " + style(colours).verdict(word) + " " + name + target + strings.Repeat(" ", pad) + end
}

// target is the short name of what is touched: the last part of the URN. What is
// only named along the way is not counted.
func target(d policy.Decision) string {
	short, more := "", 0
	for _, t := range d.Action.Targets {
		switch {
		case t.Role == model.RoleDependency:
		case short != "":
			more++
		default:
			if short = last(Plain(string(t.URN))); short == "*" { // its name comes from the cloud
				short = "new " + last(Plain(t.Type))
			}
		}
	}
	if more > 0 {
		short += fmt.Sprintf(" +%d", more)
	}
	return short
}

func last(name string) string {
	if i := strings.LastIndexAny(name, ":/"); i >= 0 && i+1 < len(name) {
		return name[i+1:]
	}
	return name
}
