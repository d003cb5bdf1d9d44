package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube/live"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/proxy"
)

// collectEvery is the pace at which a cluster is asked: a quarter of what client-go's
// own controllers are given. Watches, once opened, ask nothing.
const collectEvery = 20 * time.Millisecond

// Reading says that a cluster is read, and with which credential.
type Reading struct {
	Cluster string
	TLS     *tls.Config            // with the client certificate, if that is the credential; nil for http
	Token   func() (string, error) // nil: the certificate is
}

// Known is what a collector asks of the model.
type Known func(model.URN) (model.Resource, bool)

// Collectors makes the collectors of a configuration.
func Collectors(clusters []Cluster, readings []Reading, upstreams []proxy.Upstream, known Known) ([]collect.Collector, error) {
	var all []collect.Collector
	for _, r := range readings {
		i := slices.IndexFunc(clusters, func(c Cluster) bool { return c.Name == r.Cluster })
		if i < 0 {
			return nil, fmt.Errorf("cluster %q is to be read, and no kubeconfig under clusters has it", r.Cluster)
		}
		if r.Token == nil && (r.TLS == nil || len(r.TLS.Certificates) == 0) {
			return nil, fmt.Errorf("cluster %q is to be read, and assent has no credential for it: its kubeconfig needs exactly one user, with a token or a client certificate", r.Cluster)
		}
		s, err := live.NewServer(live.Config{URL: clusters[i].reachedAt(upstreams), Transport: transportTo(r.TLS.Clone(), 0), Identify: r.identify, Every: collectEvery})
		if err != nil {
			return nil, err
		}
		all = append(all, live.NewCollector(r.Cluster, s, known))
	}
	return all, nil
}

// identify presents the credential.
func (r Reading) identify(h http.Header) error {
	if r.Token == nil {
		return nil
	}
	token, err := r.Token()
	if err == nil && token == "" {
		err = errors.New("the token is empty")
	}
	if err == nil {
		h.Set("Authorization", "Bearer "+token)
	}
	return err
}

// reachedAt is where the cluster's calls go.
func (c Cluster) reachedAt(upstreams []proxy.Upstream) *url.URL {
	u := c.url()
	for _, up := range upstreams {
		if decoders.HostMatches(up.Hosts, c.Host) {
			u.Scheme, u.Host = up.To.Scheme, up.To.Host
			break
		}
	}
	return u
}

// collecting is the running collectors.
type collecting struct {
	*collect.Runner
	end  context.CancelFunc
	done chan struct{}
}

// openCollectors makes the collectors and starts them.
func (e *Engine) openCollectors(how Door) error {
	if len(e.cfg.Readings) == 0 {
		return nil
	}
	readings := slices.Clone(e.cfg.Readings)
	for i, r := range readings {
		if r.TLS != nil && r.TLS.RootCAs == nil {
			readings[i].TLS = r.TLS.Clone()
			readings[i].TLS.RootCAs = how.Roots
		}
	}
	all, err := Collectors(e.cfg.Clusters, readings, how.Upstreams, func(u model.URN) (model.Resource, bool) { return e.graph.Snapshot().Resource(u) })
	if err != nil {
		return err
	}
	runner, err := collect.NewRunner(collect.RunnerConfig{Collectors: all, Learn: e.passing, Snapshot: e.graph.Snapshot, Now: e.cfg.Now, Progress: e.cfg.Collected})
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	c := &collecting{Runner: runner, end: end, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		runner.Run(ctx)
	}()
	e.collecting.Store(c)
	return nil
}

// endCollectors waits for them: what they learn belongs to the model that is closed
// next.
func (e *Engine) endCollectors() {
	if c := e.collecting.Load(); c != nil {
		c.end()
		<-c.done
	}
}

// Coverage is how well what exists is known, and what could not be looked at.
func (e *Engine) Coverage() ([]collect.Coverage, []collect.Gap) {
	if c := e.collecting.Load(); c != nil {
		return c.Coverage()
	}
	return nil, nil
}
