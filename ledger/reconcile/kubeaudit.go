package reconcile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// decisionPrefix is how the ids of decisions begin.
const decisionPrefix = "dec_"

// webhookAnnotation is where the API server files what our webhook answers with:
// WEBHOOK/KEY. A client cannot write there.
const webhookAnnotation = "gate.assent.dev/decision"

// auditEvent is as much of audit.k8s.io/v1 Event as is read.
type auditEvent struct {
	Kind     string    `json:"kind"`
	Level    string    `json:"level"`
	AuditID  string    `json:"auditID"`
	Stage    string    `json:"stage"`
	URI      string    `json:"requestURI"`
	Verb     string    `json:"verb"`
	Received time.Time `json:"requestReceivedTimestamp"`
	IPs      []string  `json:"sourceIPs"`
	User     struct {
		Name   string   `json:"username"`
		Groups []string `json:"groups"`
	} `json:"user"`
	As struct {
		Name string `json:"username"`
	} `json:"impersonatedUser"`
	Object struct {
		Group       string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	Request json.RawMessage `json:"requestObject"`
	Status  struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Annotations map[string]string `json:"annotations"`
}

// own names the rule by which an event is the control plane's own doing. The API
// server vouches for these names, and whoever can take one has the cluster.
func (a auditEvent) own() string {
	name := a.User.Name
	switch {
	case a.As.Name != "":
		return "" // in somebody's name
	case name == "system:apiserver", name == "system:kube-controller-manager", name == "system:kube-scheduler":
		return "the control plane (" + name + ")"
	case strings.HasPrefix(name, "system:node:") && slices.Contains(a.User.Groups, "system:nodes"):
		return "a kubelet"
	case strings.HasPrefix(name, "system:serviceaccount:kube-system:"):
		return "a controller of kube-system"
	}
	return ""
}

func (a auditEvent) event(n Notion) Event {
	e := Event{
		Source: KubeAudit, ID: a.AuditID, Once: a.AuditID + " " + a.Received.Format(time.RFC3339Nano), RequestID: a.AuditID,
		Vouched: a.Annotations[webhookAnnotation], At: a.Received, Actor: a.User.Name, Region: a.Object.Namespace,
		Own: a.own(), Status: a.Status.Code,
	}
	if strings.HasPrefix(a.AuditID, decisionPrefix) {
		e.Decision = a.AuditID
	}
	if a.As.Name != "" {
		e.Actor += " as " + a.As.Name
	}
	if len(a.IPs) > 0 {
		e.From = a.IPs[0]
	}
	object := a.Request
	if string(object) == "null" {
		object = nil
	}
	e.Name, e.Verb, e.Dry = n.Kube(a.Verb, a.URI, object)
	if strings.HasPrefix(a.Verb, "delete") && object == nil && a.Level != "Request" && a.Level != "RequestResponse" {
		e.Dry = false // a delete's body overrides its query, and is not in the log
	}
	if a.Object.Subresource == "" {
		e.Object = a.Object.Name
	}
	var parts []string
	for _, part := range []string{a.Object.Namespace, a.Object.Resource, a.Object.Name, a.Object.Subresource} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	e.Target = strings.Join(parts, "/")
	switch code := a.Status.Code; {
	case a.Stage == "Panic", code >= 500:
		e.Result = Unclear
	case code >= 400:
		e.Result = Refused
	case code >= 100: // 101 opens a stream
		e.Result = Applied
	}
	return e
}

// ReadKubeAudit reads the audit log of an API server: JSON lines of
// audit.k8s.io/v1 Event, plain or gzipped. A request counts when it is over; one
// that is still streaming when the log ends counts too. The beginning of a last
// line, of a log that is being written, is left out.
func ReadKubeAudit(r io.Reader, n Notion, each func(Event) error) error {
	r, err := unzipped(r)
	if err != nil {
		return err
	}
	streaming := map[string]Event{} // begun and not over; bounded by the server's own limit of streams
	lines := bufio.NewReaderSize(r, 256<<10)
	for number := 1; ; number++ {
		line, err := wholeLine(lines)
		if err == io.EOF && !json.Valid(line) {
			break
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if len(strings.TrimSpace(string(line))) == 0 {
			continue
		}
		var a auditEvent
		if err := json.Unmarshal(line, &a); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if a.Kind != "Event" || a.AuditID == "" || a.Stage == "" || a.Received.IsZero() {
			return fmt.Errorf("line %d: it is no Event of audit.k8s.io/v1: kind, auditID, stage or requestReceivedTimestamp is missing", number)
		}
		switch a.Stage {
		case "ResponseStarted":
			e := a.event(n)
			streaming[e.Once] = e
		case "ResponseComplete", "Panic":
			e := a.event(n)
			delete(streaming, e.Once)
			if err := each(e); err != nil {
				return err
			}
		}
	}
	left := make([]Event, 0, len(streaming))
	for _, e := range streaming {
		left = append(left, e)
	}
	slices.SortFunc(left, func(a, b Event) int { return strings.Compare(a.Once, b.Once) })
	for _, e := range left {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// wholeLine reads one line; with io.EOF it may be the beginning of one.
func wholeLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxRecord:
			return nil, fmt.Errorf("it is longer than %d bytes", maxRecord)
		case errors.Is(err, bufio.ErrBufferFull):
		default:
			return line, err
		}
	}
}
