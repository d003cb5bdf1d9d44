package ledger

import (
	"time"

	"github.com/assent-iom/assent/policy"
)

// IntentEpoch says that from here on a proxy judges by these documents, rules and mode.
// It is before every decision that names Digest, and before nothing else: several proxies
// that write one log may each judge by documents of their own.
type IntentEpoch struct {
	At       time.Time   `json:"at"`
	Process  string      `json:"process"`  // of which start of a proxy, as its heartbeats name it
	Enforcer string      `json:"enforcer"` // as its decisions name it
	Mode     policy.Mode `json:"mode"`
	Digest   string      `json:"digest"` // sha256:HEX of the documents; none
	// Previous is what was in force before, where that is known: by the process itself, or
	// by the enforcer's epoch before this one.
	Previous  string `json:"previous,omitempty"`
	Documents int    `json:"documents"`
	// Added, Changed and Removed are KIND/NAME of what differs from Previous. They are
	// empty where it does not, and where it is not at hand.
	Added   []string `json:"added,omitempty"`
	Changed []string `json:"changed,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Rules   string   `json:"rules,omitempty"`
	// Object holds the documents themselves; empty: they are not kept.
	Object    string `json:"object,omitempty"`
	Truncated []Cut  `json:"truncated,omitempty"`
}

// IntentEpochKey is under which the intent-epochs of an enforcer are found.
func IntentEpochKey(enforcer string) string { return "intent-epoch:" + EnforcerID(enforcer) }

// IntentEpochEntry encodes an intent-epoch, with the documents as they were written; nil:
// they are not kept. Long lists are cut, and say so.
func IntentEpochEntry(e IntentEpoch, documents []byte) (Entry, error) {
	e.At, e.Enforcer = e.At.UTC(), EnforcerID(e.Enforcer)
	var objects []Object
	if e.Object = ""; len(documents) > 0 && len(documents) <= MaxObject {
		e.Object = IntentObject + e.Digest
		objects = []Object{{Name: e.Object, Data: documents}}
	}
	for _, list := range []struct {
		what  string
		names *[]string
	}{{"added", &e.Added}, {"changed", &e.Changed}, {"removed", &e.Removed}} {
		n := len(*list.names)
		kept := append([]string(nil), (*list.names)[:min(n, MaxListed)]...)
		for i, name := range kept {
			kept[i] = short(name)
		}
		if *list.names = kept; n > MaxListed {
			e.Truncated = append(e.Truncated, Cut{What: list.what, Kept: MaxListed, Of: n})
		}
	}
	entry, err := noteEntry(KindIntentEpoch, IntentEpochKey(e.Enforcer), intentURI+e.Digest, e)
	entry.Objects = objects
	return entry, err
}

// ParseIntentEpoch reads an intent-epoch back from its envelope or statement.
func ParseIntentEpoch(data []byte) (IntentEpoch, error) {
	return parseNote[IntentEpoch](KindIntentEpoch, data)
}
