package rego

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/assent-iom/assent/model/intent"
)

// denial is one element of a deny set.
type denial struct {
	code string
	msg  string
}

// run evaluates the rule. Any answer that is not a set of texts and objects with
// a code is an error.
func (r *rule) run(ctx context.Context, in ast.Value, at time.Time, indexed bool) ([]denial, error) {
	results, err := r.eval(ctx, in, at, indexed, evalTimeout)
	if topdown.IsCancel(err) && ctx.Err() == nil {
		if results, err = r.eval(ctx, in, at, indexed, againTimeout); topdown.IsCancel(err) {
			err = fmt.Errorf("it took longer than %v", againTimeout)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("rule %s: %w", r.Name, err)
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return nil, fmt.Errorf("rule %s: it has no answer", r.Name)
	}
	elements, ok := results[0].Expressions[0].Value.([]any)
	if !ok {
		return nil, fmt.Errorf("rule %s: deny is not a set", r.Name)
	}
	var out []denial
	for i, e := range elements {
		if i == maxElements {
			break
		}
		d, err := r.denial(e)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].code+out[i].msg < out[j].code+out[j].msg })
	return out, nil
}

func (r *rule) eval(ctx context.Context, in ast.Value, at time.Time, indexed bool, most time.Duration) (rego.ResultSet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(most, cancel.Cancel)
	defer timer.Stop()
	return r.query.Eval(ctx, rego.EvalParsedInput(in), rego.EvalTime(at), rego.EvalRuleIndexing(indexed), rego.EvalExternalCancel(cancel))
}

func (r *rule) denial(element any) (denial, error) {
	switch e := element.(type) {
	case string:
		return denial{r.Name, clip(e)}, nil
	case map[string]any:
		code, ok := e["code"].(string)
		if !ok || code == "" {
			return denial{}, fmt.Errorf("rule %s: an element of deny has no code", r.Name)
		}
		msg, _ := e["msg"].(string)
		keys := make([]string, 0, len(e))
		for k := range e {
			if k != "code" && k != "msg" {
				keys = append(keys, k)
			}
		}
		sort.Strings(keys)
		for _, k := range keys {
			v, err := json.Marshal(e[k])
			if err != nil {
				return denial{}, fmt.Errorf("rule %s: %w", r.Name, err)
			}
			msg = strings.TrimSpace(msg + " " + k + ": " + string(v))
		}
		return denial{code, clip(msg)}, nil
	}
	return denial{}, fmt.Errorf("rule %s: an element of deny is neither a text nor an object", r.Name)
}

// clip bounds a rule's own words, and keeps them on one line.
func clip(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > maxSaid {
		s = strings.ToValidUTF8(s[:maxSaid], "") + "..."
	}
	return s
}

// test runs the rule's own examples, with the index and without it.
func (r *rule) test() []intent.Problem {
	var out []intent.Problem
	bad := func(t intent.RuleTest, suggestion, format string, args ...any) {
		out = append(out, intent.Problem{File: t.Pos.File, Line: t.Pos.Line, Col: t.Pos.Col, Code: intent.CodeRule,
			Message: fmt.Sprintf("rule %s, test %q: ", r.Name, t.Name) + fmt.Sprintf(format, args...), Suggestion: suggestion})
	}
	for _, t := range r.Tests {
		if path, near := unknownPath("input", t.Input, input()); path != "" {
			bad(t, near, "no input has %s", path)
			continue
		}
		in, err := ast.InterfaceToValue(t.Input)
		if err != nil {
			bad(t, "", "%v", err)
			continue
		}
		for _, indexed := range []bool{true, false} {
			got, err := r.run(context.Background(), in, testTime(), indexed)
			if err != nil {
				bad(t, "", "%v", err)
				break
			}
			if codes := codesOf(got); !same(codes, t.Deny) {
				bad(t, "", "denies %q, want %q", codes, t.Deny)
				break
			}
		}
	}
	return out
}

// testTime is the time of examples: a Tuesday at noon.
func testTime() time.Time { return time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) }

func codesOf(denials []denial) []string {
	out := []string{}
	for _, d := range denials {
		if len(out) == 0 || out[len(out)-1] != d.code {
			out = append(out, d.code)
		}
	}
	return out
}

func same(got, want []string) bool {
	a, b := append([]string(nil), got...), append([]string(nil), want...)
	sort.Strings(a)
	sort.Strings(b)
	return strings.Join(a, "\n") == strings.Join(b, "\n")
}

// unknownPath returns a path of an example that no input has.
func unknownPath(at string, v any, s *shape) (path, near string) {
	switch {
	case s.open:
		return "", ""
	case s.elem != nil:
		items, ok := v.([]any)
		if !ok {
			return at + " other than as a list", ""
		}
		for _, item := range items {
			if p, near := unknownPath(at+"[_]", item, s.elem); p != "" {
				return p, near
			}
		}
	case s.fields != nil:
		m, ok := v.(map[string]any)
		if !ok {
			return at + " other than as an object", ""
		}
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			f := s.fields[k]
			if f == nil {
				if n := intent.Nearest(k, s.names()); n != "" {
					near = "did you mean " + n + "?"
				}
				return at + "." + k, near
			}
			if p, near := unknownPath(at+"."+k, m[k], f); p != "" {
				return p, near
			}
		}
	}
	return "", ""
}
