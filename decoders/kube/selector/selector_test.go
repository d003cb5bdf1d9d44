package selector

import (
	"fmt"
	"testing"
)

func TestLabels(t *testing.T) {
	labels := map[string]string{"app": "web", "tier": "", "n": "7"}
	for selector, want := range map[string]bool{
		"": true, "app": true, "!app": false, "app=web": true, "app==web": true, "app!=web": false, "x!=y": true,
		"app in (db, web)": true, "app notin (db)": true, "tier=": true, "tier in (,a)": true, "n>6": true, "n<7": false,
		"app=web,n>7": false, " app = web , !x ": true, "in": false, "in in (in)": false, "tier in ()": true,
	} {
		r, err := Labels(selector)
		if err != nil || Matches(r, labels) != want {
			t.Errorf("%q: %v, %v", selector, r, err)
		}
	}
	for _, selector := range []string{",", "a,", "a=b c", "a in", "a in (b", "=b", "a=-", "a>b", "!a=b", "a/b/c", "A.b/c", "a=>b", "a b"} {
		if r, err := Labels(selector); err == nil {
			t.Errorf("%q was read as %v", selector, r)
		}
	}
}

func TestFields(t *testing.T) {
	for selector, want := range map[string]string{
		"metadata.name=web": "web", "metadata.name==web": "web", "metadata.name!=web": "", "spec.x=1,metadata.name=a": "a",
		`metadata.name=a\,b`: "a,b", "metadata.name=a/b": "", "metadata.name=..": "", "": "",
	} {
		terms, err := Fields(selector)
		name, _ := ExactName(terms)
		if err != nil || name != want {
			t.Errorf("%q: %q, %v", selector, name, err)
		}
	}
	for _, selector := range []string{"a", `a=\x`, `a=\`, "a=b=c"} {
		if _, err := Fields(selector); err == nil {
			t.Errorf("%q was read", selector)
		}
	}
}

func FuzzLabels(f *testing.F) {
	for _, seed := range []string{"a in (b,,c),!d", "a=\x00b", "a>1", "x/y!=z", "((", "in notin (in)"} {
		f.Add(seed, "a", "b")
	}
	f.Fuzz(func(t *testing.T, text, key, value string) {
		all, err := Labels(text)
		if err != nil {
			return
		}
		for _, r := range all {
			if !qualifiedName(r.Key) || r.Op == 0 || (r.Op <= NotIn) != (len(r.Values) > 0) && r.Op <= DoesNotExist {
				t.Fatalf("%q: %+v", text, r)
			}
		}
		labels := map[string]string{key: value}
		one := true
		for _, r := range all { // all requirements together are each of them
			one = one && Matches([]Requirement{r}, labels)
		}
		if Matches(all, labels) != one {
			t.Fatal(fmt.Sprint(all, labels))
		}
	})
}

func FuzzFields(f *testing.F) {
	for _, seed := range []string{"metadata.name=web", `a=\,,b!=c`, "a==b", "=", `\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := Fields(text)
		if err != nil {
			return
		}
		if name, ok := ExactName(terms); ok && (name == "." || name == "..") {
			t.Fatalf("%q names %q", text, name)
		}
	})
}
