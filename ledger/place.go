package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// Place is Describe for a statement that this process has just encoded: it reads
// what it needs and steps over the rest, since every append waits for it. It is
// no judge of whether the rest is well formed; Describe is.
func Place(data []byte) (About, error) {
	st, err := members(data, "predicateType", "predicate")
	if err != nil {
		return About{}, fmt.Errorf("reading statement: %w", err)
	}
	var head statement
	if err := json.Unmarshal(st[0], &head.PredicateType); err != nil {
		return About{}, fmt.Errorf("reading statement: predicate type: %w", err)
	}
	kind, err := kindOf(head)
	if err != nil {
		return About{}, fmt.Errorf("reading statement: %w", err)
	}
	head.Predicate = json.RawMessage(st[1])
	return place(head, kind)
}

// placeDecision reads the few members of a change-decision that place it.
func placeDecision(predicate []byte) (About, error) {
	about := About{Kind: KindDecision}
	p, err := members(predicate, "id", "decidedAt", "verdict", "enforcer", "action")
	if err != nil {
		return about, err
	}
	action, err := members(p[4], "run")
	if err != nil {
		return about, fmt.Errorf("action: %w", err)
	}
	var verdict policy.Verdict
	var by enforcer
	for _, part := range []struct {
		from []byte
		to   any
	}{{p[0], &about.Key}, {p[1], &about.At}, {p[2], &verdict}, {p[3], &by}, {action[0], &about.Run}} {
		if part.from == nil {
			continue
		}
		if err := json.Unmarshal(part.from, part.to); err != nil {
			return about, err
		}
	}
	if about.Key == "" {
		return about, errors.New("no decision id")
	}
	about.By, about.Awaits = by.ID, Awaits(policy.Decision{Mode: by.Mode, Verdict: verdict})
	return about, nil
}

var errShape = errors.New("not a JSON object")

// members returns the values of the named members of a JSON object, nil for
// those that are not there. A name that is there twice is an error. What is not
// asked for is stepped over without being understood.
func members(data []byte, names ...string) ([][]byte, error) {
	out := make([][]byte, len(names))
	i := space(data, 0)
	if i >= len(data) || data[i] != '{' {
		return nil, errShape
	}
	for i = space(data, i+1); i < len(data) && data[i] == '"'; i = space(data, i+1) {
		end := model.StringEnd(data, i)
		key := data[i:end]
		colon := space(data, end)
		if colon >= len(data) || data[colon] != ':' {
			return nil, errShape
		}
		from := space(data, colon+1)
		to := valueEnd(data, from)
		if to == from {
			return nil, errShape
		}
		if !plain(key) {
			return nil, fmt.Errorf("key %s is not in plain letters", key)
		}
		for n, name := range names {
			if len(key) != len(name)+2 || !strings.EqualFold(string(key[1:len(key)-1]), name) {
				continue
			}
			// encoding/json takes ID for id: to be the one key, it must be the only one.
			if out[n] != nil || string(key[1:len(key)-1]) != name {
				return nil, fmt.Errorf("key %q appears twice, or in another spelling", name)
			}
			out[n] = data[from:to]
		}
		if i = space(data, to); i < len(data) && data[i] == '}' {
			return out, nil
		}
		if i >= len(data) || data[i] != ',' {
			return nil, errShape
		}
	}
	if i < len(data) && data[i] == '}' {
		return out, nil
	}
	return nil, errShape
}

// plain reports whether a key is written as it reads: our own keys all are.
func plain(key []byte) bool {
	for _, c := range key {
		if c < ' ' || c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// valueEnd returns the index after the JSON value at start, or start if there is
// none.
func valueEnd(data []byte, start int) int {
	if start >= len(data) {
		return start
	}
	switch data[start] {
	case '"':
		return model.StringEnd(data, start)
	case '{', '[':
		depth := 0
		for i := start; i < len(data); i++ {
			switch data[i] {
			case '"':
				i = model.StringEnd(data, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return start // never closed
	}
	if n := bytes.IndexAny(data[start:], ",}] \t\r\n"); n > 0 {
		return start + n
	}
	return start
}

// space returns the index of the first byte from i on that is no white space.
func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
		i++
	}
	return i
}
