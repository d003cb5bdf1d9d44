package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/policy"
)

// A pack says by which documents it was judged from when on, what of them changed, and
// which decisions name them; what it cannot know it leaves out.
func TestAPackSaysWhatWasInForce(t *testing.T) {
	b := &book{dir: t.TempDir()}
	b.open(t)
	defer b.Close()
	b.now = start.AddDate(0, 0, -1)
	epoch := func(digest, previous string, added ...string) {
		b.append(ledger.IntentEpochEntry(ledger.IntentEpoch{At: b.now, Process: "p1", Digest: digest, Previous: previous, Documents: 3, Added: added}, []byte("the documents")))
	}
	epoch("sha256:00", "none")
	for range 6 { // the last of them within the period
		b.decide(policy.Deny, "")
	}
	epoch("sha256:01", "sha256:00", "Owner/<b>web", "Rule/x")
	b.decide(policy.Deny, "") // by what was before: it was under way
	epoch("sha256:00", "sha256:01")
	b.decide(policy.Deny, "")
	b.now = end.AddDate(0, 0, 1)
	epoch("sha256:02", "sha256:00")
	dir, pack := build(t, b, month("soc2"))
	var got []string
	for _, i := range pack.InForce {
		got = append(got, fmt.Sprintf("%s %v-%v by %d (%d to %d): %s", i.Digest, place(i.Entry), place(i.Until), i.Decisions, i.First, i.Last, i.changes()))
	}
	want := []string{
		"sha256:00 -8 by 5 (4 to 9): ",
		"sha256:01 8-10 by 0 (0 to 0): added Owner/<b>web, Rule/x",
		"sha256:00 10- by 1 (11 to 11): the documents before are sha256:01, and were not at hand",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	table, err := os.ReadFile(filepath.Join(dir, "in-force.csv"))
	if err != nil || strings.Count(string(table), "\n") != 4 || !strings.Contains(string(table), "Owner/<b>web Rule/x") {
		t.Errorf("%s %v", table, err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil || !strings.Contains(string(page), "added Owner/&lt;b&gt;web, Rule/x") {
		t.Errorf("the page does not say it: %v", err)
	}
	if r := checked(t, dir, verify.Options{}); r.Kind != verify.OK {
		t.Errorf("%s %v", r.Kind, r.Problems)
	}
}
