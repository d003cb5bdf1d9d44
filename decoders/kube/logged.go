package kube

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Logged says what a request does that the API server's audit log has, by the
// same tables as calls: verb and uri are the log's, object is the request's body,
// if the log has it. dry: it was only tried.
func Logged(verb, uri string, object []byte) (operation string, does model.Verb, dry bool) {
	path, _, _ := strings.Cut(uri, "?") // a command, a token: what is in a query is nobody's
	unknown := strings.TrimSpace(verb + " " + path)
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return unknown, model.Unknown, false
	}
	query := u.Query()
	method := loggedMethod(verb)
	route, err := RouteOf(method, u.Path, query)
	if err != nil {
		return unknown, model.Unknown, false
	}
	r := &reading{route: route, verb: verbOf(method, route)}
	r.call.Method = method
	if r.verb == model.Unknown {
		return r.operation(), r.verb, false
	}
	options := QueryOptions(route.Verb, query)
	if body := map[string]any{}; deletes(route.Verb) && len(object) > 0 && json.Unmarshal(object, &body) == nil {
		if given, err := DeleteOptions(body); err == nil {
			options = given
		}
	}
	return r.operation(), r.verb, options.Dry() && r.verb.Mutates()
}

func deletes(verb string) bool { return verb == "delete" || verb == "deletecollection" }

// loggedMethod is a method that the server logs as this verb. Of what is no
// resource, and of a proxied request, the verb is the method.
func loggedMethod(verb string) string {
	switch verb {
	case "get", "list", "watch":
		return http.MethodGet
	case "create":
		return http.MethodPost
	case "update":
		return http.MethodPut
	case "delete", "deletecollection":
		return http.MethodDelete
	}
	return strings.ToUpper(verb) // patch, head, post, …
}
