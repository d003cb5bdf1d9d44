package policy

import (
	"context"

	"github.com/assent-iom/assent/model"
)

// Judge is one compiled part of a decision: the declared clauses, or the users'
// own rules. It reads the decision so far and adds to it. It MUST be pure: same
// decision, same snapshot, same result; d.At is the only time there is. A Judge
// that runs after another may add findings and lower the verdict, never raise
// it. An error is a fault: the action is refused.
type Judge interface {
	Judge(ctx context.Context, d *Decision, s model.Snapshot) error
}
