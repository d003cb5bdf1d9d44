package model

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Scrub takes secrets out of JSON that is about to be recorded: the last net behind
// the decoders, which know their platform's sensitive fields, and behind a Veil. It
// replaces the values of keys that always hold secrets, and anything in any string
// that has the form of a known credential. data MUST be valid JSON; it is returned
// unchanged when there is nothing to take out.
func Scrub(data []byte) []byte { return scrub(data, signsBeside(data), gone) }

func gone(string) string { return Gone }

// scrub is Scrub that puts something else in the place of what has a form.
func scrub(data []byte, beside bool, put func(string) string) []byte {
	if g := glance(data); g.nothing() && !beside && !nameSecret(data) {
		return data
	}
	s := scrubber{in: data, beside: beside, put: put}
	if s.run(); !s.changed {
		return data
	}
	return s.out
}

// signsBeside reports whether a document names an AWS access key, other than the one
// that a call is signed with: that one stands in every record.
func signsBeside(data []byte) bool {
	if !bytes.Contains(data, []byte("AKIA")) && !bytes.Contains(data, []byte("ASIA")) {
		return false
	}
	for _, at := range awsKeyID.FindAllIndex(data, -1) {
		if !bytes.HasSuffix(data[:at[0]], []byte(`"access_key_id":"`)) {
			return true
		}
	}
	return false
}

// secretKeys are names, in lower case without - and _, whose values are secret
// wherever they stand; a name that ends in password is one too.
var secretKeys = map[string]bool{
	"authorization": true, "proxyauthorization": true, "cookie": true, "setcookie": true,
	"xamzsecuritytoken": true, "xamzsignature": true, "xgoogsignature": true,
	"secretaccesskey": true, "awssecretaccesskey": true, "sessiontoken": true, "awssessiontoken": true,
	"clientsecret": true, "privatekey": true, "passwd": true,
}

// secretEnds are how every one of secretKeys ends, without - and _.
var secretEnds = []string{"authorization", "cookie", "securitytoken", "sessiontoken", "signature", "accesskey", "clientsecret", "privatekey", "passwd", "password"}

// nameSecret reports whether some text in JSON may be one of secretKeys.
func nameSecret(data []byte) bool {
	for i := 0; ; i++ {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return false
		}
		if i += n; i < 6 {
			continue
		}
		switch data[i-1] | 0x20 {
		case 'n', 'e', 'y', 't', 'd':
			for _, end := range secretEnds {
				if end[len(end)-1] == data[i-1]|0x20 && spelt(data[:i], end) {
					return true
				}
			}
		}
	}
}

// spelt reports whether a text ends in a word, however it is spelt.
func spelt(data []byte, word string) bool {
	w := len(word) - 1
	for i := len(data) - 1; i >= 0 && w >= 0; i-- {
		switch c := data[i]; {
		case c == '-' || c == '_':
		case c|0x20 != word[w]:
			return false
		default:
			w--
		}
	}
	return w < 0
}

// spelling is what names differ in that are one name. It is made once: a document
// has hundreds of them.
var spelling = strings.NewReplacer("-", "", "_", "")

func secretKey(name string) bool {
	name = spelling.Replace(strings.ToLower(name))
	return secretKeys[name] || strings.HasSuffix(name, "password")
}

// scrubber copies JSON, string by string.
type scrubber struct {
	in      []byte
	out     []byte
	beside  bool // the document names an AWS access key
	put     func(string) string
	changed bool
	stack   []frame
}

// frame is one open object or array.
type frame struct {
	object bool
	key    bool // object: the next string is a key
	secret bool // the value at hand belongs to a secret key
}

func (s *scrubber) run() {
	s.out = make([]byte, 0, len(s.in))
	for i := 0; i < len(s.in); {
		c := s.in[i]
		if c == '"' {
			end := StringEnd(s.in, i)
			s.string(s.in[i:end])
			i = end
			continue
		}
		switch c {
		case '{':
			s.stack = append(s.stack, frame{object: true, key: true})
		case '[':
			s.stack = append(s.stack, frame{secret: s.secret()})
		case '}', ']':
			if len(s.stack) > 0 {
				s.stack = s.stack[:len(s.stack)-1]
			}
		case ',':
			if top := s.top(); top != nil && top.object {
				top.key, top.secret = true, false
			}
		}
		s.out = append(s.out, c)
		i++
	}
}

func (s *scrubber) top() *frame {
	if len(s.stack) == 0 {
		return nil
	}
	return &s.stack[len(s.stack)-1]
}

func (s *scrubber) secret() bool {
	top := s.top()
	return top != nil && top.secret
}

// string copies one literal, quotes included.
func (s *scrubber) string(literal []byte) {
	top := s.top()
	text := TextOf(literal)
	isKey := top != nil && top.object && top.key
	clean := text
	if isKey {
		top.key, top.secret = false, secretKey(text)
	} else if top != nil && top.secret && text != "" {
		if clean = Gone; standIn(text) {
			clean = text
		}
	}
	if clean == text {
		clean = takeSecrets(text, s.beside, s.put)
	}
	if clean == text {
		s.out = append(s.out, literal...)
		return
	}
	s.changed = true
	s.out = append(s.out, plainJSON(clean)...)
}

// plainJSON is a text in JSON, as readable as it can be.
func plainJSON(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// TextOf is what a string literal of JSON says. Most say what they are, and need no parser.
func TextOf(literal []byte) (text string) {
	if n := len(literal); n >= 2 && bytes.IndexByte(literal, '\\') < 0 && utf8.Valid(literal) {
		return string(literal[1 : n-1])
	}
	if err := json.Unmarshal(literal, &text); err != nil { // not valid JSON: nothing of it is kept
		return Gone
	}
	return text
}

// StringEnd returns the index after the closing quote of the literal at start of JSON.
func StringEnd(data []byte, start int) int {
	for i := start + 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}
