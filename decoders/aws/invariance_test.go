package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/vocab"
)

// asking is a blueprint on one property, for everything: one that some values of it
// violate, and others do not.
func asking(p vocab.Property) string {
	condition := map[vocab.Type]string{
		vocab.Bool: "forbid: {P: true}", vocab.Int: "require: {P: {min: 5}}", vocab.Set: "forbid: {P: any}",
		vocab.Rules: "forbid: {P: {from: internet, ports: [22]}}", vocab.String: "require: {P: x}",
	}[p.Type]
	if p.Type == vocab.Enum {
		condition = "require: {P: {in: [" + p.Words[len(p.Words)-1] + "]}}"
	}
	return broad + "---\napiVersion: assent.dev/v1\nkind: Blueprint\nmetadata: {name: b}\nspec: {purpose: p, for: {}, " + strings.Replace(condition, "P:", p.Name+":", 1) + "}\n"
}

// pairs are values to say at the place of a row in a call and of a row in a type
// that mean the same: the same value, or words of one meaning.
func pairs(native, kind *propertyRow) [][2]any {
	var out [][2]any
	if len(native.Is) > 0 || len(kind.Is) > 0 {
		for _, word := range slices.Sorted(maps.Keys(native.Is)) {
			for _, other := range slices.Sorted(maps.Keys(kind.Is)) {
				if native.Is[word] == kind.Is[other] && word != "" && other != "" {
					out = append(out, [2]any{typed(word), typed(other)})
					break
				}
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	for _, v := range samples {
		out = append(out, [2]any{v, v})
	}
	return out
}

// typed is a word as a parameter holds it.
func typed(word string) any {
	switch word {
	case "true", "false":
		return word == "true"
	}
	return word
}

// one reports whether two rows read one place: where several rows say a property, the
// one of the same name is meant.
func one(d *Decoder, call, kind string, own, row *propertyRow) bool {
	same := func(name, at string) bool {
		return slices.ContainsFunc(d.properties[name], func(r *propertyRow) bool { return r.Name == own.Name && strings.EqualFold(r.At, at) })
	}
	return strings.EqualFold(own.At, row.At) || !same(call, row.At) && !same(kind, own.At)
}

// arrives reports whether a call says a value at a place: what its member's type
// cannot hold it does not.
func arrives(t *testing.T, d *Decoder, c decoders.Call, at string, v any) bool {
	t.Helper()
	a, err := d.DecodeWithSecrets(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return at == "" || slices.ContainsFunc(hits(any(tree(a.Params)), at, "", nil), func(h hit) bool { return fmt.Sprintf("%T%v", h.value, h.value) == fmt.Sprintf("%T%v", v, v) })
}

// The same resource by its own call, by CloudFormation and by Cloud Control has one
// verdict and the same reasons: for every property, in every type that says it and
// whose own call says it too, with values that a blueprint allows and refuses. The
// table is made of the rows that calls and templates are read with.
func TestEveryPropertyIsJudgedAlikeByEveryRoute(t *testing.T) {
	d := decoder(t)
	u := unfolding{d: d, at: scene{"aws", "us-east-1", "029608264753"}, found: map[string]*table.Operation{}}
	judges := map[string]func(model.Action) string{}
	judge := func(property string) func(model.Action) string {
		if judges[property] == nil {
			p, ok := vocab.Find(property)
			if !ok {
				t.Fatalf("no property %s", property)
			}
			decided := judgeOf(t, asking(p))
			judges[property] = func(a model.Action) string {
				got := decided(a)
				var codes []string
				for _, f := range blocking(got) {
					codes = append(codes, f.Code)
				}
				return got.Verdict.String() + " " + strings.Join(distinct(codes), " ")
			}
		}
		return judges[property]
	}
	cases, differ := 0, 0
	capabilities, properties, types := map[string]bool{}, map[string]bool{}, map[string]bool{}
	verdicts := map[string]int{}
	for _, in := range slices.Sorted(maps.Keys(d.properties)) {
		if !strings.HasPrefix(in, "AWS::") {
			continue
		}
		op := u.operation(in, model.Create)
		if op == nil {
			continue
		}
		call := op.Service.Name + ":" + op.Name
		typeBase, ways := routes(t, d, in)
		for _, row := range d.properties[in] {
			for _, own := range d.properties[call] {
				if own.Name != row.Name || own.Read != row.Read || own.Value != nil || row.Value != nil || !one(d, call, in, own, row) {
					continue
				}
				tried := map[string]int{}
				for _, pair := range pairs(own, row) {
					for i, around := range around {
						if i > 0 && own.At != "" {
							break
						}
						params, state := least(op), maps.Clone(typeBase)
						for _, m := range []struct {
							into map[string]any
							at   string
							v    any
						}{{params, own.At, pair[0]}, {state, row.At, pair[1]}} {
							maps.Copy(m.into, around)
							tree, ok := at(m.at, m.v).(map[string]any)
							if !ok {
								continue
							}
							maps.Copy(m.into, tree)
						}
						c, err := write(d, call, params)
						if err != nil || own.At == "" && i == 0 || !arrives(t, d, c, own.At, pair[0]) { // a value of another type; nothing said
							continue
						}
						a, err := d.Decode(t.Context(), c)
						if err != nil {
							t.Fatal(err)
						}
						first := judge(row.Name)(a)
						if tried[first]++; tried[first] > 3 { // of each kind of answer
							continue
						}
						capabilities[a.Capability] = true
						said := map[string]string{"native": first}
						for name, c := range map[string]decoders.Call{ways[0].name: ways[0].write(state), ways[1].name: ways[1].write(state)} {
							a, err := d.Decode(t.Context(), c)
							if err != nil {
								t.Fatalf("%s by %s: %v", in, name, err)
							}
							said[name] = judge(row.Name)(a)
						}
						cases++
						verdicts[strings.Fields(said["native"])[0]]++
						properties[row.Name], types[in] = true, true
						if said["native"] != said[ways[0].name] || said["native"] != said[ways[1].name] {
							differ++
							text, _ := json.Marshal(pair)
							t.Errorf("%s of %s, %s: %v", row.Name, in, text, said)
						}
					}
				}
			}
		}
	}
	t.Logf("%d resources of %d types, %d properties, %d capabilities (%s), each by 3 routes: %d judged differently; verdicts %v",
		cases, len(types), len(properties), len(capabilities), strings.Join(slices.Sorted(maps.Keys(capabilities)), " "), differ, verdicts)
	if cases < 500 || verdicts["allow"] == 0 || verdicts["deny"] == 0 || len(capabilities) < 15 {
		t.Errorf("too little was tried: %s", fmt.Sprint(cases, verdicts, len(capabilities)))
	}
}
