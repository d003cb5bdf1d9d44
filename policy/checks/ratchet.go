package checks

import (
	"encoding/json"
	"slices"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/vocab"
	"github.com/assent-iom/assent/policy"
)

// ratchets reports whether a blueprint lets pass what was otherwise before.
func (b *plan) ratchets() bool { return b.Ratchet != nil && *b.Ratchet }

// ratcheted makes a remark of a violation that is no new one.
func ratcheted(f policy.Finding) policy.Finding {
	f.Code, f.Title, f.Verdict = CodeRatchet, "it was otherwise before, and does not get worse", policy.Allow
	f.Why += "; so it was before"
	f.Repair = "nothing has to be done for this change; " + f.Repair
	return f
}

// noWorse reports whether a change that violates a condition surely leaves it no
// farther away than it is now: violations after are among those before, and what has
// an order has not moved away.
func noWorse(says string, c intent.Condition, l *leaf) bool {
	now, then := propsOf(l.Before, c.Property), said(l, c.Property)
	unknown := func(p model.Property) bool { return !p.Known }
	if len(now) == 0 || len(then) == 0 || c.Known || slices.ContainsFunc(now, unknown) || slices.ContainsFunc(then, unknown) {
		return false // what is not known never helps
	}
	if says == "requires" && meets(c, now) != no || says == "forbids" && violates(c, now) != yes {
		return false // it conformed until now
	}
	if c.Min != "" || c.Max != "" {
		return noFarther(c, now, then)
	}
	before := offenders(says, c, now)
	for _, o := range offenders(says, c, then) {
		if !slices.Contains(before, o) {
			return false
		}
	}
	return true
}

// noFarther compares numbers, and words of an ordered enum: none of the new values is
// farther from the bounds than the farthest was.
func noFarther(c intent.Condition, now, then []model.Property) bool {
	p, _ := vocab.Find(c.Property)
	away := func(all []model.Property) (farthest float64, ok bool) {
		for _, one := range all {
			value, known := rank(p, text(one.Value))
			if !known {
				return 0, false
			}
			if low, known := rank(p, c.Min); c.Min != "" && known {
				farthest = max(farthest, low-value)
			}
			if high, known := rank(p, c.Max); c.Max != "" && known {
				farthest = max(farthest, value-high)
			}
		}
		return farthest, true
	}
	was, ok1 := away(now)
	is, ok2 := away(then)
	return ok1 && ok2 && is <= was
}

// offenders are the values, or the items of a set, that do not conform, as JSON.
func offenders(says string, c intent.Condition, all []model.Property) []string {
	wrong := func(p model.Property) bool {
		if says == "requires" {
			return one(c, p) != yes
		}
		return one(c, p) != no
	}
	var out []string
	add := func(v any) {
		data, err := json.Marshal(v)
		if err != nil {
			data = []byte(err.Error())
		}
		out = append(out, string(data))
	}
	for _, p := range all {
		list, ok := p.Value.([]any)
		switch {
		case !wrong(p):
		case !ok:
			add(p.Value)
		case says == "requires" && (c.Any || len(c.Has) > 0): // it lacks something: that is one thing
			add("lacking")
		default:
			for _, v := range list {
				item := p
				item.Value = []any{v}
				if wrong(item) {
					add(v)
				}
			}
		}
	}
	return out
}
