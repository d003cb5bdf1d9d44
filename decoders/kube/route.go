package kube

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders/kube/selector"
)

// Route is what the head of a request says, in the API server's own words
// (its RequestInfo). A request for something that is no resource (/version) has
// only Verb and Path.
type Route struct {
	Resourceful bool
	Path        string // decoded, below the cluster's prefix
	Verb        string // get list watch create update patch delete deletecollection proxy, or ""
	Group       string // "" is the nameless group
	Version     string
	Namespace   string
	Resource    string
	Subresource string
	Name        string
	Rest        []string // what follows the subresource: the path given to a proxied service

	FieldSelector string
	LabelSelector string
}

// RouteOf reads the head of a request by the rules of
// k8s.io/apiserver/pkg/endpoints/request.NewRequestInfo. path is the decoded
// path: the server resolves %2f too. An error means that readers on the way may
// take it for different requests.
func RouteOf(method, path string, query url.Values) (Route, error) {
	r := Route{Path: path, Verb: strings.ToLower(method)}
	for _, part := range strings.Split(path, "/") {
		if part == ".." {
			return r, fmt.Errorf("path %q has a .. segment", path)
		}
	}
	parts := splitPath(path)
	if len(parts) < 3 || (parts[0] != "api" && parts[0] != "apis") {
		return r, nil
	}
	prefix := parts[0]
	parts = parts[1:]
	if prefix == "apis" {
		if len(parts) < 3 {
			return r, nil
		}
		r.Group = parts[0]
		parts = parts[1:]
	}
	r.Resourceful = true
	r.Version = parts[0]
	parts = parts[1:]

	byPath := parts[0] == "proxy" || parts[0] == "watch" // the verb before 1.2: /api/v1/watch/pods
	if byPath {
		if len(parts) < 2 {
			return r, fmt.Errorf("path %q names no resource", path)
		}
		r.Verb = parts[0]
		parts = parts[1:]
	} else {
		r.Verb = verbOfMethod(method)
	}

	if parts[0] == "namespaces" && len(parts) > 1 {
		r.Namespace = parts[1]
		if len(parts) > 2 && parts[2] != "status" && parts[2] != "finalize" {
			parts = parts[2:]
		}
	}
	r.Resource = parts[0]
	if len(parts) >= 2 {
		r.Name = parts[1]
	}
	if len(parts) >= 3 && r.Verb != "proxy" {
		r.Subresource = parts[2]
		r.Rest = parts[3:]
	} else if len(parts) >= 3 {
		r.Rest = parts[2:]
	}
	if err := r.checkSegments(); err != nil {
		return r, err
	}
	r.selectors(query, byPath)
	return r, nil
}

// selectors settles what the path leaves open: whether a get without a name is
// a list or a watch, of which name, and whether a delete is of a collection.
func (r *Route) selectors(query url.Values, byPath bool) {
	if r.Name == "" && r.Verb == "get" {
		watch, fields, ok := listOptions(query)
		r.Verb = "list"
		if watch {
			r.Verb = "watch"
		}
		if name, exact := selector.ExactName(fields); ok && exact {
			r.Name = name
		}
	}
	if r.Name == "" && r.Verb == "delete" {
		r.Verb = "deletecollection"
	}
	if !byPath && (r.Verb == "list" || r.Verb == "watch" || r.Verb == "deletecollection") {
		r.FieldSelector = query.Get("fieldSelector")
		r.LabelSelector = query.Get("labelSelector")
	}
}

// checkSegments refuses what the server answers with 404 and what a balancer
// before it might clean into another request.
func (r *Route) checkSegments() error {
	for _, part := range []string{r.Group, r.Version, r.Namespace, r.Resource, r.Name, r.Subresource} {
		if part == "." {
			return fmt.Errorf("path %q has a . segment", r.Path)
		}
	}
	whole := strings.Trim(r.Path, "/")
	if len(r.Rest) > 0 { // the path of a proxied service is the service's own
		whole = strings.TrimSuffix(whole, strings.Join(r.Rest, "/"))
		whole = strings.TrimSuffix(whole, "/")
	}
	if strings.Contains(whole, "//") {
		return fmt.Errorf("path %q has an empty segment", r.Path)
	}
	return nil
}

func splitPath(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

func verbOfMethod(method string) string {
	switch method {
	case http.MethodPost:
		return "create"
	case http.MethodGet, http.MethodHead:
		return "get"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	default:
		return ""
	}
}

// listOptions reads the options of a list as the server does: one of them that
// cannot be read (limit=abc) makes it drop them all, but for watch.
func listOptions(query url.Values) (watch bool, fields []selector.FieldTerm, ok bool) {
	watch = boolOption(query, "watch")
	for _, key := range []string{"timeoutSeconds", "limit"} {
		if values := query[key]; len(values) > 0 {
			if _, err := strconv.ParseInt(values[0], 10, 64); err != nil {
				return watch, nil, false
			}
		}
	}
	if _, err := selector.Labels(query.Get("labelSelector")); err != nil {
		return watch, nil, false
	}
	fields, err := selector.Fields(query.Get("fieldSelector"))
	return watch, fields, err == nil
}

// boolOption: only absence, "false" and "0" are false; an empty value is true.
func boolOption(query url.Values, key string) bool {
	values := query[key]
	return len(values) > 0 && values[0] != "0" && !strings.EqualFold(values[0], "false")
}
