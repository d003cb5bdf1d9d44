package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// maxPrinted bounds the fields of one print; what is beyond is one field more.
const maxPrinted = 256

// otherFields is the field of a print that stands for those past the bound.
const otherFields = "other fields"

// Print is what a resource was like: a hash of each of its fields, two levels deep. What
// a service computes, and what belongs to a controller, is left out.
func Print(rules *Rules, r model.Resource) map[string]string {
	out := map[string]string{}
	c := &comparing{rules: rules, kind: r.Type}
	rest := sha256.New()
	add := func(path string, v any) {
		if rules.is(computed, r.Type, path) || rules.is(theirs, r.Type, path) {
			return
		}
		sum := sha256.Sum256([]byte(c.text(path, v)))
		if len(out) < maxPrinted {
			out[path] = hex.EncodeToString(sum[:8])
			return
		}
		rest.Write([]byte(path))
		rest.Write(sum[:])
		out[otherFields] = hex.EncodeToString(rest.Sum(nil)[:8])
	}
	whole, _ := withTags(r.Attrs, r.Tags).(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(whole)) {
		inner, isMap := said(whole[name]).(map[string]any)
		if !isMap || len(inner) == 0 {
			add(name, whole[name])
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(inner)) {
			add(name+"."+key, inner[key])
		}
	}
	return out
}

// Misprints are the fields in which a resource is not like a print of it, sorted. A field
// of which nothing was known then is no difference, unless what it lies in was known: a
// closer look shows more. Of a Kubernetes object that was seen whole once, and in parts
// the other time, the parts are compared.
func Misprints(then, now map[string]string) (out []string) {
	_, wasWhole := then["apiVersion"]
	_, isWhole := now["apiVersion"]
	parts := wasWhole != isWhole
	known := map[string]bool{}
	for path := range then {
		known[above(path)] = true
	}
	for path, hash := range then {
		if is, there := now[path]; is != hash && (there || !parts) {
			out = append(out, path)
		}
	}
	for path := range now {
		if _, there := then[path]; !there && !parts && (wasWhole || known[above(path)] && above(path) != "" || above(path) == "tags") {
			out = append(out, path)
		}
	}
	if parts { // a part of a list of containers is another list
		out = slices.DeleteFunc(out, func(path string) bool { return strings.Contains(path, "ontainers") || path == "spec.template" })
	}
	slices.Sort(out)
	return out
}

// above is what a field lies in; empty: nothing.
func above(path string) string {
	first, _, _ := strings.Cut(path, ".")
	if first == path {
		return ""
	}
	return first
}
