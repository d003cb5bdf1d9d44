package cli

import (
	"github.com/assent-iom/assent/cmd/internal/docs"
	"github.com/assent-iom/assent/ledger/reconcile"
	"github.com/assent-iom/assent/model/files"
	drift "github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/lint"
	"github.com/assent-iom/assent/policy/suggest"
)

// Shapes returns a zero value of each shape that is the command line's own, by
// its section in docs/json.md: a test holds the two against each other.
func Shapes() map[string]any {
	return map[string]any{
		"Decoded":                   decoded{},
		"One decision":              explained{},
		"Entries":                   listed{},
		"Logged in":                 loggedIn{},
		"A resource":                known{},
		"Documents":                 checked{},
		"Version":                   versioned{},
		"Models":                    modelsShown{},
		"Requests for approval":     requested{},
		"Rotation":                  rotation{},
		"Disclosed":                 disclosed{},
		"Redacted":                  redacted{},
		"Reconciliation":            reconcile.Report{},
		"A bypass":                  reconcile.Finding{},
		"Records":                   foundRecord{},
		"Fleet":                     member{},
		"Broken glass":              brokenGlass{},
		"Time-stamps":               stamped{},
		"Radius":                    radiated{},
		"Ownership":                 owned{},
		"Judged again":              replayed{},
		"Collected":                 collected{},
		"What documents do not say": lint.Problem{},
		"What documents differ in":  lint.Difference{},
		"Proposals":                 suggest.Proposal{},
		"Questions":                 checks.Question{},
		"Rights":                    lint.Right{},
		"An example":                caseResult{},
		"Modes":                     environmentMode{},
		"An import":                 files.Import{},
		"Pages":                     docs.Result{},
		"Adopted":                   adopted{},
		"Set back":                  reverting{},
		"Drift":                     drift.Status{},
		"A field that drifted":      drift.Field{},
	}
}
