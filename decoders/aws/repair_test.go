package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/mend"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
)

// broad lets the bot do everything, so that only a blueprint decides.
const broad = `
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop}
spec:
  tier: production
  scope: [{aws: {accounts: ["029608264753"]}}]
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec: {accountable: "human:ines@shop.example", owns: [{aws: {account: "029608264753"}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: bot}
spec: {kind: agent, identify: [{run: bot}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: anything, owner: platform}
spec:
  purpose: Only the blueprint decides.
  allow: [{id: all, who: ["*"], may: [create, update, scale, enable, disable, attach, detach, grant, revoke, execute, delete], in: ["*"]}]
`

// starter is a starter blueprint and who judges by it alone.
type starter struct {
	name  string
	set   *intent.Set
	judge func(model.Action) policy.Decision
}

// starters reads the starter blueprints that have requirements.
func starters(t *testing.T) []starter {
	t.Helper()
	files, err := filepath.Glob("../../deploy/blueprints/*.yaml")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d blueprints: %v", len(files), err)
	}
	var out []starter
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set, err := intent.Parse(filepath.Base(file), []byte(broad+"---\n"+string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if len(set.Blueprints) == 0 {
			continue
		}
		engine, err := decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{decide.Using(checks.Compile)}})
		if err != nil {
			t.Fatal(err)
		}
		snapshot := graph.New(graph.Config{}).Snapshot()
		out = append(out, starter{filepath.Base(file), set, func(a model.Action) policy.Decision {
			a.Actor = model.Actor{ID: "bot", Kind: model.Agent, Authn: "run-token"}
			return engine.Decide(context.Background(), a, snapshot, policy.Enforce, time.Unix(0, 0), "dec_1")
		}})
	}
	return out
}

// values are tried at a place, to find some that are not as they are wanted.
func values(row *propertyRow, w model.Want) []any {
	var out []any
	for _, word := range slices.Sorted(maps.Keys(row.Is)) {
		out = append(out, word, word == "true")
	}
	for _, n := range []*int64{w.Least, w.Most} {
		if n != nil {
			out = append(out, number(*n-1), number(*n+1))
		}
	}
	two := func(good, bad string) any {
		return `{"Version":"2012-10-17","Statement":[` + good + `,` + bad + `]}`
	}
	const own = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::029608264753:root"},"Action":"s3:GetObject","Resource":"*"}`
	out = append(out, true, false, two(own, strings.Replace(own, `{"AWS":"arn:aws:iam::029608264753:root"}`, `"*"`, 1)),
		two(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::acme/*"}`, `{"Effect":"Allow","Action":["s3:PutObject","iam:CreatePolicyVersion"],"Resource":"*"}`),
		`{"Version":"2012-10-17","Statement":[`+strings.Replace(own, `{"AWS":"arn:aws:iam::029608264753:root"}`, `"*"`, 1)+`]}`)
	return append(out, samples...)
}

// violations are inputs of a call, or of a type, that say of a property what is not
// wanted: at most three for each row that can say it.
func violations(d *Decoder, in string, w model.Want) []map[string]any {
	where := scene{"aws", "us-east-1", "029608264753"}
	base := map[string]any{}
	native := !strings.HasPrefix(in, "AWS::")
	if native {
		service, operation, _ := strings.Cut(in, ":")
		if s, ok := d.table.Service(service); ok {
			if op, ok := s.Operation(operation); ok {
				base = least(op)
			}
		}
	}
	bad := func(params map[string]any) bool {
		for _, p := range d.properties.of(in, params, where) {
			if p.Name == w.Property && p.Known && !mend.Value(w, p.Value) {
				if !native {
					return true
				}
				whole := maps.Clone(base)
				maps.Copy(whole, params)
				_, err := write(d, in, whole)
				return err == nil // a value of another type cannot be sent
			}
		}
		return false
	}
	if bad(map[string]any{}) { // by default, or by the call alone
		return []map[string]any{{}}
	}
	var out []map[string]any
	for _, row := range d.properties.rows(in) {
		if !tells(row, w.Property) {
			continue
		}
		seen := map[string]bool{}
		for _, base := range around {
			for _, v := range values(row, w) {
				tree, ok := at(row.At, v).(map[string]any)
				if !ok {
					continue
				}
				params := maps.Clone(base)
				maps.Copy(params, tree)
				if len(seen) >= 3 || !bad(params) {
					continue
				}
				if key := props(model.Action{Props: d.properties.of(in, params, where)}); !seen[key] {
					seen[key] = true
					out = append(out, params)
				}
			}
		}
	}
	return out
}

// route is one way to say an input: it writes a call of it.
type route struct {
	name  string
	write func(params map[string]any) decoders.Call
}

// routes are the ways to a call or a type, with the least that they need.
func routes(t *testing.T, d *Decoder, in string) (base map[string]any, ways []route) {
	if !strings.HasPrefix(in, "AWS::") {
		service, operation, _ := strings.Cut(in, ":")
		s, ok := d.table.Service(service)
		if !ok {
			t.Fatalf("no service %s", service)
		}
		op, ok := s.Operation(operation)
		if !ok {
			t.Fatalf("no operation %s", in)
		}
		return least(op), []route{{"native", func(params map[string]any) decoders.Call { return written(t, d, in, params) }}}
	}
	text := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	base = map[string]any{}
	if kind, ok := d.table.CFN(in); ok {
		for _, id := range kind.PrimaryIdentifier {
			if !slices.Contains(kind.ReadOnly, id) && !strings.Contains(id, "/") {
				base[id] = sampleText(id)
			}
		}
	}
	return base, []route{
		{"CloudFormation", func(params map[string]any) decoders.Call {
			return stack(t, "CreateStack", "TemplateBody", text(map[string]any{"Resources": map[string]any{"A": map[string]any{"Type": in, "Properties": params}}}))
		}},
		{"Cloud Control", func(params map[string]any) decoders.Call {
			return jsonCall(t, "cloudcontrolapi.us-east-1.amazonaws.com", "cloudcontrolapi", "CloudApiService.CreateResource", text(map[string]any{"TypeName": in, "DesiredState": text(params)}))
		}},
	}
}

// A denial for one property carries a patch, and the call that it makes is allowed:
// for every requirement of the starter blueprints, in every call and type that says
// the property, by every route. At least 95 of 100; the others are named.
func TestADenialForOnePropertyIsMendedByItsPatch(t *testing.T) {
	d := decoder(t)
	total, mended, left := 0, 0, map[string]bool{}
	for _, p := range starters(t) {
		for _, b := range p.set.Blueprints {
			for i, c := range slices.Concat(b.Require, b.Forbid) {
				w := wantedOf(c, i >= len(b.Require))
				for _, in := range slices.Sorted(maps.Keys(d.properties)) {
					if in == "*" {
						continue
					}
					for _, bad := range violations(d, in, w) {
						base, ways := routes(t, d, in)
						maps.Copy(base, bad)
						for _, way := range ways {
							tried, ok := tryRepair(t, d, p, way, base, c)
							if !tried {
								continue
							}
							total++
							if ok {
								mended++
							} else {
								left[p.name+" "+c.String()+" "+in+" "+way.name] = true
							}
						}
					}
				}
			}
		}
	}
	t.Logf("mended by the patch: %d of %d denials (%.1f %%)", mended, total, 100*float64(mended)/float64(total))
	for _, name := range slices.Sorted(maps.Keys(left)) {
		t.Logf("not mended: %s", name)
	}
	if total < 150 || mended*100 < total*95 {
		t.Errorf("%d of %d, want 95 %% of at least 150", mended, total)
	}
}

// wantedOf is what a condition asks of a property, for finding what is not so. (The
// repair itself comes from the judge.)
func wantedOf(c intent.Condition, forbidden bool) model.Want {
	w := model.Want{Property: c.Property}
	n := func(text string, by int64) *int64 {
		var n int64
		if _, err := fmt.Sscan(text, &n); err != nil {
			return nil
		}
		n += by
		return &n
	}
	switch {
	case c.Is != nil:
		if on, ok := c.Is.(bool); ok {
			w.Is = on != forbidden
		} else {
			w.Is = c.Is
		}
	case c.Any:
		w.Empty = true
	case c.From != "" || len(c.Ports) > 0:
		w.From, w.Ports = c.From, c.Ports
	case c.Min == "escalate":
		w.Only = []string{"none", "read", "write"}
	case c.Min != "":
		w.Least = n(c.Min, 0)
	case len(c.Has) > 0:
		w.Without = c.Has
	default:
		w.Only = c.In
	}
	return w
}

// blocking are the findings that keep an action from being allowed.
func blocking(d policy.Decision) []policy.Finding {
	return slices.DeleteFunc(slices.Clone(d.Findings), func(f policy.Finding) bool { return f.Verdict == policy.Allow })
}

// tryRepair sends a call that violates one requirement, after mending whatever else
// of the blueprint it violates, and sends it again as its patch makes it. tried is
// false where the blueprint is not about the call, or something else is wrong with it.
func tryRepair(t *testing.T, d *Decoder, p starter, way route, params map[string]any, c intent.Condition) (tried, ok bool) {
	t.Helper()
	about := func(f policy.Finding) bool {
		return f.Code == checks.CodeBlueprint && strings.Contains(f.Why, c.String()+",")
	}
	decode := func(call decoders.Call) (model.Action, policy.Decision) {
		a, err := d.Decode(context.Background(), call)
		if err != nil {
			t.Fatal(err)
		}
		return a, p.judge(a)
	}
	sent := way.write(params)
	a, got := decode(sent)
	for range 3 {
		var others []model.Repair
		for _, f := range blocking(got) {
			if !about(f) && f.Fix != nil {
				others = append(others, *f.Fix)
			}
		}
		if len(others) == 0 {
			break
		}
		if sent, ok = again(t, d, a, others, way); !ok {
			break
		}
		a, got = decode(sent)
	}
	reasons := blocking(got)
	if len(reasons) != 1 || !about(reasons[0]) {
		return false, false
	}
	if reasons[0].Fix == nil {
		return true, false
	}
	sent, ok = again(t, d, a, []model.Repair{*reasons[0].Fix}, way)
	if !ok {
		return true, false
	}
	_, got = decode(sent)
	if got.Verdict != policy.Allow {
		t.Errorf("%s %s by %s: the patch does not help: %+v", p.name, c, way.name, got.Findings)
	}
	return true, got.Verdict == policy.Allow
}

// again writes a call as its patches make it.
func again(t *testing.T, d *Decoder, a model.Action, repairs []model.Repair, way route) (decoders.Call, bool) {
	t.Helper()
	var patches []model.Patch
	for _, r := range d.Mend(a, repairs) {
		patches = append(patches, r.Patches...)
	}
	if len(patches) == 0 {
		return decoders.Call{}, false
	}
	input, err := d.Mended(a, patches)
	if err != nil {
		t.Errorf("%s: %v", a.Name(), err)
		return decoders.Call{}, false
	}
	params := tree(input)
	switch way.name {
	case "CloudFormation":
		body, _ := params["TemplateBody"].(string)
		return stack(t, "CreateStack", "TemplateBody", body), true
	case "Cloud Control":
		return jsonCall(t, "cloudcontrolapi.us-east-1.amazonaws.com", "cloudcontrolapi", "CloudApiService.CreateResource", string(input)), true
	}
	return way.write(params), true
}
