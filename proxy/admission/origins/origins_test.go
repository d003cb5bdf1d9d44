package origins

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T, path string, bound int) *File {
	t.Helper()
	f, err := Open(path, bound)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func (f *File) all(t *testing.T) (all []string) {
	t.Helper()
	if err := f.Each(func(object, decision string) { all = append(all, object+" "+decision) }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatWasKeptIsThereAfterwardsInTheOrderOfItsLastTouch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.db")
	f := open(t, path, 10)
	for _, k := range [][2]string{{"a", "dec_1"}, {"b", "dec_2"}, {"c", "dec_3"}, {"a", "dec_4"}} {
		if err := f.Keep(k[0], k[1]); err != nil {
			t.Fatal(err)
		}
	}
	// Another process sees it while this one, which may be killed, has it open.
	if got := strings.Join(open(t, path, 10).all(t), ", "); got != "b dec_2, c dec_3, a dec_4" {
		t.Errorf("kept is %q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestTheOldestAreForgotten(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "origins.db"), 100)
	for i := range forgetEvery {
		if err := f.Keep(fmt.Sprint(i), "dec"); err != nil {
			t.Fatal(err)
		}
	}
	if all := f.all(t); len(all) != 100 || all[0] != fmt.Sprintf("%d dec", forgetEvery-100) {
		t.Errorf("%d are kept, the oldest %q", len(all), all[0])
	}
}

func TestAFileOfAnotherKindIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, 10); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("%v", err)
	}
}
