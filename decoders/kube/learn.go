package kube

import (
	"context"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube/wire"
	"github.com/assent-iom/assent/model"
)

// maxItems bounds what one list teaches: the server's own clients page by 500.
const maxItems = 50_000

// Learn reads objects, lists and tables from answers. What is not whole, not
// JSON, a stream that is no watch, or the answer to a dry run teaches nothing.
func (d *Decoder) Learn(call decoders.Call, resp *decoders.Response) []model.Observation {
	if resp == nil || resp.Truncated || call.URL == nil {
		return nil
	}
	if resp.Status != http.StatusNotFound && (resp.Status < 200 || resp.Status > 299) {
		return nil
	}
	cluster, path, inside := d.find(call)
	if !inside {
		return nil
	}
	query := call.URL.Query()
	route, err := RouteOf(call.Method, path, query)
	if err != nil || !route.Resourceful || route.Verb == "proxy" {
		return nil
	}
	l := &lesson{cluster: cluster.Name, route: route}
	if route.Verb == "watch" {
		if resp.Status != http.StatusOK || call.Method != http.MethodGet {
			return nil
		}
		return l.watched(resp)
	}
	if resp.Status == http.StatusNotFound {
		return l.missing(resp)
	}
	switch verbOf(call.Method, route) {
	case model.Execute, model.Unknown:
		return nil
	}
	if route.Verb != "get" && route.Verb != "list" {
		action, err := (&Decoder{clusters: d.clusters}).decode(context.Background(), call, false) // what was there before does not matter
		if err != nil || action.DryRun || action.Verb == model.Reveal || len(action.Parts) > 0 {  // the last two may be dry runs too
			return nil
		}
		switch {
		case route.Verb == "delete" && route.Subresource == "":
			return l.deleted(action, resp)
		case route.Verb == "deletecollection":
			return l.collected(resp)
		}
	}
	switch route.Subresource {
	case "", "status", "ephemeralcontainers", "resize", "approval", "finalize":
	default:
		return nil // a Scale, an Eviction, a token: not the object
	}
	object := answer(resp)
	l.read(object, text(object, "apiVersion"), text(object, "kind"))
	if len(l.seen) == 0 && emptyList(route, query, object) { // kubectl waits for a deletion so
		return l.gone()
	}
	return l.seen
}

// answer is the object in an answer, by whichever of its spellings is known.
func answer(resp *decoders.Response) map[string]any {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch media {
	case typeJSON:
		value, err := wire.JSON(resp.Body)
		object, _ := value.(map[string]any)
		if err == nil {
			return object
		}
	case typeProtobuf:
		if h, err := wire.Protobuf(resp.Body); err == nil {
			return h.Object
		}
	}
	return nil
}

// missing: the server says that an object is not there. That it knows no such
// resource, or that something inside the request is missing, is another thing.
func (l *lesson) missing(resp *decoders.Response) []model.Observation {
	value, err := wire.JSON(resp.Body)
	if err != nil || l.route.Name == "" {
		return nil
	}
	status, _ := value.(map[string]any)
	details := dict(status, "details")
	if text(status, "reason") != "NotFound" || text(details, "name") != l.route.Name ||
		text(details, "kind") != l.route.Resource || text(details, "group") != l.route.Group {
		return nil
	}
	return l.gone()
}

// emptyList: a list of one name, from now and not narrowed further, has nothing.
func emptyList(route Route, query url.Values, object map[string]any) bool {
	items, isList := object["items"].([]any)
	return route.Verb == "list" && route.Name != "" && isList && len(items) == 0 &&
		strings.HasPrefix(route.FieldSelector, "metadata.name=") && !strings.ContainsAny(route.FieldSelector, ",!\\") &&
		route.LabelSelector == "" && !query.Has("resourceVersion") && !query.Has("continue")
}

func (l *lesson) gone() []model.Observation {
	r := &reading{cluster: l.cluster, route: l.route}
	if l.route.Namespace == "" {
		if _, cluster, known := kindOf(l.route.Group, l.route.Resource); known && !cluster {
			return nil // of which namespace?
		}
	}
	return []model.Observation{{Resource: model.Resource{URN: r.target().URN}, Gone: true}}
}

// lesson collects what one answer says.
type lesson struct {
	cluster string
	route   Route
	seen    []model.Observation
}

// read takes in an object, the items of a list or the rows of a table.
func (l *lesson) read(object map[string]any, apiVersion, kind string) {
	switch {
	case object == nil || kind == "" || kind == "Status" || len(l.seen) >= maxItems:
	case kind == "Table" && strings.HasPrefix(apiVersion, "meta.k8s.io/"):
		for _, row := range list(object, "rows") {
			inner := dict(row, "object")
			l.read(inner, text(inner, "apiVersion"), text(inner, "kind"))
		}
	case object["items"] != nil && strings.HasSuffix(kind, "List"):
		for _, item := range list(object, "items") {
			itemVersion, itemKind := apiVersion, strings.TrimSuffix(kind, "List")
			if own := text(item, "kind"); own != "" { // lists of typed objects leave them out
				itemVersion, itemKind = text(item, "apiVersion"), own
			}
			l.read(item, itemVersion, itemKind)
		}
	default:
		l.object(object, apiVersion, kind)
	}
}

// object takes in one object. PartialObjectMetadata is of the kind that was
// asked for, and not the whole of it.
func (l *lesson) object(object map[string]any, apiVersion, kind string) {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		group = ""
	}
	whole := true
	if kind == "PartialObjectMetadata" && group == "meta.k8s.io" {
		group, whole = l.route.Group, false
		var known bool
		if kind, _, known = kindOf(group, l.route.Resource); !known {
			kind = l.route.Resource
		}
	}
	meta := dict(object, "metadata")
	name, namespace := text(meta, "name"), text(meta, "namespace")
	if name == "" || isEvent(group, kind) {
		return
	}
	urn := URN(l.cluster, group, kind, namespace, name)
	o := model.Observation{
		Whole: whole,
		Resource: model.Resource{
			URN: urn, Platform: Name, Type: groupName(group) + "/" + kind, Name: name,
			Account: l.cluster, Region: namespace, Tags: texts(meta, "labels"), Attrs: attrs(object, apiVersion, kind, whole),
		},
	}
	if group == "" && kind == "Namespace" {
		o.Resource.Region = name
	}
	if uid := text(meta, "uid"); uid != "" {
		o.Resource.Aliases = append(o.Resource.Aliases, uid)
	}
	if plural := l.pluralURN(group, kind, namespace, name); plural != "" {
		o.Resource.Aliases = append(o.Resource.Aliases, plural)
	}
	o.Relations, o.Restates = relations(l.cluster, urn, group, kind, namespace, object), whole
	l.seen = append(l.seen, o)
}

// pluralURN is how a call without a body spells an object of a kind that no
// table knows: by its resource.
func (l *lesson) pluralURN(group, kind, namespace, name string) string {
	if l.route.Group != group || kind == l.route.Resource {
		return ""
	}
	if _, _, known := kindOf(group, l.route.Resource); known {
		return ""
	}
	return string(URN(l.cluster, group, l.route.Resource, namespace, name))
}

// deleted: 200 with a Status, or with the object as it last was, is gone; an
// object that waits for a finalizer or for its grace period is not yet.
func (l *lesson) deleted(action model.Action, resp *decoders.Response) []model.Observation {
	if resp.Status != http.StatusOK || len(action.Targets) != 1 {
		return nil
	}
	if value, err := wire.JSON(resp.Body); err == nil {
		object, _ := value.(map[string]any)
		if text(object, "kind") != "Status" && waits(object) {
			return nil
		}
	}
	return []model.Observation{{Resource: model.Resource{URN: action.Targets[0].URN}, Gone: true}}
}

// waits: an object that is being deleted is there until its finalizers are done.
func waits(object map[string]any) bool {
	meta := dict(object, "metadata")
	terminating := text(meta, "deletionTimestamp") != "" && meta["deletionGracePeriodSeconds"] != json.Number("0")
	return terminating || len(values(meta, "finalizers")) > 0
}

// collected: the answer to the delete of a collection lists the objects as they last
// were, which is not how they are.
func (l *lesson) collected(resp *decoders.Response) []model.Observation {
	object := answer(resp)
	if resp.Status != http.StatusOK || object == nil {
		return nil
	}
	l.read(object, text(object, "apiVersion"), text(object, "kind"))
	waiting := map[string]bool{}
	for _, item := range list(object, "items") {
		if meta := dict(item, "metadata"); waits(item) {
			waiting[text(meta, "namespace")+"/"+text(meta, "name")] = true
		}
	}
	out := l.seen[:0]
	for _, o := range l.seen {
		if !waiting[o.Resource.Region+"/"+o.Resource.Name] {
			out = append(out, model.Observation{Resource: model.Resource{URN: o.Resource.URN}, Gone: true})
		}
	}
	return out
}

// isEvent: events are a log, not things that exist.
func isEvent(group, kind string) bool {
	return kind == "Event" && (group == "" || group == "events.k8s.io")
}

// attrs is the object without who-wrote-what and without secrets.
func attrs(object map[string]any, apiVersion, kind string, whole bool) json.RawMessage {
	object = maps.Clone(object)
	delete(object, "kind") // in the type; apiVersion is kept, it says which fields there are
	delete(object, "apiVersion")
	if whole { // the items of a list leave it to the list
		object["apiVersion"] = apiVersion
	}
	if meta := dict(object, "metadata"); meta != nil {
		meta = maps.Clone(meta)
		delete(meta, "managedFields")
		if !whole { // what else is remembered is of another version
			delete(meta, "resourceVersion")
		}
		object["metadata"] = meta
	}
	if kind == "Secret" {
		delete(object, "data")
		delete(object, "stringData")
	}
	return encode(redact(object, kind == "Secret"))
}

// The readers below take what is there and of the right shape, and nothing else.

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func dict(m map[string]any, key string) map[string]any {
	d, _ := m[key].(map[string]any)
	return d
}

func values(m map[string]any, key string) []any {
	v, _ := m[key].([]any)
	return v
}

// list returns the objects of a list.
func list(m map[string]any, key string) []map[string]any {
	var out []map[string]any
	for _, v := range values(m, key) {
		if d, ok := v.(map[string]any); ok {
			out = append(out, d)
		}
	}
	return out
}

func texts(m map[string]any, key string) map[string]string {
	d := dict(m, key)
	if len(d) == 0 {
		return nil
	}
	out := make(map[string]string, len(d))
	for k := range d {
		out[k] = text(d, k)
	}
	return out
}
