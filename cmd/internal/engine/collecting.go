package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws"
	awscollect "github.com/assent-iom/assent/decoders/aws/collect"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/live"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/policy/checks"
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

// Portable says in portable words what resources of any platform are.
func Portable(amazon *aws.Live) checks.Portable {
	return func(r model.Resource) (string, []model.Property) {
		if r.Platform == kube.Name {
			return kube.Running(r)
		}
		return amazon.CapabilityOf(r.Type), amazon.State(r)
	}
}

// Known is what a collector asks of the model.
type Known func(model.URN) (model.Resource, bool)

// Account says that an AWS account is read, as whom and where.
type Account struct {
	awscollect.Login
	Regions []string
	Events  string // the ARN of the queue of its events; empty: none
}

// Sources is all that is read, and what it is read with.
type Sources struct {
	Clusters  []Cluster
	Readings  []Reading
	Accounts  []Account
	Amazon    *aws.Live // reads what AWS answers
	Upstreams []proxy.Upstream
	Roots     *x509.CertPool // what AWS is verified with; nil: the system's roots
	Known     Known
	Now       func() time.Time
}

// Collectors makes the collectors of a configuration.
func (s Sources) Collectors() ([]collect.Collector, error) {
	all, err := s.ofClusters()
	if err != nil {
		return nil, err
	}
	for _, a := range s.Accounts {
		c, err := awscollect.New(awscollect.Config{Decoder: s.Amazon, Login: a.Login, Regions: a.Regions, Events: a.Events, Send: s.sendAWS(), Now: s.Now})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// sendAWS sends one call where the configuration says. It is never sent through a
// proxy that the environment names: that may be assent itself.
func (s Sources) sendAWS() http.RoundTripper {
	send := transportTo(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.Roots}, awsConns)
	send.ResponseHeaderTimeout = time.Minute
	return redirected{send, s.Upstreams}
}

// awsConns bounds the connections to one endpoint of AWS: more would meet its rate
// limit, and no more answers.
const awsConns = 8

// redirected sends calls to the upstreams that the configuration names, under the
// host that they were meant for.
type redirected struct {
	http.RoundTripper
	upstreams []proxy.Upstream
}

// RoundTrip sends one call.
func (r redirected) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, up := range r.upstreams {
		if decoders.HostMatches(up.Hosts, req.URL.Host) {
			out := req.Clone(req.Context())
			if out.Host == "" {
				out.Host = req.URL.Host
			}
			out.URL.Scheme, out.URL.Host = up.To.Scheme, up.To.Host
			return r.RoundTripper.RoundTrip(out)
		}
	}
	return r.RoundTripper.RoundTrip(req)
}

// ofClusters makes the collectors of clusters.
func (s Sources) ofClusters() ([]collect.Collector, error) {
	clusters, readings, upstreams, known := s.Clusters, s.Readings, s.Upstreams, s.Known
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

// trust is how an upstream is verified, for questions of assent's own.
func (how Door) trust(c *tls.Config) *tls.Config {
	if c != nil && c.RootCAs == nil {
		c = c.Clone()
		c.RootCAs = how.Roots
	}
	return c
}

// collecting is the running collectors.
type collecting struct {
	*collect.Runner
	all  []collect.Collector
	end  context.CancelFunc
	done chan struct{}
	// changed (capacity 1): the coverage of something has.
	changed chan struct{}
}

// openCollectors makes the collectors and starts them.
func (e *Engine) openCollectors(how Door) error {
	if len(e.cfg.Readings)+len(e.cfg.Accounts) == 0 {
		return nil
	}
	readings := slices.Clone(e.cfg.Readings)
	for i, r := range readings {
		readings[i].TLS = how.trust(r.TLS)
	}
	all, err := Sources{Clusters: e.cfg.Clusters, Readings: readings, Accounts: e.cfg.Accounts, Amazon: e.amazon, Upstreams: how.Upstreams, Roots: how.Roots, Now: e.cfg.Now,
		Known: func(u model.URN) (model.Resource, bool) { return e.memory.Graph.Snapshot().Resource(u) }}.Collectors()
	if err != nil {
		return err
	}
	e.readBack(all)
	if e.cfg.ReadBackOnly {
		e.reads = all
		return nil
	}
	var before []collect.Kept
	if e.builds != nil {
		if before, err = Looked(context.Background(), e.memory); err != nil {
			e.cfg.Trouble("what was looked at before is not known", err)
		}
	}
	c := &collecting{all: all, done: make(chan struct{}), changed: make(chan struct{}, 1)}
	c.Runner, err = collect.NewRunner(collect.RunnerConfig{Collectors: all, Learn: e.memory, Lease: e.memory.Lease(true), Snapshot: e.memory.Graph.Snapshot, Veil: e.memory.Veil, Now: e.cfg.Now, Before: before,
		Progress: func(name string, v collect.Coverage) {
			e.collected(name, v)
			select {
			case c.changed <- struct{}{}:
			default: // it is to be written already
			}
		}})
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	c.end = end
	ended := make(chan struct{})
	go func() {
		defer close(c.done)
		if e.builds == nil {
			<-ended
			return
		}
		e.keepLooks(c, ended)
	}()
	hinted := e.followHints(ctx, all)
	go func() {
		defer close(ended)
		var resolving sync.WaitGroup
		if e.ledger != nil {
			resolving.Go(func() { e.resolves(ctx, c) })
		}
		c.Run(ctx)
		<-hinted
		resolving.Wait()
	}()
	e.collecting.Store(c)
	return nil
}

// collected is told when it changes how well something is known.
func (e *Engine) collected(collector string, c collect.Coverage) {
	if e.builds != nil && c.State == collect.Complete {
		e.builds.listed()
	}
	if e.cfg.Collected != nil {
		e.cfg.Collected(collector, c)
	}
}

// settle takes what complete listings have read as what was built.
func (e *Engine) settle() error {
	c := e.collecting.Load()
	if c == nil {
		return nil
	}
	return Settle(context.Background(), e.memory, e.memory.Graph.Snapshot(), c.Runner)
}

// endReads reads back what was changed and is not yet, where nothing else is read: no
// listing of this process will do it later.
func (e *Engine) endReads() {
	if len(e.reads) == 0 || e.builds == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastReads)
	defer cancel()
	e.builds.stop()
	if back := e.builds.back.Load(); back != nil {
		back.finish(ctx)
	}
	if err := e.readRest(ctx, e.reads, e.builds.mine); err != nil {
		e.cfg.Trouble("not all that was changed could be read back", err)
	}
}

// endCollectors waits for them: what they learn belongs to the model that is closed
// next.
func (e *Engine) endCollectors() {
	if c := e.collecting.Load(); c != nil {
		c.end()
		<-c.done
	}
	if c := e.callers.Load(); c != nil {
		for _, to := range c.by {
			to.transport.CloseIdleConnections()
		}
	}
}

// Coverage is how well what exists is known, and what could not be looked at.
func (e *Engine) Coverage() ([]collect.Coverage, []collect.Gap) {
	if c := e.collecting.Load(); c != nil {
		return c.Coverage()
	}
	return nil, nil
}
