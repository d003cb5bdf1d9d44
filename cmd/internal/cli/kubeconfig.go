package cli

import (
	"bytes"
	"strings"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/setup"
)

// kubeconfig reads the child's clusters and writes the overlays that lead their
// calls here: Go clients never proxy loopback by environment alone, and a
// kubeconfig's own CA beats every trust bundle.
func (s *runSession) kubeconfig(params *setup.Params, authority *certs.Authority) ([]engine.Cluster, error) {
	a := s.app
	all := new(setup.Kubeconfig)
	for _, v := range setup.KubeconfigVariables(a.Getenv, a.Home) {
		k, err := setup.ReadKubeconfig(v.Files, setup.ReadFile)
		if err != nil {
			return nil, err
		}
		if k == nil {
			continue
		}
		overlay, err := k.Overlay(setup.ProxyURL(params.Proxy, params.Run, params.Token), authority.PEM())
		if err != nil {
			return nil, err
		}
		name := "kubeconfig-" + strings.ToLower(v.Name)
		path, err := s.room.Write(name, overlay)
		if err != nil {
			return nil, err
		}
		if params.Kubeconfigs == nil {
			params.Kubeconfigs, s.overlays = map[string]string{}, map[string][]byte{}
		}
		params.Kubeconfigs[v.Name], s.overlays[name] = path, overlay
		all.Join(k)
	}
	a.notes(all.Notes)
	for _, c := range all.Clusters {
		params.Governed = append(params.Governed, c.Host)
	}
	return engineClusters(all.Clusters)
}

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
