package model

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
)

// Gone stands where a secret was taken out, and nothing is committed to.
const Gone = "(redacted)"

// glimpse is what a first look at a text shows: the forms that it may hold, by bit,
// and what may hide more.
type glimpse struct {
	forms  uint32
	packed bool // a stretch that may be base64
	quoted bool // a %XX
}

func (g glimpse) nothing() bool { return g == glimpse{} }

// maybePacked is the length of the shortest secret in base64.
const maybePacked = 20

// What a byte is to glance. Letters and digits are what base64 has between two others of
// a text; some of them end a form's beginning, as some of all others do.
const (
	letter uint8 = iota
	endingLetter
	stop
	endingStop
)

var bytesAre = func() (k [256]uint8) {
	for i := range 256 {
		k[i] = stop
	}
	for _, c := range []byte(capitals + smalls + digits) {
		k[c] = letter
	}
	for _, c := range []byte("Jz") {
		k[c] = endingLetter
	}
	for _, c := range []byte("_-.=:@%+ \t\r\n\"'\\") {
		k[c] = endingStop
	}
	return k
}()

func stops(c byte) bool { return bytesAre[c] >= stop }

// glance looks through a text once, so that all the others cost nothing: nearly all
// texts hold nothing. It MUST see whatever a form finds, also in JSON as it is written.
func glance[T string | []byte](s T) (g glimpse) {
	start, scheme := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		k := bytesAre[c]
		if k == letter {
			continue
		}
		if k == endingLetter {
			if c == 'J' && endsIn(s, i, "ey") {
				g.forms |= 1 << jwt
			} else if c == 'z' && endsIn(s, i, "AI") {
				g.forms |= 1 << google
			}
			continue
		}
		if i-start >= maybePacked {
			g.packed = g.packed || varied(s[start:i])
		}
		start = i + 1
		if k == stop {
			continue
		}
		switch c {
		case '_':
			switch {
			case i >= 3 && s[i-3] == 'g' && s[i-2] == 'h', endsIn(s, i, "github_pat"):
				g.forms |= 1 << forge
			case endsIn(s, i, "npm"):
				g.forms |= 1 << npm
			case endsIn(s, i, "sk"), endsIn(s, i, "rk"):
				g.forms |= 1 << stripe
			}
		case '-':
			switch {
			case i > 0 && s[i-1] == '-':
				g.forms |= 1 << privateKey
			case endsIn(s, i, "glpat"):
				g.forms |= 1 << gitlab
			case i >= 4 && endsIn(s, i-1, "xox"):
				g.forms |= 1 << slack
			case endsIn(s, i, "xapp"):
				g.forms |= 1 << slackApp
			case endsIn(s, i, "sk"):
				g.forms |= 1 << sk
			}
		case '.':
			switch {
			case endsIn(s, i, "hvs"), endsIn(s, i, "hvb"):
				g.forms |= 1 << vault
			case endsIn(s, i, "ya29"):
				g.forms |= 1 << googleToken
			case endsIn(s, i, "k8s-aws-v1"):
				g.forms |= 1 << eks
			}
		case '@':
			if scheme {
				g.forms |= 1 << userinfo
			}
		default:
			if c == '%' {
				g.quoted = g.quoted || i+2 < len(s) && hexDigit(s[i+1]) && hexDigit(s[i+2])
			}
			if c == ':' && i+2 < len(s) && s[i+1] == '/' && s[i+2] == '/' {
				scheme = true
			}
			g.forms |= named(s, i)
		}
	}
	if len(s)-start >= maybePacked {
		g.packed = g.packed || varied(s[start:])
	}
	return g
}

// named are the forms that a name before i announces.
func named[T string | []byte](s T, i int) uint32 {
	if i < 5 {
		return 0
	}
	switch s[i-1] | 0x20 {
	case 'd', 's':
		if folds(s, i, "password") || folds(s, i, "passwords") || folds(s, i, "passwd") {
			return 1 << password
		}
	case 'y':
		if folds(s, i, "accesskey") || folds(s, i, "access_key") {
			return 1 << awsSecretName
		}
	case 't':
		if folds(s, i, "clientsecret") || folds(s, i, "client_secret") {
			return 1 << awsSecretName
		}
	case 'n':
		switch {
		case folds(s, i, "sessiontoken"), folds(s, i, "session_token"):
			return 1 << sessionToken
		case folds(s, i, "authorization"):
			return 1 << authorization
		case folds(s, i, "security-token"):
			return 1 << urlToken
		}
	case 'e':
		if folds(s, i, "-signature") {
			return 1 << urlSignature
		}
	case 'r':
		if folds(s, i, "bearer") {
			return 1 << bearer
		}
	case 'c':
		if folds(s, i, "basic") {
			return 1 << basic
		}
	case '6':
		if folds(s, i, "aws4-hmac-sha256") {
			return 1 << sigv4
		}
	}
	return 0
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// endsIn reports whether a word stands right before i.
func endsIn[T string | []byte](s T, i int, word string) bool {
	return i >= len(word) && string(s[i-len(word):i]) == word
}

// folds is endsIn without case, of a word in lower case.
func folds[T string | []byte](s T, i int, word string) bool {
	if i < len(word) {
		return false
	}
	for j := range len(word) {
		c := s[i-len(word)+j]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[j] {
			return false
		}
	}
	return true
}

// varied reports whether a stretch of letters and digits may be base64 of a text.
func varied[T string | []byte](s T) bool {
	upper, lower := false, false
	for i := range len(s) {
		c := s[i]
		upper = upper || c >= 'A' && c <= 'Z'
		lower = lower || c >= 'a' && c <= 'z'
		if upper && lower {
			return true
		}
	}
	return false
}

// maxUnpacked bounds how often a secret may be packed: base64 in base64, %XX in it.
const maxUnpacked = 3

// takeSecrets replaces what has the form of a credential in a text by what put
// returns for it. beside: what may be the other half of an AWS access key is one,
// since its id stands near.
func takeSecrets(text string, beside bool, put func(string) string) string {
	return take(text, glance(text), beside, put, 0)
}

func take(text string, g glimpse, beside bool, put func(string) string, depth int) string {
	if g.forms != 0 {
		for i := range forms {
			if f := &forms[i]; g.forms&(1<<i) != 0 {
				text = replace(text, f.find, f.group, f.is, put)
			}
		}
	}
	if len(text) >= 40 && (beside || hasKeyID(text)) {
		random := func(text string, m []int) bool { return mixed(text[m[2]:m[3]]) }
		text = replace(text, awsBeside, 1, random, put)
		for range 2 { // neighbours share the character between them
			text = replace(text, awsAlone, 1, random, put)
			text = replace(text, awsStep, 1, random, put)
		}
	}
	if depth < maxUnpacked {
		if g.packed {
			text = unpack(text, put, depth)
		}
		if g.quoted {
			text = unquote(text, put, depth)
		}
	}
	return text
}

func hasKeyID(text string) bool {
	return (strings.Contains(text, "AKIA") || strings.Contains(text, "ASIA")) && awsKeyID.MatchString(text)
}

// replace puts something in the place of each match's group. What stands in the place
// of a secret already is none.
func replace(text string, find *regexp.Regexp, group int, is func(string, []int) bool, put func(string) string) string {
	found := find.FindAllStringSubmatchIndex(text, -1)
	if found == nil {
		return text
	}
	var b strings.Builder
	at := 0
	for _, m := range found {
		from, to := m[2*group], m[2*group+1]
		if secret := text[from:to]; from >= at && !standIn(secret) && (is == nil || is(text, m)) {
			b.WriteString(text[at:from])
			b.WriteString(put(secret))
			at = to
		}
	}
	if at == 0 {
		return text
	}
	b.WriteString(text[at:])
	return b.String()
}

func standIn(s string) bool { return strings.HasPrefix(s, Gone) || committed.MatchString(s) }

// holds reports whether a text that was unpacked has a secret in it.
func holds(text string, depth int) bool {
	found := false
	take(text, glance(text), false, func(s string) string { found = true; return s }, depth+1)
	return found
}

// unpack looks into what may be base64. Text in base64 has no + and no / but where
// the text has ?, > or ~, so that paths fall apart where they should.
func unpack(text string, put func(string) string, depth int) string {
	var b strings.Builder
	at := 0
	for i := 0; i < len(text); {
		if stops(text[i]) {
			i++
			continue
		}
		start := i
		for i < len(text) && !stops(text[i]) {
			i++
		}
		if i-start < maybePacked || !varied(text[start:i]) {
			continue
		}
		for shift := range 4 {
			if raw, ok := readable(text[start+shift : i]); ok && holds(raw, depth) {
				for i < len(text) && (!stops(text[i]) || strings.IndexByte("+=_-", text[i]) >= 0) { // the rest of it
					i++
				}
				b.WriteString(text[at:start])
				b.WriteString(put(text[start:i]))
				at = i
				break
			}
		}
	}
	if at == 0 {
		return text
	}
	b.WriteString(text[at:])
	return b.String()
}

// readable is what a stretch of base64 says, if it is text.
func readable(s string) (string, bool) {
	if len(s)%4 == 1 {
		s = s[:len(s)-1]
	}
	if len(s) < maybePacked-4 {
		return "", false
	}
	var head [12]byte
	if n, err := base64.RawStdEncoding.Decode(head[:], []byte(s[:16])); err != nil || !printable(head[:n]) {
		return "", false
	}
	raw, err := base64.RawStdEncoding.DecodeString(s)
	return string(raw), err == nil && printable(raw)
}

func printable(raw []byte) bool {
	for _, c := range raw {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

// unquote looks into what is spelt with %XX: step by step of a path or a query, then
// from the first of a word to the last, since what is spelt so may have steps inside.
func unquote(text string, put func(string) string, depth int) string {
	text = inWords(text, "/?& \t\r\n\"'<>", func(step string) string { return unquoted(step, put, depth) })
	return inWords(text, "?& \t\r\n\"'<>", func(word string) string {
		first, last := strings.IndexByte(word, '%'), strings.LastIndexByte(word, '%')
		if first < 0 {
			return word
		}
		from, to := strings.LastIndexByte(word[:first], '/')+1, len(word)
		if n := strings.IndexByte(word[last:], '/'); n >= 0 {
			to = last + n
		}
		return word[:from] + unquoted(word[from:to], put, depth) + word[to:]
	})
}

// unquoted puts something in the place of a stretch that says a secret.
func unquoted(s string, put func(string) string, depth int) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if plain, err := url.PathUnescape(s); err != nil || plain == s || !holds(plain, depth) {
		return s
	}
	return put(s)
}

// inWords changes what stands between some bytes.
func inWords(text, between string, change func(string) string) string {
	var b strings.Builder
	at := 0
	for i := 0; i <= len(text); i++ {
		if i == len(text) || strings.IndexByte(between, text[i]) >= 0 {
			b.WriteString(change(text[at:i]))
			if i < len(text) {
				b.WriteByte(text[i])
			}
			at = i + 1
		}
	}
	return b.String()
}
