package selector

import (
	"regexp"
	"strings"
)

// token is one word or sign of a label selector; a sign's kind is itself.
type token struct{ kind, text string }

const (
	end  = "end"
	word = "word"
)

func special(c byte) bool { return strings.IndexByte("=!(),><", c) >= 0 }

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// scan splits a selector. A zero byte ends a word, and where a token should begin
// it ends the whole, as in the server's scanner.
func scan(text string) []token {
	var tokens []token
	at := 0
	for {
		for at < len(text) && space(text[at]) {
			at++
		}
		if at >= len(text) || text[at] == 0 {
			return tokens
		}
		start := at
		if special(text[at]) {
			at += sign(text[at:])
			tokens = append(tokens, token{text[start:at], text[start:at]})
		} else {
			for at < len(text) && !special(text[at]) && !space(text[at]) && text[at] != 0 {
				at++
			}
			lit := text[start:at]
			kind := word
			if lit == "in" || lit == "notin" {
				kind = lit
			}
			tokens = append(tokens, token{kind, lit})
		}
		if at < len(text) && text[at] == 0 {
			at++
		}
	}
}

// sign is the length of the longest sign that a text begins with.
func sign(text string) int {
	if strings.HasPrefix(text, "==") || strings.HasPrefix(text, "!=") {
		return 2
	}
	return 1
}

var (
	namePart   = regexp.MustCompile(`^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$`)
	domainPart = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)

// qualifiedName: an optional DNS prefix of 253 and a name of 63 characters.
func qualifiedName(key string) bool {
	prefix, name, both := strings.Cut(key, "/")
	if !both {
		name = prefix
	} else if len(prefix) > 253 || !domainPart.MatchString(prefix) {
		return false
	}
	return len(name) <= 63 && namePart.MatchString(name)
}

func labelValue(value string) bool {
	return value == "" || len(value) <= 63 && namePart.MatchString(value)
}
