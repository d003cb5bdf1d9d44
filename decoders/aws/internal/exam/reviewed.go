package exam

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// Reviewed reads testdata/NAME.txt: SERVICE:OPERATION and, after a space, a
// reason. Lines that start with # speak of the file.
func Reviewed(t testing.TB, name string) map[string]string {
	t.Helper()
	_, scripts := folders(t)
	text, err := os.ReadFile(filepath.Join(scripts[0], name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.SplitSeq(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		who, why, ok := strings.Cut(line, " ")
		if _, twice := rows[who]; twice || !ok || strings.TrimSpace(why) == "" {
			t.Errorf("%s.txt: %q is there twice, or has no reason", name, line)
		}
		rows[who] = why
	}
	return rows
}

// Exactly wants got to be what testdata/NAME.txt lists, of the services examined:
// no more, and no less. With exactReasons the text has to be the same too.
func Exactly(t testing.TB, name string, got map[string]string, exactReasons bool) {
	t.Helper()
	want := Reviewed(t, name)
	for who, why := range got {
		if old, ok := want[who]; !ok || exactReasons && old != why {
			t.Errorf("%s.txt does not list: %s %s", name, who, why)
		}
	}
	var stale []string
	for who := range want {
		service, _, _ := strings.Cut(who, ":")
		if _, ok := got[who]; !ok && Sampled(service) {
			stale = append(stale, who)
		}
	}
	sort.Strings(stale)
	if len(stale) > 0 {
		t.Errorf("%s.txt lists what is no longer so: %s", name, strings.Join(stale, " "))
	}
}
