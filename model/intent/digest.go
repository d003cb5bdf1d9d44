package intent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sort"
)

// None is what stands for the digest where nothing is declared.
const None = "none"

// digest returns sha256:HEX over the content: the documents as JSON, sorted by
// name, clauses by id, without positions. The order of words inside a list is
// part of the content only where it may carry meaning, which is nowhere, so
// lists are sorted too.
func (s *Set) digest() string {
	if s.Empty() {
		return None
	}
	all := []any{APIVersion, s.Environments, s.Actors, s.Owners, s.Intents, s.Rules, s.Blueprints, s.Exceptions}
	if len(s.Resources) > 0 { // sets without any keep the digest that they had before there was the kind
		all = append(all, s.Resources)
	}
	sum := sha256.Sum256(canonical(all))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// sorted orders every list by its items' encoding. Examples of a rule, and values in
// a platform's own words, stay as they are: there, order may matter.
func sorted(v any, example bool) any {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			v[k] = sorted(item, example || k == "input" || k == "native")
		}
	case []any:
		keys := make([]string, len(v))
		for i := range v {
			v[i] = sorted(v[i], example)
			b, _ := json.Marshal(v[i])
			keys[i] = string(b)
		}
		if !example && len(v) > 0 {
			sort.Sort(byKey{keys, v})
		}
	}
	return v
}

type byKey struct {
	keys  []string
	items []any
}

func (b byKey) Len() int           { return len(b.keys) }
func (b byKey) Less(i, j int) bool { return b.keys[i] < b.keys[j] }
func (b byKey) Swap(i, j int) {
	b.keys[i], b.keys[j] = b.keys[j], b.keys[i]
	b.items[i], b.items[j] = b.items[j], b.items[i]
}
