package kube

import (
	"regexp"
	"strings"

	"github.com/assent-iom/assent/decoders"
)

// tokens are the shapes of credentials that stand out in any text.
var tokens = regexp.MustCompile(strings.Join([]string{
	`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`,                             // JWT
	`(?:AKIA|ASIA)[A-Z0-9]{16}`,                                                              // AWS key id
	`gh[pousr]_[A-Za-z0-9]{30,}`, `github_pat_[A-Za-z0-9_]{30,}`, `glpat-[A-Za-z0-9_-]{20,}`, // forges
	`xox[abeoprs]-[A-Za-z0-9-]{10,}`, `sk-[A-Za-z0-9_-]{20,}`, `hv[sb]\.[A-Za-z0-9_-]{20,}`, // chat, model and vault keys
	`AIza[A-Za-z0-9_-]{35}`, `ya29\.[A-Za-z0-9_-]{20,}`, // Google
	`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`,
	`[Bb]earer +[A-Za-z0-9._~+/-]{16,}=*`, `[Bb]asic +[A-Za-z0-9+/]{8,}=*`,
	`://[^/\s:@]+:[^/\s@]+@`, // a password in a URL
}, "|"))

// secretWords are in the names of settings whose value is a secret.
const secretWords = `(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)`

// secretNames are names of settings whose value is a secret.
var secretNames = regexp.MustCompile(`(?i)` + secretWords)

// given is a setting of such a name with its value, in a text such as a command
// line: TOKEN=x, --password=x, --password x. The value is the last group.
var given = regexp.MustCompile(`(?i)([\w.-]*` + secretWords + `[\w.-]*"?(?:=|: *)|--?[\w.-]*` + secretWords + `[\w.-]*\s+)("[^"]*"|'[^']*'|[^\s"'-][^\s"';&|]*)`)

// secretFlag is an argument whose value is the next argument.
var secretFlag = regexp.MustCompile(`(?i)^--?[\w.-]*` + secretWords + `[\w.-]*$`)

// lastApplied is where kubectl keeps a copy of the whole object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// redactText takes credentials out of a text.
func redactText(s string) string {
	if len(s) < 8 {
		return s
	}
	return tokens.ReplaceAllString(s, decoders.Redacted)
}

// redactCommand takes credentials out of a command line: what looks like one, and
// what is given to a flag or a variable of a telling name.
func redactCommand(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		switch {
		case i > 0 && secretFlag.MatchString(args[i-1]) && !strings.HasPrefix(arg, "-"):
			out[i] = decoders.Redacted
		default:
			out[i] = given.ReplaceAllString(redactText(arg), "${1}"+decoders.Redacted)
		}
	}
	return out
}

// redact returns v without secret values; v itself is not changed. In a Secret
// (or a patch of one) everything below data and stringData is a secret.
func redact(v any, secret bool) any {
	switch v := v.(type) {
	case string:
		return redactText(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			if op, ok := item.(map[string]any); ok && secret && op["op"] != nil {
				out[i] = redactOperation(op)
				continue
			}
			out[i] = redact(item, secret)
		}
		return out
	case map[string]any:
		return redactObject(v, secret)
	default:
		return v
	}
}

func redactObject(object map[string]any, secret bool) map[string]any {
	kind, _ := object["kind"].(string)
	secret = secret || kind == "Secret" || kind == "SecretList"
	out := make(map[string]any, len(object))
	for key, value := range object {
		text, isText := value.(string)
		switch {
		case secret && (key == "data" || key == "stringData"):
			out[key] = redactValues(value)
		case key == lastApplied && (secret || isText && secretNames.MatchString(text)):
			out[key] = decoders.Redacted
		case key == "token" && isText && text != "": // TokenReview, TokenRequest, bootstrap
			out[key] = decoders.Redacted
		case key == "value" && isText && text != "" && namesSecret(object["name"]):
			out[key] = decoders.Redacted // an environment variable
		case key == "data" || key == "stringData":
			out[key] = redactNamed(value) // a ConfigMap, or a patch of one
		case key == "command" || key == "args":
			out[key] = redactArguments(value)
		default:
			out[key] = redact(value, secret)
		}
	}
	return out
}

func namesSecret(name any) bool {
	text, ok := name.(string)
	return ok && secretNames.MatchString(text)
}

// redactNamed takes out the values whose key has a telling name.
func redactNamed(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return redact(v, false)
	}
	out := make(map[string]any, len(object))
	for key, value := range object {
		if text, isText := value.(string); isText && text != "" && secretNames.MatchString(key) {
			value = decoders.Redacted
		}
		out[key] = redact(value, false)
	}
	return out
}

// redactArguments is redactCommand for what a container runs.
func redactArguments(v any) any {
	items, ok := v.([]any)
	if !ok {
		return redact(v, false)
	}
	args := make([]string, len(items))
	for i, item := range items {
		if args[i], ok = item.(string); !ok {
			return redact(v, false)
		}
	}
	out := make([]any, len(items))
	for i, arg := range redactCommand(args) {
		out[i] = arg
	}
	return out
}

// redactValues keeps the keys and takes out every value.
func redactValues(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			if value != nil { // null in a patch deletes the key
				value = decoders.Redacted
			}
			out[key] = value
		}
		return out
	case nil:
		return nil
	default:
		return decoders.Redacted
	}
}

// redactOperation takes the value out of one operation of a JSON patch on a
// Secret, wherever it points: only metadata other than annotations is kept.
func redactOperation(op map[string]any) map[string]any {
	out := make(map[string]any, len(op))
	for key, value := range op {
		out[key] = redact(value, false)
	}
	path, _ := op["path"].(string)
	open := strings.HasPrefix(path, "/metadata/") && !strings.HasPrefix(path, "/metadata/annotations")
	if _, has := op["value"]; has && !open {
		out["value"] = decoders.Redacted
	}
	return out
}

func isSecretRoute(r Route) bool { return r.Group == "" && r.Resource == "secrets" }

func join(parts []string) string { return strings.Join(parts, "/") }
