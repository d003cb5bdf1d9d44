package kube

import (
	"net/http"
	"strings"

	"github.com/assent-iom/assent/model"
)

// verbOf says what a request does. What this table does not surely know to be a
// read is a change, and what it does not know at all is unknown.
func verbOf(method string, r Route) model.Verb {
	reading := method == http.MethodGet || method == http.MethodHead
	if !r.Resourceful {
		if reading && serverOwn(r.Path) {
			return model.Read
		}
		return model.Unknown
	}
	if r.Verb == "proxy" {
		return model.Execute
	}
	switch r.Subresource {
	case "proxy", "exec", "attach", "portforward":
		return model.Execute
	}
	switch r.Verb {
	case "get", "list", "watch":
		if !reading {
			return model.Unknown // /api/v1/watch/… by another method
		}
		return readVerb(r)
	case "create", "update", "patch":
		return writeVerb(r)
	case "delete", "deletecollection":
		return deleteVerb(r)
	}
	return model.Unknown
}

// serverOwn reports a path of which every API server says something about itself. Any
// other may be a second cluster's behind the same host, or a sign-in.
func serverOwn(path string) bool {
	parts := splitPath(path)
	if len(parts) == 0 {
		return true
	}
	switch parts[0] {
	case "api", "apis", "healthz", "livez", "readyz", "version", "openapi", "metrics", "logs", "debug", "openid", ".well-known",
		"configz", "flagz", "statusz", "swagger.json", "swaggerapi", "swagger-2.0.0.json", "swagger-2.0.0.pb-v1", "swagger-2.0.0.pb-v1.gz":
		return true
	}
	return false
}

func readVerb(r Route) model.Verb {
	if r.Subresource != "" && !plainSubresource(r) {
		return model.Unknown // aggregated APIs have consoles and tunnels behind a GET
	}
	switch {
	case r.Group == "" && r.Resource == "secrets":
		return model.Reveal
	case r.Name != "":
		return model.Read
	case r.Verb == "get":
		return model.Read
	default:
		return model.List
	}
}

func writeVerb(r Route) model.Verb {
	if isReview(r) {
		return model.Read
	}
	switch r.Subresource {
	case "":
	case "scale":
		return model.Scale
	case "eviction", "finalize":
		return model.Delete // finalize lets go of a namespace that is being deleted
	case "binding":
		return model.Attach
	case "ephemeralcontainers":
		return model.Execute
	case "token":
		if r.Group == "" && r.Resource == "serviceaccounts" && r.Verb == "create" {
			return model.Reveal // hands out a credential, creates nothing that stays
		}
		return model.Unknown
	case "approval":
		return model.Grant
	case "status", "resize":
		return model.Update
	default:
		return model.Unknown
	}
	switch {
	case guards(r):
		return model.Grant
	case r.Group == "" && r.Resource == "bindings":
		return model.Attach
	case r.Verb == "create":
		return model.Create
	default:
		return model.Update
	}
}

func deleteVerb(r Route) model.Verb {
	switch {
	case r.Subresource != "":
		return model.Unknown
	case r.Group == "admissionregistration.k8s.io":
		return model.Grant // a guard less
	case r.Group == "rbac.authorization.k8s.io":
		return model.Revoke
	default:
		return model.Delete
	}
}

// guards: who may do what, and what watches over it.
func guards(r Route) bool {
	switch r.Group {
	case "rbac.authorization.k8s.io", "admissionregistration.k8s.io":
		return true
	}
	return false
}

// isReview: a question put by POST, which changes nothing.
func isReview(r Route) bool {
	if r.Verb != "create" || r.Subresource != "" || r.Name != "" {
		return false
	}
	switch r.Group {
	case "authorization.k8s.io":
		switch r.Resource {
		case "subjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews", "localsubjectaccessreviews":
			return true
		}
	case "authentication.k8s.io":
		return r.Resource == "tokenreviews" || r.Resource == "selfsubjectreviews"
	}
	return false
}

// plainSubresource: a GET of it reads the object, or its log.
func plainSubresource(r Route) bool {
	switch r.Subresource {
	case "status", "scale":
		return true
	}
	if !builtIn(r.Group) {
		return false
	}
	switch r.Subresource {
	case "log", "ephemeralcontainers", "resize", "approval", "finalize", "eviction", "binding", "token":
		return true
	}
	return false
}

// builtIn: the groups that the API server itself serves. Names below k8s.io are
// reserved by the project, but some (metrics.k8s.io) are aggregated.
func builtIn(group string) bool {
	switch group {
	case "", "apps", "batch", "autoscaling", "policy", "extensions", "apiextensions.k8s.io", "apiregistration.k8s.io":
		return true
	case "metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io":
		return false
	}
	return strings.HasSuffix(group, ".k8s.io") && strings.Count(group, ".") <= 3 && kinds[group] != nil
}

// mayCreate: the request makes the object if it is not there.
func mayCreate(r Route, patch string) bool {
	return r.Subresource == "" && (r.Verb == "update" || r.Verb == "patch" && patch == "apply")
}
