package cli

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/model"
)

// leading rewrites one of the child's kubeconfigs so that its calls come here. all
// are the clusters of all of them.
type leading func(k *setup.Kubeconfig, all []setup.Cluster) ([]byte, error)

// kubeconfig reads the child's clusters and writes the overlays that lead their
// calls here: Go clients never proxy loopback by environment alone, and a
// kubeconfig's own CA beats every trust bundle.
func (s *runSession) kubeconfig(params *setup.Params, lead leading) ([]engine.Cluster, error) {
	a := s.app
	all := new(setup.Kubeconfig)
	read := map[string]*setup.Kubeconfig{}
	for _, v := range setup.KubeconfigVariables(a.Getenv, a.Home) {
		k, err := setup.ReadKubeconfig(v.Files, setup.ReadFile)
		if err != nil {
			return nil, err
		}
		if k != nil {
			read[v.Name] = k
			all.Join(k)
		}
	}
	params.Kubeconfigs, s.overlays = map[string]string{}, map[string][]byte{}
	for variable, k := range read {
		overlay, err := lead(k, all.Clusters)
		if err != nil {
			return nil, err
		}
		name := "kubeconfig-" + strings.ToLower(variable)
		path, err := s.room.Write(name, overlay)
		if err != nil {
			return nil, err
		}
		params.Kubeconfigs[variable], s.overlays[name] = path, overlay
	}
	a.notes(all.Notes)
	for _, c := range all.Clusters {
		params.Governed = append(params.Governed, c.Host)
	}
	clusters, err := engineClusters(all.Clusters)
	for i, c := range clusters {
		clusters[i].Exact = slices.Contains(s.cfg.Exact, c.Name)
	}
	return clusters, err
}

// byProxy leads through the run's proxy.
func byProxy(params *setup.Params, authority *certs.Authority) leading {
	return func(k *setup.Kubeconfig, _ []setup.Cluster) ([]byte, error) {
		return k.Overlay(setup.ProxyURL(params.Proxy, params.Run, params.Token), authority.PEM())
	}
}

// byGateway leads to the run's gateway, as whoever the run is for.
func byGateway(address string, authority *certs.Authority, who model.Actor, run string) leading {
	return func(k *setup.Kubeconfig, all []setup.Cluster) ([]byte, error) {
		out, _, err := throughGateway(k, authority, address, who, run, runCertificate, func(c setup.Cluster) string {
			for _, known := range all { // under the name of the first entry that leads there
				if known.Host == c.Host && known.PathPrefix == c.PathPrefix {
					return engine.GatewayPath(known.Name)
				}
			}
			return ""
		})
		return out, err
	}
}

// runCertificate is how long a run's kubeconfig is good: longer than any run, and
// no longer than its authority, which ends with the run.
const runCertificate = 30 * 24 * time.Hour

// kubeconfigKept says that a change of the kubeconfig ends with the run: what the
// command changed is an overlay, and a cluster that it added was not governed.
func (s *runSession) kubeconfigKept() {
	for name, written := range s.overlays {
		now, err := s.room.Read(name)
		if err == nil && bytes.Equal(now, written) {
			continue
		}
		s.app.note("note: the command changed its kubeconfig, which is this run's copy: the change is not kept, and clusters that it added were not governed")
		s.app.note("repair: make the change without assent (kubectl config …, aws eks update-kubeconfig …), then run again")
		return
	}
}
