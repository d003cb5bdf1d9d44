package kube

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube/patch"
	"github.com/assent-iom/assent/model"
)

// reading is one call on its way to an Action.
type reading struct {
	cluster string
	call    decoders.Call
	query   url.Values
	route   Route
	verb    model.Verb
	secrets bool // leave them in

	body    Body
	options Options
	unknown []string
	opaque  bool
	result  resulting
	// affected is what goes along; nil: nobody looked.
	affected *model.Affected
}

// readBody reads the body and the options, as far as the server would.
func (r *reading) readBody() error {
	rt := r.route
	if !rt.Resourceful {
		if len(r.call.Body) > 0 && r.verb != model.Read {
			r.notRead("body")
		}
		return nil
	}
	r.options = QueryOptions(rt.Verb, r.query)
	if r.verb == model.Execute && rt.Subresource != "ephemeralcontainers" {
		r.options = Options{} // a connection has no dry run
		r.readStream()
		return nil
	}
	switch rt.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
	default:
		return nil // the server does not look at the body of a read
	}
	if len(r.call.Body) == 0 {
		r.body.Read = true
		return nil
	}
	if r.call.Streamed {
		r.notRead("body")
		return nil
	}
	var err error
	r.body, err = parseBody(rt.Verb, r.call.Header.Get("Content-Type"), r.call.Header.Get("Content-Encoding"), r.call.Body)
	if err != nil {
		return err
	}
	if strings.HasPrefix(rt.Verb, "delete") {
		return r.readDelete()
	}
	if !r.body.Read {
		r.notRead("body")
	}
	if rt.Subresource == "eviction" && len(r.options.DryRun) == 0 {
		// An eviction carries its own DeleteOptions, which count where the query has none.
		if inner, ok := r.body.object()["deleteOptions"].(map[string]any); ok {
			o, err := DeleteOptions(inner)
			if err != nil {
				return fmt.Errorf("reading deleteOptions: %w", err)
			}
			r.options = o
		}
	}
	return r.agree()
}

// readDelete takes the options from the body, whatever the query says.
func (r *reading) readDelete() error {
	r.options = Options{}
	switch {
	case r.body.Head != nil && r.body.Head.Kind != "DeleteOptions":
		return fmt.Errorf("the body of a delete is of kind %q, not DeleteOptions", r.body.Head.Kind)
	case !r.body.Read:
		r.notRead("body")
	case r.body.Value == nil:
	case r.body.object() == nil:
		return fmt.Errorf("the body of a delete is no object")
	default:
		var err error
		r.options, err = DeleteOptions(r.body.object())
		return err
	}
	return nil
}

// readStream notes what of a connection cannot be seen in its head.
func (r *reading) readStream() {
	switch r.route.Subresource {
	case "exec":
		if boolOption(r.query, "stdin") {
			r.unknown = append(r.unknown, "stdin")
		}
	case "attach", "portforward":
		r.unknown = append(r.unknown, "stream")
	default: // proxy
		if len(r.call.Body) > 0 || r.call.Header.Get("Upgrade") != "" || r.call.Streamed {
			r.unknown = append(r.unknown, "stream")
		}
	}
}

// agree refuses a body that names another object than the URL, as the server
// does: nobody should have to wonder which was judged.
func (r *reading) agree() error {
	name, _, namespace := r.bodyNames()
	rt := r.route
	if name != "" && rt.Name != "" && name != rt.Name && r.body.Patch == "" {
		return fmt.Errorf("the URL is of %q, the body of %q", rt.Name, name)
	}
	if namespace != "" && rt.Namespace != "" && namespace != rt.Namespace && rt.Resource != "namespaces" {
		return fmt.Errorf("the URL is in namespace %q, the body in %q", rt.Namespace, namespace)
	}
	if kind, _, known := kindOf(rt.Group, rt.Resource); known && rt.Subresource == "" && r.body.Patch == "" {
		if said := r.bodyKind(); said != "" && said != kind {
			return fmt.Errorf("the URL is of a %s, the body is a %s", kind, said)
		}
	}
	return nil
}

func (r *reading) bodyNames() (name, generateName, namespace string) {
	if h := r.body.Head; h != nil && h.Object == nil {
		return h.Name, h.GenerateName, h.Namespace
	}
	meta, _ := r.body.object()["metadata"].(map[string]any)
	name, _ = meta["name"].(string)
	generateName, _ = meta["generateName"].(string)
	namespace, _ = meta["namespace"].(string)
	return name, generateName, namespace
}

func (r *reading) bodyKind() string {
	if r.body.Head != nil {
		return r.body.Head.Kind
	}
	kind, _ := r.body.object()["kind"].(string)
	return kind
}

func (r *reading) notRead(what string) {
	r.opaque = true
	r.unknown = append(r.unknown, what)
}

// action puts together what was read.
func (r *reading) action() (model.Action, error) {
	rt := r.route
	if r.tokenSecret() {
		r.verb = model.Grant // the server fills in a credential that does not expire
	}
	if r.verb == model.Unknown {
		r.notRead("operation")
		r.options.DryRun = nil // who knows who would honour it
	}
	dry := r.options.Dry() && r.verb.Mutates() // a secret is handed out all the same
	switch {
	case dry && r.answersWithSecret():
		r.verb, dry = model.Reveal, false
	case dry && impersonated(r.call.Header) != nil:
		dry = false // the identity is taken, and what it may see is answered
	}
	target := r.target()
	a := model.Action{
		Platform:   Name,
		Service:    groupName(rt.Group),
		Operation:  r.operation(),
		Verb:       r.verb,
		Capability: capabilityOf(rt),
		Account:    r.cluster,
		Region:     rt.Namespace,
		Params:     r.params(),
		Native:     encode(r.native()),
		Affected:   r.affected,
		DryRun:     dry,
		Decoder:    version,
		Fidelity:   model.Exact,
	}
	if !rt.Resourceful {
		a.Service = "nonresource"
	} else {
		a.Targets = append(a.Targets, target)
		a.Props = r.properties()
		a.Before = r.beforehand(a.Props)
	}
	if rt.Group == "" && rt.Resource == "namespaces" && a.Region == "" {
		if name, _, _ := r.bodyNames(); name != "" {
			a.Region = name // a namespace is in itself, also while it is made
		}
	}
	if session := r.call.Header.Get("Kubectl-Session"); session != "" {
		// Not in Native: it differs at each try, and two tries are one change.
		a.Actor.Said = map[string]string{"kubectl-session": session}
	}
	if id := r.call.Header.Get(auditID); id != "" { // ours takes its place: see Join
		if a.Actor.Said == nil {
			a.Actor.Said = map[string]string{}
		}
		a.Actor.Said["audit-id"] = id[:min(len(id), maxAuditID)]
	}
	if len(r.unknown) > 0 {
		a.Fidelity = model.Partial
		slices.Sort(r.unknown)
		a.Unknown = slices.Compact(r.unknown)
	}
	if r.opaque {
		a.Fidelity = model.Opaque
	}
	return r.impersonation(a), nil
}

// properties are those of the resulting object, or of what else the call does.
func (r *reading) properties() []model.Property {
	if r.verb == model.Execute {
		out := []model.Property{{Name: "remote.exec", Value: true, Known: true, Source: fromRequest}}
		if r.route.Subresource == "ephemeralcontainers" && r.body.Read {
			base := "/object"
			if r.body.Patch != "" {
				base = "/patch"
			}
			out = append(out, properties(r.route, "Pod", r.patchAlone(), false, base)...)
		}
		return out
	}
	if r.route.Subresource == "scale" && r.verb == model.Scale {
		f := &facts{object: r.body.object(), base: "/object", found: map[string]model.Property{}}
		if r.body.Patch != "" {
			f.object, f.base = r.patchAlone(), "/patch"
		}
		f.number("scale.min", "/spec/replicas", -1)
		return []model.Property{f.found["scale.min"]}
	}
	kind, _, known := kindOf(r.route.Group, r.route.Resource)
	if !known {
		kind = r.bodyKind()
	}
	return properties(r.route, kind, r.result.object, r.result.whole, r.result.base)
}

// beforehand are the properties of the object as it is, of those that the call speaks of.
func (r *reading) beforehand(props []model.Property) []model.Property {
	if r.result.was == nil || len(props) == 0 {
		return nil
	}
	kind, _, known := kindOf(r.route.Group, r.route.Resource)
	if !known {
		kind = r.bodyKind()
	}
	object := patch.Clone(r.result.was)
	patch.Typed(r.message(), object)
	var out []model.Property
	for _, p := range properties(r.route, kind, object, true, "") {
		if slices.ContainsFunc(props, func(q model.Property) bool { return q.Name == p.Name }) {
			p.Source, p.Native = fromCurrent, ""
			out = append(out, p)
		}
	}
	return out
}

// operation is the server's verb and the resource: "create pods/eviction".
func (r *reading) operation() string {
	rt := r.route
	if !rt.Resourceful {
		return rt.Verb + " " + rt.Path
	}
	verb := rt.Verb
	if verb == "" {
		verb = strings.ToLower(r.call.Method)
	}
	if rt.Subresource == "" {
		return verb + " " + rt.Resource
	}
	return verb + " " + rt.Resource + "/" + rt.Subresource
}

// answersWithSecret: a patch that is only tried answers with the whole object, and
// so may any other change of it: a read of the secret by another name.
func (r *reading) answersWithSecret() bool {
	return r.route.Group == "" && r.route.Resource == "secrets" && r.route.Verb != "create"
}

// tokenSecret: writing a Secret of this type makes a credential.
func (r *reading) tokenSecret() bool {
	return r.route.Group == "" && r.route.Resource == "secrets" && r.verb.Mutates() &&
		r.body.object()["type"] == "kubernetes.io/service-account-token"
}

// impersonation adds, as a part, a grant on the identity that a call takes. What
// the call itself does is still the whole's own to say.
func (r *reading) impersonation(a model.Action) model.Action {
	who := impersonated(r.call.Header)
	if who == nil {
		return a
	}
	part := model.Action{
		Platform: Name, Service: "core", Operation: "impersonate users", Verb: model.Grant, Capability: "k8s.rbac",
		Account: r.cluster, Fidelity: model.Exact, Decoder: version, DryRun: false,
		Native: encode(native{Verb: "impersonate", Resource: "users", Name: who.User, Impersonate: who}),
	}
	for _, name := range append([]string{who.User}, who.Groups...) {
		kind := "User"
		if len(part.Targets) > 0 {
			kind = "Group"
		}
		part.Targets = append(part.Targets, model.Target{
			URN: URN(r.cluster, "", kind, "", name), Type: "core/" + kind, Role: model.RoleTarget})
	}
	a.Parts, a.Atomic = []model.Action{part}, true
	return a
}

// Impersonation is the identity that a call asks to have.
type Impersonation struct {
	User   string              `json:"user"`
	UID    string              `json:"uid,omitempty"`
	Groups []string            `json:"groups,omitempty"`
	Extra  map[string][]string `json:"extra,omitempty"`
}

func impersonated(h http.Header) *Impersonation {
	who := &Impersonation{User: h.Get("Impersonate-User"), UID: h.Get("Impersonate-Uid"), Groups: h.Values("Impersonate-Group")}
	for key, values := range h {
		if name, ok := strings.CutPrefix(http.CanonicalHeaderKey(key), "Impersonate-Extra-"); ok {
			if who.Extra == nil {
				who.Extra = map[string][]string{}
			}
			who.Extra[strings.ToLower(name)] = values
		}
	}
	if who.User == "" && who.UID == "" && len(who.Groups) == 0 && who.Extra == nil {
		return nil
	}
	return who
}

// encode marshals what cannot fail to: text, lists and maps of what JSON made.
func encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		data, _ = json.Marshal(map[string]string{"error": err.Error()})
	}
	return data
}
