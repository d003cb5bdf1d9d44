package rego

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/assent-iom/assent/model/intent"
)

// rule is one Rule document, ready to run.
type rule struct {
	*intent.Rule
	query rego.PreparedEvalQuery
	paths [][]string // of input that it reads; an open path ends where it is no longer a name
}

// header stands before a rule's text; headerLines are how many lines that adds.
const headerLines = 2

// compile turns a document into a rule, or says what is wrong with it. A text on
// which OPA's compiler panics (1.21.0 had one) is a problem like any other.
func compile(doc *intent.Rule) (done *rule, problems []intent.Problem) {
	r := &rule{Rule: doc}
	defer func() {
		if p := recover(); p != nil {
			done, problems = nil, []intent.Problem{r.problem(nil, "write it in another way", "it cannot be compiled: %v", p)}
		}
	}()
	sum := sha256.Sum256([]byte(doc.Name))
	pkg := "r" + hex.EncodeToString(sum[:8])
	source := "package assent.rules." + pkg + "\nimport rego.v2\n" + doc.Rego.Body
	caps := capabilities()
	module, err := ast.ParseModuleWithOpts(doc.Name, source, ast.ParserOptions{Capabilities: caps, RegoVersion: ast.RegoV1, ProcessAnnotation: true})
	if err != nil {
		return nil, r.problems(err)
	}
	if problems := r.onlyDeny(module); len(problems) > 0 {
		return nil, problems
	}
	if problems := r.onlyInput(module); len(problems) > 0 {
		return nil, problems
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, any(input().schema()))
	c := ast.NewCompiler().WithCapabilities(caps).WithStrict(true).WithSchemas(schemas)
	if c.Compile(map[string]*ast.Module{doc.Name: module}); c.Failed() {
		return nil, r.problems(c.Errors)
	}
	path := "data.assent.rules." + pkg + ".deny"
	if problem := r.elements(c.TypeEnv.GetByRef(ast.MustParseRef(path))); problem != nil {
		return nil, []intent.Problem{*problem}
	}
	r.query, err = rego.New(rego.Query(path), rego.Compiler(c), rego.StrictBuiltinErrors(true)).PrepareForEval(context.Background())
	if err != nil {
		return nil, r.problems(err)
	}
	if problems := r.test(); len(problems) > 0 {
		return nil, problems
	}
	return r, nil
}

// problem places a message at a line of the rule's text.
func (r *rule) problem(at *ast.Location, suggestion, format string, args ...any) intent.Problem {
	p := intent.Problem{File: r.Pos.File, Line: r.Rego.Line, Col: 1, Code: intent.CodeRule,
		Message: "rule " + r.Name + ": " + fmt.Sprintf(format, args...), Suggestion: suggestion}
	if at != nil && at.Row > headerLines {
		p.Line, p.Col = r.Rego.Line+at.Row-headerLines-1, max(at.Col, 1)
	}
	return p
}

// problems turns OPA's errors into ours.
func (r *rule) problems(err error) []intent.Problem {
	list, ok := err.(ast.Errors)
	if !ok {
		return []intent.Problem{r.problem(nil, "", "%v", err)}
	}
	var out []intent.Problem
	for _, e := range list {
		message, suggestion := e.Message, ""
		if strings.HasPrefix(message, "undefined function ") {
			suggestion = "rules may use only pure builtins: no network, no randomness"
		}
		out = append(out, r.problem(e.Location, suggestion, "%s", message))
	}
	return out
}

// onlyDeny refuses everything but the set deny.
func (r *rule) onlyDeny(m *ast.Module) []intent.Problem {
	var out []intent.Problem
	bad := func(at *ast.Location, format string, args ...any) {
		out = append(out, r.problem(at, "a rule may define only: deny contains … if { … }", format, args...))
	}
	for _, i := range m.Imports {
		if i.Location != nil && i.Location.Row > headerLines {
			bad(i.Location, "imports are not allowed")
		}
	}
	if len(m.Rules) == 0 {
		bad(nil, "it defines no deny")
	}
	for _, d := range m.Rules {
		name := d.Head.Ref().String()
		switch {
		case name != "deny":
			bad(d.Location, "it defines %s", name)
		case d.Default:
			bad(d.Location, "deny cannot have a default")
		case len(d.Head.Args) > 0:
			bad(d.Location, "deny is a function")
		case d.Head.RuleKind() != ast.MultiValue || d.Head.Key == nil:
			bad(d.Location, "deny is not a set")
		}
	}
	ast.WalkNodes(m, func(n ast.Node) bool {
		if w, ok := n.(*ast.With); ok {
			bad(w.Location, "with is not allowed")
		}
		return false
	})
	return out
}

// onlyInput refuses paths that are not there, and whole documents: a misspelt
// name would make the rule silently never apply.
func (r *rule) onlyInput(m *ast.Module) []intent.Problem {
	var out []intent.Problem
	inRef := map[*ast.Term]bool{}
	look := func(t *ast.Term) bool {
		ref, ok := t.Value.(ast.Ref)
		if !ok {
			if v, ok := t.Value.(ast.Var); ok && !inRef[t] && (v == "input" || v == "data") {
				out = append(out, r.problem(t.Location, "name the part that is meant, input.action.verb", "%s as a whole is not allowed", v))
			}
			return false
		}
		for _, part := range ref {
			if _, isVar := part.Value.(ast.Var); isVar {
				inRef[part] = true
			}
		}
		switch head := ref[0].Value.String(); {
		case head == "data":
			out = append(out, r.problem(t.Location, "everything that a rule may know is in input", "data is not allowed"))
		case head == "input" && len(ref) == 1:
			out = append(out, r.problem(t.Location, "name the part that is meant, input.action.verb", "input as a whole is not allowed"))
		case head == "input":
			if p := r.path(ref); p != nil {
				out = append(out, *p)
			}
		}
		return false
	}
	for _, d := range m.Rules { // the package and our import name data and rego
		ast.WalkTerms(d, look)
	}
	return out
}

// path checks one reference and remembers it.
func (r *rule) path(ref ast.Ref) *intent.Problem {
	at, seen := input(), []string{}
	for i, part := range ref[1:] {
		name, literal := part.Value.(ast.String)
		switch {
		case at.open:
			r.paths = append(r.paths, seen)
			return nil
		case at.elem != nil:
			if literal {
				p := r.problem(part.Location, "go through its items: some x in "+ref[:i+1].String(), "%s is a list", ref[:i+1])
				return &p
			}
			at = at.elem
			continue
		case !literal:
			p := r.problem(part.Location, "one of: "+strings.Join(at.names(), ", "), "%s needs a name, not a variable", ref[:i+1])
			return &p
		}
		next := at.fields[string(name)]
		if next == nil {
			suggestion := "one of: " + strings.Join(at.names(), ", ")
			if near := intent.Nearest(string(name), at.names()); near != "" {
				suggestion = "did you mean " + near + "?"
			}
			if len(at.fields) == 0 {
				suggestion = ""
			}
			p := r.problem(part.Location, suggestion, "%s has no %s", ref[:i+1], string(name))
			return &p
		}
		at, seen = next, append(seen, string(name))
	}
	r.paths = append(r.paths, seen)
	return nil
}

// reads reports whether the rule may read something below a path.
func (r *rule) reads(path ...string) bool {
	for _, p := range r.paths {
		same := true
		for i := range min(len(p), len(path)) {
			same = same && p[i] == path[i]
		}
		if same {
			return true
		}
	}
	return false
}

// elements checks that every element of deny is a text or an object.
func (r *rule) elements(t types.Type) *intent.Problem {
	set, ok := t.(*types.Set)
	if !ok {
		p := r.problem(nil, "", "deny is not a set")
		return &p
	}
	kinds := []types.Type{set.Of()}
	if union, ok := set.Of().(types.Any); ok {
		kinds = union // nothing in it: anything, which is checked when it runs
	}
	for _, k := range kinds {
		switch k.(type) {
		case types.String, *types.Object, types.Any, nil:
		default:
			p := r.problem(nil, `write deny contains "why", or {"code": …, "msg": …}`, "an element of deny would be a %s", types.Sprint(k))
			return &p
		}
	}
	return nil
}
