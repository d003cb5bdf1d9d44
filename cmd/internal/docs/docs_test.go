package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/owners"
	"github.com/assent-iom/assent/model/reconcile"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// estate is n instances in a subnet, a database beside them, and a cluster's object;
// its observations come in an order of their own.
func estate(n int, names []string, order int64) Input {
	see := func(urn, kind string, tags map[string]string, needs ...string) model.Observation {
		o := model.Observation{Resource: model.Resource{URN: model.URN(urn), Platform: "aws", Account: "1", Region: "r", Type: kind, Tags: tags, SeenAt: at, Attrs: json.RawMessage(`{}`)}}
		for _, to := range needs {
			o.Relations = append(o.Relations, model.Relation{From: o.Resource.URN, To: model.URN(to), Type: model.Contains, Source: "test"})
		}
		return o
	}
	all := []model.Observation{see("subnet", "ec2:subnet", nil), see("db", "rds:db", map[string]string{"app": "shop", "team": "data"}, "subnet")}
	for i := range n {
		all = append(all, see(fmt.Sprintf("i-%03d", i), "ec2:instance", map[string]string{"app": "shop"}, "subnet", "db"))
	}
	for i, name := range names {
		o := see("hostile:"+name, name, map[string]string{"app": name, "team": name}, "subnet")
		o.Resource.Name, o.Resource.Account = name, name
		if i%2 == 1 {
			o.Resource.Platform = "kubernetes"
		}
		all = append(all, o)
	}
	rand.New(rand.NewSource(order)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	g := graph.New(graph.Config{})
	for _, o := range all {
		g.Apply([]model.Observation{o})
	}
	in := Input{Snapshot: g.Snapshot(), Intent: "sha256:0",
		Owner: func(r model.Resource) Owner {
			o := Owner{Name: r.Tags["team"], Person: "human:" + r.Tags["team"]}
			if o.Name == "" {
				return Owner{Said: &owners.Claim{Rung: owners.Creator, Owner: "eve"}}
			}
			o.Conflict = []string{o.Name + " too"}
			return o
		},
		Environment: func(r model.Resource) (string, string) { return "prod", "production" },
		Drift:       []reconcile.Status{{URN: "db", State: reconcile.Drifted, Fields: []reconcile.Field{{Path: "Public"}}, By: []reconcile.Event{{Actor: "mallory", Name: "rds:Modify"}}}},
		Decisions:   []Decided{{Index: 7, ID: "dec_7", At: at, Verdict: "allow", Actor: "ann", Name: "rds:Create", Targets: []model.URN{"db"}}},
		Kept: []collect.Kept{{Collector: "aws/1", Coverage: []collect.Coverage{
			{Scope: collect.Scope{Platform: "aws", Account: "1", Region: "r", Type: "rds:db"}, State: collect.Complete, ListedAt: at, Count: 1},
			{Scope: collect.Scope{Platform: "aws", Account: "1", Region: "r", Type: "ec2:instance"}, State: collect.Denied, Why: "not allowed"}}}}}
	for _, name := range names {
		urn := model.URN("hostile:" + name)
		in.Drift = append(in.Drift, reconcile.Status{URN: urn, State: reconcile.Ghost, Fields: []reconcile.Field{{Path: name}}, By: []reconcile.Event{{Actor: name}}})
		in.Decisions = append(in.Decisions, Decided{Index: 8, ID: name, At: at, Verdict: name, Actor: name, Name: name, Targets: []model.URN{urn}})
		in.Kept[0].Gaps = append(in.Kept[0].Gaps, collect.Gap{Scope: collect.Scope{Platform: "aws", Account: name, Type: name}, State: collect.State(name), Why: name})
	}
	return in
}

func body(t *testing.T, pages []Page, path string) string {
	t.Helper()
	for _, p := range pages {
		if p.Path == path {
			return string(p.Body)
		}
	}
	t.Fatalf("there is no %s", path)
	return ""
}

func TestTheSameModelMakesTheSameBytes(t *testing.T) {
	first := Render(estate(60, hostile, 1))
	for order := range int64(5) {
		next := Render(estate(60, hostile, order))
		if !slices.EqualFunc(first, next, func(a, b Page) bool { return a.Path == b.Path && bytes.Equal(a.Body, b.Body) }) {
			t.Fatalf("order %d makes other pages", order)
		}
	}
}

func TestAPageSaysWhatThereIsWhoseItIsAndWhatBreaks(t *testing.T) {
	pages := Render(estate(2, nil, 1))
	shop := body(t, pages, "application/shop.md")
	for _, want := range []string{
		"3 resources of 2 types",
		"| `rds:db` | `db` | - | `data`, but also named: `data too` |",
		"nobody; ask `eve` (creator)",
		"## Depends on\n\n| here | relation | there | owner | known |\n|---|---|---|---|---|\n| `db` | contains | `subnet` | nobody; ask `eve` (creator) | stated |",
		"## If deleted\n\n",
		"| `db` | drifted | `Public` | `mallory rds:Modify` | - |",
		"| 7 | `dec_7` | 2026-03-01 12:00:00 | allow | `ann` | `rds:Create` |",
		"| `aws/1/r ec2:instance` | denied | `not allowed` |",
		"| `aws/1/r rds:db` | 1 | 2026-03-01 12:00:00 |",
		"n0[\"db\"]",
	} {
		if !strings.Contains(shop, want) && !strings.Contains(shop, words(want)) {
			t.Errorf("the page has no %q\n%s", want, shop)
		}
	}
	account := body(t, pages, "account/"+slug("aws 1")+".md")
	if !strings.Contains(account, "| `subnet` | 3 |") {
		t.Errorf("what breaks with the subnet is not said\n%s", account)
	}
	body(t, pages, "owner/nobody.md")
	body(t, pages, "owner/data.md")
	body(t, pages, "environment/prod.md")
}

// hostile are names that want to be more than names.
var hostile = []string{
	"<script>alert(1)</script>", "](javascript:alert(1))", "[x](http://evil.example)", "![x](http://evil.example/a.png)", "a|b||c", "\\|x", "\\\\|x", "`<img src=x onerror=1>`",
	"``` \n</pre><b>", "x\n\n# heading\n", "| new | row |\n|---|---|", "<!-- /fresh -->", "--> <b>x</b>", "http://evil.example", "www.evil.example", "mail@evil.example", "\"]; click n0 href \"http://evil.example\"",
	"n0 --> n1", "end", "%%{init: {}}%%", "\u202egnp.exe", "\u200b", "&lt;script&gt;", "&#60;b&#62;", "$x^2$", "~~x~~", "*x*", "_x_", "  lead", "trail  ", "-", "../../../etc/passwd", "CON", "nobody", "NoBody", "İ", "", strings.Repeat("x", 5000), "a\x00b", "\xff\xfe",
}

var pictureLine = regexp.MustCompile(`^  (?:n\d+\["(?:[\pL\pN ./:_-]|#\d+;|…)*"\]|n\d+ -->\|"(?:[\pL\pN ./:_-]|#\d+;)+(?: ×\d+)?"\| n\d+)$`)

// What a bucket is called is shown, and does nothing.
func TestNamesNeverBecomeMarkup(t *testing.T) {
	pages := Render(estate(3, hostile, 1))
	parser := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()
	paths := map[string]bool{}
	for _, p := range pages {
		if lower := strings.ToLower(p.Path); paths[lower] || strings.Contains(p.Path, "..") || strings.Count(p.Path, "/") > 1 {
			t.Errorf("the path %q", p.Path)
		} else {
			paths[lower] = true
		}
	}
	shown := 0
	for _, p := range pages {
		headings := 0
		err := ast.Walk(parser.Parse(text.NewReader(p.Body)), func(n ast.Node, in bool) (ast.WalkStatus, error) {
			if !in {
				return ast.WalkContinue, nil
			}
			switch n := n.(type) {
			case *ast.HTMLBlock:
				block := string(n.Lines().Value(p.Body))
				if block != mark && block != freshBegin && block != freshEnd {
					t.Errorf("%s: HTML %q", p.Path, block)
				}
			case *ast.RawHTML, *ast.Image, *ast.AutoLink, *ast.Emphasis, *east.Strikethrough, *ast.List, *ast.Blockquote:
				t.Errorf("%s: a %s", p.Path, n.Kind())
			case *ast.Link:
				if to := string(n.Destination); to != "../index.md" && !paths[strings.ToLower(to)] {
					t.Errorf("%s: a link to %q", p.Path, to)
				}
			case *ast.Heading:
				headings++
			case *east.TableRow:
				if table := n.Parent().(*east.Table); n.ChildCount() != len(table.Alignments) {
					t.Errorf("%s: a row of %d cells in a table of %d", p.Path, n.ChildCount(), len(table.Alignments))
				}
				shown++
			case *ast.FencedCodeBlock:
				if string(n.Language(p.Body)) != "mermaid" {
					t.Errorf("%s: code of %q", p.Path, n.Language(p.Body))
				}
				lines := strings.Split(strings.TrimSuffix(string(n.Lines().Value(p.Body)), "\n"), "\n")
				for i, line := range lines {
					if i == 0 && line != "flowchart LR" || i > 0 && !pictureLine.MatchString(line) {
						t.Errorf("%s: a line of a picture: %q", p.Path, line)
					}
				}
			}
			return ast.WalkContinue, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 3 + len(kinds), false: 9}[p.Kind == "index"]; headings != want {
			t.Errorf("%s: %d headings, want %d", p.Path, headings, want)
		}
	}
	if shown < 20*len(hostile) {
		t.Errorf("only %d rows were looked at", shown)
	}
}

func FuzzNames(f *testing.F) {
	for _, h := range hostile {
		f.Add(h)
	}
	parser := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()
	f.Fuzz(func(t *testing.T, name string) {
		for _, cell := range []string{code(name), words(name)} {
			src := []byte("| a | b |\n|---|---|\n| " + cell + " | end |\n")
			doc := parser.Parse(text.NewReader(src))
			if err := ast.Walk(doc, func(n ast.Node, in bool) (ast.WalkStatus, error) {
				switch n := n.(type) {
				case *ast.Document, *ast.Text, *ast.String, *ast.CodeSpan, *east.Table, *east.TableHeader, *east.TableCell:
				case *east.TableRow:
					if last := string(n.LastChild().FirstChild().(*ast.Text).Value(src)); in && (n.ChildCount() != 2 || last != "end") {
						t.Errorf("%d cells, the last is %q: %q", n.ChildCount(), last, src)
					}
				default:
					t.Errorf("a %s: %q", n.Kind(), src)
				}
				return ast.WalkContinue, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if line := "  n0[\"" + label(name) + "\"]"; !pictureLine.MatchString(line) {
			t.Errorf("a line of a picture: %q", line)
		}
		if s := slug(name); !regexp.MustCompile(`^[a-z0-9_][a-z0-9_.-]*$`).MatchString(s) && !strings.HasPrefix(s, ".") || len(s) > 80 {
			t.Errorf("a file %q", s)
		}
	})
}

func states(results []Result) string {
	count := map[State]int{}
	for _, r := range results {
		count[r.State]++
	}
	return fmt.Sprint(count)
}

func TestAFolderIsKeptAsTheModelSays(t *testing.T) {
	dir := t.TempDir()
	sync := func(in Input, check bool) []Result {
		t.Helper()
		all, err := Sync(dir, Render(in), check)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	in := estate(2, nil, 1)
	if got := states(sync(in, true)); got != "map[missing:6]" {
		t.Error(got)
	}
	if got := states(sync(in, false)); got != "map[written:6]" {
		t.Error(got)
	}
	if got := states(sync(in, false)) + states(sync(in, true)); got != "map[same:6]map[same:6]" {
		t.Error(got)
	}
	// Read again, and nothing else: no page is stale.
	in.Kept[0].Coverage[0].ListedAt = at.Add(time.Hour)
	if got := states(sync(in, true)); got != "map[same:6]" {
		t.Error(got)
	}
	if got := sync(in, false); !slices.ContainsFunc(got, func(r Result) bool { return r.State == Written }) {
		t.Errorf("what was read again is not written: %v", got)
	}
	// One relation more, one owner less: those pages are stale, and named.
	changed := estate(2, nil, 1)
	changed.Kept = in.Kept
	g := graph.New(graph.Config{})
	changed.Snapshot.Each(func(r model.Resource) bool {
		if r.URN == "db" {
			r.Tags = map[string]string{"app": "shop"}
		}
		g.Apply([]model.Observation{{Resource: r, Relations: changed.Snapshot.Dependencies(r.URN)}})
		return true
	})
	g.Apply([]model.Observation{{Resource: model.Resource{URN: "i-000"}, Relations: []model.Relation{{From: "i-000", To: "i-001", Type: model.Calls}}}})
	changed.Snapshot = g.Snapshot()
	// A stranger's file, and one that only looks like a page, stay.
	for _, name := range []string{"owner/mine.md", "README.md"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("# mine\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stale := map[string]State{}
	for _, r := range sync(changed, true) {
		stale[r.Path] = r.State
	}
	if stale["owner/data.md"] != Extra || stale["application/shop.md"] != Stale || stale["index.md"] != Stale {
		t.Errorf("%v", stale)
	}
	for _, r := range sync(changed, false) {
		if r.Path == "owner/data.md" && r.State != Removed {
			t.Errorf("%+v", r)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "owner/data.md")); err == nil {
		t.Error("the page of nobody's any more is still there")
	}
	for _, name := range []string{"owner/mine.md", "README.md"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "index.md"), []byte("# mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Sync(dir, Render(in), false); err == nil || !strings.Contains(err.Error(), "not a page that assent has made") {
		t.Errorf("somebody's own file is written over: %v", err)
	}
}

func TestTablesAndPicturesAreBounded(t *testing.T) {
	pages := Render(estate(maxRows+100, nil, 1))
	account := body(t, pages, "account/"+slug("aws 1")+".md")
	if !strings.Contains(account, "and 102 more") || strings.Count(account, "\n") > 2*maxRows {
		t.Errorf("%d lines", strings.Count(account, "\n"))
	}
	if !strings.Contains(account, `n0["ec2:instance"]`) || !strings.Contains(account, "×600") {
		t.Error("many resources are not drawn by their types")
	}
}

func BenchmarkRender(b *testing.B) {
	in := estate(10_000, nil, 1)
	for b.Loop() {
		Render(in)
	}
}
