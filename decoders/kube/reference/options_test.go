package reference

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/wire"
)

var (
	optionKeys = []string{
		"dryRun", "dryRun", "dryRun", "dryrun", "DryRun", "fieldManager", "force", "propagationPolicy", "gracePeriodSeconds", "orphanDependents",
		"fieldValidation", "pretty", "uid", "resourceVersion", "dryRun[]", "ignoreStoreReadErrorWithClusterBreakingPotential",
	}
	optionValues = []string{
		"All", "All", "all", "ALL", "", "None", "All,All", "All ", " All", "true", "false", "0", "1", "False", "no", "Orphan", "Background", "Foreground", "foreground",
		"30", "-1", "abc", "Strict", "Warn", "me", "é",
	}
)

// optionQuery writes a query; some pairs in it do not exist to the server.
func optionQuery(r *rand.Rand) string {
	var b strings.Builder
	for i := range r.IntN(5) {
		if i > 0 {
			b.WriteString(pick(r, []string{"&", "&", "&", ";", "&&"}))
		}
		b.WriteString(pick(r, optionKeys))
		if r.IntN(16) != 0 {
			b.WriteString("=")
		}
		if value := pick(r, optionValues); r.IntN(8) == 0 {
			b.WriteString(value)
		} else {
			b.WriteString(url.QueryEscape(value))
		}
		if r.IntN(32) == 0 {
			b.WriteString(pick(r, []string{";x=1", "%", "%zz", "+", "%00"}))
		}
	}
	return b.String()
}

// theirOptions decodes a query as the handlers of the server do. ok is false where
// the server answers 400.
func theirOptions(verb string, query url.Values) (o kube.Options, ok bool) {
	read := func(into runtime.Object) bool {
		return scheme.ParameterCodec.DecodeParameters(query, metav1.SchemeGroupVersion, into) == nil
	}
	switch verb {
	case "create":
		var v metav1.CreateOptions
		ok = read(&v)
		return kube.Options{DryRun: v.DryRun, FieldManager: v.FieldManager, FieldValidation: v.FieldValidation}, ok && len(validation.ValidateCreateOptions(&v)) == 0
	case "update":
		var v metav1.UpdateOptions
		ok = read(&v)
		return kube.Options{DryRun: v.DryRun, FieldManager: v.FieldManager, FieldValidation: v.FieldValidation}, ok && len(validation.ValidateUpdateOptions(&v)) == 0
	case "patch":
		var v metav1.PatchOptions
		ok = read(&v)
		o = kube.Options{DryRun: v.DryRun, FieldManager: v.FieldManager, FieldValidation: v.FieldValidation}
		if v.Force != nil {
			o.Force = *v.Force
		}
		return o, ok
	}
	var v metav1.DeleteOptions
	ok = read(&v)
	return ofDelete(v), ok
}

func ofDelete(v metav1.DeleteOptions) kube.Options {
	o := kube.Options{DryRun: v.DryRun, OrphanDependents: v.OrphanDependents}
	if v.PropagationPolicy != nil {
		o.PropagationPolicy = string(*v.PropagationPolicy)
	}
	if v.GracePeriodSeconds != nil {
		o.GracePeriod = fmt.Sprint(*v.GracePeriodSeconds)
	}
	if v.Preconditions != nil && v.Preconditions.UID != nil {
		o.UID = string(*v.Preconditions.UID)
	}
	return o
}

func same(a, b kube.Options) bool {
	orphan := func(o kube.Options) string {
		if o.OrphanDependents == nil {
			return ""
		}
		return fmt.Sprint(*o.OrphanDependents)
	}
	return slices.Equal(a.DryRun, b.DryRun) && a.PropagationPolicy == b.PropagationPolicy && orphan(a) == orphan(b) &&
		a.GracePeriod == b.GracePeriod && a.FieldManager == b.FieldManager && a.FieldValidation == b.FieldValidation && a.Force == b.Force && a.UID == b.UID
}

func TestOptionsInAQueryAreReadAsTheServerReadsThem(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	compared, differences := 0, 0
	for range 300_000 {
		text, verb := optionQuery(r), pick(r, []string{"create", "update", "patch", "delete", "deletecollection"})
		query := (&url.URL{RawQuery: text}).Query()
		theirs, ok := theirOptions(verb, query)
		if !ok {
			continue
		}
		compared++
		if ours := kube.QueryOptions(verb, query); !same(ours, theirs) {
			if differences++; differences <= 10 {
				t.Errorf("%s ?%s\n ours   %+v\n theirs %+v", verb, text, ours, theirs)
			}
		}
	}
	t.Logf("%d queries compared, %d differences", compared, differences)
	if compared < 100_000 {
		t.Errorf("only %d were compared", compared)
	}
}

// optionBody writes DeleteOptions in JSON, most of them sound.
func optionBody(r *rand.Rand) string {
	var fields []string
	for _, f := range []struct{ key, values string }{
		{"kind", `"DeleteOptions"|"DeleteOptions"|"Pod"|""|null`}, {"apiVersion", `"v1"|"apps/v1"|"x/v9"|""`},
		{"dryRun", `["All"]|["All","All"]|[]|null|["all"]|"All"|[null]`}, {"dryrun", `["All"]`}, {"DryRun", `["All"]`}, {"propagationPolicy", `"Orphan"|"Background"|"Foreground"|null|""|"x"|7`},
		{"orphanDependents", `true|false|null|"true"`}, {"gracePeriodSeconds", `0|30|null|-1|"5"|1.5|1e1`},
		{"preconditions", `{"uid":"u"}|{}|null|{"resourceVersion":"1"}|[]`}, {"x", "1"},
	} {
		if r.IntN(3) == 0 {
			fields = append(fields, fmt.Sprintf("%q:%s", f.key, pick(r, strings.Split(f.values, "|"))))
		}
	}
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return "{" + strings.Join(fields, ",") + "}" + pick(r, []string{"", "", "", " ", "\n", "{}", "x"})
}

func TestOptionsInABodyAreReadAsTheServerReadsThem(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	info, _ := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), "application/json")
	kind := metav1.SchemeGroupVersion.WithKind("DeleteOptions")
	compared, differences, refused := 0, 0, 0
	for range 100_000 {
		body := optionBody(r)
		var v metav1.DeleteOptions
		got, _, err := scheme.Codecs.DecoderToVersion(info.Serializer, metav1.SchemeGroupVersion).Decode([]byte(body), &kind, &v)
		if err != nil || got != runtime.Object(&v) || len(validation.ValidateDeleteOptions(&v)) > 0 {
			continue // the server answers 400
		}
		compared++
		value, err := wire.JSON([]byte(body))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		object, _ := value.(map[string]any)
		ours, err := kube.DeleteOptions(object)
		switch {
		case err != nil: // stricter is safe, but has to be rare
			if refused++; refused < 12 {
				t.Logf("%s: %v", body, err)
			}
		case !same(ours, ofDelete(v)):
			if differences++; differences <= 10 {
				t.Errorf("%s\n ours   %+v\n theirs %+v", body, ours, ofDelete(v))
			}
		}
	}
	t.Logf("%d bodies compared, %d differences, %d refused by us alone", compared, differences, refused)
	if compared < 10_000 || refused > compared/20 {
		t.Errorf("%d compared, %d refused", compared, refused)
	}
}
