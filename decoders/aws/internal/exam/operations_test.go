package exam

import (
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/identify"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// least is how many operations the models of the installed botocore have.
const least = 18_378

// grades counts what became of the requests of one exam.
type grades struct {
	total, right, wrong, dropped int
	aliases                      map[string]string // right, under the name of the service that answers
	unknown                      map[string]string
}

func newIdentifier(t testing.TB) *identify.Identifier {
	t.Helper()
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	return identify.New(tbl)
}

// grade identifies one row. got.Operation is nil unless it was right.
func (g *grades) grade(t *testing.T, id *identify.Identifier, r Row) (got identify.Result, c decoders.Call) {
	t.Helper()
	g.total++
	if g.unknown == nil {
		g.unknown, g.aliases = map[string]string{}, map[string]string{}
	}
	if r.Method == "" {
		g.dropped++
		t.Errorf("botocore wrote no request for %s: %s", r.Name(), r.Error)
		return got, c
	}
	c = r.Call(t)
	got, err := id.Identify(c)
	switch {
	case err != nil:
		g.unknown[r.Name()] = "refused: " + err.Error()
		return identify.Result{}, c
	case got.Operation == nil:
		g.unknown[r.Name()] = got.Why
		return got, c
	}
	name := got.Service.Name + ":" + got.Operation.Name
	switch name {
	case r.Name():
		g.right++
	case identify.Canonical(r.Service, r.Operation):
		g.right++
		g.aliases[r.Name()] = name
	default:
		g.wrong++
		t.Errorf("WRONG: %s %s %s was taken for %s", r.Name(), r.Method, r.URL, name)
		got.Operation = nil
	}
	return got, c
}

func (g *grades) report(t *testing.T, what string) {
	t.Helper()
	t.Logf("%s: %d requests, %d identified (%d under the name of a service with the same API), %d wrong, %d unknown, %d dropped",
		what, g.total, g.right, len(g.aliases), g.wrong, len(g.unknown), g.dropped)
}

// all wants every request identified, of every operation there is.
func (g *grades) all(t *testing.T, what string) {
	t.Helper()
	g.report(t, what)
	if Whole() && g.total < least {
		t.Errorf("only %d requests", g.total)
	}
	for who, why := range g.unknown {
		t.Errorf("not identified: %s: %s", who, why)
	}
}

// Every operation that botocore can write is recognised, and none as another;
// none is left out.
func TestEveryOperationIsIdentified(t *testing.T) {
	id := newIdentifier(t)
	var g grades
	Each(t, "minimal", "", func(r Row) { g.grade(t, id, r) })
	g.all(t, "minimal")
	Exactly(t, "aliases", g.aliases, true)
}

// A host that says nothing leaves the signature, the target, the version and the
// route: a call may then be one of several, and says which, but it is never taken
// for another.
func TestHiddenHostsAreNeverWrong(t *testing.T) {
	id := newIdentifier(t)
	at := map[string]func(Row) Row{
		"localhost": func(r Row) Row {
			if strings.Contains(r.URL, "//my-bucket.") {
				return r.At(t, "my-bucket.localhost:4566")
			}
			return r.At(t, "localhost:4566")
		},
		"address": func(r Row) Row { return pathStyle(r).At(t, "10.1.2.3:8080") },
		"domain":  func(r Row) Row { return pathStyle(r).At(t, "cloud.example.com") },
	}
	grades := map[string]*grades{"localhost": {}, "address": {}, "domain": {}}
	Each(t, "minimal", "", func(r Row) {
		if r.Method == "" {
			return // the exam of all operations has said so
		}
		for name, move := range at {
			grades[name].grade(t, id, move(r))
		}
	})
	for name, g := range grades {
		g.report(t, name)
		for who, why := range g.unknown {
			if !strings.HasPrefix(why, "may be ") && !strings.HasPrefix(why, "neither host nor signature") {
				t.Errorf("%s: %q does not say which it may be", who, why)
			}
		}
	}
	Exactly(t, "hidden", grades["localhost"].unknown, true)
}

// pathStyle moves a bucket from the host into the path.
func pathStyle(r Row) Row {
	if strings.Contains(r.URL, "//my-bucket.") {
		r.URL = strings.Replace(r.URL, ".amazonaws.com", ".amazonaws.com/my-bucket", 1)
	}
	return r
}

// What was asked for is what is read, in all of its parameters.
func TestEveryParameterIsRead(t *testing.T) {
	id := newIdentifier(t)
	var g grades
	equal, differ := 0, map[string]string{}
	Each(t, "full", "", func(r Row) {
		got, c := g.grade(t, id, r)
		if got.Operation == nil {
			return
		}
		if why := misread(got, c, r); why != "" {
			differ[r.Name()] = why
		} else {
			equal++
		}
	})
	g.all(t, "full")
	t.Logf("%d of %d requests with every parameter are read as they were meant, %d are not", equal, g.total, len(differ))
	if Whole() && equal*1000 < g.total*998 {
		t.Errorf("%d of %d are equal: want 99.8 %%", equal, g.total)
	}
	Exactly(t, "parameters", differ, false)
}

// misread says what was not read as it was meant.
func misread(got identify.Result, c decoders.Call, r Row) string {
	in, err := wire.DecodeInput(got.Operation, got.Protocol, c, wire.Options{Secrets: true, Labels: got.Labels})
	switch {
	case err != nil:
		return err.Error()
	case len(in.Unknown) > 0 && !r.EventStream:
		return "unknown: " + strings.Join(in.Unknown, ", ")
	case r.EventStream == (in.Fidelity == model.Exact):
		return "fidelity " + in.Fidelity.String()
	}
	return Differs(r.Want, in.Params)
}

// unread says what of a call was not understood.
func unread(got identify.Result, c decoders.Call) string {
	in, err := wire.DecodeInput(got.Operation, got.Protocol, c, wire.Options{Secrets: true, Labels: got.Labels})
	switch {
	case err != nil:
		return err.Error()
	case len(in.Unknown) > 0:
		return "unknown: " + strings.Join(in.Unknown, ", ")
	}
	return ""
}
