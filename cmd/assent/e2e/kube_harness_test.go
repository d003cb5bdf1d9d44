package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// kube is a world whose KUBECONFIG leads to a real API server, with a namespace
// of its own as the context's.
type kube struct {
	*world
	cluster   *k8sboxtest.Cluster
	namespace string
	kubectl   string // the one on PATH, or where there is none the cluster's own
}

func newKube(t *testing.T, c *k8sboxtest.Cluster, user, namespace string) *kube {
	t.Helper()
	k := &kube{world: newWorld(t), cluster: c, namespace: namespace, kubectl: kubectls(c)[0]}
	if _, err := exec.LookPath("kubectl"); err != nil {
		k.env["PATH"] = filepath.Dir(c.Kubectl) + string(filepath.ListSeparator) + k.env["PATH"]
	}
	k.direct("create", "namespace", namespace)
	c.Settled(t, namespace)
	data, err := os.ReadFile(c.Kubeconfig[user])
	if err != nil {
		t.Fatal(err)
	}
	k.env["KUBECONFIG"] = k.write("kubeconfig", strings.Replace(string(data), "context: {", "context: {namespace: "+namespace+", ", 1))
	return k
}

// kubectls returns kubectls of this machine: the one on PATH first, then the oldest
// that lies beside it (before 1.30 they exec over SPDY alone), then the cluster's
// own. Without one on PATH the cluster's is the only one.
func kubectls(c *k8sboxtest.Cluster) []string {
	var all []string
	if path, err := exec.LookPath("kubectl"); err == nil {
		all = append(all, path)
		older := beside()
		all = append(all, older[:min(len(older), 1)]...) // sorted by name
	}
	return append(all, c.Kubectl)
}

// beside are the kubectls that lie beside the one on PATH, kubectl.1.29 for one,
// sorted by name.
func beside() []string {
	path, err := exec.LookPath("kubectl")
	if err != nil {
		return nil
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil
	}
	all, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "kubectl.[0-9]*"))
	return all
}

// direct runs kubectl as the administrator, past assent; it has to succeed.
func (k *kube) direct(args ...string) string {
	k.t.Helper()
	out, err := k.cluster.Run("admin", args...)
	if err != nil {
		k.t.Fatalf("%v: %s", err, out)
	}
	return out
}

// as runs kubectl through assent as an actor.
func (k *kube) as(actor string, args ...string) result {
	k.t.Helper()
	return k.assent(append([]string{"run", "--as", actor, "--", k.kubectl}, args...)...)
}

// entries returns the decisions on Kubernetes calls and what became of them.
func (k *kube) entries() (all []kubeDecision) {
	k.t.Helper()
	if _, err := os.Stat(filepath.Join(k.home, "state", "assent", "ledger", "ledger.db")); err != nil {
		return nil // nothing was recorded yet
	}
	at := map[string]int{}
	dec := json.NewDecoder(strings.NewReader(k.must(binary, "ledger", "tail", "--all", "--json").out))
	for {
		var e struct {
			Kind     string       `json:"kind"`
			Decision kubeDecision `json:"decision"`
			Outcome  struct {
				Decision  string `json:"decision"`
				RequestID string `json:"request_id"`
			} `json:"outcome"`
		}
		if err := dec.Decode(&e); err == io.EOF {
			return all
		} else if err != nil {
			k.t.Fatal(err)
		}
		switch e.Kind {
		case "change-decision":
			at[e.Decision.ID] = len(all)
			all = append(all, e.Decision)
		case "change-outcome":
			all[at[e.Outcome.Decision]].request = e.Outcome.RequestID
		}
	}
}

// kubeDecision is a decision with the server's own words for the call.
type kubeDecision struct {
	decision
	Action struct {
		Operation string                 `json:"operation"`
		Verb      string                 `json:"verb"`
		Portable  string                 `json:"capability"`
		Targets   []struct{ URN string } `json:"targets"`
		Unknown   []string               `json:"unknown"`
		Native    object                 `json:"native"`
	} `json:"action"`
	request string // the server's id of the call, which is its audit id
}

// object is what a request is about, in the words of the server.
type object struct {
	Verb        string `json:"verb"`
	Group       string `json:"group"`
	Resource    string `json:"resource"`
	Subresource string `json:"subresource"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
}

// write is a change that the API server has executed or tried to.
type write struct {
	id   string
	user string
	object
}

// writes reads the server's audit log: every change by somebody, dry runs and
// questions left out.
func (k *kube) writes() (all []write) {
	k.t.Helper()
	data, err := os.ReadFile(k.cluster.Audit)
	if err != nil {
		k.t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var e struct {
			AuditID, Stage, Verb, RequestURI string
			User                             struct{ Username string }
			ObjectRef                        struct{ APIGroup, Resource, Subresource, Namespace, Name string }
			RequestObject                    json.RawMessage // a patch may be a list
		}
		if json.Unmarshal(line, &e) != nil || e.Stage != "ResponseComplete" { // the last line may be half written
			continue
		}
		var options struct{ DryRun []string } // a delete has them in its body
		_ = json.Unmarshal(e.RequestObject, &options)
		connects := slices.Contains([]string{"exec", "attach", "portforward", "proxy"}, e.ObjectRef.Subresource)
		if !connects && !slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, e.Verb) ||
			strings.Contains(e.RequestURI, "dryRun=All") || len(options.DryRun) > 0 || e.ObjectRef.APIGroup == "authorization.k8s.io" {
			continue
		}
		o := e.ObjectRef
		all = append(all, write{e.AuditID, e.User.Username, object{e.Verb, o.APIGroup, o.Resource, o.Subresource, o.Namespace, o.Name}})
	}
	return all
}

// refusalLine is the whole of a refusal, as reason.Message words it and a client
// has to print it: what and why, the code, who is accountable, the next step, that
// it is policy, and the decision's id.
var refusalLine = regexp.MustCompile(`(?m)^(?:Error from server \(Forbidden\)|error: [^:]+): ` +
	`(assent refused this call: (.+) \((AS\d{4})\)\. Accountable: (.+)\. Next: (.+)\. ` +
	`This is policy, not an outage: do not retry or work around it\. Why: assent explain (dec_[0-9a-z]{20}))$`)

// refused fails the test unless kubectl printed a refusal word for word, ended
// with 1, and left one decision behind. It returns the refusal.
func (k *kube) refused(r result, before int) string {
	k.t.Helper()
	m := refusalLine.FindStringSubmatch(r.errOut)
	if m == nil || r.code != 1 {
		k.t.Errorf("not refused word for word, with exit code 1: %v", r)
		return ""
	}
	if len(m[1]) > 400 {
		k.t.Errorf("the refusal has %d characters", len(m[1]))
	}
	made := k.entries()[before:]
	if len(made) != 1 || made[0].ID != m[6] || made[0].Verdict != "deny" || made[0].request != "" {
		k.t.Errorf("want exactly the decision %s: %+v", m[6], made)
	}
	return m[1]
}

// kubeIntent declares the namespace NAMESPACE, and an agent that may create,
// update and scale workloads in it, clear away what nothing depends on, and exec
// into the pod open.
const kubeIntent = `
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop}
spec:
  tier: production
  scope:
    - {kubernetes: {clusters: [k8sbox], namespaces: [NAMESPACE]}}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: checkout}
spec:
  accountable: human:carol@shop.example
  contact: {slack: "#checkout"}
  owns:
    - {kubernetes: {namespace: NAMESPACE}}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: deploy-agent}
spec:
  kind: agent
  identify: [{run: deploy-agent}]
  owner: checkout
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: deploys, owner: checkout}
spec:
  purpose: What the deployment agent is for.
  allow:
    - id: workloads
      who: [deploy-agent]
      may: [create, update, scale]
      what: {capability: [compute.workload]}
      in: [shop]
    - id: leftovers
      who: [deploy-agent]
      may: [delete]
      what: {capability: [config, secret, identity.principal]}
      in: [shop]
      limits: {dependents: 0}
    - id: open-pod
      who: [deploy-agent]
      may: [execute]
      what: {resource: ["k8s://k8sbox/core/Pod/NAMESPACE/open"]}
      in: [shop]
`

// enforcing declares kubeIntent for the namespace and enforces it.
func (k *kube) enforcing() *kube {
	k.write("assent.yaml", "intent: intent\nmode: enforce\n")
	k.write("intent/shop.yaml", strings.ReplaceAll(kubeIntent, "NAMESPACE", k.namespace))
	return k
}

// kubeApp is a Deployment with all that it uses. Nothing runs: there is no kubelet.
const kubeApp = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
---
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {user: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: robot
      containers:
      - name: app
        image: registry.example/web:1
        envFrom: [{configMapRef: {name: settings}}]
        env: [{name: DB, valueFrom: {secretKeyRef: {name: db, key: user}}}]
`
