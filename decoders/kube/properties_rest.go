package kube

import (
	"slices"
	"strings"
)

func (f *facts) volume() {
	if policy := text(f.spec, "persistentVolumeReclaimPolicy"); policy != "" {
		f.set("lifecycle.deletionProtection", policy == "Retain", fromRequest, "/spec/persistentVolumeReclaimPolicy")
	} else {
		f.byDefault("lifecycle.deletionProtection", true) // Retain, for what a person makes
	}
	var regions []string
	for _, term := range list(dict(dict(f.spec, "nodeAffinity"), "required"), "nodeSelectorTerms") {
		for _, e := range list(term, "matchExpressions") {
			if key := text(e, "key"); strings.HasSuffix(key, "/region") || strings.HasSuffix(key, "/zone") {
				regions = append(regions, stringsOf(e, "values")...)
			}
		}
	}
	if len(regions) > 0 {
		f.set("location.region", sorted(regions), fromRequest, "/spec/nodeAffinity")
	} else {
		f.unknown("location.region", "/spec/nodeAffinity")
	}
}

func (f *facts) storageClass() {
	if policy := text(f.object, "reclaimPolicy"); policy != "" {
		f.set("lifecycle.diskDeletedWithInstance", policy == "Delete", fromRequest, "/reclaimPolicy")
	} else {
		f.byDefault("lifecycle.diskDeletedWithInstance", true)
	}
	parameters := dict(f.object, "parameters")
	for _, key := range []string{"encrypted", "diskEncryptionSetID", "disk-encryption-kms-key", "kmsKeyId"} {
		if value := text(parameters, key); value != "" {
			f.set("encryption.atRest", value != "false", fromRequest, "/parameters/"+key)
			return
		}
	}
	f.unknown("encryption.atRest", "/parameters") // the driver's own default
}

func (f *facts) quota() {
	for _, key := range []string{"pods", "count/pods"} {
		if n, ok := quantity(dict(f.spec, "hard")[key]); ok {
			f.set("scale.max", int64(n), fromRequest, "/spec/hard/"+pointerKey(key))
			return
		}
	}
	f.unknown("scale.max", "/spec/hard")
}

func (f *facts) limitRange() {
	has := false
	for _, l := range list(f.spec, "limits") {
		d := dict(l, "default")
		has = has || text(l, "type") == "Container" && d["cpu"] != nil && d["memory"] != nil
	}
	f.verdict("container.limits", has, false, "/spec/limits")
}

// claim counts the devices of a ResourceClaim.
func (f *facts) claim() {
	count := 0.0
	for _, r := range list(dict(f.spec, "devices"), "requests") {
		exactly := dict(r, "exactly")
		if exactly == nil {
			exactly = r
		}
		if text(exactly, "allocationMode") == "All" || r["firstAvailable"] != nil {
			f.unknown("compute.gpu", "/spec/devices/requests")
			return
		}
		n, ok := quantity(exactly["count"])
		if !ok {
			n = 1
		}
		count += n
	}
	f.set("compute.gpu", map[string]any{"count": count}, derived, "/spec/devices/requests")
}

func (f *facts) configMap() {
	for key, v := range dict(f.object, "data") {
		value, _ := v.(string)
		if value != "" && (secretNames.MatchString(key) || redactText(value) != value) {
			f.set("secret.inline", true, fromRequest, "/data/"+pointerKey(key))
			return
		}
	}
	f.byDefault("secret.inline", false)
}

func (f *facts) credential() {
	if kind := text(f.object, "type"); kind != "" {
		f.set("identity.longLivedCredential", kind == "kubernetes.io/service-account-token", fromRequest, "/type")
	} else {
		f.byDefault("identity.longLivedCredential", false)
	}
}

// trustAnnotations name the identity of a cloud that a service account may take.
var trustAnnotations = []string{"eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account", "azure.workload.identity/client-id"}

func (f *facts) trust() {
	var trusted []string
	for _, key := range trustAnnotations {
		if v := text(dict(dict(f.object, "metadata"), "annotations"), key); v != "" {
			trusted = append(trusted, v)
		}
	}
	if len(trusted) > 0 {
		f.set("identity.trust", sorted(trusted), fromRequest, "/metadata/annotations")
	} else {
		f.byDefault("identity.trust", []any{})
	}
}

// privileges in rising order.
var privileges = []string{"none", "read", "write", "admin", "escalate"}

func (f *facts) role() {
	if dict(f.object, "aggregationRule") != nil {
		f.unknown("identity.privilege", "/aggregationRule") // its rules are those of other roles
		return
	}
	highest := 0
	for _, rule := range list(f.object, "rules") {
		highest = max(highest, slices.Index(privileges, privilegeOf(rule)))
	}
	if !f.whole && highest < 4 {
		f.unknown("identity.privilege", "/rules")
		return
	}
	f.set("identity.privilege", privileges[highest], derived, "/rules")
}

// privilegeOf says how far one rule of a role reaches.
func privilegeOf(rule map[string]any) string {
	verbs, resources, groups := stringsOf(rule, "verbs"), stringsOf(rule, "resources"), stringsOf(rule, "apiGroups")
	has := func(list []string, words ...string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return s == "*" || slices.Contains(words, s) })
	}
	if len(resources) == 0 { // paths of no resource
		return "read"
	}
	writes := has(verbs, "create", "update", "patch", "delete", "deletecollection")
	switch {
	case len(verbs) == 0:
		return "none"
	case has(verbs, "escalate", "bind", "impersonate"):
		return "escalate"
	case writes && has(groups, "rbac.authorization.k8s.io") && has(resources, "roles", "clusterroles", "rolebindings", "clusterrolebindings"):
		return "escalate"
	case writes && has(groups, "admissionregistration.k8s.io"), writes && has(resources, "serviceaccounts/token"):
		return "escalate"
	case has(resources, "nodes/proxy") || has(verbs, "approve", "sign"):
		return "escalate"
	case slices.Contains(verbs, "*") && slices.Contains(resources, "*"):
		return "admin"
	case has(resources, "pods/exec", "pods/attach", "pods/portforward", "secrets"):
		return "admin" // a shell in every pod, or every credential of the namespace
	case writes:
		return "write"
	}
	return "read"
}

// wellKnownRoles are those that every cluster has.
var wellKnownRoles = map[string]string{"cluster-admin": "escalate", "admin": "escalate", "edit": "admin", "view": "read"}

// everyone are the subjects that anybody is.
var everyone = []string{"system:anonymous", "system:unauthenticated", "system:authenticated"}

func (f *facts) binding() {
	if name := text(dict(f.object, "roleRef"), "name"); wellKnownRoles[name] != "" && text(dict(f.object, "roleRef"), "kind") == "ClusterRole" {
		f.set("identity.privilege", wellKnownRoles[name], fromRequest, "/roleRef/name")
	} else {
		f.unknown("identity.privilege", "/roleRef/name") // the role itself says it
	}
	open, anonymous := "", ""
	for i, s := range list(f.object, "subjects") {
		name := text(s, "name")
		if !slices.Contains(everyone, name) {
			continue
		}
		open = item("/subjects", i) + "/name"
		if name != "system:authenticated" {
			anonymous = open
		}
	}
	f.verdict("access.publicRead", open != "", true, open)
	f.verdict("access.anonymous", anonymous != "", true, anonymous)
}

// guardrail names what is refused or only said, and what happens when the guard
// cannot be asked.
func (f *facts) guardrail(kind string) {
	var guards []string
	at := "/webhooks"
	switch kind {
	case "ValidatingAdmissionPolicyBinding":
		at = "/spec/validationActions"
		guards = stringsOf(f.spec, "validationActions")
	case "ValidatingAdmissionPolicy":
		at = "/spec/failurePolicy"
		guards = []string{orFail(text(f.spec, "failurePolicy"))}
	default:
		for _, hook := range list(f.object, "webhooks") {
			guards = append(guards, text(hook, "name")+":"+orFail(text(hook, "failurePolicy")))
		}
	}
	f.verdictSet("org.guardrail", guards, at)
}

func (f *facts) verdictSet(name string, set []string, at string) {
	if len(set) == 0 && !f.whole {
		f.unknown(name, at)
		return
	}
	f.set(name, sorted(set), fromRequest, at)
}

func orFail(policy string) string {
	if policy == "" {
		return "Fail"
	}
	return policy
}
