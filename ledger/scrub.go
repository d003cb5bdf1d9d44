package ledger

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

// redacted stands where a secret was taken out.
const redacted = "(redacted)"

// Scrub takes secrets out of JSON that is about to be recorded: the last net
// behind the decoders, which know their platform's sensitive fields. It replaces
// the values of keys that always hold secrets, and anything in any string that
// has the form of a known credential. data MUST be valid JSON; it is returned
// unchanged when there is nothing to take out.
func Scrub(data []byte) []byte {
	lower := bytes.ToLower(data)
	s := scrubber{in: data}
	// The search for key ids costs more than all the rest: most documents lack
	// even their first letters.
	if bytes.Contains(data, []byte("AKIA")) || bytes.Contains(data, []byte("ASIA")) {
		s.keyIDs = awsKeyID.Match(data)
	}
	for i := range patterns {
		if bytes.Contains(lower, []byte(patterns[i].trigger)) {
			s.active = append(s.active, &patterns[i])
		}
	}
	keys := false
	for _, word := range secretWords {
		keys = keys || bytes.Contains(lower, []byte(word))
	}
	if len(s.active) == 0 && !s.keyIDs && !keys {
		return data
	}
	return s.run()
}

// pattern is one form of credential. Only documents that contain the trigger
// (lower case) are searched for it.
type pattern struct {
	trigger string
	find    *regexp.Regexp
	replace string
}

const gone = redacted

// The forms follow the issuers' own documentation of their token formats.
var patterns = []pattern{
	{"private key", regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----(?s:.*?)(-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----|$)`), gone},
	{"gh", regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,})`), gone},
	{"glpat-", regexp.MustCompile(`\bglpat-[A-Za-z0-9_.-]{16,}`), gone},
	{"xox", regexp.MustCompile(`\bxox[a-z]-[A-Za-z0-9-]{8,}`), gone},
	{"xapp-", regexp.MustCompile(`\bxapp-[A-Za-z0-9-]{8,}`), gone},
	{"sk-", regexp.MustCompile(`\bsk-[A-Za-z0-9_-]{20,}`), gone},
	{"aiza", regexp.MustCompile(`\bAIza[A-Za-z0-9_-]{35}`), gone},
	{"npm_", regexp.MustCompile(`\bnpm_[A-Za-z0-9]{36}`), gone},
	{"hvs.", regexp.MustCompile(`\bhv[sb]\.[A-Za-z0-9_-]{20,}`), gone},
	{"eyj", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*)*`), gone},
	{"k8s-aws-v1.", regexp.MustCompile(`\bk8s-aws-v1\.[A-Za-z0-9_-]+`), gone},
	{"-signature", regexp.MustCompile(`(?i)(x-(?:amz|goog)-signature["'\\]*\s*(?:=|%3d|:)\s*["'\\]*)[A-Za-z0-9%+/=_-]+`), "${1}" + gone},
	{"security-token", regexp.MustCompile(`(?i)(x-amz-security-token["'\\]*\s*(?:=|%3d|:)\s*["'\\]*)[A-Za-z0-9%+/=_-]+`), "${1}" + gone},
	{"authorization", regexp.MustCompile(`(?i)(authorization["'\\]*\s*[:=]\s*["'\\]*)[^"'\\\r\n]+`), "${1}" + gone},
	{"bearer", regexp.MustCompile(`(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{12,}`), "${1}" + gone},
	{"basic", regexp.MustCompile(`(?i)\b(basic\s+)[A-Za-z0-9+/]{12,}={0,2}`), "${1}" + gone},
	{"aws4-hmac", regexp.MustCompile(`(AWS4-HMAC-SHA256\s.*?Signature=)[0-9a-f]+`), "${1}" + gone},
	{"password", assigned(`passwords?`), "${1}" + gone},
	{"passwd", assigned(`passwd`), "${1}" + gone},
	{"secret", assigned(`(?:secret_?access_?key|client_?secret)`), "${1}" + gone},
	{"session", assigned(`(?:session_?token)`), "${1}" + gone},
	{"://", regexp.MustCompile(`(://[^/\s:@"']+:)[^/\s@"']+@`), "${1}" + gone + "@"},
}

// assigned matches the value in name=value, name: value and "name":"value", also
// where the quotes are escaped because JSON sits inside a string.
func assigned(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)(` + name + `(?:["'\\]*\s*[:=]\s*["'\\]*))[^"'\\\s,;&}()]+`)
}

// awsKeyID finds AWS access key ids. They are not secret; what stands beside one is.
var (
	awsKeyID  = regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{16}\b`)
	awsSecret = regexp.MustCompile(`(^|[^A-Za-z0-9+/=])([A-Za-z0-9+/]{40})($|[^A-Za-z0-9+/=])`)
)

// secretKeys are names, in lower case without - and _, whose values are secret
// wherever they stand; a name that ends in password is one too.
var secretKeys = map[string]bool{
	"authorization": true, "proxyauthorization": true, "cookie": true, "setcookie": true,
	"xamzsecuritytoken": true, "xamzsignature": true, "xgoogsignature": true,
	"secretaccesskey": true, "awssecretaccesskey": true, "sessiontoken": true, "awssessiontoken": true,
	"clientsecret": true, "privatekey": true, "passwd": true,
}

// secretWords occur in every one of secretKeys, however it is spelt.
var secretWords = []string{"authorization", "cookie", "token", "signature", "secret", "private", "passw"}

// spelling is what names differ in that are one name. It is made once: a document
// has hundreds of them.
var spelling = strings.NewReplacer("-", "", "_", "")

func secretKey(name string) bool {
	name = spelling.Replace(strings.ToLower(name))
	return secretKeys[name] || strings.HasSuffix(name, "password")
}

// scrubber copies JSON, string by string.
type scrubber struct {
	in     []byte
	out    []byte
	active []*pattern
	keyIDs bool // the document names an AWS access key
	stack  []frame
}

// frame is one open object or array.
type frame struct {
	object bool
	key    bool // object: the next string is a key
	secret bool // the value at hand belongs to a secret key
}

func (s *scrubber) run() []byte {
	s.out = make([]byte, 0, len(s.in))
	for i := 0; i < len(s.in); {
		c := s.in[i]
		if c == '"' {
			end := stringEnd(s.in, i)
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
	return s.out
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
	text := textOf(literal)
	isKey := top != nil && top.object && top.key
	clean := text
	if isKey {
		top.key, top.secret = false, secretKey(text)
	} else if top != nil && top.secret && text != "" {
		clean = redacted
	}
	if clean == text {
		clean = s.clean(text)
	}
	if clean == text {
		s.out = append(s.out, literal...)
		return
	}
	data, _ := encodeJSON(clean) // a string always encodes
	s.out = append(s.out, data...)
}

// textOf is what a literal says. Most say what they are, and need no parser.
func textOf(literal []byte) (text string) {
	if n := len(literal); n >= 2 && bytes.IndexByte(literal, '\\') < 0 && utf8.Valid(literal) {
		return string(literal[1 : n-1])
	}
	if err := json.Unmarshal(literal, &text); err != nil { // not valid JSON: nothing of it is kept
		return redacted
	}
	return text
}

func (s *scrubber) clean(text string) string {
	lower := strings.ToLower(text)
	for _, p := range s.active {
		if strings.Contains(lower, p.trigger) {
			text = p.find.ReplaceAllString(text, p.replace)
		}
	}
	if s.keyIDs && len(text) >= 40 {
		text = awsSecret.ReplaceAllStringFunc(text, func(m string) string {
			parts := awsSecret.FindStringSubmatch(m)
			if !mixed(parts[2]) {
				return m
			}
			return parts[1] + redacted + parts[3]
		})
	}
	return text
}

// mixed tells a random key from a word, a path or a hash in hexadecimal.
func mixed(s string) bool {
	return strings.ContainsAny(s, "GHIJKLMNOPQRSTUVWXYZghijklmnopqrstuvwxyz+/") &&
		strings.ContainsAny(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") &&
		strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz")
}

// stringEnd returns the index after the closing quote of the literal at start.
func stringEnd(data []byte, start int) int {
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
