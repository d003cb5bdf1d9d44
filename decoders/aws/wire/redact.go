package wire

import (
	"encoding/base64"
	"regexp"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// Redact takes the secrets out of parameters that were decoded with
// Options.Secrets, in place, as DecodeInput does without.
func Redact(op *table.Operation, params map[string]any) { redactInput(op.Input, params) }

// redactInput takes secrets out of decoded parameters, in place: by shape, as the
// models mark it, and by what names of members say.
func redactInput(s *table.Shape, params map[string]any) {
	if s == nil {
		s = &table.Shape{}
	}
	redactMembers(s, params)
}

func redactMembers(s *table.Shape, object map[string]any) {
	known := 0
	for i := range s.Members {
		m := &s.Members[i]
		if v, ok := object[m.Name]; ok {
			known++
			object[m.Name] = redact(m.Shape, m.Name, v)
		}
	}
	if known < len(object) {
		isKnown := memberNames(s, len(object)-known, modelName)
		for name, v := range object {
			if !isKnown(name) {
				object[name] = redactUnknown(name, v)
			}
		}
	}
	redactPair(object)
}

// redact takes the secrets out of one value of a known shape.
func redact(s *table.Shape, name string, v any) any {
	if v == nil {
		return nil
	}
	if s.Sensitive {
		return withheld(v, 0)
	}
	switch v := v.(type) {
	case map[string]any:
		switch s.Kind {
		case table.Structure:
			redactMembers(s, v)
		case table.Map:
			if s.Key.Shape.Sensitive {
				return decoders.Redacted
			}
			for key, item := range v {
				v[key] = redact(s.Value.Shape, key, item)
			}
		default:
			return redactUnknown(name, v)
		}
		return v
	case []any:
		if s.Kind != table.List {
			return redactUnknown(name, v)
		}
		for i, item := range v {
			v[i] = redact(s.Elem.Shape, name, item)
		}
		return v
	case string:
		if s.Kind == table.String && secretName(name) {
			return decoders.Redacted
		}
		return scrubLeaf(v)
	}
	return v
}

// identifier is what names a thing and opens nothing: an ARN, the URL of a queue.
var identifier = regexp.MustCompile(`^(?:arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{0,12}:[A-Za-z0-9/_.:@+=,-]{1,512}|https://(?:sqs|queue)\.(?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?/[0-9]{12}/[A-Za-z0-9_-]{1,80}(?:\.fifo)?)$`)

// withheld is what is kept of a value that the model marks as sensitive: the things
// that it names, be they all of an environment's variables that may be kept.
func withheld(v any, depth int) any {
	if depth > MaxDepth {
		return decoders.Redacted
	}
	kept := false
	inner := func(v any) any {
		got := withheld(v, depth+1)
		kept = kept || got != decoders.Redacted
		return got
	}
	var out any
	switch v := v.(type) {
	case string:
		if identifier.MatchString(v) {
			return v
		}
	case map[string]any:
		fields := make(map[string]any, len(v))
		for key, item := range v {
			fields[key] = inner(item)
		}
		out = fields
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = inner(item)
		}
		out = items
	}
	if !kept {
		return decoders.Redacted
	}
	return out
}

// RedactTree copies a tree that has no shape, such as a template's properties,
// without the secrets in it.
func RedactTree(tree map[string]any) map[string]any {
	object, _ := plain(tree).(map[string]any)
	for name, v := range object {
		object[name] = redactUnknown(name, v)
	}
	redactPair(object)
	return object
}

// redactUnknown takes the secrets out of a value without a shape.
func redactUnknown(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			v[key] = redactUnknown(key, item)
		}
		redactPair(v)
		return v
	case []any:
		for i, item := range v {
			v[i] = redactUnknown(name, item)
		}
		return v
	case string:
		if last := name[strings.LastIndexByte(name, '.')+1:]; secretName(last) || tokenName(last) && !strings.HasPrefix(v, "arn:") {
			return decoders.Redacted
		}
		return scrubLeaf(v)
	}
	return v
}

// namedValues are how the services spell an environment variable or parameter.
var namedValues = [][2]string{{"Name", "Value"}, {"name", "value"}, {"Key", "Value"}, {"key", "value"},
	{"ParameterKey", "ParameterValue"}, {"ParameterName", "ParameterValue"}, {"OptionName", "Value"}}

// redactPair knows that {Name: DB_PASSWORD, Value: …} holds a secret.
func redactPair(object map[string]any) {
	for _, pair := range namedValues {
		value, ok := object[pair[1]].(string)
		if name, text := object[pair[0]].(string); ok && text && value != "" && secretName(name) {
			object[pair[1]] = decoders.Redacted
		}
	}
}

// secretEnds are how the names of secrets end, without case and separators.
var secretEnds = []string{"password", "passwd", "passphrase", "privatekey", "secretkey", "secretaccesskey",
	"clientsecret", "authtoken", "accesstoken", "refreshtoken", "sessiontoken", "apitoken", "bearertoken",
	"apisecret", "sharedsecret", "webhooksecret", "authorization", "secretstring", "secretbinary"}

// secretName reports whether a name says that its value is a secret, not the name,
// the ARN or the policy of one. It runs for every text: it allocates nothing.
func secretName(name string) bool {
	var buf [32]byte // the longest ending has 15 letters
	at := len(buf)
	for i := len(name) - 1; i >= 0 && at > 0; i-- {
		c := name[i]
		if c == '_' || c == '-' || c == '.' || c == ' ' {
			continue
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		at--
		buf[at] = c
	}
	flat := buf[at:]
	for _, end := range secretEnds {
		if len(flat) >= len(end) && string(flat[len(flat)-len(end):]) == end {
			return true
		}
	}
	return string(flat) == "secret"
}

// tokenName is wider: for names that the model does not know.
func tokenName(name string) bool {
	lower := strings.ToLower(name)
	for _, word := range []string{"password", "secret", "token", "privatekey", "private_key", "authorization", "credential",
		"customer-key", "customerkey"} { // S3's SSE-C
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

// The patterns of well-known secrets. A literal prefix is looked for first, so
// that ordinary text costs no regular expression.
var patterns = []struct {
	prefix string
	re     *regexp.Regexp
}{
	{"PRIVATE KEY-----", regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`)},
	{"gh", regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{20,}`)},
	{"github_pat_", regexp.MustCompile(`\bgithub_pat_[A-Za-z0-9_]{20,}`)},
	{"glpat-", regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{20,}`)},
	{"xox", regexp.MustCompile(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`)},
	{"sk_live_", regexp.MustCompile(`\bsk_live_[A-Za-z0-9]{16,}`)},
	{"eyJ", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}`)},
}

var (
	accessKey = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)
	secretKey = regexp.MustCompile(`(^|[^A-Za-z0-9/+=])([A-Za-z0-9/+]{40})($|[^A-Za-z0-9/+=])`)
	assigned  = regexp.MustCompile(`(?i)(secret_?access_?key["']?\s*[:=]\s*["']?)[A-Za-z0-9/+]{40}`)
)

// Scrub replaces well-known secrets inside a text: private keys, access tokens,
// and the secret half of an access key. It says whether there were any.
func Scrub(text string) (string, bool) {
	was := text
	for _, p := range patterns {
		if strings.Contains(text, p.prefix) {
			text = p.re.ReplaceAllString(text, decoders.Redacted)
		}
	}
	if (strings.Contains(text, "AKIA") || strings.Contains(text, "ASIA")) && accessKey.MatchString(text) {
		// Twice: neighbours share the character between them.
		for range 2 {
			text = secretKey.ReplaceAllString(text, "${1}"+decoders.Redacted+"${3}")
		}
	}
	if strings.Contains(text, "key") || strings.Contains(text, "Key") || strings.Contains(text, "KEY") {
		text = assigned.ReplaceAllString(text, "${1}"+decoders.Redacted)
	}
	return text, text != was
}

// scrubLeaf looks into base64 (user data, zipped or plain text as a blob): a secret in
// there takes the whole value with it. What has the form of a credential in a plain text
// stays: it may be a part of a name, and two names are two things. A model.Veil takes it
// out, and tells them apart.
func scrubLeaf(text string) string {
	if len(text) >= 40 && len(text)%4 == 0 && !strings.ContainsAny(text[:40], " {<:") {
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			if _, found := Scrub(string(raw)); found {
				return decoders.Redacted
			}
		}
	}
	return text
}
