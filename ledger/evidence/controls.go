package evidence

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:embed controls.json
var controlsFile []byte

// Control is what a framework asks for, and which fields of the evidence speak to
// it.
type Control struct {
	ID     string   `json:"id"`
	Asks   string   `json:"asks"`
	Fields []string `json:"fields"`
	Lacks  string   `json:"lacks"` // what it asks for and is not in this evidence
}

type framework struct {
	Title    string    `json:"title"`
	Controls []Control `json:"controls"`
}

// frameworks are those of controls.json, which is checked by a test.
var frameworks = sync.OnceValue(func() map[string]framework {
	var all map[string]framework
	if err := json.Unmarshal(controlsFile, &all); err != nil {
		panic("controls.json: " + err.Error())
	}
	return all
})

// Frameworks are the names that Params.Framework may have.
func Frameworks() []string { return slices.Sorted(maps.Keys(frameworks())) }

// field is one of the things that the evidence says of changes: where it stands,
// and what the pack as a whole shows of it.
type field struct {
	means string
	where string
	shows func(Pack, Facts) string
}

var fields = map[string]field{
	"actor": {"who acted, of which kind, known by what, on whose behalf", "population.csv: actor, actor_kind, authn, for",
		func(_ Pack, f Facts) string { return fmt.Sprintf("%d changes, each with its actor", f.Changes) }},
	"accountable": {"who answers for what was changed", "population.csv: owner, accountable",
		func(_ Pack, f Facts) string {
			return fmt.Sprintf("%d of %d changes have an accountable person", f.Owned, f.Changes)
		}},
	"intent": {"the clause of declared intent that allows it, and the digest of the documents", "population.csv: clause, intent; in-force.csv",
		func(_ Pack, f Facts) string {
			return fmt.Sprintf("%d of %d changes were declared", f.Declared, f.Changes)
		}},
	"undeclared": {"changes that passed without being declared", "population.csv: passed, verdict",
		func(_ Pack, f Facts) string { return fmt.Sprintf("%d changes were not declared", f.Undeclared) }},
	"emergency": {"changes that passed in an emergency by broken glass, and what somebody else found of it", "population.csv: clause (break-glass ENVIRONMENT)",
		func(p Pack, f Facts) string {
			return fmt.Sprintf("%d emergency changes; %d reviews of broken glass in this period", f.Emergency, p.Reviews)
		}},
	"impact": {"what was changed, and what depends on it", "population.csv: targets, dependents, radius_complete",
		func(_ Pack, f Facts) string {
			return fmt.Sprintf("%d changes, each with the number of what depends on it", f.Changes)
		}},
	"approval": {"people's signed approvals; whether the approver is somebody else than who acted", "population.csv: approvals; samples/INDEX.ticket",
		func(_ Pack, f Facts) string {
			return fmt.Sprintf("%d of %d changes have approvals; of %d all approvers are independent", f.Approved, f.Changes, f.Independent)
		}},
	"rules": {"blueprints, limits and rules that were held against it", "population.csv: codes; samples/INDEX.statement.json: findings",
		func(_ Pack, f Facts) string {
			return fmt.Sprintf("%d decisions, each with its findings", f.Decisions)
		}},
	"refusals": {"what was refused", "population.csv: passed",
		func(_ Pack, f Facts) string {
			return fmt.Sprintf("%d refused, %d at the door", f.Refused, f.Doors)
		}},
	"outcome": {"what became of it, with the platform's own request id", "population.csv: outcome, status, request_id",
		func(_ Pack, f Facts) string {
			return fmt.Sprintf("%s; %d with the platform's own request id", f.outcomes(), f.Joined)
		}},
	"integrity": {"that nothing was changed since it was signed", "log/, VERIFY.md",
		func(p Pack, _ Facts) string {
			return fmt.Sprintf("entries %d to %d of a log of %d, under one signed head", p.Head.First, max(p.Head.End, 1)-1, p.Head.Size)
		}},
	"completeness": {"that no change is missing", "log/entries.jsonl (one range); reconciliation.json",
		func(_ Pack, f Facts) string {
			if f.Reconciled == 0 {
				return "the range is whole; it was not compared with the platforms' own logs in this period"
			}
			return fmt.Sprintf("the range is whole; %d comparisons with the platforms' own logs, %d bypasses", f.Reconciled, f.Bypasses)
		}},
	"presence": {"that a proxy was there", "reconciliation.json: gaps",
		func(_ Pack, f Facts) string {
			if f.Heartbeats == 0 {
				return "no heartbeats: no daemon ran in this period"
			}
			return fmt.Sprintf("%d heartbeats, %d gaps", f.Heartbeats, f.Gaps)
		}},
	"clock": {"when it was decided and done", "population.csv: at, completed_at",
		func(p Pack, _ Facts) string {
			brackets := "no witness or time stamp brackets it"
			if p.Stamps > 0 || p.Head.Cosigned > 0 {
				brackets = fmt.Sprintf("%d time-stamps of authorities in the entries", p.Stamps)
				if p.Head.Cosigned > 0 {
					brackets += ", and log/cosigned, which others have signed"
				}
			}
			return "by the clock of the proxy's machine; " + brackets
		}},
}

// mapped is a control with what the pack shows of it.
type mapped struct {
	Control  string  `json:"control"`
	Asks     string  `json:"asks"`
	Evidence []shown `json:"evidence"`
	Lacks    string  `json:"not_in_this_evidence,omitempty"`
}

type shown struct {
	Field string `json:"field"`
	Means string `json:"means"`
	Where string `json:"where"`
	Shows string `json:"shows"`
}

// controls says what of a pack speaks to each control of its framework.
func (p Pack) controls() []mapped {
	facts := p.Facts()
	var out []mapped
	for _, c := range frameworks()[p.Params.Framework].Controls {
		m := mapped{Control: c.ID, Asks: c.Asks, Lacks: c.Lacks}
		for _, name := range c.Fields {
			f := fields[name]
			m.Evidence = append(m.Evidence, shown{name, f.means, f.where, f.shows(p, facts)})
		}
		out = append(out, m)
	}
	return out
}

// checkParams says what is wrong with what is asked for.
func checkParams(p Params) error {
	switch {
	case frameworks()[p.Framework].Title == "":
		return fmt.Errorf("framework %q is not known: there are %s", p.Framework, strings.Join(Frameworks(), ", "))
	case !p.From.Before(p.To):
		return fmt.Errorf("the period from %s to %s is none", p.From.Format("2006-01-02T15:04:05Z07:00"), p.To.Format("2006-01-02T15:04:05Z07:00"))
	case p.Samples < 1 || p.Samples > MaxSamples:
		return fmt.Errorf("%d samples: want 1 to %d", p.Samples, MaxSamples)
	}
	return nil
}
