// Package admission is the door for what does not pass the proxy: API servers ask
// it, by their ValidatingAdmissionWebhook, about each change before they store it,
// and the same gate judges it as any call.
//
// # How a review is read
//
// A review is turned back into the request that it stands for: the operation is
// the method, kind, namespace, name and subresource are the path, the object is
// the body, a dry run is a dry run. The platform's decoder reads that. What differs
// from the wire: a patch arrives as the object that it results in, with defaults;
// the user is one that the API server knows (Actor.Authn kubernetes); reads,
// logs and watches do not arrive at all.
//
// # What is not judged again
//
//   - A change that is in flight through the proxy: by the ticket in its user's
//     extras, where the proxy adds one, else by its object.
//   - What a controller of the control plane does to carry out something allowed:
//     its object, or the owner of its object, was allowed here, or its namespace is
//     being deleted. It is recorded as a consequence of that decision. Where the
//     parent is not known it is judged. What is known of parents outlives the process
//     (Memory), for as many objects as OriginsKept.
//
// # What it promises
//
// A review that is refused is answered 403 with the decision's line. One that is
// allowed is not patched; the decision's id is among its audit annotations. What
// cannot be read is answered 400, and a door that is closed does not answer: the
// webhook's failurePolicy says what the API server makes of it. Whether the change
// was stored in the end is for the API server's log to tell: the outcome of a
// review is recorded as unknown.
//
// Only a caller that knows the path's secret is listened to; it stands in the
// webhook's configuration.
package admission

import "encoding/json"

// review is admission.k8s.io/v1 AdmissionReview, as far as it is read.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID         string          `json:"uid"`
	Resource    resource        `json:"resource"`
	SubResource string          `json:"subResource"`
	Name        string          `json:"name"`
	Namespace   string          `json:"namespace"`
	Operation   string          `json:"operation"` // CREATE UPDATE DELETE CONNECT
	UserInfo    userInfo        `json:"userInfo"`
	Object      json.RawMessage `json:"object"`
	OldObject   json.RawMessage `json:"oldObject"`
	DryRun      bool            `json:"dryRun"`
	Options     json.RawMessage `json:"options"`
}

type resource struct {
	Group    string `json:"group"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
}

type userInfo struct {
	Username string              `json:"username"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

type response struct {
	UID              string            `json:"uid"`
	Allowed          bool              `json:"allowed"`
	Status           *status           `json:"status,omitempty"`
	Warnings         []string          `json:"warnings,omitempty"`
	AuditAnnotations map[string]string `json:"auditAnnotations,omitempty"`
}

type status struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	Reason  string `json:"reason"`
	Code    int    `json:"code"`
}

// metadata is what is read of an object to find where it comes from.
type metadata struct {
	Metadata struct {
		UID    string `json:"uid"`
		Owners []struct {
			UID        string `json:"uid"`
			Controller bool   `json:"controller"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
}
