package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"sort"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/randfill"

	"github.com/assent-iom/assent/decoders/kube/wire"
)

// TestProtobufOfEveryKindIsReadWhole fills an object of each built-in kind at
// random, writes it as protobuf with the server's own code, and compares what we
// read with the JSON that the server's own code makes of the same bytes.
func TestProtobufOfEveryKindIsReadWhole(t *testing.T) {
	all := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, apiextensions.AddToScheme} {
		if err := add(all); err != nil {
			t.Fatal(err)
		}
	}
	codec := protobuf.NewSerializer(all, all)
	filler := randfill.New().NilChance(0.4).NumElements(1, 2).MaxDepth(14).RandSource(rand.NewSource(11)).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = resource.MustParse(fmt.Sprint(c.Intn(900), "Mi"))
		},
		func(r *runtime.RawExtension, c randfill.Continue) { r.Raw = []byte(`{"a":"b"}`) },
		func(j *apiextensions.JSON, c randfill.Continue) { j.Raw = []byte(`{"a":[1,"x"]}`) },
		func(f *metav1.FieldsV1, c randfill.Continue) { f.Raw = []byte(`{"f:a":{}}`) },
		func(t *metav1.Time, c randfill.Continue) { *t = metav1.Unix(int64(c.Intn(1<<30))+1, 0) },
		func(t *metav1.MicroTime, c randfill.Continue) {
			*t = metav1.MicroTime(metav1.NewMicroTime(metav1.Unix(int64(c.Intn(1<<30))+1, 0).Time))
		},
		func(i *intstr.IntOrString, c randfill.Continue) {
			*i = intstr.FromInt32(int32(c.Intn(99)))
			if c.Bool() {
				*i = intstr.FromString("50%")
			}
		},
		func(s *string, c randfill.Continue) { *s = fmt.Sprint("s", c.Intn(1000)) },
		func(m *metav1.TypeMeta, c randfill.Continue) {},
		func(s *apiextensions.JSONSchemaPropsOrArray, c randfill.Continue) {
			if s.Schema = (&apiextensions.JSONSchemaProps{Type: "string"}); c.Bool() {
				s.Schema, s.JSONSchemas = nil, []apiextensions.JSONSchemaProps{{Type: "a"}, {Type: "b"}}
			}
		},
		func(s *apiextensions.JSONSchemaPropsOrBool, c randfill.Continue) {
			if s.Allows = c.Bool(); s.Allows {
				s.Schema = &apiextensions.JSONSchemaProps{Type: "string"}
			}
		},
		func(s *apiextensions.JSONSchemaPropsOrStringArray, c randfill.Continue) {
			s.Property = []string{"a", "b"}
		},
	)
	var kinds []schema.GroupVersionKind
	for gvk, typ := range all.AllKnownTypes() {
		if gvk.Version != "__internal" && !strings.HasPrefix(typ.PkgPath(), "k8s.io/apimachinery/") && !strings.HasSuffix(gvk.Kind, "Options") && gvk.Kind != "ConversionReview" {
			kinds = append(kinds, gvk)
		}
	}
	sort.Slice(kinds, func(i, j int) bool { return kinds[i].String() < kinds[j].String() })
	compared, differences := 0, 0
	for _, gvk := range kinds {
		for range 5 {
			o, err := all.New(gvk)
			if err != nil {
				t.Fatal(err)
			}
			filler.Fill(o)
			o.GetObjectKind().SetGroupVersionKind(gvk)
			var body bytes.Buffer
			if err := codec.Encode(o, &body); err != nil {
				t.Fatalf("%s: %v", gvk, err)
			}
			again, _, err := codec.Decode(body.Bytes(), &gvk, nil)
			if err != nil {
				t.Fatalf("%s: %v", gvk, err)
			}
			again.GetObjectKind().SetGroupVersionKind(gvk)
			text, err := json.Marshal(again)
			if err != nil {
				t.Fatalf("%s: %v", gvk, err)
			}
			theirs, err := wire.JSON(text)
			if err != nil {
				t.Fatal(err)
			}
			head, err := wire.Protobuf(body.Bytes())
			if err != nil || head.Object == nil {
				t.Errorf("%s: %v", gvk, err)
				continue
			}
			compared++
			if diff := firstDifference("", nonZero(any(head.Object)), nonZero(theirs)); diff != "" {
				if differences++; differences <= 8 {
					t.Errorf("%s (%s): %s", gvk, reflect.TypeOf(o), diff)
				}
			}
		}
	}
	t.Logf("%d objects of %d kinds compared, %d differences", compared, len(kinds), differences)
	if len(kinds) < 200 {
		t.Errorf("only %d kinds", len(kinds))
	}
}

// nonZero leaves out what JSON may leave out or not: zero values and what is empty.
func nonZero(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			if item = nonZero(item); item != nil {
				out[key] = item
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		var out []any
		for _, item := range v {
			out = append(out, nonZero(item))
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case string:
		if v == "" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	case json.Number:
		if v == "0" {
			return nil
		}
	}
	return v
}
