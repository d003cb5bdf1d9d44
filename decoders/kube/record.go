package kube

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/kube/wire"
	"github.com/assent-iom/assent/model"
)

// Kind is one resource that a cluster serves, as its discovery says.
type Kind struct {
	Group, Version, Resource, Kind string
	Namespaced                     bool
}

// Type is the kind as Target.Type and Resource.Type have it: apps/Deployment.
func (k Kind) Type() string { return groupName(k.Group) + "/" + k.Kind }

// Path is where objects of the kind are: of a namespace, or of all ("").
func (k Kind) Path(namespace string) string {
	path := "/apis/" + k.Group + "/" + k.Version
	if k.Group == "" {
		path = "/api/" + k.Version
	}
	if namespace != "" {
		path += "/namespaces/" + namespace
	}
	return path + "/" + k.Resource
}

// The media types by which a collector asks for no more than it keeps.
const (
	asObjects  = "application/json"
	asMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
	asEvents   = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
	asTable    = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"
)

// Accept is how a collector asks for the kind: whole where something in the spec is
// kept, metadata alone for all that is crowded and for what nobody knows, and the
// server's own table for secrets: its columns have the type, and no value.
func (k Kind) Accept(watch bool) string {
	switch {
	case k.secret():
		return asTable
	case kept(k) != nil:
		return asObjects
	case watch:
		return asEvents
	}
	return asMetadata
}

func (k Kind) secret() bool { return k.Group == "" && k.Resource == "secrets" }

// keeps are the parts of an object, besides its metadata, that a record has: what
// relations.tsv reads, what tells a cascade, and whom users meet. The kinds that it
// names are read whole; relations come from the whole object.
var keeps = map[string][]string{
	"core/Pod":                   {"spec.nodeName", "spec.serviceAccountName", "status.phase"},
	"core/Service":               {"spec.selector", "spec.type", "spec.externalName"},
	"core/ServiceAccount":        {},
	"core/Node":                  {"spec.providerID", "spec.unschedulable"},
	"core/PersistentVolumeClaim": {"spec.volumeName", "spec.storageClassName"},
	"core/PersistentVolume": {"spec.persistentVolumeReclaimPolicy", "spec.storageClassName", "spec.claimRef.namespace", "spec.claimRef.name",
		"spec.csi.driver", "spec.csi.volumeHandle", "spec.awsElasticBlockStore.volumeID", "spec.gcePersistentDisk.pdName"},
	"core/ReplicationController":                                    workload,
	"core/PodTemplate":                                              {},
	"apps/Deployment":                                               workload,
	"apps/ReplicaSet":                                               {"spec.replicas", "spec.selector"},
	"apps/StatefulSet":                                              append([]string{"spec.serviceName", "spec.persistentVolumeClaimRetentionPolicy"}, workload...),
	"apps/DaemonSet":                                                workload,
	"batch/Job":                                                     {"spec.selector", "spec.template.metadata.labels", "spec.template.spec.containers.*.env", "spec.template.spec.initContainers.*.env"},
	"batch/CronJob":                                                 {"spec.suspend", "spec.schedule", "spec.jobTemplate.spec.template.spec.containers.*.env", "spec.jobTemplate.spec.template.spec.initContainers.*.env"},
	"networking.k8s.io/Ingress":                                     {"spec.ingressClassName", "spec.rules.*.host", "spec.tls.*.hosts"},
	"networking.k8s.io/NetworkPolicy":                               {"spec"},
	"rbac.authorization.k8s.io/Role":                                {"rules"},
	"rbac.authorization.k8s.io/ClusterRole":                         {"rules", "aggregationRule"},
	"networking.k8s.io/IPAddress":                                   {"spec.parentRef"},
	"autoscaling/HorizontalPodAutoscaler":                           {"spec.scaleTargetRef", "spec.minReplicas", "spec.maxReplicas"},
	"policy/PodDisruptionBudget":                                    {"spec.selector", "spec.minAvailable", "spec.maxUnavailable"},
	"rbac.authorization.k8s.io/RoleBinding":                         {"roleRef", "subjects"},
	"rbac.authorization.k8s.io/ClusterRoleBinding":                  {"roleRef", "subjects"},
	"discovery.k8s.io/EndpointSlice":                                {},
	"apiextensions.k8s.io/CustomResourceDefinition":                 {"spec.group", "spec.scope", "spec.names.kind", "spec.names.plural", "spec.versions.*.name"},
	"apiregistration.k8s.io/APIService":                             {"spec.group", "spec.version", "spec.service"},
	"admissionregistration.k8s.io/ValidatingWebhookConfiguration":   {"webhooks.*.name", "webhooks.*.failurePolicy"},
	"admissionregistration.k8s.io/MutatingWebhookConfiguration":     {"webhooks.*.name", "webhooks.*.failurePolicy"},
	"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": {"spec.policyName", "spec.validationActions"},
	"storage.k8s.io/StorageClass":                                   {"provisioner", "reclaimPolicy"},
	"storage.k8s.io/VolumeAttachment":                               {"spec.attacher", "spec.nodeName", "spec.source.persistentVolumeName"},
}

// workload is kept of what makes pods.
var workload = []string{"spec.replicas", "spec.selector", "spec.template.metadata.labels", "spec.template.spec.containers.*.env", "spec.template.spec.initContainers.*.env"}

// lonePod is kept, besides, of a pod that nobody made from a template: of others, the
// template has it.
var lonePod = []string{"spec.containers.*.env", "spec.initContainers.*.env"}

// kept names the parts that a kind's record has; nil: metadata alone.
func kept(k Kind) []string {
	if k.Group == "gateway.networking.k8s.io" {
		return []string{"spec"}
	}
	return keeps[k.Type()]
}

// keptAnnotations are read by somebody: which account's tokens a secret has, whom a
// service account is elsewhere. Others stay where they are.
var keptAnnotations = []string{accountName, accountUID, "eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account", "azure.workload.identity/client-id"}

const (
	accountName = "kubernetes.io/service-account.name"
	accountUID  = "kubernetes.io/service-account.uid"
)

// Listing is one page of a list.
type Listing struct {
	Seen     []model.Observation
	Version  string // the resourceVersion of the list
	Continue string // of the next page; empty on the last one
}

// ReadList reads a page of a list as a collector keeps it: slim records, whole in
// what they state, without anything that could be a secret.
func ReadList(cluster string, k Kind, body []byte) (Listing, error) {
	value, err := wire.JSON(body)
	object, _ := value.(map[string]any)
	if err != nil || object == nil {
		return Listing{}, fmt.Errorf("reading a list of %s: %w", k.Type(), notList(err))
	}
	items, columns := list(object, "items"), []string(nil)
	switch kind := text(object, "kind"); {
	case kind == "Table":
		items, columns = list(object, "rows"), columnsOf(object)
	case !strings.HasSuffix(kind, "List"):
		return Listing{}, fmt.Errorf("reading a list of %s: it is a %s", k.Type(), kind)
	case k.secret():
		return Listing{}, fmt.Errorf("reading a list of %s: the server does not leave the values out", k.Type())
	}
	meta := dict(object, "metadata")
	out := Listing{Version: text(meta, "resourceVersion"), Continue: text(meta, "continue")}
	for _, item := range items {
		if o, ok := recordOf(cluster, k, item, columns); ok {
			out.Seen = append(out.Seen, o)
		}
	}
	return out, nil
}

func notList(err error) error {
	if err == nil {
		return fmt.Errorf("it is no object")
	}
	return err
}

// columnsOf names the columns of a table, in lower case.
func columnsOf(table map[string]any) []string {
	out := []string{}
	for _, c := range list(table, "columnDefinitions") {
		out = append(out, strings.ToLower(text(c, "name")))
	}
	return out
}

// Event is one event of a watch.
type Event struct {
	Seen    []model.Observation
	Version string // where to go on
	Lost    bool   // the server does not know that version any more
	Failed  string // what else it says went wrong
}

// Events reads the events of one watch, in order.
type Events struct {
	Cluster string
	Kind    Kind
	columns []string // of a table, which only the first event names
}

// Read reads one line.
func (e *Events) Read(line []byte) (Event, error) {
	value, err := wire.JSON(line)
	event, _ := value.(map[string]any)
	if err != nil || event == nil {
		return Event{}, fmt.Errorf("reading an event of %s: %w", e.Kind.Type(), notList(err))
	}
	object := dict(event, "object")
	switch kind := text(event, "type"); kind {
	case "ERROR":
		if code := fmt.Sprint(object["code"]); code == "410" || text(object, "reason") == "Expired" {
			return Event{Lost: true}, nil
		}
		return Event{Failed: text(object, "message")}, nil
	case "ADDED", "MODIFIED", "DELETED", "BOOKMARK":
		items, columns := []map[string]any{object}, []string(nil)
		if text(object, "kind") == "Table" {
			if named := columnsOf(object); len(named) > 0 {
				e.columns = named
			}
			items, columns = list(object, "rows"), e.columns
		} else if e.Kind.secret() {
			return Event{}, fmt.Errorf("reading an event of %s: the server does not leave the values out", e.Kind.Type())
		}
		out := Event{Version: text(dict(object, "metadata"), "resourceVersion")}
		for _, item := range items {
			if inner := dict(item, "object"); columns != nil && inner != nil {
				out.Version = text(dict(inner, "metadata"), "resourceVersion")
			}
			o, ok := recordOf(e.Cluster, e.Kind, item, columns)
			if !ok || kind == "BOOKMARK" {
				continue
			}
			if kind == "DELETED" {
				o = model.Observation{Gone: true, Resource: model.Resource{URN: o.Resource.URN}}
			}
			out.Seen = append(out.Seen, o)
		}
		return out, nil
	default:
		return Event{}, fmt.Errorf("reading an event of %s: its type is %q", e.Kind.Type(), kind)
	}
}

// recordOf makes what a collector keeps of an object, or of a table's row. It has no
// apiVersion: it is not the object, and nobody may take it for that.
func recordOf(cluster string, k Kind, object map[string]any, columns []string) (model.Observation, bool) {
	secretType := ""
	if columns != nil {
		if cells, at := values(object, "cells"), slices.Index(columns, "type"); k.secret() && at >= 0 && at < len(cells) {
			secretType, _ = cells[at].(string)
		}
		object = dict(object, "object")
	}
	meta := dict(object, "metadata")
	name, namespace := text(meta, "name"), text(meta, "namespace")
	if name == "" {
		return model.Observation{}, false
	}
	urn := URN(cluster, k.Group, k.Kind, namespace, name)
	o := model.Observation{Whole: true, Restates: true, Resource: model.Resource{
		URN: urn, Platform: Name, Type: k.Type(), Name: name, Account: cluster, Region: namespace, Tags: map[string]string{}, Aliases: []string{},
	}}
	maps.Copy(o.Resource.Tags, texts(meta, "labels"))
	if k.Group == "" && k.Kind == "Namespace" {
		o.Resource.Region = name
	}
	if uid := text(meta, "uid"); uid != "" {
		o.Resource.Aliases = append(o.Resource.Aliases, uid)
	}
	if _, _, known := kindOf(k.Group, k.Resource); !known {
		o.Resource.Aliases = append(o.Resource.Aliases, string(URN(cluster, k.Group, k.Resource, namespace, name)))
	}
	slim := map[string]any{"metadata": slimMeta(meta)}
	if secretType != "" {
		slim["type"] = secretType
	}
	paths := kept(k)
	if k.Group == "" && k.Kind == "Pod" && len(list(meta, "ownerReferences")) == 0 {
		paths = slices.Concat(paths, lonePod)
	}
	for _, path := range paths {
		keep(slim, object, strings.Split(path, "."))
	}
	o.Resource.Attrs = encode(redact(slim, k.secret()))
	o.Relations = relations(cluster, urn, k.Group, k.Kind, namespace, object)
	return o, true
}

// slimMeta is the metadata that somebody reads; names, labels and owners are in the
// record itself.
func slimMeta(meta map[string]any) map[string]any {
	out := map[string]any{}
	for _, key := range []string{"resourceVersion", "creationTimestamp", "deletionTimestamp", "finalizers"} {
		if v, ok := meta[key]; ok {
			out[key] = v
		}
	}
	all, some := dict(meta, "annotations"), map[string]any{}
	for _, key := range keptAnnotations {
		if v, ok := all[key]; ok {
			some[key] = v
		}
	}
	if len(some) > 0 {
		out["annotations"] = some
	}
	return out
}

// keep copies what is at a path; * is every item of a list.
func keep(to, from map[string]any, path []string) {
	value, ok := from[path[0]]
	if !ok {
		return
	}
	if len(path) == 1 {
		to[path[0]] = value
		return
	}
	if path[1] != "*" {
		inner, ok := value.(map[string]any)
		if !ok {
			return
		}
		next, _ := to[path[0]].(map[string]any)
		if next == nil {
			next = map[string]any{}
		}
		if keep(next, inner, path[1:]); len(next) > 0 {
			to[path[0]] = next
		}
		return
	}
	items, _ := value.([]any)
	out, _ := to[path[0]].([]any)
	for i, item := range items {
		if i >= len(out) {
			out = append(out, map[string]any{})
		}
		inner, ok := item.(map[string]any)
		next, _ := out[i].(map[string]any)
		if ok && next != nil {
			keep(next, inner, path[2:])
		}
	}
	if len(out) > 0 {
		to[path[0]] = out
	}
}

// VersionOf is the resourceVersion of a record, or of an object as the model has it.
func VersionOf(r model.Resource) string {
	var a struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if json.Unmarshal(r.Attrs, &a) != nil {
		return ""
	}
	return a.Metadata.ResourceVersion
}

// Along names what becomes of objects of one type, in the words of an Action.
func Along(verb model.Verb, u model.URN) model.Along {
	id := ParseURN(u)
	group := id.Group
	if group == "core" {
		group = ""
	}
	resource := resources()[[2]string{group, id.Kind}]
	if resource == "" {
		resource = strings.ToLower(id.Kind)
	}
	return model.Along{Verb: verb, Service: id.Group, Operation: string(verb) + " " + resource, Type: id.Group + "/" + id.Kind,
		Capability: capabilityOf(Route{Resourceful: true, Group: group, Resource: resource})}
}
