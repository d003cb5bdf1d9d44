package kube

import (
	"strings"

	"github.com/assent-iom/assent/model"
)

// URN spells k8s://CLUSTER/GROUP/KIND/NAMESPACE/NAME. A slash inside a part
// (a cluster's ARN as its name, system:serviceaccount names have none) is %2F.
func URN(cluster, group, kind, namespace, name string) model.URN {
	parts := []string{cluster, groupName(group), kind, namespace, name}
	for i, p := range parts {
		parts[i] = escape(p)
	}
	return model.URN("k8s://" + strings.Join(parts, "/"))
}

// ClusterPrefix begins the URN of everything in a cluster.
func ClusterPrefix(cluster string) string { return "k8s://" + escape(cluster) + "/" }

// Identity is a URN taken apart. The nameless group is core.
type Identity struct{ Cluster, Group, Kind, Namespace, Name string }

// ParseURN takes a URN apart; what is no URN of Kubernetes leaves parts empty.
func ParseURN(u model.URN) Identity {
	parts := strings.Split(strings.TrimPrefix(string(u), "k8s://"), "/")
	for len(parts) < 5 {
		parts = append(parts, "")
	}
	if strings.Contains(string(u), "%") {
		plain := strings.NewReplacer("%2F", "/", "%25", "%")
		for i := range parts {
			parts[i] = plain.Replace(parts[i])
		}
	}
	return Identity{parts[0], parts[1], parts[2], parts[3], parts[4]}
}

func escape(part string) string {
	if !strings.ContainsAny(part, "/%") {
		return part
	}
	return strings.NewReplacer("%", "%25", "/", "%2F").Replace(part)
}

// target is the object, or the collection, that the call is about.
func (r *reading) target() model.Target {
	rt := r.route
	kind, cluster, known := kindOf(rt.Group, rt.Resource)
	if !known {
		kind = rt.Resource
		if said := r.bodyKind(); said != "" && rt.Subresource == "" && !strings.HasPrefix(rt.Verb, "delete") {
			kind = said
		}
	}
	name, namespace, role := rt.Name, rt.Namespace, model.RoleTarget
	if rt.Verb == "create" && rt.Subresource == "" && r.verb.Mutates() {
		role = model.RoleCreated
		if name == "" {
			name, _, _ = r.bodyNames()
		}
	}
	if rt.Group == "" && rt.Resource == "bindings" {
		kind, role = "Pod", model.RoleTarget
	}
	switch {
	case cluster:
		namespace = ""
	case namespace == "" && (known || name == ""):
		namespace = "*" // all of them
	}
	if name == "" {
		name = "*"
	}
	return model.Target{URN: URN(r.cluster, rt.Group, kind, namespace, name), Type: groupName(rt.Group) + "/" + kind, Role: role}
}
