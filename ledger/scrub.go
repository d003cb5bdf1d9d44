package ledger

import "github.com/assent-iom/assent/model"

// Scrub is model.Scrub, of JSON that is about to be recorded.
func Scrub(data []byte) []byte { return model.Scrub(data) }
