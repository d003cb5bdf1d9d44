package model

import (
	"regexp"
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"*", "x", true}, {"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"*b", "ab", true}, {"*b*", "abc", true},
		{"a*b*c", "a1b2c", true}, {"a*b*c", "a1c", false}, {"ab*ba", "aba", false}, {"", "", true}, {"", "x", false}, {"**", "x", true},
	} {
		if got := NewPattern(c.pattern).Fits(c.text); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.text, got)
		}
	}
}

// FuzzPattern holds it against a regular expression.
func FuzzPattern(f *testing.F) {
	f.Add("a*b*c", "a1b2c")
	f.Add("*a*", "bab")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		want, err := regexp.Compile("(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
		if err != nil || strings.ToValidUTF8(text, "") != text || strings.ToValidUTF8(pattern, "") != pattern {
			return
		}
		if got := NewPattern(pattern).Fits(text); got != want.MatchString(text) {
			t.Errorf("%q on %q: %v", pattern, text, got)
		}
	})
}
