package kube

import (
	"encoding/json"
	"maps"
)

// native is what only Kubernetes has words for. The first seven are a contract.
type native struct {
	Verb        string `json:"verb"`
	Group       string `json:"group"`
	Version     string `json:"version"`
	Resource    string `json:"resource"`
	Subresource string `json:"subresource"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`

	Path           string         `json:"path,omitempty"` // of what is no resource
	FieldSelector  string         `json:"field_selector,omitempty"`
	LabelSelector  string         `json:"label_selector,omitempty"`
	MayCreate      bool           `json:"may_create,omitempty"` // makes the object if it is not there
	Impersonate    *Impersonation `json:"impersonate,omitempty"`
	KubectlCommand string         `json:"kubectl_command,omitempty"`
	UserAgent      string         `json:"user_agent,omitempty"`
}

// native repeats the route in the server's words. A name that only the body has
// is not in it, as it is not in the server's audit log.
func (r *reading) native() native {
	rt := r.route
	n := native{
		Verb: rt.Verb, Group: rt.Group, Version: rt.Version, Resource: rt.Resource,
		Subresource: rt.Subresource, Namespace: rt.Namespace, Name: rt.Name,
		FieldSelector: rt.FieldSelector, LabelSelector: rt.LabelSelector,
		MayCreate:      mayCreate(rt, r.body.Patch),
		Impersonate:    impersonated(r.call.Header),
		KubectlCommand: r.call.Header.Get("Kubectl-Command"),
		UserAgent:      r.call.Header.Get("User-Agent"),
	}
	if !rt.Resourceful {
		n.Path = rt.Path
	}
	return n
}

// params is the native input, with secrets taken out.
func (r *reading) params() json.RawMessage {
	p := map[string]any{}
	if r.body.Read && r.body.Value != nil && r.verb != "" {
		value := r.body.Value
		if !r.secrets {
			value = redact(value, isSecretRoute(r.route))
		}
		switch {
		case r.body.Patch != "":
			p["patch"], p["patch_type"] = value, r.body.Patch
		case r.route.Verb == "create" || r.route.Verb == "update":
			p["object"] = value
		}
	}
	if r.result.base == "/result" {
		result := any(asDeclared(r.result.object))
		if !r.secrets {
			result = redact(result, isSecretRoute(r.route))
		}
		p["result"] = result
		p["changes"] = r.result.changed
	}
	if r.result.refuse != "" {
		p["result_unknown"] = redactText(r.result.refuse)
	}
	if !r.options.empty() {
		p["options"] = r.options
	}
	for _, key := range r.streamOptions() {
		if values := r.query[key]; len(values) > 0 {
			if !r.secrets {
				values = redactCommand(values)
			}
			if key == "command" || key == "ports" {
				p[key] = values
			} else {
				p[key] = values[0]
			}
		}
	}
	if r.route.Resourceful && len(r.route.Rest) > 0 {
		p["path"] = redactText("/" + join(r.route.Rest))
	}
	if len(p) == 0 {
		return nil
	}
	return encode(p)
}

// streamOptions are the query's words that say what a connection does.
func (r *reading) streamOptions() []string {
	switch r.route.Subresource {
	case "exec":
		return []string{"command", "container", "stdin", "tty"}
	case "attach", "log":
		return []string{"container"}
	case "portforward":
		return []string{"ports"}
	}
	return nil
}

// asDeclared is an object without what the server keeps in it: two tries of one
// patch then make one result, though the status changed meanwhile.
func asDeclared(object map[string]any) map[string]any {
	object = maps.Clone(object)
	delete(object, "status")
	if meta := maps.Clone(dict(object, "metadata")); meta != nil {
		for _, key := range []string{"managedFields", "resourceVersion", "generation"} {
			delete(meta, key)
		}
		object["metadata"] = meta
	}
	return object
}
