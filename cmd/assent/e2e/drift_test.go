package e2e

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model/reconcile"
)

// drift returns what `assent drift --json` says, and its exit code.
func (w *world) drift(args ...string) (all map[string]reconcile.Status, code int) {
	w.t.Helper()
	r := w.assent(append([]string{"drift", "--json"}, args...)...)
	all = map[string]reconcile.Status{}
	dec := json.NewDecoder(strings.NewReader(r.out))
	for {
		var s reconcile.Status
		if err := dec.Decode(&s); err == io.EOF {
			return all, r.code
		} else if err != nil {
			w.t.Fatalf("drift --json: %v\n%v", err, r)
		}
		all[string(s.URN)] = s
	}
}

// What was built by way of the proxy and read back has not drifted, however often it
// is read, whatever else happens and whatever a scaling group does; and each change
// that goes past the proxy is found, with its actor where CloudTrail has it.
func TestDriftIsWhatOthersChangedAndNothingElse(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	python := tool(t, "python3")
	w.behind(c, "model: model.db\ncollect:\n  aws:\n    - {}\n")
	built := w.must(binary, "run", "--", python, testdata(t, "built.py"))
	var made map[string]string
	if err := json.Unmarshal([]byte(built.out), &made); err != nil {
		t.Fatalf("%v: %v", err, built)
	}
	if len(made) < 17 {
		t.Fatalf("only %d things were built", len(made))
	}
	all, code := w.drift("--all")
	if code != 0 {
		t.Errorf("right after the run, which reads its changes back: exit code %d, %s", code, words(all))
	}
	for name, urn := range made {
		if s := all[urn]; s.State != reconcile.Aligned || s.Built == nil || s.Built.ReadAt.IsZero() {
			t.Errorf("%s (%s) was not read back by the run, and is %q: %s", name, urn, s.State, s.Why)
		}
	}
	w.must(python, testdata(t, "edited.py"), c.url, strings.TrimSpace(built.out), "noise")
	w.collect()
	w.collect()
	all, code = w.drift("--all")
	if code != 0 {
		t.Errorf("after what was none of theirs: exit code %d, %s", code, words(all))
	}
	for name, urn := range made {
		s := all[urn]
		if s.State != reconcile.Aligned || s.Built == nil || s.Built.Decision == "" {
			t.Errorf("%s (%s) is %q: %s", name, urn, s.State, words(map[string]reconcile.Status{urn: s}))
		}
	}
	if s := all[made["scaling"]]; !slices.ContainsFunc(s.Fields, func(f reconcile.Field) bool { return f.Path == "DesiredCapacity" && f.State == reconcile.Theirs }) {
		t.Errorf("what a scaling group does to itself is not said to be its own: %+v", s.Fields)
	}

	changed := w.must(python, testdata(t, "edited.py"), c.url, strings.TrimSpace(built.out), "edits")
	var edits struct {
		Edits  [][2]string
		Events json.RawMessage
	}
	if err := json.Unmarshal([]byte(changed.out), &edits); err != nil {
		t.Fatalf("%v: %v", err, changed)
	}
	w.write("trail/events.json", string(edits.Events))
	w.collect()
	all, code = w.drift("--cloudtrail", "trail")
	if code != 3 {
		t.Errorf("after %d edits: exit code %d", len(edits.Edits), code)
	}
	found, named := 0, 0
	for _, e := range edits.Edits {
		s := all[e[0]]
		hit := e[1] == "" && s.State == reconcile.Ghost || e[1] != "" && slices.ContainsFunc(s.Fields, func(f reconcile.Field) bool {
			return f.State == reconcile.Drifted && strings.HasPrefix(f.Path, e[1])
		})
		if !hit {
			t.Errorf("not found: %s of %s: %s", e[1], e[0], words(map[string]reconcile.Status{e[0]: s}))
			continue
		}
		found++
		if len(s.By) > 0 && strings.HasSuffix(s.By[0].Actor, ":user/mallory") {
			named++
		} else {
			t.Errorf("nobody is named: %s", e[0])
		}
	}
	t.Logf("%d of %d edits are found, %d with their actor", found, len(edits.Edits), named)
	if len(edits.Edits) < 30 {
		t.Errorf("only %d edits", len(edits.Edits))
	}
	for urn, s := range all {
		if !slices.ContainsFunc(edits.Edits, func(e [2]string) bool { return e[0] == urn }) && s.State != reconcile.Aligned {
			t.Errorf("nobody touched %s: %s", urn, words(map[string]reconcile.Status{urn: s}))
		}
	}
	r := w.assent("drift", made["group"])
	if r.code != 3 {
		t.Errorf("%v", r)
	}
	contains(t, "the answer for people", r.out, "drifted", "IpPermissions", "0.0.0.0/0", "critical", "dec_")
}

// words are statuses on one line.
func words(all map[string]reconcile.Status) string {
	data, err := json.Marshal(all)
	if err != nil {
		return err.Error()
	}
	return tailOf(string(data), 3000)
}
