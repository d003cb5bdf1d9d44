package house

import (
	"go/ast"
	"strings"
	"testing"
)

// TestNothingRegistersItself: wiring is in cmd, where one can read it.
func TestNothingRegistersItself(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: func init(): pass it in from cmd instead", s.at(f))
			}
		}
	}
}

// TestCertificatesAreAlwaysVerified: nowhere outside tests is verification off,
// by literal or by assignment.
func TestCertificatesAreAlwaysVerified(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if named(n.Key, "InsecureSkipVerify") && !named(n.Value, "false") {
					t.Errorf("%s: InsecureSkipVerify: name the authority to trust instead", s.at(n))
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if named(left, "InsecureSkipVerify") && (i >= len(n.Rhs) || !named(n.Rhs[i], "false")) {
						t.Errorf("%s: InsecureSkipVerify: name the authority to trust instead", s.at(n))
					}
				}
			}
			return true
		})
	}
}

// named reports whether an expression is the identifier or ends in the selector.
func named(e ast.Expr, name string) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == name
	case *ast.SelectorExpr:
		return e.Sel.Name == name
	}
	return false
}

// TestTheProxyNeverProxiesItself: its environment names itself as the proxy, so
// nothing in it may read that, as the default client and transport do.
func TestTheProxyNeverProxiesItself(t *testing.T) {
	banned := map[string]string{
		"DefaultClient": "it reads HTTPS_PROXY and has no timeout", "DefaultTransport": "it reads HTTPS_PROXY",
		"ProxyFromEnvironment": "the environment names us", "Get": "it uses the default client", "Post": "it uses the default client",
		"PostForm": "it uses the default client", "Head": "it uses the default client",
	}
	for _, s := range sources(t) {
		if s.test || s.dir != "proxy" && !strings.HasPrefix(s.dir, "proxy/") {
			continue
		}
		http := importedAs(s.ast, "net/http", "http")
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && http != "" && x.Name == http {
				if why, bad := banned[sel.Sel.Name]; bad {
					t.Errorf("%s: http.%s: %s", s.at(sel), sel.Sel.Name, why)
				}
			}
			return true
		})
	}
}

// importedAs returns the name under which a file knows a package, or "".
func importedAs(f *ast.File, path, usual string) string {
	for _, spec := range f.Imports {
		if strings.Trim(spec.Path.Value, `"`) == path {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return usual
		}
	}
	return ""
}
