package policy

import "time"

// Budget is a limit over many actions together, and what one action takes of it.
type Budget struct {
	Key        string        `json:"key"`     // environment/shop, actor/deploy-agent, actor/deploy-agent/run_…
	Per        time.Duration `json:"per_ns"`  // how far it looks back; zero: over the whole run
	Changes    int           `json:"changes"` // resources that the action changes
	Deletes    int           `json:"deletes"` // of them, deleted
	MaxChanges *int          `json:"max_changes,omitempty"`
	MaxDeletes *int          `json:"max_deletes,omitempty"`
	Source     string        `json:"source,omitempty"` // where it is declared
	Owner      string        `json:"owner,omitempty"`  // who can raise it
}
