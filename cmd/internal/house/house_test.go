package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/assent-iom/assent"

// source is one Go file of the module.
type source struct {
	name      string // from the module's root, with slashes
	dir       string
	test      bool
	generated bool
	lines     int
	ast       *ast.File
	fset      *token.FileSet
}

// at names a place for a finding.
func (s source) at(n ast.Node) string { return s.fset.Position(n.Pos()).String() }

func sources(t *testing.T) []source {
	t.Helper()
	root := "../../.."
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			// The go command skips these too; a folder with its own go.mod is another module.
			base := path.Base(rel)
			if rel != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "vendor") {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); rel != "." && err == nil {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		s := source{name: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"),
			lines: strings.Count(string(text), "\n"), fset: token.NewFileSet()}
		if s.ast, err = parser.ParseFile(s.fset, rel, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return err
		}
		s.generated = ast.IsGenerated(s.ast)
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file was found")
	}
	return all
}

// below is who may be imported, by top-level folder: the words flow down.
var below = map[string][]string{
	"model":    {},
	"certs":    {},
	"decoders": {"model"},
	"policy":   {"model"},
	"ledger":   {"policy", "model"},
	"proxy":    {"decoders", "policy", "ledger", "certs", "model"},
}

// TestWordsFlowDown: a front door imports front doors below it and the standard
// library; a room imports its front door and what is below it. Only cmd wires.
func TestWordsFlowDown(t *testing.T) {
	for _, s := range sources(t) {
		top, _, room := strings.Cut(s.dir, "/")
		allowed, ruled := below[top]
		if !ruled || s.test {
			continue // cmd and deploy wire; tests may use the real thing
		}
		for _, spec := range s.ast.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			inner, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				if !room && !standard(imported) && top != "certs" && top != "proxy" {
					t.Errorf("%s: front door %s imports %s; heavy things live in rooms below it", s.at(spec), top, imported)
				}
				continue
			}
			if why := crossing(s.dir, top, inner, allowed); why != "" {
				t.Errorf("%s: %s imports %s: %s", s.at(spec), s.dir, inner, why)
			}
		}
	}
}

// crossing says why dir may not import inner, or nothing.
func crossing(dir, top, inner string, allowed []string) string {
	target, _, targetRoom := strings.Cut(inner, "/")
	switch {
	case target == top:
		if dir == top && targetRoom {
			return "a front door never imports a room"
		}
		return room(dir, inner)
	case !slices.Contains(allowed, target):
		return "words flow down: " + top + " may import " + strings.Join(append([]string{"nobody"}, allowed...), ", ")
	case targetRoom && dir == top:
		return "a front door never imports a room"
	}
	return ""
}

// neighbours are the rooms of one wing that are built upon others of it: pure
// parts without which they mean nothing. A new line here is a decision: may cmd
// not pass it in?
var neighbours = map[string][]string{
	"model/intent":       {"model/vocab"},                // conditions are on the vocabulary's words
	"ledger/store":       {"ledger/tlog", "ledger/seal"}, // a log is a tree with signed heads
	"ledger/publish":     {"ledger/tlog", "ledger/seal"}, // it writes the same tree as files
	"ledger/verify":      {"ledger/tlog", "ledger/seal"}, // it hashes the tree again and checks the heads
	"ledger/seal/cosign": {"ledger/tlog"},                // it signs heads
	"ledger/witness":     {"ledger/tlog", "ledger/seal"}, // it reads heads and proofs, and replaces files
	"ledger/remote":      {"ledger/tlog"},                // it checks what it is answered
	"ledger/copies":      {"ledger/tlog"},                // it checks what it reads
	// a pack is a part of the tree, and is checked as one
	"ledger/evidence": {"ledger/tlog", "ledger/verify"},
	// both edit what was sent, and a patch is one everywhere
	"decoders/aws": {"decoders/mend"}, "decoders/kube": {"decoders/mend"},
}

// room says why one room may not import another of the same wing. A room may
// import its front door, rooms inside it, and the room it is inside.
func room(dir, inner string) string {
	if !strings.Contains(inner, "/") || strings.HasPrefix(inner, dir+"/") || strings.HasPrefix(dir, inner+"/") ||
		sameRoom(dir, inner) || slices.Contains(neighbours[dir], inner) {
		return ""
	}
	return "rooms do not know each other; cmd wires them"
}

// sameRoom: decoders/aws/table and decoders/aws/sigv4 are parts of decoders/aws.
func sameRoom(a, b string) bool {
	x, y := strings.SplitN(a, "/", 3), strings.SplitN(b, "/", 3)
	return len(x) > 1 && len(y) > 1 && x[0] == y[0] && x[1] == y[1]
}

func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// What others have written about owners is shown to people: no verdict may come to
// know of it.
func TestNoVerdictKnowsWhatOnlyOthersHaveWrittenOfOwners(t *testing.T) {
	seen := 0
	for _, s := range sources(t) {
		for _, spec := range s.ast.Imports {
			if strings.Trim(spec.Path.Value, `"`) != module+"/model/owners" {
				continue
			}
			if seen++; s.dir != "cmd/internal/cli" && s.dir != "cmd/internal/docs" {
				t.Errorf("%s: %s imports model/owners; only what is shown to people has it", s.at(spec), s.dir)
			}
		}
	}
	if seen == 0 {
		t.Error("nobody shows it")
	}
}

// TestCrossingsAreFound tries the rule itself.
func TestCrossingsAreFound(t *testing.T) {
	for _, c := range []struct {
		dir, inner string
		fine       bool
	}{
		{"model", "model/graph", false},
		{"model/graph", "model", true},
		{"model/store", "model/graph", false},
		{"model/graph", "policy", false},
		{"policy/decide", "model", true},
		{"policy/decide", "model/intent", true},
		{"policy", "model/intent", false},
		{"model/intent", "policy/checks", false},
		{"ledger/store", "ledger/tlog", true},
		{"ledger/tlog", "ledger/store", false},
		{"policy/decide", "policy/checks", false},
		{"decoders/aws", "decoders/aws/table", true},
		{"decoders/aws/table", "decoders/kube", false},
		{"ledger", "policy", true},
		{"ledger", "decoders", false},
		{"proxy/gate", "ledger", true},
		{"proxy/gate", "cmd/internal/cli", false},
		{"certs", "model", false},
	} {
		top, _, _ := strings.Cut(c.dir, "/")
		if why := crossing(c.dir, top, c.inner, below[top]); (why == "") != c.fine {
			t.Errorf("%s → %s: %q", c.dir, c.inner, why)
		}
	}
}

// TestEveryPackageHasAManualPage: the package comment is the manual page.
func TestEveryPackageHasAManualPage(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test && strings.HasSuffix(s.ast.Name.Name, "_test") {
			continue
		}
		if s.ast.Doc != nil && len(strings.Fields(s.ast.Doc.Text())) >= 5 {
			documented[s.dir] = true
		} else if !documented[s.dir] {
			documented[s.dir] = false
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment: say what it is for, what it promises, what it does not do", dir)
		}
	}
}

// maxLines: past it a file is two ideas.
const maxLines = 500

func TestOneIdeaAFile(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > maxLines && !s.generated {
			t.Errorf("%s has %d lines, more than %d: it is two ideas", s.name, s.lines, maxLines)
		}
	}
}

// TestPlainNames: a package is one noun.
func TestPlainNames(t *testing.T) {
	for _, s := range sources(t) {
		switch name := strings.TrimSuffix(s.ast.Name.Name, "_test"); name {
		case "util", "utils", "common", "types", "helper", "helpers", "manager", "misc", "shared", "base":
			t.Errorf("%s: package %s says nothing about what is in it", s.name, name)
		}
	}
}
