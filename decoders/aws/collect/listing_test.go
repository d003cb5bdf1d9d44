package collect

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
)

func rows(t testing.TB) (*table.Table, []*listing) {
	t.Helper()
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := readListings(tbl, listingsYAML)
	if err != nil {
		t.Fatal(err)
	}
	return tbl, rows
}

// A row pages as AWS's own SDK does: a listing that knew of no next page would be
// complete after the first.
func TestRowsPageAsBotocoreDoes(t *testing.T) {
	_, all := rows(t)
	if len(all) < 50 {
		t.Fatalf("only %d rows", len(all))
	}
	type pages struct {
		In, Out, Result []string
		More, Limit     string
	}
	names := []string{"testdata/paginators.py"}
	for _, l := range all {
		names = append(names, l.List)
		for _, e := range l.Each {
			if e.Found != "" {
				names = append(names, e.Call)
			}
		}
	}
	if exec.Command("python3", "-c", "import botocore").Run() != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("NOT RUN: botocore is not installed; in CI nothing may be skipped")
		}
		t.Skip("NOT RUN: botocore is not installed: .ci/tools.sh cloud")
	}
	out, err := exec.Command("python3", names...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]*pages
	if err := json.Unmarshal(out, &known); err != nil {
		t.Fatal(err)
	}
	check := func(name string, tokens []token, more, found string) {
		p := known[name]
		if p == nil {
			if len(tokens) > 0 {
				t.Logf("%s: pages, and botocore does not", name)
			}
			return
		}
		if len(tokens) != len(p.In) {
			t.Errorf("%s: asks on with %v, botocore with %v", name, tokens, p.In)
			return
		}
		for i, tok := range tokens {
			if tok.in != p.In[i] || !slices.Contains(strings.Split(p.Out[i], " || "), tok.out) {
				t.Errorf("%s: %v, botocore has %s <- %s", name, tok, p.In[i], p.Out[i])
			}
		}
		if more != "" && more != p.More {
			t.Errorf("%s: more is %s, botocore has %q", name, more, p.More)
		}
		if first, _, _ := strings.Cut(found, "."); !slices.ContainsFunc(p.Result, func(r string) bool { return r == found || r == first }) {
			t.Errorf("%s: found is %s, botocore has %v", name, found, p.Result)
		}
	}
	for _, l := range all {
		check(l.List, l.tokens, l.More, l.Found)
		for _, e := range l.Each {
			if e.Found != "" {
				check(e.Call, e.tokens, "", e.Found)
			}
		}
	}
}

// A row that asks for what is not in the table is an error, not one that finds
// nothing.
func TestARowThatTheTableDoesNotKnowIsAnError(t *testing.T) {
	tbl, _ := rows(t)
	const good = `{type: "ec2:vpc", list: "ec2:DescribeVpcs", token: NextToken, size: MaxResults=5, found: Vpcs}`
	if _, err := readListings(tbl, []byte("- "+good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"ec2:DescribeVpcs", "ec2:DescribeVpcz"}, {"token: NextToken", "token: Marker"}, {"MaxResults=5", "MaxItems=5"}, {"MaxResults=5", "MaxResults=many"},
		{"found: Vpcs", "found: Subnets"}, {"found: Vpcs", "fnd: Vpcs"}, {"found: Vpcs", "found: Vpcs, with: {VpcId: a}"}, {"found: Vpcs", "found: Vpcs, one: {Vpc: $id}"},
		{"found: Vpcs", `found: Vpcs, under: "ec2:region"`}, {"found: Vpcs", `found: Vpcs, each: [{call: "ec2:Describe"}]`},
		{"found: Vpcs", `found: Vpcs, each: [{call: "ec2:DescribeSubnets", with: {SubnetIdz: [$]}}]`}, {"found: Vpcs", "found: Vpcs, empty: Count"},
		{`type: "ec2:vpc", `, ""}, {good, good + "\n- " + good},
	} {
		if _, err := readListings(tbl, []byte("- "+strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("with %q for %q nobody minds", change[1], change[0])
		}
	}
}

func TestFill(t *testing.T) {
	thing := named{map[string]any{"A": map[string]any{"B": "b"}, "L": []any{"x", "y"}}, "arn:aws:rds:r:1:db:orders"}
	parent := map[string]any{"P": "p"}
	for _, c := range []struct {
		with any
		want string // as JSON; empty: it cannot be filled
	}{
		{"plain", `"plain"`}, {"$A.B", `"b"`}, {"$^P", `"p"`}, {"$@", `"arn:aws:rds:r:1:db:orders"`}, {"$@id", `"orders"`}, {"$$x", `"$x"`},
		{[]any{"$A.B", "c"}, `["b","c"]`}, {map[string]any{"k": []any{"$^P"}}, `{"k":["p"]}`}, {true, `true`}, {"$A.C", ""}, {"$L", ""}, {[]any{"$^Q"}, ""}, {"$^", `{"P":"p"}`},
	} {
		got, ok := fill(c.with, thing, parent)
		text, _ := json.Marshal(got)
		if ok != (c.want != "") || ok && string(text) != c.want {
			t.Errorf("%v: %s, %v; want %s", c.with, text, ok, c.want)
		}
	}
}
