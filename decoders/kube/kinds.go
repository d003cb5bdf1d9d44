package kube

import (
	"strings"
)

// kinds names the kind of each resource that Kubernetes 1.34 serves, by API
// group. A * marks what lives in no namespace.
var kinds = map[string]map[string]string{
	"": {
		"bindings": "Binding", "componentstatuses": "*ComponentStatus", "configmaps": "ConfigMap",
		"endpoints": "Endpoints", "events": "Event", "limitranges": "LimitRange", "namespaces": "*Namespace",
		"nodes": "*Node", "persistentvolumeclaims": "PersistentVolumeClaim", "persistentvolumes": "*PersistentVolume",
		"pods": "Pod", "podtemplates": "PodTemplate", "replicationcontrollers": "ReplicationController",
		"resourcequotas": "ResourceQuota", "secrets": "Secret", "serviceaccounts": "ServiceAccount", "services": "Service",
	},
	"apps": {
		"controllerrevisions": "ControllerRevision", "daemonsets": "DaemonSet", "deployments": "Deployment",
		"replicasets": "ReplicaSet", "statefulsets": "StatefulSet",
	},
	"batch":       {"cronjobs": "CronJob", "jobs": "Job"},
	"autoscaling": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
	"policy":      {"poddisruptionbudgets": "PodDisruptionBudget"},
	"extensions":  {"ingresses": "Ingress"},
	"networking.k8s.io": {
		"ingresses": "Ingress", "ingressclasses": "*IngressClass", "networkpolicies": "NetworkPolicy",
		"ipaddresses": "*IPAddress", "servicecidrs": "*ServiceCIDR",
	},
	"rbac.authorization.k8s.io": {
		"clusterrolebindings": "*ClusterRoleBinding", "clusterroles": "*ClusterRole",
		"rolebindings": "RoleBinding", "roles": "Role",
	},
	"admissionregistration.k8s.io": {
		"mutatingadmissionpolicies": "*MutatingAdmissionPolicy", "mutatingadmissionpolicybindings": "*MutatingAdmissionPolicyBinding",
		"mutatingwebhookconfigurations": "*MutatingWebhookConfiguration", "validatingadmissionpolicies": "*ValidatingAdmissionPolicy",
		"validatingadmissionpolicybindings": "*ValidatingAdmissionPolicyBinding", "validatingwebhookconfigurations": "*ValidatingWebhookConfiguration",
	},
	"apiextensions.k8s.io":   {"customresourcedefinitions": "*CustomResourceDefinition"},
	"apiregistration.k8s.io": {"apiservices": "*APIService"},
	"authentication.k8s.io":  {"selfsubjectreviews": "*SelfSubjectReview", "tokenreviews": "*TokenReview"},
	"authorization.k8s.io": {
		"localsubjectaccessreviews": "LocalSubjectAccessReview", "selfsubjectaccessreviews": "*SelfSubjectAccessReview",
		"selfsubjectrulesreviews": "*SelfSubjectRulesReview", "subjectaccessreviews": "*SubjectAccessReview",
	},
	"certificates.k8s.io": {
		"certificatesigningrequests": "*CertificateSigningRequest", "clustertrustbundles": "*ClusterTrustBundle",
		"podcertificaterequests": "PodCertificateRequest",
	},
	"coordination.k8s.io": {"leases": "Lease", "leasecandidates": "LeaseCandidate"},
	"discovery.k8s.io":    {"endpointslices": "EndpointSlice"},
	"events.k8s.io":       {"events": "Event"},
	"flowcontrol.apiserver.k8s.io": {
		"flowschemas": "*FlowSchema", "prioritylevelconfigurations": "*PriorityLevelConfiguration",
	},
	"internal.apiserver.k8s.io": {"storageversions": "*StorageVersion"},
	"node.k8s.io":               {"runtimeclasses": "*RuntimeClass"},
	"resource.k8s.io": {
		"deviceclasses": "*DeviceClass", "devicetaintrules": "*DeviceTaintRule", "resourceclaims": "ResourceClaim",
		"resourceclaimtemplates": "ResourceClaimTemplate", "resourceslices": "*ResourceSlice",
	},
	"scheduling.k8s.io": {"priorityclasses": "*PriorityClass"},
	"storage.k8s.io": {
		"csidrivers": "*CSIDriver", "csinodes": "*CSINode", "csistoragecapacities": "CSIStorageCapacity",
		"storageclasses": "*StorageClass", "volumeattachments": "*VolumeAttachment", "volumeattributesclasses": "*VolumeAttributesClass",
	},
	"storagemigration.k8s.io": {"storageversionmigrations": "*StorageVersionMigration"},
}

// kindOf names the kind of a built-in resource, and whether it lives in no
// namespace.
func kindOf(group, resource string) (kind string, cluster, ok bool) {
	kind, ok = kinds[group][resource]
	kind, cluster = strings.CutPrefix(kind, "*")
	return kind, cluster, ok
}

// clusterWide reports whether a kind, known by its name, lives in no namespace.
func clusterWide(group, kind string) bool {
	for _, k := range kinds[group] {
		if k == "*"+kind {
			return true
		}
	}
	return false
}

// capabilities names the portable noun of a resource: by group/resource, or by
// group/ for all others of the group.
var capabilities = map[string]string{
	"/pods": "compute.workload", "/replicationcontrollers": "compute.workload", "/podtemplates": "compute.workload",
	"/bindings": "compute.workload", "apps/": "compute.workload", "batch/": "compute.job",
	"/services": "network.service", "/endpoints": "network.service", "discovery.k8s.io/": "network.service",
	"networking.k8s.io/ingresses": "network.loadbalancer", "extensions/ingresses": "network.loadbalancer",
	"networking.k8s.io/networkpolicies": "network.firewall",
	"/configmaps":                       "config", "/secrets": "secret",
	"/persistentvolumeclaims": "storage.volume", "/persistentvolumes": "storage.volume",
	"/namespaces": "k8s.namespace", "/nodes": "compute.node", "/serviceaccounts": "identity.principal",
	"rbac.authorization.k8s.io/": "k8s.rbac", "admissionregistration.k8s.io/": "k8s.admission",
	"apiextensions.k8s.io/": "k8s.crd",
}

// capabilityOf names the portable noun, or kubernetes.GROUP where none is mapped.
func capabilityOf(r Route) string {
	if !r.Resourceful {
		return "kubernetes.nonresource"
	}
	for _, key := range []string{r.Group + "/" + r.Resource, r.Group + "/"} {
		if c := capabilities[key]; c != "" {
			return c
		}
	}
	return "kubernetes." + groupName(r.Group)
}

// groupName spells a group; the nameless one is core.
func groupName(group string) string {
	if group == "" {
		return "core"
	}
	return group
}
