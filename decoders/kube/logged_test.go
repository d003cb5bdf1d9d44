package kube

import (
	"testing"

	"github.com/assent-iom/assent/model"
)

// The audit log's words lead to the same verbs as the calls themselves.
func TestWhatTheAuditLogSaysIsKnown(t *testing.T) {
	const pods = "/api/v1/namespaces/shop/pods"
	for _, c := range []struct {
		verb, uri, object, operation string
		does                         model.Verb
		dry                          bool
	}{
		{"create", pods, `{"kind":"Pod"}`, "create pods", model.Create, false},
		{"create", pods + "?dryRun=All", `{"kind":"Pod"}`, "create pods", model.Create, true},
		{"create", pods + "?dryRun=all", "", "create pods", model.Create, false},
		{"list", pods + "?limit=1", "", "list pods", model.List, false},
		{"watch", pods + "?watch=1", "", "watch pods", model.List, false},
		{"get", pods + "/p", "", "get pods", model.Read, false},
		{"get", pods + "/p/exec?command=secret", "", "get pods/exec", model.Execute, false},
		{"create", pods + "/p/eviction", "", "create pods/eviction", model.Delete, false},
		{"delete", pods + "/p", `{"kind":"DeleteOptions","dryRun":["All"]}`, "delete pods", model.Delete, true},
		{"delete", pods + "/p?dryRun=All", `{"kind":"DeleteOptions"}`, "delete pods", model.Delete, false},
		{"delete", pods + "/p?dryRun=All", "", "delete pods", model.Delete, true},
		{"deletecollection", pods, "", "deletecollection pods", model.Delete, false},
		{"patch", "/apis/apps/v1/namespaces/shop/deployments/web/scale", "", "patch deployments/scale", model.Scale, false},
		{"update", "/apis/rbac.authorization.k8s.io/v1/clusterroles/r", "", "update clusterroles", model.Grant, false},
		{"create", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "", "create selfsubjectaccessreviews", model.Read, false},
		{"get", "/healthz", "", "get /healthz", model.Read, false},
		{"post", "/anything", "", "post /anything", model.Unknown, false},
		{"create", "no uri?token=secret", "", "create no uri", model.Unknown, false},
		{"", "", "", "", model.Unknown, false},
	} {
		operation, does, dry := Logged(c.verb, c.uri, []byte(c.object))
		if operation != c.operation || does != c.does || dry != c.dry {
			t.Errorf("%s %s: %q %s %v, want %q %s %v", c.verb, c.uri, operation, does, dry, c.operation, c.does, c.dry)
		}
	}
}
