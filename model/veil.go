package model

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
)

// Veil puts commitments in the place of the secrets that stand in what calls and
// answers say: in names, keys, tags, parameters. It is used once, where what a decoder
// has understood goes on to be judged, learnt, recorded and shown, so that all of them
// speak of one thing by one name, and a decision made again reads what the first one
// read. What is forwarded is not what it has touched.
//
// A commitment is an HMAC with the salt of one model: two secrets are two names, one is
// the same name each time, and who has not got the salt can try no guess. A text that
// was veiled stays as it is. A nil *Veil says (redacted), and tells no two apart.
type Veil struct{ salt atomic.Pointer[[]byte] }

// SaltBytes is the length of a Veil's salt.
const SaltBytes = 32

// NewVeil returns the veil of a salt.
func NewVeil(salt []byte) *Veil {
	v := &Veil{}
	v.Season(salt)
	return v
}

// Season gives it the salt of a model that was opened after it.
func (v *Veil) Season(salt []byte) {
	salt = bytes.Clone(salt)
	v.salt.Store(&salt)
}

const (
	commitment = "(secret-"
	sumBytes   = 10 // 80 bits: two of a million secrets are one with a chance of 1 in 10^12
)

// committed is a commitment. It has none of the letters that part identifiers, and is
// the same without case.
var (
	committed    = regexp.MustCompile(`^\(secret-[a-z2-7]{16}\)`)
	commitmentAt = regexp.MustCompile(`\(secret-[a-z2-7]{16}\)`)
	letters      = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
)

// Commits reports whether a text has a commitment in it.
func Commits(text string) bool {
	return strings.Contains(text, commitment) && commitmentAt.MatchString(text)
}

// Unsaid is a text with * for what is not known of it: each commitment in it.
func Unsaid(text string) string {
	if !strings.Contains(text, commitment) {
		return text
	}
	return commitmentAt.ReplaceAllString(text, "*")
}

// put returns what stands in the place of a secret.
func (v *Veil) put(secret string) string {
	if v == nil {
		return Gone
	}
	h := hmac.New(sha256.New, *v.salt.Load())
	h.Write([]byte(secret))
	return commitment + letters.EncodeToString(h.Sum(nil)[:sumBytes]) + ")"
}

// Text veils a text.
func (v *Veil) Text(s string) string { return v.text(s, false) }

func (v *Veil) text(s string, beside bool) string {
	if g := glance(s); !g.nothing() || beside || len(s) > 40 && hasKeyID(s) {
		return take(s, g, beside, v.put, 0)
	}
	return s
}

// JSON veils the strings of a document; the values of keys that always hold secrets
// are taken out.
func (v *Veil) JSON(data json.RawMessage) json.RawMessage {
	return scrub(data, signsBeside(data), v.put)
}

// veiling is the veiling of one action or observation. What it changes it copies:
// decoders keep what they have returned.
type veiling struct {
	*Veil
	beside bool // an AWS access key is named in it
}

func (v veiling) say(s *string) { *s = v.text(*s, v.beside) }

func (v veiling) json(data *json.RawMessage) {
	if len(*data) > 0 {
		*data = scrub(*data, v.beside || signsBeside(*data), v.put)
	}
}

// each veils what is in a list, and copies the list if that changes something.
func each[T comparable](list *[]T, veil func(*T)) {
	copied := false
	for i, was := range *list {
		is := was
		if veil(&is); is != was {
			if !copied {
				*list, copied = slices.Clone(*list), true
			}
			(*list)[i] = is
		}
	}
}

func (v veiling) says(list *[]string) { each(list, v.say) }

func (v veiling) urn(u *URN) { *u = URN(v.text(string(*u), v.beside)) }

func (v veiling) relation(r *Relation) {
	v.urn(&r.From)
	v.urn(&r.To)
}

func (v veiling) words(words *map[string]string) {
	changed := false
	for k, s := range *words {
		if v.text(k, v.beside) != k || v.text(s, v.beside) != s {
			changed = true
			break
		}
	}
	if !changed {
		return
	}
	out := make(map[string]string, len(*words))
	for k, s := range *words {
		out[v.text(k, v.beside)] = v.text(s, v.beside)
	}
	*words = out
}

// value veils what a property may be.
func (v veiling) value(value any) any {
	switch value := value.(type) {
	case string:
		return v.text(value, v.beside)
	case []string:
		v.says(&value)
		return value
	case nil, bool, int, int64, uint64, float64, json.Number:
		return value
	}
	data, err := json.Marshal(value)
	if err != nil {
		return value // it is not recorded either
	}
	clean := scrub(data, v.beside, v.put)
	var out any
	d := json.NewDecoder(bytes.NewReader(clean))
	d.UseNumber()
	if bytes.Equal(clean, data) || d.Decode(&out) != nil {
		return value
	}
	return out
}

func (v veiling) props(list []Property) []Property {
	copied := false
	for i, was := range list {
		is := was
		v.say(&is.Native)
		is.Value = v.value(was.Value)
		if is.Native == was.Native && same(is.Value, was.Value) {
			continue
		}
		if !copied {
			list, copied = slices.Clone(list), true
		}
		list[i] = is
	}
	return list
}

// same reports whether value has returned what it was given.
func same(a, b any) bool {
	switch a := a.(type) {
	case string:
		return a == b
	case nil, bool, int, int64, uint64, float64, json.Number:
		return true
	}
	return false // a copy of it does no harm
}

// Action veils an action, but for who acts: that is proved, and no secret.
func (v *Veil) Action(a Action) Action { return v.action(a, false) }

func (v *Veil) action(a Action, beside bool) Action {
	w := veiling{v, beside || signsBeside(a.Params)}
	w.words(&a.Actor.Said)
	for _, s := range []*string{&a.Service, &a.Operation, &a.Account, &a.Region, &a.Where} {
		w.say(s)
	}
	each(&a.Targets, func(t *Target) { w.urn(&t.URN); w.say(&t.Type) })
	w.json(&a.Params)
	w.json(&a.Native)
	w.says(&a.Unknown)
	a.Props, a.Before = w.props(a.Props), w.props(a.Before)
	if a.Ties != nil {
		ties := *a.Ties
		each(&ties.Relations, w.relation)
		a.Ties = &ties
	}
	if a.Affected != nil {
		along := *a.Affected
		along.Groups = slices.Clone(along.Groups)
		for i := range along.Groups {
			w.say(&along.Groups[i].Type)
			each(&along.Groups[i].Targets, w.urn)
		}
		w.says(&along.Why)
		a.Affected = &along
	}
	if len(a.Parts) > 0 {
		a.Parts = slices.Clone(a.Parts)
		for i := range a.Parts {
			a.Parts[i] = v.action(a.Parts[i], w.beside)
		}
	}
	return a
}

// Observations veils what answers and collectors say.
func (v *Veil) Observations(all []Observation) []Observation {
	copied := false
	for i := range all {
		is, changed := v.observation(all[i])
		if !changed {
			continue
		}
		if !copied {
			all, copied = slices.Clone(all), true
		}
		all[i] = is
	}
	return all
}

func (v *Veil) observation(o Observation) (Observation, bool) {
	was := o
	w := veiling{Veil: v}
	r := &o.Resource
	w.urn(&r.URN)
	for _, s := range []*string{&r.Type, &r.Name, &r.Account, &r.Region} {
		w.say(s)
	}
	w.words(&r.Tags)
	w.says(&r.Aliases)
	w.json(&r.Attrs)
	each(&o.Relations, w.relation)
	each(&o.Cut, w.relation)
	changed := r.URN != was.Resource.URN || r.Type != was.Resource.Type || r.Name != was.Resource.Name || r.Account != was.Resource.Account || r.Region != was.Resource.Region ||
		!begin(r.Aliases, was.Resource.Aliases) || !begin(r.Attrs, was.Resource.Attrs) || !begin(o.Relations, was.Relations) || !begin(o.Cut, was.Cut)
	return o, changed || !sameWords(r.Tags, was.Resource.Tags)
}

// begin reports whether two lists are one.
func begin[T any](a, b []T) bool { return len(a) == 0 || &a[0] == &b[0] }

func sameWords(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, s := range a {
		if was, ok := b[k]; !ok || was != s {
			return false
		}
	}
	return true
}
