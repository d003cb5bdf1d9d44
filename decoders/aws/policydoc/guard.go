package policydoc

import (
	"slices"
	"sort"
	"strings"
)

// guard is what the conditions of a statement leave of "everybody".
type guard struct {
	closed bool // only those below are let in, whoever else is named
	only   []Principal
}

// Keys whose value says who may come: by account, by organization, or through
// which resource or network. All in lower case.
var guards = map[string]string{
	"aws:sourceaccount": "account", "aws:principalaccount": "account", "kms:calleraccount": "account", "aws:resourceaccount": "",
	"aws:sourcearn": "arn", "aws:principalarn": "arn", "aws:userid": "",
	"aws:principalorgid": "org", "aws:sourceorgid": "org", "aws:principalorgpaths": "org", "aws:sourceorgpaths": "org",
	"aws:sourcevpc": "network", "aws:sourcevpce": "network",
}

// readGuard reads the conditions of a statement. They hold together, so one that
// closes the statement is enough; the values of one key are alternatives, so each
// of them has to. An operator that holds when the key is missing (…IfExists,
// ForAllValues, Null) closes nothing, and neither does a value that anybody could
// have.
func readGuard(conditions map[string]any) guard {
	var out guard
	for operator, v := range conditions {
		keys, ok := v.(map[string]any)
		switch plain, _ := strings.CutPrefix(strings.ToLower(operator), "foranyvalue:"); plain {
		case "stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike":
		default:
			continue
		}
		if !ok {
			continue
		}
		for key, values := range keys {
			kind := guards[strings.ToLower(key)]
			if kind == "" {
				continue
			}
			if only, ok := closes(kind, values); ok {
				out.closed = true
				out.only = append(out.only, only...)
			}
		}
	}
	sort.Slice(out.only, func(i, j int) bool { return out.only[i].Name < out.only[j].Name })
	out.only = slices.Compact(out.only)
	return out
}

// closes says whom the values of a key let in, if that is not anybody.
func closes(kind string, v any) (only []Principal, ok bool) {
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	if len(list) > maxValues {
		return nil, false
	}
	for _, e := range list {
		text, isText := e.(string)
		if !isText || text == "" {
			return nil, false
		}
		literal, _, wild := strings.Cut(text, "*")
		wild = wild || strings.Contains(text, "?")
		switch kind {
		case "account":
			if !isAccount(text) {
				return nil, false
			}
			only = append(only, Principal{"AWS", text})
		case "org":
			if !strings.HasPrefix(literal, "o-") || len(literal) < len("o-1234567890") {
				return nil, false
			}
			id, _, _ := strings.Cut(literal, "/")
			only = append(only, Principal{"Organization", id})
		case "arn":
			f := strings.SplitN(text, ":", 6)
			switch {
			case len(f) != 6 || f[0] != "arn" || strings.ContainsAny(f[2], "*?"):
				return nil, false
			case f[4] == "" && !strings.HasPrefix(f[5], "*") && !strings.HasPrefix(f[5], "?") && f[2] == "s3":
				// a bucket's name is one bucket's, whoever has it
				if strings.ContainsAny(strings.SplitN(f[5], "/", 2)[0], "*?") {
					return nil, false
				}
			case !isAccount(f[4]):
				return nil, false
			default:
				only = append(only, Principal{"AWS", f[4]})
			}
		case "network":
			if wild || !strings.HasPrefix(text, "vpc") {
				return nil, false
			}
		}
	}
	return only, len(list) > 0
}

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

// narrows reports whether a subject is somebody's: repo:acme/web:* is, and repo:*
// and repo:acme* are not, since anybody can have an account of that name.
func narrows(subject string, pattern bool) bool {
	literal, _, wild := strings.Cut(subject, "*")
	if !pattern || !wild {
		return subject != ""
	}
	_, who, named := strings.Cut(literal, ":")
	return named && strings.ContainsAny(who, ":/")
}

// admitted are the principals of a statement, "everybody" replaced by those whom
// its conditions leave.
func (s statement) admitted() []Principal {
	if !s.guard.closed {
		return s.principals
	}
	var out []Principal
	for _, p := range s.principals {
		if !p.Everybody() {
			out = append(out, p)
			continue
		}
		out = append(out, s.guard.only...)
	}
	return out
}

// shared are the identity providers that serve everybody: without a condition on
// whom they speak of, whoever has an account there is let in.
var shared = []string{
	"token.actions.githubusercontent.com", "gitlab.com", "app.terraform.io", "accounts.google.com", "cognito-identity.amazonaws.com",
	"www.amazon.com", "graph.facebook.com", "oidc.circleci.com", "agent.buildkite.com", "api.bitbucket.org", "vstoken.dev.azure.com",
}

// OpenFederation says whether a role can be taken by anybody at an identity
// provider that serves everybody.
func (d Document) OpenFederation() Truth {
	out := No
	for _, s := range d.statements {
		if !s.allow {
			continue
		}
		for _, p := range s.principals {
			if p.Kind != "Federated" || !slices.ContainsFunc(shared, func(host string) bool { return strings.Contains(p.Name, host) }) {
				continue
			}
			if !s.guarded {
				return Yes
			}
			switch s.subject {
			case No:
				return Yes
			case Unknown:
				out = Unknown
			}
		}
	}
	return out
}

// readSubject says whether conditions narrow down of whom an identity provider
// speaks: Yes, No (a pattern that everybody has), or Unknown if there is none that
// is understood.
func readSubject(conditions map[string]any) Truth {
	out := Unknown
	for operator, v := range conditions {
		keys, _ := v.(map[string]any)
		plain, _ := strings.CutPrefix(strings.ToLower(operator), "foranyvalue:")
		for key, values := range keys {
			lower := strings.ToLower(key)
			if !strings.HasSuffix(lower, ":sub") && !strings.HasSuffix(lower, ":aud") && !strings.HasSuffix(lower, ":amr") {
				continue
			}
			if plain != "stringequals" && plain != "stringlike" {
				continue
			}
			narrow := true
			list, isList := values.([]any)
			if !isList {
				list = []any{values}
			}
			for _, e := range list {
				text, isText := e.(string)
				narrow = narrow && isText && narrows(text, plain == "stringlike")
			}
			switch {
			case strings.HasSuffix(lower, ":sub") && narrow:
				return Yes
			case strings.HasSuffix(lower, ":sub"):
				out = No
			case out == Unknown && strings.HasSuffix(lower, ":aud") && narrow && !strings.Contains(lower, "githubusercontent") && !strings.Contains(lower, "gitlab") && !strings.Contains(lower, "terraform"):
				return Yes // an audience of one's own; CI services give the same to all
			}
		}
	}
	return out
}
