package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
	"github.com/assent-iom/assent/model"
)

// exam is real clients before a running daemon before a real API server, and three
// records of what they did: the daemon's ledger, the server's audit log, and what a
// witness saw pass between the two while it asked etcd what was written.
type exam struct {
	*world
	cluster   *k8sboxtest.Cluster
	gateway   string // the base of URLs through the gateway
	ca        string // file
	namespace string // the client's
	kubelet   bool   // there is one
}

// TestKubernetesExam holds what every client's requests were taken for against what
// the server and its etcd say that they were, on each version: one to one by
// Audit-ID, exactly, and nothing that wrote was taken for what writes nothing.
func TestKubernetesExam(t *testing.T) {
	for _, v := range k8sboxtest.Versions {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			examine(t, v)
		})
	}
}

func examine(t *testing.T, v k8sboxtest.Version) {
	all := clients(t, v)
	c := v.Start(t, "--controllers=false", "--feature-gates=CBORServingAndStorage=true")
	w := newWitness(t, c)
	k := &kube{world: newWorld(t), cluster: c, kubectl: c.Kubectl}
	port, gateway := freePort(t), freePort(t)
	config := w.kubeconfig(k.world, "admin")
	k.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nmode: observe\nclusters: [%q]\n", port, gateway, config))
	stop := k.serveUntil()
	e := &exam{world: k.world, cluster: c, gateway: "https://127.0.0.1:" + gateway + "/k8s/k8sbox", ca: filepath.Join(k.home, "state", "assent", "ca", "ca.pem")}
	doors := []string{
		k.write("gateway.kubeconfig", k.must(binary, "kubeconfig", "--as", "examiner", "--from", config).out),
		k.write("proxy.kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: x,
clusters: [{name: x, cluster: {server: %q, certificate-authority: %q, proxy-url: "http://127.0.0.1:%s"}}],
users: [{name: u, user: {token: %q}}], contexts: [{name: x, context: {cluster: x, user: u}}]}`, w.server.URL, e.ca, port, c.Token["admin"])),
	}

	logged := len(auditEvents(t, c.Audit))
	etcd := w.watch()
	for i, client := range all {
		if client.streams {
			e.startKubelet()
		}
		w.next(client.name, client.streams)
		e.namespace = client.name
		client.run(e, doors[i%len(doors)])
		if n := w.count(client); n < client.least {
			t.Errorf("%s: %d requests with a User-Agent of %s…, want at least %d", client.name, n, client.agent, client.least)
		}
	}
	etcd.until(w.revision())
	etcd.stop()
	stop()
	j := &join{t: t, version: v, seen: w.seen, ids: w.ids, etcd: etcd, decisions: k.examined()}
	waitFor(t, "the end of streams in the audit log", func() bool {
		j.events = slices.DeleteFunc(auditEvents(t, c.Audit)[logged:], func(e auditEvent) bool { return e.User.Username != "admin" }) // the node's
		return len(j.events) >= len(w.seen)-len(j.lost())
	})
	j.logged()
	j.decided()
	j.compare()
	if j.compared < 300 || j.wrote < 100 {
		t.Errorf("too little was compared: %s", j.report())
	}
	n := j.contents()
	for _, content := range []string{"json", "yaml", "cbor", "vnd.kubernetes.protobuf", "apply-patch+yaml", "apply-patch+cbor", "merge-patch+json", "json-patch+json", "strategic-merge-patch+json"} {
		if n["application/"+content] == 0 {
			t.Errorf("no client sent %s", content)
		}
	}
	if !t.Failed() {
		t.Logf("%s: %s; bodies: %v", c.Release, j.report(), n)
	}
	contains(t, "ledger verify", k.must(binary, "ledger", "verify").out, "verified")
}

// examined is a decision of the ledger with what became of it.
type examined struct {
	verdict, verb, fault string
	native               json.RawMessage
	outcomes             int
	status               int
	requestID            string
}

// examined reads the ledger: every decision, by id.
func (k *kube) examined() map[string]*examined {
	k.t.Helper()
	all := map[string]*examined{}
	dec := json.NewDecoder(strings.NewReader(k.must(binary, "ledger", "tail", "--all", "--json").out))
	for {
		var e struct {
			Kind     string
			Decision struct {
				ID, Verdict, Fault string
				Action             struct {
					Verb   string
					Native json.RawMessage
				}
			}
			Outcome struct {
				Decision  string
				Status    int
				RequestID string `json:"request_id"`
			}
		}
		if err := dec.Decode(&e); err == io.EOF {
			return all
		} else if err != nil {
			k.t.Fatal(err)
		}
		switch d := e.Decision; e.Kind {
		case "change-decision":
			if all[d.ID] != nil {
				k.t.Errorf("two decisions are called %s", d.ID)
			}
			all[d.ID] = &examined{verdict: d.Verdict, verb: d.Action.Verb, fault: d.Fault, native: d.Action.Native}
		case "change-outcome":
			d := all[e.Outcome.Decision]
			d.outcomes, d.status, d.requestID = d.outcomes+1, e.Outcome.Status, e.Outcome.RequestID
		}
	}
}

// auditEvent is as much of audit.k8s.io/v1 Event as is compared.
type auditEvent struct {
	AuditID    string `json:"auditID"`
	Stage      string `json:"stage"`
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		APIGroup    string `json:"apiGroup"`
		APIVersion  string `json:"apiVersion"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	RequestObject  any `json:"requestObject"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// auditEvents reads the audit log: the end of every request.
func auditEvents(t *testing.T, file string) (all []auditEvent) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e auditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("reading the audit log: %v", err)
		}
		if e.Stage == "ResponseComplete" || e.Stage == "Panic" {
			all = append(all, e)
		}
	}
	return all
}

// ownAgent is the User-Agent of what Assent asks the server itself, in its caller's
// name, to know what a change would touch.
const ownAgent = "assent"

// join puts the three records together.
type join struct {
	t         *testing.T
	version   k8sboxtest.Version
	seen      []*testimony
	ids       map[string]*testimony
	etcd      *history
	events    []auditEvent
	byID      map[string]auditEvent
	decisions map[string]*examined

	compared, wrote int
	keys            int            // that were written, each of them named by the decision
	asked           int            // requests of Assent's own
	apart           map[string]int // requests that were not compared, by the reason
}

// lost are the requests that this version's audit log loses: an apply that is no
// JSON cannot be written as any.
func (j *join) lost() (ids []string) {
	for _, s := range j.seen {
		if s.opaque && j.version == k8sboxtest.Older {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// logged: each event is of one request that the witness saw, and the only one.
func (j *join) logged() {
	j.byID = map[string]auditEvent{}
	for _, e := range j.events {
		if _, twice := j.byID[e.AuditID]; twice {
			j.t.Errorf("%s is logged twice", e.AuditID)
		}
		j.byID[e.AuditID] = e
		if j.ids[e.AuditID] == nil {
			j.t.Errorf("the server was asked past assent: %s %s (%s)", e.Verb, e.RequestURI, e.AuditID)
		}
	}
}

// decided: each decision of the ledger was forwarded, once, and answered as it says.
func (j *join) decided() {
	for id, d := range j.decisions {
		s := j.ids[id]
		switch {
		case s == nil:
			j.t.Errorf("%s was decided, and nothing was forwarded under it: %s", id, d.native)
		case d.outcomes == 1 && d.status == http.StatusSwitchingProtocols && d.requestID == "": // the server says no id of a stream
		case d.outcomes != 1 || d.requestID != id || d.status != s.status:
			j.t.Errorf("%s %s: %d outcomes, status %d (the server's %d), its id %q", id, s.request, d.outcomes, d.status, s.status, d.requestID)
		}
	}
	for _, s := range j.seen {
		if strings.HasPrefix(s.id, "dec_") && j.decisions[s.id] == nil {
			j.t.Errorf("%s was forwarded under %s, which is not in the ledger", s.request, s.id)
		}
	}
}

// compare holds each request against what the server and etcd say of it.
func (j *join) compare() {
	j.apart = map[string]int{}
	for _, s := range j.seen {
		d := j.decisions[s.id]
		mutates := s.err != nil || s.action.Mutates()
		if s.agent == ownAgent { // nothing that it asks for itself may change anything
			j.asked++
			if mutates || d != nil {
				j.t.Errorf("assent itself sent %s: %s (%v)", s.request, s.action.Verb, s.err)
			}
		} else if recorded := d != nil; recorded != (mutates || s.action.Verb == "reveal") {
			j.t.Errorf("%s is %s (%v), and a decision is recorded: %v", s.request, s.action.Verb, s.err, recorded)
		}
		if s.err == nil && d != nil && (d.verb != string(s.action.Verb) || !sameJSON(d.native, s.action.Native)) {
			j.t.Errorf("%s: judged was\n %s %s\nforwarded was\n %s %s", s.request, d.verb, d.native, s.action.Verb, s.action.Native)
		}
		if keys := j.etcd.written(s.before, s.after); len(keys) > 0 {
			j.wrote++
			if !mutates {
				j.t.Errorf("%s (%d) was judged to write nothing (%s, dry run: %v), and wrote %q", s.request, s.status, s.action.Verb, s.action.DryRun, keys)
			}
			for _, key := range keys {
				if d == nil || len(d.native) == 0 {
					continue // what could not be read is of no object, and refused when enforcing
				}
				if j.keys++; !named(d.native, key) {
					j.t.Errorf("%s (%d) wrote %s, which its decision does not name: %s", s.request, s.status, key, d.native)
				}
			}
		}
		event, found := j.byID[s.id]
		if why := j.why(s, event, found); why != "" {
			j.apart[why]++
			continue
		}
		if s.agent != ownAgent {
			j.compared++
		}
		if err := agrees(s, event); err != nil {
			j.t.Errorf("%s (%d): %v", s.request, event.ResponseStatus.Code, err)
		}
	}
}

// named reports whether a decision names the object that a key of etcd holds. What the
// server keeps beside an object that it stores, an address of a Service, goes with it.
func named(native json.RawMessage, key string) bool {
	var is struct{ Group, Resource, Namespace, Name string }
	if json.Unmarshal(native, &is) != nil || is.Resource == "" {
		return false
	}
	place := is.Resource + "/"
	switch {
	case is.Group == "" && is.Resource == "services":
		if strings.HasPrefix(key, "/registry/ipaddresses/") || strings.HasPrefix(key, "/registry/ranges/service") {
			return true
		}
		place = "services/specs/"
	case is.Group == "" && is.Resource == "nodes":
		place = "minions/"
	case is.Group == "networking.k8s.io" && is.Resource == "ingresses":
		place = "ingress/"
	case is.Resource == "namespaces":
		is.Namespace = "" // the path of a request about a namespace names it twice
	}
	if is.Namespace != "" {
		place += is.Namespace + "/"
	}
	rest, found := strings.CutPrefix(key, "/registry/")
	if !found {
		return false
	}
	if after, grouped := strings.CutPrefix(rest, is.Group+"/"); grouped && is.Group != "" {
		rest = after // kinds of a definition, and some of the server's own, are kept by group
	}
	name, here := strings.CutPrefix(rest, place)
	return here && (is.Name == "" && !strings.Contains(name, "/") || name == is.Name)
}

// why names the reason for which a request is not compared; "" is none.
func (j *join) why(s *testimony, e auditEvent, found bool) string {
	lost := slices.Contains(j.lost(), s.id)
	if !found && !lost {
		j.t.Errorf("%s (%d, %s) is not in the audit log", s.request, s.status, s.id)
	}
	code := e.ResponseStatus.Code
	switch {
	case lost:
		return "an apply that is no JSON, which this version's audit log loses"
	case code >= 400 && code != 404 && code != 409:
		return fmt.Sprint("refused by the server: ", code)
	}
	for _, c := range contested {
		if c.is(s.request) {
			if s.err == nil && s.action.Fidelity != model.Opaque {
				j.t.Errorf("%s is contested, and was read: %s", s.request, s.action.Native)
			}
			return c.why
		}
	}
	return ""
}

// report says how much there was to compare.
func (j *join) report() string {
	var apart []string
	for _, why := range slices.Sorted(maps.Keys(j.apart)) {
		apart = append(apart, fmt.Sprintf("%d %s", j.apart[why], why))
	}
	return fmt.Sprintf("%d requests, and %d of assent's own, %d decisions; %d compared with the audit log, all exact, as are assent's own; %d wrote to etcd, none of them judged to write nothing, %d keys, each in its decision's set; not compared: %s",
		len(j.seen)-j.asked, j.asked, len(j.decisions), j.compared, j.wrote, j.keys, strings.Join(apart, "; "))
}

// contents counts the requests by what their bodies are.
func (j *join) contents() map[string]int {
	n := map[string]int{}
	for _, s := range j.seen {
		n[s.content]++
	}
	return n
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
