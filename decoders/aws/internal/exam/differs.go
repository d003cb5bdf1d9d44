package exam

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
)

// Differs names the first difference between the parameters that were sent and
// those that were read, or nothing. Numbers are the same if their values are.
func Differs(want, got any) string { return differs(want, got, "") }

func differs(want, got any, at string) string {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return at + ": not a map"
		}
		for _, name := range sortedKeys(want) {
			if d := differs(want[name], g[name], at+"."+name); d != "" {
				return d
			}
		}
		for _, name := range sortedKeys(g) {
			if _, ok := want[name]; !ok {
				return at + "." + name + ": was not sent"
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return at + ": not a list of that length"
		}
		for i := range want {
			if d := differs(want[i], g[i], at+"[]"); d != "" {
				return d
			}
		}
		return ""
	case json.Number:
		a, okA := new(big.Rat).SetString(want.String())
		g, isNumber := got.(json.Number)
		b, okB := new(big.Rat).SetString(g.String())
		if isNumber && okA && okB && a.Cmp(b) == 0 {
			return ""
		}
	default:
		if want == got {
			return ""
		}
	}
	sent, _ := json.Marshal(want)
	read, _ := json.Marshal(got)
	return fmt.Sprintf("%s: sent %s, read %s", at, sent, read)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
