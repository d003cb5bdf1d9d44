package sql

import "strings"

type kind uint8

const (
	mark   kind = iota // one character
	word               // an unquoted word, upper case
	quoted             // a quoted identifier, or a text in double quotes
	text               // a text in single quotes, or a number
)

type token struct {
	kind kind
	text string // as compared: words in upper case
	raw  string // a name as written, without its quotes
}

// scan cuts a text into tokens, without its comments. It is not ok where the
// dialects would cut in different places.
func scan(s string) (out []token, ok bool) {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case strings.HasPrefix(s[i:], "--"):
			if i+2 < len(s) && !strings.ContainsRune(" \t\r\n", rune(s[i+2])) {
				return nil, false // in MySQL this is no comment
			}
			end := strings.IndexByte(s[i:], '\n')
			if end < 0 {
				return out, !strings.ContainsRune(s[i:], '\r')
			}
			if strings.ContainsRune(strings.TrimSuffix(s[i:i+end], "\r"), '\r') {
				return nil, false // PostgreSQL ends a comment at a lone CR
			}
			i += end
		case strings.HasPrefix(s[i:], "/*"):
			end := strings.Index(s[i+2:], "*/")
			if end < 0 {
				return nil, false
			}
			inside := s[i+2 : i+2+end]
			if strings.HasPrefix(inside, "!") || strings.HasPrefix(inside, "M!") || strings.HasPrefix(inside, "+") || strings.Contains(inside, "/*") {
				return nil, false // executed by MySQL; nested in PostgreSQL
			}
			i += 2 + end + 2
		case c == '\'' || c == '"' || c == '`':
			body, n, closed := quote(s[i:])
			if !closed || strings.ContainsRune(body, '\\') {
				return nil, false
			}
			k := quoted
			if c == '\'' {
				k = text
			}
			out = append(out, token{k, string(c), body})
			i += n
		case c == '#' || c == '$' || c == '\\' || c == 0 || c == '[' && i+1 < len(s) && s[i+1] == '[' || c >= 0x80:
			return nil, false
		case letter(c):
			n := i
			for n < len(s) && (letter(s[n]) || s[n] >= '0' && s[n] <= '9') {
				n++
			}
			if n < len(s) && (s[n] >= 0x80 || s[n] == '$' || s[n] == '\'') { // n'…', e'…' and names that we cannot cut
				return nil, false
			}
			out = append(out, token{word, strings.ToUpper(s[i:n]), s[i:n]})
			i = n
		case c >= '0' && c <= '9':
			n := i
			for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.') {
				n++
			}
			out = append(out, token{text, "0", ""})
			i = n
		default:
			out = append(out, token{mark, string(c), ""})
			i++
		}
	}
	return out, true
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// quote reads a quoted text; its quote doubled stands for itself.
func quote(s string) (body string, n int, closed bool) {
	q := s[0]
	for i := 1; i < len(s); i++ {
		if s[i] != q {
			continue
		}
		if i+1 < len(s) && s[i+1] == q {
			i++
			continue
		}
		return strings.ReplaceAll(s[1:i], string([]byte{q, q}), string(q)), i + 1, true
	}
	return "", 0, false
}
