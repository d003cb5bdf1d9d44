package intent

import (
	"strings"

	"github.com/assent-iom/assent/model"
)

// Match reports whether pattern covers text whatever its unknown parts are. An
// unknown part of text is written *; only a * of the pattern covers it.
func Match(pattern, text string) bool {
	if strings.IndexByte(pattern, '*') < 0 {
		return pattern == text && strings.IndexByte(text, '*') < 0
	}
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t] && text[t] != '*':
			p++
			t++
		case star >= 0: // let the last * take one more
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// Overlaps reports whether pattern covers text for some value of its unknown
// parts: whether two patterns have a word in common. A secret that a commitment stands
// for is one, unless the pattern names commitments itself.
func Overlaps(pattern, text string) bool {
	if model.Commits(text) && !model.Commits(pattern) {
		text = model.Unsaid(text)
	}
	if strings.IndexByte(text, '*') < 0 {
		return Match(pattern, text)
	}
	// row[j]: pattern[i:] and text[j:] have a word in common.
	row := make([]bool, len(text)+1)
	row[len(text)] = true
	for j := len(text) - 1; j >= 0; j-- {
		row[j] = text[j] == '*' && row[j+1]
	}
	next := make([]bool, len(text)+1)
	for i := len(pattern) - 1; i >= 0; i-- {
		next[len(text)] = pattern[i] == '*' && row[len(text)]
		for j := len(text) - 1; j >= 0; j-- {
			switch {
			case pattern[i] == '*':
				next[j] = row[j] || next[j+1]
			case text[j] == '*':
				next[j] = next[j+1] || row[j]
			default:
				next[j] = pattern[i] == text[j] && row[j+1]
			}
		}
		row, next = next, row
	}
	return row[0]
}
