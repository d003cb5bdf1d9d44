package kube

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Where a property comes from.
const (
	fromRequest = "request"
	fromDefault = "default"
	fromCurrent = "current"
	derived     = "derived"
)

// facts collects the portable properties of one object, each once.
type facts struct {
	object map[string]any
	spec   map[string]any
	whole  bool   // what is absent is the server's default; otherwise it is unknown
	base   string // of JSON pointers
	found  map[string]model.Property
}

// properties says in portable words what an object makes true. Of an object that
// is not whole only what it has is known.
func properties(rt Route, kind string, object map[string]any, whole bool, base string) []model.Property {
	if object == nil {
		return nil
	}
	f := &facts{object: object, spec: dict(object, "spec"), whole: whole, base: base, found: map[string]model.Property{}}
	f.labels(rt, kind)
	if pod, path := podSpec(rt.Group, kind, object); path != "" {
		f.pod(rt, pod, path)
		f.workload(kind)
	}
	switch groupName(rt.Group) + "/" + kind {
	case "core/Service":
		f.service()
	case "networking.k8s.io/Ingress", "extensions/Ingress":
		f.ingress()
	case "networking.k8s.io/NetworkPolicy":
		f.networkPolicy()
	case "core/PersistentVolume":
		f.volume()
	case "core/PersistentVolumeClaim":
		f.unknown("cost.monthly", "/spec/resources/requests/storage") // no price is known here
	case "storage.k8s.io/StorageClass":
		f.storageClass()
	case "autoscaling/HorizontalPodAutoscaler":
		f.number("scale.min", "/spec/minReplicas", 1)
		f.number("scale.max", "/spec/maxReplicas", -1)
	case "core/ResourceQuota":
		f.quota()
	case "core/LimitRange":
		f.limitRange()
	case "policy/PodDisruptionBudget":
		f.disruption()
	case "resource.k8s.io/ResourceClaim":
		f.claim()
	case "core/ConfigMap":
		f.configMap()
	case "core/Secret":
		f.credential()
	case "core/ServiceAccount":
		f.trust()
	case "rbac.authorization.k8s.io/ClusterRole", "rbac.authorization.k8s.io/Role":
		f.role()
	case "rbac.authorization.k8s.io/ClusterRoleBinding", "rbac.authorization.k8s.io/RoleBinding":
		f.binding()
	case "admissionregistration.k8s.io/ValidatingWebhookConfiguration", "admissionregistration.k8s.io/MutatingWebhookConfiguration",
		"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding", "admissionregistration.k8s.io/ValidatingAdmissionPolicy":
		f.guardrail(kind)
	}
	out := make([]model.Property, 0, len(f.found))
	for _, p := range f.found {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b model.Property) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// set says a property. at is a JSON pointer into the object, "" where no single
// place says it.
func (f *facts) set(name string, value any, source, at string) {
	p := model.Property{Name: name, Value: value, Known: true, Source: source}
	if at != "" {
		p.Native = f.base + at
	}
	f.found[name] = p
}

func (f *facts) unknown(name, at string) {
	f.found[name] = model.Property{Name: name, Source: derived, Native: f.base + at}
}

// byDefault says what an absent field means: its default in a whole object, and
// nothing that is known in a patch.
func (f *facts) byDefault(name string, value any) {
	if !f.whole {
		f.unknown(name, "")
		return
	}
	f.set(name, value, fromDefault, "")
}

// at follows a JSON pointer of plain keys.
func (f *facts) at(pointer string) any {
	var v any = f.object
	for _, key := range strings.Split(pointer, "/")[1:] {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// number says a whole number; a negative default is none.
func (f *facts) number(name, pointer string, absent int64) {
	switch v := f.at(pointer).(type) {
	case nil:
		if absent >= 0 {
			f.byDefault(name, absent)
		} else {
			f.unknown(name, pointer)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			f.set(name, n, fromRequest, pointer)
			return
		}
		f.unknown(name, pointer)
	default:
		f.unknown(name, pointer)
	}
}

// firstLabel says a property from the first label, or annotation, that is there.
func (f *facts) firstLabel(name string, keys ...string) {
	for _, where := range []string{"labels", "annotations"} {
		labels := dict(dict(f.object, "metadata"), where)
		for _, key := range keys {
			if value := text(labels, key); value != "" {
				f.set(name, value, fromRequest, "/metadata/"+where+"/"+pointerKey(key))
				return
			}
		}
	}
}

func (f *facts) labels(rt Route, kind string) {
	f.firstLabel("owner", "owner", "team", "app.kubernetes.io/owner", "app.kubernetes.io/team")
	f.firstLabel("data.classification", "data-classification", "data.classification", "classification")
	if rt.Group == "" && kind == "Namespace" {
		f.firstLabel("identity.boundary", "pod-security.kubernetes.io/enforce")
		if _, said := f.found["identity.boundary"]; !said {
			f.byDefault("identity.boundary", "privileged")
		}
	}
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func pointerKey(key string) string { return pointerEscape.Replace(key) }

func item(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// stringsOf returns the texts of a list.
func stringsOf(m map[string]any, key string) []string {
	var out []string
	for _, v := range values(m, key) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func anyOf(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// sorted is a set in its one order.
func sorted(list []string) []any {
	slices.Sort(list)
	return anyOf(slices.Compact(list))
}
