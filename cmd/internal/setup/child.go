package setup

import (
	"errors"
	"io"
	"net/url"
	"os"
	"runtime"
)

// Child is the process that `assent run` starts. Its methods do the reading and
// writing around Environ and Overlay; Kubeconfig comes before Environ.
type Child struct {
	Proxy    *url.URL // of the engine, with the run's id and token as userinfo
	CAPEM    []byte   // the run's own CA
	Room     *Room    // where files for the child go
	Governed []string // host patterns beside the clouds' own domains
	Home     string
	Rand     io.Reader
	overlay  string
}

// Kubeconfig writes the overlay of the kubeconfig that the child would have read,
// and returns the clusters in it. Without a kubeconfig there is nothing to do.
func (c *Child) Kubeconfig(base []string) (clusters []Cluster, notes []Note, err error) {
	k, err := ReadKubeconfig(KubeconfigFiles(getenv(base), c.Home), ReadFile)
	if err != nil || k == nil {
		return nil, nil, err
	}
	overlay, err := k.Overlay(c.Proxy.String(), c.CAPEM)
	if err != nil {
		return nil, nil, err
	}
	if c.overlay, err = c.Room.Write("kubeconfig", overlay); err != nil {
		return nil, nil, err
	}
	for _, cluster := range k.Clusters {
		c.Governed = append(c.Governed, cluster.Host)
	}
	return k.Clusters, k.Notes, nil
}

// Environ writes the trust files and returns the child's environment.
func (c *Child) Environ(base []string) (env []string, notes []Note, err error) {
	if c.Proxy == nil || c.Proxy.User == nil || c.Room == nil {
		return nil, nil, errors.New("preparing the child's environment: a proxy with a run's token, and a room, are needed")
	}
	token, _ := c.Proxy.User.Password()
	in := Params{Proxy: c.Proxy.Host, Run: c.Proxy.User.Username(), Token: token,
		Kubeconfig: c.overlay, Governed: c.Governed, OS: runtime.GOOS}
	said, err := c.Room.Trust(&in, getenv(base), c.CAPEM, c.Rand)
	if err != nil {
		return nil, nil, err
	}
	env, notes, err = Environ(base, in)
	return env, append(said, notes...), err
}

// Clusters lists the clusters of kubeconfig files, for an engine that serves no
// child. A file that does not exist is an error: somebody named it.
func Clusters(files []string) ([]Cluster, []Note, error) {
	for _, f := range files {
		if _, err := os.Stat(f); err != nil {
			return nil, nil, err
		}
	}
	k, err := ReadKubeconfig(files, ReadFile)
	if err != nil || k == nil {
		return nil, nil, err
	}
	return k.Clusters, k.Notes, nil
}

func getenv(base []string) func(string) string {
	e := environment{vars: base, fold: runtime.GOOS == "windows"}
	return e.get
}
