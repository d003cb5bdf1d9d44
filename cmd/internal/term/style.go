// Package term prints what Assent says to people while a child runs.
//
// The rules of the terminal: stdout belongs to the child or to the answer, so
// everything here goes to stderr; each line starts with "assent:", is one event,
// and fits Width columns; colours appear on a terminal only, and never with
// NO_COLOR. What comes from outside is printed without its control characters.
package term

import (
	"io"
	"os"
	"strings"
	"unicode"

	xterm "golang.org/x/term"
)

// Width is the number of columns that a line of ours may take: a decision's id is
// 24 of them, and must be whole to be pasted.
const Width = 110

// Colours reports whether w is a terminal that wants colours.
func Colours(w io.Writer, getenv func(string) string) bool {
	switch {
	case getenv("NO_COLOR") != "" || getenv("TERM") == "dumb":
		return false
	case getenv("CLICOLOR_FORCE") != "":
		return true
	}
	return IsTerminal(w)
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && xterm.IsTerminal(int(f.Fd()))
}

// style colours words, or leaves them alone.
type style bool

func (s style) paint(code, word string) string {
	if !s {
		return word
	}
	return "\x1b[" + code + "m" + word + "\x1b[0m"
}

func (s style) verdict(word string) string {
	switch strings.TrimSpace(word) {
	case "allow":
		return s.paint("32", word)
	case "deny", "error", "refuse":
		return s.paint("31", word)
	}
	return s.paint("33", word)
}

// Plain takes the control characters out of text from outside: a bucket's name
// must not move the cursor.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}

// cut shortens text to n runes, at the front, where identifiers are alike.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	if n < 2 {
		return ""
	}
	return "…" + string(runes[len(runes)-n+1:])
}
