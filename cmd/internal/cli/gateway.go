package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy/actor"
)

// kubeconfigOptions are the flags of kubeconfig.
type kubeconfigOptions struct {
	identity
	from     []string
	address  string
	lifetime time.Duration
}

func (a *App) kubeconfigCommand() *cobra.Command {
	var o kubeconfigOptions
	cmd := &cobra.Command{
		Use:   "kubeconfig [flags]",
		Short: "Write a kubeconfig that leads through the gateway of assent serve",
		Long: `Prints the kubeconfig that the actor uses instead of its own: the same clusters, contexts and credentials, with the
gateway of "assent serve" as the server. It works for programs that ignore proxies, and for clusters on this machine.

The actor is known by a client certificate in it, which only the gateway looks at; a token or a plugin of the actor's
own goes on to the cluster. Client certificates of its own end at the gateway: the cluster is then reached with those of
the kubeconfig under "clusters" in assent.yaml, if it has any. The certificate cannot be taken back before its end.

It reads the daemon's authority ("ca" in assent.yaml): run it as the daemon's user.`,
		Example: `  assent kubeconfig --as deploy-agent > deploy-agent.kubeconfig`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.kubeconfig(o) },
	}
	o.flags(cmd)
	cmd.Flags().StringSliceVar(&o.from, "from", nil, "the actor's own kubeconfig `file` (default $KUBECONFIG, or kubectl's)")
	cmd.Flags().StringVar(&o.address, "address", "", "the gateway's `URL` as the actor reaches it (default: \"gateway\" in assent.yaml)")
	cmd.Flags().DurationVar(&o.lifetime, "lifetime", 24*time.Hour, "how long the certificate is good, at most 720h")
	return cmd
}

func (a *App) kubeconfig(o kubeconfigOptions) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	who, err := o.actor(a)
	if err != nil {
		return err
	}
	address, err := doorAddress(o.address, cfg.Gateway, config.FieldGateway, "127.0.0.1:8443")
	if err != nil {
		return err
	}
	files := o.from
	if len(files) == 0 {
		files = setup.KubeconfigFiles(a.Getenv, a.Home)
	}
	k, err := setup.ReadKubeconfig(files, setup.ReadFile)
	if err != nil {
		return err
	}
	if k == nil {
		return repaired{fmt.Errorf("there is no kubeconfig at %s", strings.Join(files, ", ")), "assent kubeconfig --from FILE"}
	}
	served, _, err := setup.Clusters(cfg.Clusters)
	if err != nil {
		return err
	}
	authority, _, err := a.authority(cfg)
	if err != nil {
		return err
	}
	out, left, err := throughGateway(k, authority, address, who, "", o.lifetime, func(c setup.Cluster) string {
		for _, s := range served {
			if s.Host == c.Host && s.PathPrefix == c.PathPrefix {
				return engine.GatewayPath(s.Name)
			}
		}
		return ""
	})
	if err != nil {
		return err
	}
	for _, name := range left {
		a.note("note: cluster %s is not in the kubeconfigs under \"clusters\" in assent.yaml, so the gateway does not serve it: it is left out", name)
	}
	if len(left) > 0 && len(left) == len(k.Clusters) {
		return repaired{fmt.Errorf("the gateway serves none of the clusters in %s", strings.Join(files, ", ")), "add the file to clusters: in assent.yaml, and start assent serve again"}
	}
	_, err = a.Stdout.Write(out)
	return err
}

// throughGateway rewrites a kubeconfig for an actor.
func throughGateway(k *setup.Kubeconfig, authority *certs.Authority, address string, who model.Actor, run string, lifetime time.Duration, path func(setup.Cluster) string) ([]byte, []string, error) {
	cert, key, err := authority.Client(actor.URI(who, run), lifetime)
	if err != nil {
		return nil, nil, err
	}
	return k.Through(setup.Gateway{Address: address, CA: authority.PEM(), Cert: cert, Key: key, Path: path})
}
