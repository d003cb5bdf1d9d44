package postgres

import (
	"net/url"
	"strings"
	"testing"
)

// Whatever is in the log is an event or an error, and an event is the same once it
// was written again.
func FuzzEvent(f *testing.F) {
	for _, s := range []string{``, `{}`, `null`, `{"no_tags":true}`, `{"Gone":true,"Resource":{"URN":"u"}}`, `{"resource":{"urn":"u","attrs":{"a":1},"tags":{}}}`, `{"Resource":{"Attrs":"\u0000"}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := decode(text)
		if err != nil {
			return
		}
		once, err := encode(o)
		if err != nil {
			t.Fatal(err)
		}
		if o, err = decode(once); err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice, err := encode(o); err != nil || twice != once {
			t.Fatalf("%s\n%s\n%v", once, twice, err)
		}
	})
}

// A password is in nothing that is shown, wherever it is in a URL and however it is
// written.
func FuzzRedacted(f *testing.F) {
	for _, s := range []string{"", "p", "a b", "a'b", `a\'b c`, "a&b", "a@b", "a:/?#[]@%", "%41", "a=b;c"} {
		f.Add(s)
	}
	const begin, end = "S3cr", "3tSs"
	f.Fuzz(func(t *testing.T, some string) {
		if strings.ContainsRune(some, 0) {
			return
		}
		p := begin + some + end
		for _, text := range []string{
			(&url.URL{Scheme: "postgres", User: url.UserPassword("u", p), Host: "h:5432", Path: "/d"}).String(),
			"postgres://u:" + p + "@h/d",
			"postgres://u@h/d?password=" + url.QueryEscape(p) + "&sslmode=require",
			"postgres://u@h/d?sslpassword=" + url.QueryEscape(p),
			"host=h password='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(p) + "' user=u",
		} {
			if got := Redacted(text); strings.Contains(got, begin) || strings.Contains(got, end) {
				t.Errorf("%q is shown as %q", text, got)
			}
		}
	})
}
