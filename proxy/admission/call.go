package admission

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/assent-iom/assent/decoders"
)

// call is the request that a review stands for, sent to base.
func (r *request) call(base *url.URL, host string) (decoders.Call, error) {
	c := decoders.Call{Scheme: base.Scheme, Host: host, Header: http.Header{"Content-Type": {"application/json"}}}
	query := url.Values{}
	if r.DryRun {
		query.Set("dryRun", "All")
	}
	named := true
	switch r.Operation {
	case "CREATE":
		c.Method, c.Body = http.MethodPost, body(r.Object)
		named = r.SubResource != "" // the name of what is created is in its body
	case "UPDATE":
		c.Method, c.Body = http.MethodPut, body(r.Object)
	case "DELETE":
		c.Method, c.Body = http.MethodDelete, body(r.Options)
		if r.DryRun && c.Body != nil {
			// The options of a delete are in its body, if it has one.
			options := map[string]json.RawMessage{}
			if err := json.Unmarshal(c.Body, &options); err != nil {
				return c, fmt.Errorf("reading the options: %w", err)
			}
			options["dryRun"] = json.RawMessage(`["All"]`)
			var err error
			if c.Body, err = json.Marshal(options); err != nil {
				return c, fmt.Errorf("writing the options: %w", err)
			}
		}
	case "CONNECT":
		c.Method = http.MethodPost
		if err := connect(r.Object, query); err != nil {
			return c, err
		}
	default:
		return c, fmt.Errorf("operation %q is not known", r.Operation)
	}
	path, err := r.path(named)
	if err != nil {
		return c, err
	}
	c.URL, err = url.Parse(strings.TrimSuffix(base.EscapedPath(), "/") + path)
	if err != nil {
		return c, fmt.Errorf("reading the place: %w", err)
	}
	c.URL.RawQuery = query.Encode()
	return c, nil
}

func body(raw json.RawMessage) []byte {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return raw
}

// path is where the object is at the API server.
func (r *request) path(named bool) (string, error) {
	parts := []string{"api", r.Resource.Version}
	if r.Resource.Group != "" {
		parts = []string{"apis", r.Resource.Group, r.Resource.Version}
	}
	if r.Namespace != "" && (r.Resource.Resource != "namespaces" || r.Resource.Group != "") {
		parts = append(parts, "namespaces", r.Namespace)
	}
	parts = append(parts, r.Resource.Resource)
	if named && r.Name != "" {
		parts = append(parts, r.Name)
	}
	if r.SubResource != "" {
		if !named || r.Name == "" {
			return "", fmt.Errorf("a %s of nothing", r.SubResource)
		}
		parts = append(parts, r.SubResource)
	}
	var path strings.Builder
	for _, p := range parts {
		// The API server has no such names; a path with them would be another's.
		if p == "" || p == "." || p == ".." || strings.ContainsAny(p, "/%") {
			return "", fmt.Errorf("%q cannot be part of a path", p)
		}
		path.WriteString("/" + url.PathEscape(p))
	}
	return path.String(), nil
}

// connect puts the options of an exec, attach, port-forward or proxy where the
// wire has them.
func connect(object json.RawMessage, query url.Values) error {
	options := map[string]any{}
	if body(object) == nil {
		return nil
	}
	if err := json.Unmarshal(object, &options); err != nil {
		return fmt.Errorf("reading the options: %w", err)
	}
	for key, value := range options {
		if key == "kind" || key == "apiVersion" {
			continue
		}
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			query.Add(key, fmt.Sprint(v))
		}
	}
	return nil
}
