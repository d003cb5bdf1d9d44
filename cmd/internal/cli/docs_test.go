package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/store"
)

func TestDocsAreWrittenAndCheckedAgainstTheModel(t *testing.T) {
	a, out, errOut := ownersApp(t)
	run := func(want int, args ...string) string {
		t.Helper()
		out.Reset()
		errOut.Reset()
		if code := a.Execute(context.Background(), append([]string{"docs", "--out", "pages"}, args...)); code != want {
			t.Fatalf("docs %v: exit %d, want %d\n%s%s", args, code, want, out, errOut)
		}
		return out.String()
	}
	if got := run(exitStale, "--check"); !strings.Contains(got, "missing  "+filepath.Join("pages", "index.md")) {
		t.Errorf("%s", got)
	}
	if _, err := os.Stat(filepath.Join(a.Dir, "pages")); err == nil {
		t.Fatal("a check has written")
	}
	if got := run(0); !strings.Contains(got, "written  "+filepath.Join("pages", "owner", "shop.md")) {
		t.Errorf("%s", got)
	}
	run(0, "--check")
	page, err := os.ReadFile(filepath.Join(a.Dir, "pages", "owner", "shop.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| `ec2:subnet` | `" + arnBase + "subnet/subnet-01234567` |", "also named: `carol@acme.example, netops`", "Nothing was ever listed"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	s, err := store.Open(filepath.Join(a.Dir, "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), []model.Observation{{Relations: []model.Relation{{From: arnBase + "subnet/subnet-01234567", To: "arn:aws:sqs:eu-west-1:999999999999:q", Type: model.Calls, Source: "test"}}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	stale := 0
	for line := range strings.Lines(run(exitStale, "--check", "--json")) {
		var r struct{ Path, State string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.State == "stale" {
			stale++
		} else if strings.HasPrefix(r.Path, "owner/shop") {
			t.Errorf("after one relation more: %+v", r)
		}
	}
	if stale == 0 {
		t.Error("nothing is stale")
	}
	if !strings.Contains(errOut.String(), "repair: assent docs --out pages") {
		t.Errorf("%s", errOut)
	}
}
