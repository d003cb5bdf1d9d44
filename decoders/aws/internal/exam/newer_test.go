package exam

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/decoders/aws/identify"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// What is newer than the table is said to be unknown: an operation is judged as a
// change and never taken for another, and a parameter lowers the fidelity.
func TestNewerThanTheTable(t *testing.T) {
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	d, err := aws.New()
	if err != nil {
		t.Fatal(err)
	}
	id := identify.New(tbl)
	var known grades
	news, parameters, moved, same := 0, 0, map[string]string{}, map[string]string{}
	reviewed := Reviewed(t, "parameters")
	Each(t, "full", Newer, func(r Row) {
		if r.Method == "" {
			t.Errorf("botocore %s wrote no request for %s: %s", Newer, r.Name(), r.Error)
			return
		}
		if !inTable(tbl, r) {
			news++
			if why := taken(d, r, t); why != "" {
				same[r.Name()] = why
			}
			return
		}
		got, c := known.grade(t, id, r)
		if got.Operation == nil {
			moved[r.Name()] = known.unknown[r.Name()]
			return
		}
		in, err := wire.DecodeInput(got.Operation, got.Protocol, c, wire.Options{Secrets: true, Labels: got.Labels})
		if err != nil {
			moved[r.Name()] = err.Error() // refused
			return
		}
		if len(in.Unknown) > 0 && in.Fidelity == model.Exact {
			t.Errorf("%s: %v unknown, and exact", r.Name(), in.Unknown)
		}
		if where := differs(r.Want, in.Params, ""); where != "" && in.Fidelity == model.Exact {
			if _, ok := reviewed[r.Name()]; !ok {
				t.Errorf("%s was read as exact, and is not: %s", r.Name(), where)
			}
		}
		if len(in.Unknown) > 0 {
			parameters++
		}
	})
	known.report(t, "botocore "+Newer+", in the table")
	t.Logf("%d operations are newer than the table: all unknown, all judged as changes; %d have parameters newer than it", news-len(same), parameters)
	Exactly(t, "newer", same, false)
	for who, why := range moved {
		t.Logf("in the table, and no longer called as it says, so unknown: %s: %s", who, why)
	}
	if news == 0 || parameters == 0 {
		t.Errorf("nothing in botocore %s is newer than the table: examine a newer one", Newer)
	}
}

func inTable(tbl *table.Table, r Row) bool {
	s, ok := tbl.Service(r.Service)
	if !ok {
		return false
	}
	_, ok = s.Operation(r.Operation)
	return ok
}

// taken says for what a call was taken that has to be unknown.
func taken(d *aws.Decoder, r Row, t *testing.T) string {
	t.Helper()
	a, err := d.Decode(context.Background(), r.Call(t))
	switch {
	case err != nil:
		return "" // refused
	case !a.Mutates():
		return fmt.Sprintf("was taken for a read: %s %s", a.Name(), a.Verb)
	case a.Verb != model.Unknown || a.Fidelity != model.Opaque:
		return fmt.Sprintf("was taken for %s (%s, %s)", a.Name(), a.Verb, a.Fidelity)
	case len(a.Unknown) == 0 || !strings.HasPrefix(a.Unknown[0], "operation: "):
		return "is not said to be unknown"
	}
	return ""
}
