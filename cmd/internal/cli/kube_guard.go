package cli

import (
	"fmt"
	"regexp"
	"slices"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/proxy/broker"
)

// guardOptions are the flags of kube guard.
type guardOptions struct {
	namespaces []string
	account    string
}

func (a *App) kubeGuardCommand() *cobra.Command {
	var o guardOptions
	cmd := &cobra.Command{
		Use:   "guard",
		Short: "Print the policy that refuses changes which did not come through assent",
		Long: `Prints, for kubectl apply -f -: a service account for assent with the right to impersonate, and a
ValidatingAdmissionPolicy that refuses every change in the governed namespaces, and of them, whose user does not carry a ticket. Only
who may impersonate the extra "assent.dev/ticket" can carry one: nobody but assent should have that right, which a
cluster-admin has by having all. The control plane's own controllers are excepted, so that what was allowed rolls out.
It is checked inside the API server: there is nothing that could be down.

Then give assent a kubeconfig whose only user is that service account (kubectl create token), under "clusters" in
assent.yaml, and name the cluster under "guarded".

API servers do not put policies themselves under policies: who may delete this one is for RBAC to say, and through assent
it is a grant of k8s.admission.`,
		Example: `  assent kube guard --namespace shop --namespace billing | kubectl apply -f -
  assent kube guard | kubectl apply -f -    # every namespace but kube-system and its like`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.kubeGuard(o) },
	}
	cmd.Flags().StringSliceVar(&o.namespaces, "namespace", nil, "a governed `namespace` (default: all but kube-system, kube-public, kube-node-lease and assent's own)")
	cmd.Flags().StringVar(&o.account, "account-namespace", "assent-system", "the `namespace` of assent's service account")
	return cmd
}

// dnsLabel is what a namespace may be called (RFC 1123).
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (a *App) kubeGuard(o guardOptions) error {
	for _, n := range append([]string{o.account}, o.namespaces...) {
		if !dnsLabel.MatchString(n) {
			return exit{2, repaired{fmt.Errorf("%q cannot be the name of a namespace", n), "give the name of a namespace, such as shop"}}
		}
	}
	return guardTemplate.Execute(a.Stdout, struct {
		Ticket, Account string
		Namespaces      []string
	}{broker.TicketExtra, o.account, o.namespaces})
}

var guardTemplate = template.Must(template.New("guard").Parse(`apiVersion: v1
kind: Namespace
metadata: {name: {{.Account}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: assent, namespace: {{.Account}}}
---
# Whoever has this may act as anybody: it is assent's alone.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: assent-impersonator}
rules:
- {apiGroups: [""], resources: [users, groups, serviceaccounts], verbs: [impersonate]}
- {apiGroups: [authentication.k8s.io], resources: ["*"], verbs: [impersonate]} # uids, and extras, userextras/{{.Ticket}} among them
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: assent-impersonator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: assent-impersonator}
subjects:
- {kind: ServiceAccount, name: assent, namespace: {{.Account}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: assent-guard}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - apiGroups: ["*"]
      apiVersions: ["*"]
      operations: [CREATE, UPDATE, DELETE]
      scope: Namespaced
      resources: ["*", "*/scale", "*/status", "*/approval", "*/finalize", "*/resize", pods/binding, pods/eviction, pods/ephemeralcontainers, serviceaccounts/token]
    - apiGroups: [""]
      apiVersions: ["*"]
      operations: [CREATE, UPDATE, DELETE]
      resources: [namespaces, namespaces/finalize]
    - apiGroups: [""]
      apiVersions: ["*"]
      operations: [CONNECT]
      resources: [pods/exec, pods/attach, pods/portforward, pods/proxy, services/proxy]
  matchConditions:
  - name: not-the-control-plane
    expression: >-
      !(request.userInfo.username.startsWith("system:serviceaccount:kube-system:")
      || (request.userInfo.username.startsWith("system:node:") && "system:nodes" in request.userInfo.groups)
      || request.userInfo.username in ["system:kube-controller-manager", "system:kube-scheduler", "system:apiserver"])
  - name: not-a-report
    expression: >-
      !(request.resource.group in ["coordination.k8s.io", "events.k8s.io", "authorization.k8s.io"])
      && !(request.resource.group == "" && request.resource.resource == "events")
  validations:
  - expression: >-
      has(request.userInfo.extra) && "{{.Ticket}}" in request.userInfo.extra
      && request.userInfo.extra["{{.Ticket}}"].size() == 1
      && request.userInfo.extra["{{.Ticket}}"][0].startsWith("dec_")
    reason: Forbidden
    message: >-
      changes here go through assent, and this one did not. This is policy, not an outage: use the kubeconfig that
      assent kubeconfig writes, or assent run
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: assent-guard}
spec:
  policyName: assent-guard
  validationActions: [Deny]
  matchResources:
    namespaceSelector:
      # By name, which nobody can change; another label could be taken off.
      matchExpressions:
{{- if .Namespaces}}
      - {key: kubernetes.io/metadata.name, operator: In, values: [{{range $i, $n := .Namespaces}}{{if $i}}, {{end}}{{printf "%q" $n}}{{end}}]}
{{- else}}
      - {key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system, kube-public, kube-node-lease, {{.Account}}]}
{{- end}}
`))

// mark marks the clusters of a field of assent.yaml by name.
func mark(clusters []engine.Cluster, field string, names []string, as func(*engine.Cluster)) error {
	for _, name := range names {
		i := slices.IndexFunc(clusters, func(c engine.Cluster) bool { return c.Name == name })
		if i < 0 {
			return repaired{fmt.Errorf("cluster %q is in %s, and no kubeconfig under clusters has it", name, field), "name its kubeconfig under clusters: in assent.yaml"}
		}
		as(&clusters[i])
	}
	return nil
}

// guarded: changes are sent to it under assent's own identity. exactly: it tries them first.
func guarded(c *engine.Cluster) { c.Guarded = true }
func exactly(c *engine.Cluster) { c.Exact = true }
