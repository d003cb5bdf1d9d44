package model

import (
	"regexp"
	"strings"
)

// form is one form of credential: what is in its group is the secret.
type form struct {
	find  *regexp.Regexp
	group int
	// is tells a secret from what only looks like one; nil: all are. from and to are
	// the bounds of the group in text.
	is func(text string, match []int) bool
}

// The numbers of the forms: glance returns them as bits.
const (
	privateKey = iota
	forge
	gitlab
	slack
	slackApp
	sk
	google
	googleToken
	npm
	stripe
	vault
	jwt
	eks
	urlSignature
	urlToken
	authorization
	bearer
	basic
	sigv4
	password
	awsSecretName
	sessionToken
	userinfo
)

// edge is where a token may begin: also after an underscore, which \b is not.
const edge = `(?:^|[^A-Za-z0-9])`

// forms follow the issuers' own documentation of their token formats.
var forms = [...]form{
	privateKey:    {find: regexp.MustCompile(`-----BEGIN[ +][A-Z0-9 +]*?PRIVATE[ +]KEY(?:[ +]BLOCK)?-----(?s:.*?)(?:-----END[ +][A-Z0-9 +]*?PRIVATE[ +]KEY(?:[ +]BLOCK)?-----|$)`)},
	forge:         {find: regexp.MustCompile(edge + `(gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,})`), group: 1},
	gitlab:        {find: regexp.MustCompile(edge + `(glpat-[A-Za-z0-9_.-]{16,})`), group: 1},
	slack:         {find: regexp.MustCompile(edge + `(xox[a-z]-[A-Za-z0-9-]{8,})`), group: 1, is: notKisses},
	slackApp:      {find: regexp.MustCompile(edge + `(xapp-[A-Za-z0-9-]{8,})`), group: 1, is: hasDigit},
	sk:            {find: regexp.MustCompile(edge + `(sk-[A-Za-z0-9_-]{20,})`), group: 1, is: random},
	google:        {find: regexp.MustCompile(edge + `(AIza[A-Za-z0-9_-]{35})`), group: 1},
	googleToken:   {find: regexp.MustCompile(edge + `(ya29\.[A-Za-z0-9_-]{20,})`), group: 1},
	npm:           {find: regexp.MustCompile(edge + `(npm_[A-Za-z0-9]{36})`), group: 1},
	stripe:        {find: regexp.MustCompile(edge + `([sr]k_(?:live|test)_[A-Za-z0-9]{16,})`), group: 1},
	vault:         {find: regexp.MustCompile(edge + `(hv[sb]\.[A-Za-z0-9_-]{20,})`), group: 1, is: hasUpper},
	jwt:           {find: regexp.MustCompile(edge + `(eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*)`), group: 1},
	eks:           {find: regexp.MustCompile(edge + `(k8s-aws-v1\.[A-Za-z0-9_-]{8,})`), group: 1},
	urlSignature:  {find: regexp.MustCompile(`(?i)x-(?:amz|goog)-signature["'\\]*\s*(?:=|%3d|:)\s*["'\\]*([A-Za-z0-9%+/=_-]+)`), group: 1},
	urlToken:      {find: regexp.MustCompile(`(?i)x-amz-security-token["'\\]*\s*(?:=|%3d|:)\s*["'\\]*([A-Za-z0-9%+/=_-]+)`), group: 1},
	authorization: {find: regexp.MustCompile(`(?i)authorization(["'\\]*\s*[:=]\s*["'\\]*)([^"'\\\r\n]+)`), group: 2, is: assigns},
	bearer:        {find: regexp.MustCompile(`(?i)\bbearer[\s+]+([A-Za-z0-9._~+/=-]{12,})`), group: 1, is: notAWord},
	basic:         {find: regexp.MustCompile(`(?i)\bbasic[\s+]+([A-Za-z0-9+/]{12,}={0,2})`), group: 1, is: notAWord},
	sigv4:         {find: regexp.MustCompile(`AWS4-HMAC-SHA256\s.*?Signature=([0-9a-f]+)`), group: 1},
	password:      assigned(`pass(?:words?|wd)`),
	awsSecretName: assigned(`(?:secret_?access_?key|client_?secret)`),
	sessionToken:  assigned(`session_?token`),
	userinfo:      {find: regexp.MustCompile(`://[^/\s:@"']+:([^/\s@"']+)@`), group: 1},
}

// assigned matches the value in name=value, name: value and "name":"value", also
// where the quotes are escaped because JSON sits inside a string.
func assigned(name string) form {
	return form{regexp.MustCompile(`(?i)` + name + `(["'\\]*\s*[:=]\s*["'\\]*)([^"'\\\s,;&}()]+)`), 2, assigns}
}

// awsKeyID finds AWS access key ids. They are not secret; what stands beside one is.
var (
	awsKeyID  = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)
	awsBeside = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}[^A-Za-z0-9+]{1,3}([A-Za-z0-9+/]{40})(?:$|[^A-Za-z0-9+/=])`)
	awsAlone  = regexp.MustCompile(`(?:^|[^A-Za-z0-9+/=-])([A-Za-z0-9+/]{40})(?:$|[^A-Za-z0-9+/=-])`)
	awsStep   = regexp.MustCompile(`(?:^|[^A-Za-z0-9+=-])([A-Za-z0-9+]{40})(?:$|[^A-Za-z0-9+=-])`) // of a path
)

// assigns tells name:value from the names that colons part: of an ARN, of an image.
func assigns(text string, match []int) bool {
	value := text[match[4]:match[5]]
	if strings.Trim(value, "*?.$") == "" {
		return false // whatever it is
	}
	if text[match[2]:match[3]] != ":" {
		return true
	}
	start := match[0]
	for start > 0 && !strings.ContainsRune(" \t\r\n\"'`,;()[]{}<>=", rune(text[start-1])) {
		start--
	}
	word := text[start:match[0]]
	if strings.HasPrefix(word, "arn:") || strings.HasPrefix(word, "k8s://") {
		return false
	}
	return !strings.HasSuffix(word, "-") || !strings.Contains(word, "/") && !tag.MatchString(value)
}

// tag is how images are tagged.
var tag = regexp.MustCompile(`^(?:v?[0-9]+(?:[.-][A-Za-z0-9.-]+)?|latest|stable|main|master|sha256)$`)

func notKisses(text string, m []int) bool { // xoxo-valentines
	return text[m[2]+3] != 'o' || strings.Contains("0123456789", text[m[2]+5:m[2]+6])
}

func hasDigit(text string, m []int) bool { return strings.ContainsAny(text[m[2]:m[3]], "0123456789") }

func hasUpper(text string, m []int) bool {
	s := text[m[2]:m[3]]
	return strings.ToLower(s) != s
}

// notAWord tells a token from "basic authentication".
func notAWord(text string, m []int) bool {
	return strings.Trim(text[m[2]+1:m[3]], "abcdefghijklmnopqrstuvwxyz-./") != ""
}

// random tells a key from words after sk-: it has a stretch that nobody would write.
func random(text string, m []int) bool {
	for _, part := range strings.FieldsFunc(text[m[2]:m[3]], func(r rune) bool { return r == '-' || r == '_' }) {
		upper, lower, digit := strings.ContainsAny(part, capitals), strings.ContainsAny(part, smalls), strings.ContainsAny(part, digits)
		if len(part) >= 16 && upper && lower && digit || len(part) >= 32 && digit && (upper || lower) {
			return true
		}
	}
	return false
}

const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	smalls   = "abcdefghijklmnopqrstuvwxyz"
	digits   = "0123456789"
)

// mixed tells a random key from words, a path or a hash in hexadecimal: of 40 random
// letters 26 are of another kind than the one before, and hardly ever fewer than 14.
func mixed(s string) bool {
	turns := 0
	for i := 1; i < len(s); i++ {
		if kindOf(s[i]) != kindOf(s[i-1]) {
			turns++
		}
	}
	return turns >= 14 && strings.ContainsAny(s, "GHIJKLMNOPQRSTUVWXYZghijklmnopqrstuvwxyz+/") && strings.ContainsAny(s, capitals) && strings.ContainsAny(s, smalls)
}

func kindOf(c byte) int {
	switch {
	case c >= 'a' && c <= 'z':
		return 0
	case c >= 'A' && c <= 'Z':
		return 1
	case c >= '0' && c <= '9':
		return 2
	}
	return 3
}
