package docs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
)

// maxName bounds a name on a page, in characters.
const maxName = 300

// plain takes out of a name what cannot be seen or moves what stands around it.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return '\ufffd'
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxName {
		return string(runes[:maxName]) + "…"
	}
	return text
}

// code is a name as Markdown shows it: a code span where no character could end it or
// the cell of a table that it stands in, else every sign as its number.
func code(text string) string {
	text = plain(text)
	if text == "" {
		return "-"
	}
	if !strings.ContainsAny(text, "`|\\") && text == strings.TrimSpace(text) {
		return "`" + text + "`"
	}
	return words(text)
}

// words is text as Markdown shows it: letters, digits and blanks as they are.
func words(text string) string {
	var b strings.Builder
	for _, r := range plain(text) {
		if r > unicode.MaxASCII || r == ' ' || r == ',' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "&#%d;", r)
	}
	return b.String()
}

// label is a name in a picture: Mermaid has #NUMBER; for a character.
func label(text string) string {
	var b strings.Builder
	for _, r := range plain(text) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune(" ./:_-", r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}

// slug is the name of a file for a name: itself where that is one on every system,
// else what can be kept of it and a part of its digest.
func slug(name string) string {
	const most = 60
	var b strings.Builder
	for _, r := range name {
		if b.Len() >= most {
			break
		}
		if r < unicode.MaxASCII && (unicode.IsLower(r) || unicode.IsDigit(r) || r == '-') {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	if b.String() == name && name != "" && name != "nobody" && name[0] != '-' {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return strings.TrimLeft(b.String(), "-") + "." + hex.EncodeToString(sum[:5])
}
