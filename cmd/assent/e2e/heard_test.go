package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model/reconcile"
)

// An event is a hint: what it speaks of is read again, long before the next listing,
// and who is said to have changed it is named. What it says of the resource itself is
// not believed; what is no event is dropped, and told of; and nothing stays in the
// queue.
func TestAnEventHasWhatItSpeaksOfReadAgainAndNamesWhoItWas(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	python, script := tool(t, "python3"), testdata(t, "heard.py")
	queue := strings.TrimSpace(w.must(python, script, "queue", c.url).out)
	w.behind(c, "listen: 127.0.0.1:0\nmodel: model.db\ncollect:\n  aws:\n    - {events: \""+queue+"\"}\n")
	group := strings.TrimSpace(w.must(binary, "run", "--", python, script, "make").out)
	w.collect()
	if all, code := w.drift(); code != 0 {
		t.Fatalf("before anybody changed anything: exit code %d, %s", code, words(all))
	}
	d := w.serve()
	said := func() string { return d.out.String() + d.errOut.String() }
	waitFor(t, "the listing of security groups", func() bool {
		return slices.ContainsFunc(strings.Split(said(), "\n"), func(line string) bool {
			return strings.Contains(line, "collected") && strings.Contains(line, `"ec2:security-group"`) && strings.Contains(line, "complete")
		})
	})
	w.must(python, script, "edit", c.url, group)
	var got reconcile.Status
	waitFor(t, "the change to be found", func() bool {
		all, _ := w.drift()
		got = all[group]
		return got.State == reconcile.Drifted
	})
	if len(got.By) != 1 || !strings.HasSuffix(got.By[0].Actor, ":user/mallory") || got.By[0].Name != "ec2:AuthorizeSecurityGroupIngress" {
		t.Errorf("who it was: %+v", got.By)
	}
	field := words(map[string]reconcile.Status{group: got})
	contains(t, "what was read", field, "IpPermissions", "0.0.0.0/0")
	if strings.Contains(field, "udp") {
		t.Errorf("the event was believed: %s", field)
	}
	waitFor(t, "the queue to be empty", func() bool { return strings.TrimSpace(w.must(python, script, "left", c.url).out) == "0" })
	waitFor(t, "what is no event to be told of", func() bool { return strings.Count(said(), "is dropped") == 2 })
}
