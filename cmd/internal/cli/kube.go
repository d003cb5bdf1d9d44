package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/proxy/admission"
)

func (a *App) kubeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kube",
		Short: "What a cluster needs to know of assent",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(a.kubeWebhookCommand(), a.kubeGuardCommand())
	return cmd
}

// webhookOptions are the flags of kube webhook.
type webhookOptions struct {
	cluster, address, failure string
	except                    []string
}

func (a *App) kubeWebhookCommand() *cobra.Command {
	var o webhookOptions
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "Print the configuration that makes a cluster ask assent about each change",
		Long: `Prints a ValidatingWebhookConfiguration for kubectl apply -f -. With it the API server asks "assent serve" (at "admission"
in assent.yaml) about every change that it is about to store, whoever makes it and whichever way it came.

What came through assent is not judged twice, and what the control plane's own controllers do to carry out something that
was allowed is recorded as a consequence of it.

--on-failure says what becomes of changes when assent does not answer: Fail refuses them, so that nothing passes
unjudged, and the cluster cannot heal outside the excepted namespaces until assent is back; Ignore lets them pass unseen.
Status updates, events, leases, and what the control plane does to nodes are never asked about.

The path holds a secret: whoever may read webhook configurations may ask. Removing the configuration is itself a change of
the cluster (a delete in the group admissionregistration.k8s.io), which API servers do not ask about: let it be done through
assent alone.`,
		Example: `  assent kube webhook --cluster kind-kind | kubectl apply -f -`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.kubeWebhook(o) },
	}
	cmd.Flags().StringVar(&o.cluster, "cluster", "", "the cluster's `name` in the kubeconfigs under \"clusters\" in assent.yaml; not needed if there is one")
	cmd.Flags().StringVar(&o.address, "address", "", "the webhook's `URL` as the API server reaches it (default: \"admission\" in assent.yaml)")
	cmd.Flags().StringVar(&o.failure, "on-failure", "Fail", "Fail or Ignore")
	cmd.Flags().StringSliceVar(&o.except, "except", []string{"kube-system", "kube-public", "kube-node-lease"}, "`namespaces` that are not asked about")
	return cmd
}

func (a *App) kubeWebhook(o webhookOptions) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if o.failure != "Fail" && o.failure != "Ignore" {
		return exit{2, repaired{fmt.Errorf("--on-failure %q is not known", o.failure), "--on-failure Fail or --on-failure Ignore"}}
	}
	cluster, err := oneCluster(cfg, o.cluster)
	if err != nil {
		return err
	}
	address, err := doorAddress(o.address, cfg.Admission, config.FieldAdmission, "127.0.0.1:9443")
	if err != nil {
		return err
	}
	authority, _, err := a.authority(cfg)
	if err != nil {
		return err
	}
	key, err := a.webhookKey(cfg)
	if err != nil {
		return err
	}
	return webhookTemplate.Execute(a.Stdout, struct {
		URL, CA, Failure string
		Timeout          int
		Except           []string
	}{address + admission.Path(key, cluster), base64.StdEncoding.EncodeToString(authority.PEM()), o.failure, admission.Timeout, o.except})
}

// The rules name subresources one by one: status, and what else only reports, is
// left out. "*" alone has none of them.
var webhookTemplate = template.Must(template.New("webhook").Parse(`# What the API server asks assent about. Keep it as secret as the path in its url.
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: assent
webhooks:
- name: gate.assent.dev
  admissionReviewVersions: [v1]
  sideEffects: NoneOnDryRun
  failurePolicy: {{.Failure}}
  timeoutSeconds: {{.Timeout}}
  matchPolicy: Equivalent
  clientConfig:
    url: {{.URL}}
    caBundle: {{.CA}}
{{- if .Except}}
  namespaceSelector:
    matchExpressions:
    - {key: kubernetes.io/metadata.name, operator: NotIn, values: [{{range $i, $n := .Except}}{{if $i}}, {{end}}{{printf "%q" $n}}{{end}}]}
{{- end}}
  rules:
  - apiGroups: ["*"]
    apiVersions: ["*"]
    operations: [CREATE, UPDATE, DELETE]
    resources: ["*", "*/scale", "*/approval", "*/finalize", "*/resize", pods/binding, pods/eviction, pods/ephemeralcontainers, serviceaccounts/token]
    scope: "*"
  - apiGroups: [""]
    apiVersions: ["*"]
    operations: [CONNECT]
    resources: [pods/exec, pods/attach, pods/portforward, pods/proxy, services/proxy, nodes/proxy]
    scope: "*"
  matchConditions:
  - name: not-a-report
    expression: >-
      !(request.resource.group in ["coordination.k8s.io", "events.k8s.io", "metrics.k8s.io"])
      && !(request.resource.group == "" && request.resource.resource in ["events", "endpoints"])
      && request.resource.group != "discovery.k8s.io"
  - name: not-a-node-by-the-control-plane
    expression: >-
      !(request.resource.group == "" && request.resource.resource == "nodes" && request.userInfo.username.startsWith("system:"))
  - name: not-a-question
    expression: >-
      !(request.resource.group in ["authorization.k8s.io", "authentication.k8s.io"])
`))

// oneCluster finds a cluster of assent.yaml by name; without one there has to be
// exactly one.
func oneCluster(cfg *config.Config, name string) (string, error) {
	all, _, err := setup.Clusters(cfg.Clusters)
	if err != nil {
		return "", err
	}
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
	}
	switch {
	case len(names) == 0:
		return "", repaired{errors.New("no cluster is governed"), "name its kubeconfig under clusters: in assent.yaml"}
	case name == "" && len(names) == 1:
		return names[0], nil
	case slices.Contains(names, name):
		return name, nil
	}
	return "", repaired{fmt.Errorf("cluster %q is not one of %s", name, strings.Join(names, ", ")), "--cluster " + names[0]}
}

// webhookKey is what the webhook's secrets are made from.
func (a *App) webhookKey(cfg *config.Config) ([]byte, error) {
	return a.secret(cfg, "admission.key", "the webhook's key", "remove it, and print the webhook's configuration again")
}

// doorAddress is where others find one of the daemon's doors.
func doorAddress(flag, listen, field, example string) (string, error) {
	if flag != "" {
		u, err := url.Parse(flag)
		if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return "", exit{2, repaired{fmt.Errorf("--address %q is not an address", flag), "--address https://HOST:PORT"}}
		}
		return "https://" + u.Host, nil
	}
	if listen == "" {
		return "", repaired{fmt.Errorf("assent.yaml has no %s", field), "set " + field + ": " + example + ", and start assent serve again"}
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", field, err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() || port == "0" {
		return "", repaired{fmt.Errorf("%s is %s, which does not say how it is reached", field, listen), "--address https://HOST:" + port}
	}
	return "https://" + listen, nil
}
