package model

import "strings"

// Pattern is text in which * stands for anything, cut at its stars: how tables
// name types, paths and operations.
type Pattern []string

// NewPattern reads a pattern.
func NewPattern(s string) Pattern { return strings.Split(s, "*") }

// Fits reports whether the pattern is about a text. Most patterns are told by
// their first or last part, so that it costs little to ask for every reference.
func (p Pattern) Fits(s string) bool {
	last := len(p) - 1
	if last == 0 {
		return s == p[0]
	}
	if !strings.HasPrefix(s, p[0]) {
		return false
	}
	s = s[len(p[0]):]
	for _, part := range p[1:last] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return strings.HasSuffix(s, p[last])
}
