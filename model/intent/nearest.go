package intent

import "strings"

// Nearest returns the candidate that word was most likely meant to be, or "".
// It is exported for whoever reports a misspelt name of their own.
func Nearest(word string, candidates []string) string {
	const longest = 64 // a longer word is no typo of ours
	if len(word) > longest {
		return ""
	}
	best, at := "", 1+max(1, len(word)/3) // up to a third of the letters wrong
	for _, c := range candidates {
		if strings.EqualFold(c, word) {
			return c
		}
		if len(c) > longest {
			continue
		}
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < at {
			best, at = c, d
		}
	}
	return best
}

// distance counts insertions, deletions, substitutions and swaps of neighbours.
func distance(a, b string) int {
	two, one, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, one[j]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return one[len(b)]
}

// didYouMean phrases a suggestion: the nearest candidate, or all of a short list.
func didYouMean(word string, candidates []string) string {
	if near := Nearest(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	if len(candidates) > 0 && len(candidates) <= 16 {
		return "one of: " + strings.Join(candidates, ", ")
	}
	return ""
}
