package intent

import "time"

// checkBudget checks a budget; one of an environment is for no single run.
func checkBudget(p *problems, b Budget, ofActor bool) {
	if b.Changes == nil && b.Deletes == nil {
		p.add(b.Pos, CodeMissing, "add changes: or deletes:", "a budget limits nothing")
	}
	if ofActor && (b.Per == PerRun || b.Per == PerTicket) {
		return
	}
	window, err := time.ParseDuration(b.Per)
	if err != nil || window <= 0 || Period(window) > LongestBudget {
		want := "a length of time up to " + LongestBudget.String()
		if ofActor {
			want += ", " + PerRun + " or " + PerTicket
		}
		p.add(b.Pos, CodeValue, want, "per cannot be %q", b.Per)
	}
}
