package aws

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders/mend"
	"github.com/assent-iom/assent/model"
)

// mendProperty changes parameters until what they say of a property is as it is
// wanted, by the rows of properties.yaml read backwards. It reads the result with
// the same rows that every call is read with: what they do not confirm is no repair.
func (d *Decoder) mendProperty(p *place, w model.Want) bool {
	said := false
	for round := range maxRounds {
		params, ok := p.read()
		if !ok {
			return false
		}
		props := d.properties.of(p.name, params, p.at)
		says := slices.ContainsFunc(props, func(x model.Property) bool { return x.Name == w.Property })
		if round == 0 {
			said = says
		}
		if mend.Met(w, props) && (says || said) {
			return true
		}
		changed := false
		for _, row := range d.properties.rows(p.name) {
			if tells(row, w.Property) {
				changed = p.mend(row, w, params) || changed
			}
		}
		if !changed {
			return false
		}
	}
	return false
}

// tells reports whether a row says a property, be it beside its own.
func tells(row *propertyRow, property string) bool {
	return row.Name == property || slices.Contains(beside[row.Read], property)
}

// beside are what readers say besides the property of their row.
var beside = map[string][]string{
	"ingress": {"network.ingress.public"}, "acl": {"network.ingress.public"}, "grants": {"access.publicWrite"},
	"resource": {"access.publicRead", "access.crossAccount"}, "topic": {"access.publicRead", "access.crossAccount"},
	"trust": {"access.anonymous", "access.crossAccount"},
}

// mend changes what one row reads.
func (p *place) mend(row *propertyRow, w model.Want, params map[string]any) bool {
	all := hits(any(params), row.At, "", nil)
	if row.Read != "" {
		by := menders[row.Read]
		changed := false
		for _, h := range slices.Backward(all) {
			changed = by != nil && by(p, h, w) || changed
		}
		return changed
	}
	if row.Value != nil {
		return false // the call itself is what is not wanted
	}
	if len(all) == 0 {
		v, ok := row.write(w, nil)
		if !ok || strings.Contains(row.At, "[]") {
			return false
		}
		return p.set(mend.Pointer(strings.Split(row.At, ".")...), v) && p.along(row, params)
	}
	changed := false
	for _, h := range slices.Backward(all) {
		value, known := row.means(h.value)
		if known && mend.Value(w, value) {
			continue
		}
		if row.List || row.Present != nil {
			changed = p.doc.Remove(p.base+h.pointer) || changed
		} else if v, ok := row.write(w, h.value); ok {
			changed = p.set(h.pointer, v) && p.along(row, params) || changed
		} else if _, isFlag := h.value.(bool); isFlag { // what it would be otherwise, another member says
			changed = p.doc.Remove(p.base+h.pointer) || changed
		}
	}
	return changed
}

func (p *place) set(pointer string, v any) bool { return p.doc.Set(p.base+pointer, v) }

// along says what has to be said with a row: {MEMBER} is another parameter.
func (p *place) along(row *propertyRow, params map[string]any) bool {
	for member, text := range row.With {
		if _, there := params[member]; there {
			continue
		}
		before, rest, named := strings.Cut(text, "{")
		from, after, _ := strings.Cut(rest, "}")
		if value, ok := params[from].(string); ok || !named {
			p.set(mend.Pointer(member), before+value+after)
		}
	}
	return true
}

// write is a value that means what is wanted at a row's place, in the type of the
// one that was there.
func (row *propertyRow) write(w model.Want, was any) (any, bool) {
	if row.Is != nil {
		return row.word(w, was)
	}
	if row.Present != nil || row.List {
		return nil, false // which, only a person can say
	}
	_, asText := was.(string)
	switch {
	case w.Least != nil:
		return inType(number(*w.Least), asText), true
	case w.Most != nil:
		return inType(number(*w.Most), asText), true
	case len(w.Only) > 0:
		i := slices.IndexFunc(w.Only, func(s string) bool { return !strings.Contains(s, "*") })
		if i < 0 {
			return nil, false
		}
		return w.Only[i], true
	}
	switch v := w.Is.(type) {
	case bool:
		return inType(v != row.Not, asText), true
	case int64:
		return inType(number(v), asText), true
	case float64: // as it was recorded
		return inType(number(int64(v)), asText), true
	case string:
		return v, true
	}
	return nil, false
}

// inType writes booleans and numbers as text where text was.
func inType(v any, asText bool) any {
	switch v := v.(type) {
	case bool:
		if asText {
			return strconv.FormatBool(v)
		}
	case interface{ String() string }:
		if asText {
			return v.String()
		}
	}
	return v
}

// word picks the word that means what is wanted: the row's best, else of the
// gravest that may be the shortest.
func (row *propertyRow) word(w model.Want, was any) (any, bool) {
	words := slices.SortedFunc(maps.Keys(row.Is), func(a, b string) int {
		rank := func(word string) int {
			if word == row.Best {
				return -len(w.Only) - 1
			}
			text, _ := row.Is[word].(string)
			return -slices.Index(w.Only, text)
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
	for _, word := range words {
		meaning := row.Is[word]
		if on, isBool := meaning.(bool); row.Not && isBool {
			meaning = !on
		}
		if n, isInt := meaning.(int); isInt {
			meaning = number(int64(n))
		}
		if word == "" || !mend.Value(w, meaning) {
			continue
		}
		_, asText := was.(string)
		if b, err := strconv.ParseBool(word); err == nil && len(word) > 1 && !asText {
			return b, true
		}
		if n, err := strconv.ParseInt(word, 10, 64); err == nil && !asText {
			return number(n), true
		}
		return word, true
	}
	return row.Best, row.Best != "" && row.Else != nil && mend.Value(w, row.Else)
}
