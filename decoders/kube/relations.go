package kube

import (
	"strings"

	"github.com/assent-iom/assent/model"
)

// OwnerReferences is the source of the relation to an owner: the owner gone, the
// garbage collector takes the dependent.
const OwnerReferences = "metadata.ownerReferences"

// edges collects the relations of one object, each once.
type edges struct {
	cluster   string
	from      model.URN
	namespace string
	out       []model.Relation
	seen      map[model.Relation]bool
}

// relations reads from an object what it says it depends on: its namespace, its
// owners, and what its spec names. What a selector selects is for the model.
func relations(cluster string, urn model.URN, group, kind, namespace string, object map[string]any) []model.Relation {
	e := &edges{cluster: cluster, from: urn, namespace: namespace, seen: map[model.Relation]bool{}}
	if namespace != "" {
		e.add(model.Contains, URN(cluster, "", "Namespace", "", namespace), "metadata.namespace")
	}
	for _, owner := range list(dict(object, "metadata"), "ownerReferences") {
		e.owner(owner)
	}
	spec := dict(object, "spec")
	if pod, path := podSpec(group, kind, object); pod != nil {
		e.pod(pod, path)
	}
	switch groupName(group) + "/" + kind {
	case "core/PersistentVolumeClaim":
		e.named("", "PersistentVolume", "", text(spec, "volumeName"), "spec.volumeName")
		e.named("storage.k8s.io", "StorageClass", "", text(spec, "storageClassName"), "spec.storageClassName")
	case "core/PersistentVolume":
		e.named("storage.k8s.io", "StorageClass", "", text(spec, "storageClassName"), "spec.storageClassName")
	case "storage.k8s.io/VolumeAttachment":
		e.named("", "PersistentVolume", "", text(dict(spec, "source"), "persistentVolumeName"), "spec.source.persistentVolumeName")
		e.named("", "Node", "", text(spec, "nodeName"), "spec.nodeName")
	case "core/ServiceAccount":
		for _, s := range list(object, "secrets") {
			e.named("", "Secret", namespace, text(s, "name"), "secrets")
		}
		for _, s := range list(object, "imagePullSecrets") {
			e.named("", "Secret", namespace, text(s, "name"), "imagePullSecrets")
		}
	case "apps/StatefulSet":
		e.named("", "Service", namespace, text(spec, "serviceName"), "spec.serviceName")
	case "networking.k8s.io/Ingress":
		e.ingress(spec)
	case "autoscaling/HorizontalPodAutoscaler":
		e.reference(dict(spec, "scaleTargetRef"), "spec.scaleTargetRef")
	case "rbac.authorization.k8s.io/RoleBinding", "rbac.authorization.k8s.io/ClusterRoleBinding":
		e.binding(object)
	case "discovery.k8s.io/EndpointSlice":
		e.named("", "Service", namespace, texts(dict(object, "metadata"), "labels")["kubernetes.io/service-name"], "metadata.labels")
		for _, endpoint := range list(object, "endpoints") {
			ref := dict(endpoint, "targetRef")
			e.named("", text(ref, "kind"), text(ref, "namespace"), text(ref, "name"), "endpoints.targetRef")
		}
	case "apiregistration.k8s.io/APIService":
		s := dict(spec, "service")
		e.named("", "Service", text(s, "namespace"), text(s, "name"), "spec.service")
	case "admissionregistration.k8s.io/ValidatingWebhookConfiguration", "admissionregistration.k8s.io/MutatingWebhookConfiguration":
		for _, hook := range list(object, "webhooks") {
			s := dict(dict(hook, "clientConfig"), "service")
			e.named("", "Service", text(s, "namespace"), text(s, "name"), "webhooks.clientConfig.service")
		}
	case "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding":
		e.named("admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "", text(spec, "policyName"), "spec.policyName")
	}
	return e.out
}

func (e *edges) add(kind string, to model.URN, source string) {
	r := model.Relation{From: e.from, To: to, Type: kind, Source: source}
	if to != e.from && !e.seen[r] {
		e.seen[r] = true
		e.out = append(e.out, r)
	}
}

// named adds a reference to an object by its name, if there is one.
func (e *edges) named(group, kind, namespace, name, source string) {
	if name != "" && kind != "" {
		e.add(model.References, URN(e.cluster, group, kind, namespace, name), source)
	}
}

// reference adds a reference by apiVersion, kind and name in the same namespace.
func (e *edges) reference(ref map[string]any, source string) {
	e.named(groupOf(text(ref, "apiVersion")), text(ref, "kind"), e.namespace, text(ref, "name"), source)
}

// owner adds the child's relation to its owner: the owner gone, the child is
// collected.
func (e *edges) owner(ref map[string]any) {
	group, kind, name := groupOf(text(ref, "apiVersion")), text(ref, "kind"), text(ref, "name")
	if kind == "" || name == "" {
		return
	}
	namespace := e.namespace
	if clusterWide(group, kind) {
		namespace = ""
	}
	e.add(model.Controls, URN(e.cluster, group, kind, namespace, name), OwnerReferences)
}

// ingress adds the backends' services, the certificates' secrets and the class.
func (e *edges) ingress(spec map[string]any) {
	backend := func(b map[string]any, source string) {
		e.named("", "Service", e.namespace, text(dict(b, "service"), "name"), source)
	}
	backend(dict(spec, "defaultBackend"), "spec.defaultBackend")
	for _, rule := range list(spec, "rules") {
		for _, path := range list(dict(rule, "http"), "paths") {
			backend(dict(path, "backend"), "spec.rules.http.paths.backend")
		}
	}
	for _, tls := range list(spec, "tls") {
		e.named("", "Secret", e.namespace, text(tls, "secretName"), "spec.tls.secretName")
	}
	e.named("networking.k8s.io", "IngressClass", "", text(spec, "ingressClassName"), "spec.ingressClassName")
}

// binding adds the role and the service accounts that it is given to.
func (e *edges) binding(object map[string]any) {
	role := dict(object, "roleRef")
	namespace := e.namespace
	if text(role, "kind") == "ClusterRole" {
		namespace = ""
	}
	e.named("rbac.authorization.k8s.io", text(role, "kind"), namespace, text(role, "name"), "roleRef")
	for _, s := range list(object, "subjects") {
		if text(s, "kind") == "ServiceAccount" {
			e.named("", "ServiceAccount", text(s, "namespace"), text(s, "name"), "subjects")
		}
	}
}

func groupOf(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}
