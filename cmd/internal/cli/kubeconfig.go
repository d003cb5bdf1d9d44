package cli

import (
	"bytes"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/setup"
)

// overlayName is the overlay's in the run's room.
const overlayName = "kubeconfig"

// kubeconfig reads the child's clusters and writes the overlay that leads their
// calls here: Go clients never proxy loopback by environment alone, and a
// kubeconfig's own CA beats every trust bundle.
func (s *runSession) kubeconfig(params *setup.Params, authority *certs.Authority) ([]engine.Cluster, error) {
	a := s.app
	k, err := setup.ReadKubeconfig(setup.KubeconfigFiles(a.Getenv, a.Home), setup.ReadFile)
	if err != nil || k == nil {
		return nil, err
	}
	a.notes(k.Notes)
	if s.overlay, err = k.Overlay(setup.ProxyURL(params.Proxy, params.Run, params.Token), authority.PEM()); err != nil {
		return nil, err
	}
	if params.Kubeconfig, err = s.room.Write(overlayName, s.overlay); err != nil {
		return nil, err
	}
	for _, c := range k.Clusters {
		params.Governed = append(params.Governed, c.Host)
	}
	return engineClusters(k.Clusters)
}

// kubeconfigKept says that a change of the kubeconfig ends with the run: what the
// command changed is the overlay, and a cluster that it added was not governed.
func (s *runSession) kubeconfigKept() {
	if s.overlay == nil {
		return
	}
	now, err := s.room.Read(overlayName)
	if err == nil && bytes.Equal(now, s.overlay) {
		return
	}
	s.app.note("note: the command changed its kubeconfig, which is this run's copy: the change is not kept, and clusters that it added were not governed")
	s.app.note("repair: make the change without assent (kubectl config …, aws eks update-kubeconfig …), then run again")
}
