package kube

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// Name is the platform's name, in Action.Platform and in bindings.
const Name = "kubernetes"

// version is part of Action.Decoder: it changes when the same call would be
// understood differently.
const version = "kubernetes/1"

// Config says which clusters there are.
type Config struct {
	Clusters []Cluster
	// Current is asked for the object that a patch starts from. Without it a patch
	// is judged by what it says alone.
	Current Current
	// Compares reports whether anybody asks what an object was that a call replaces
	// whole; nil: nobody does, and it is not looked for.
	Compares func() bool
	// Tries has a server try a change whose result has to be known exactly. Without it
	// results are worked out here.
	Tries Trier
	// Takes is asked what a delete takes along. Without it that is not told.
	Takes Consequences
}

// Cluster is one API server.
type Cluster struct {
	Name       string // as in the kubeconfig; the Account of its actions
	Host       string // host:port, the port of https may be left out
	PathPrefix string // where a host serves several clusters: /k8s/clusters/c-1
}

// Decoder decodes calls to the clusters of its Config. It is immutable.
type Decoder struct {
	clusters []Cluster    // longest prefix first
	current  Current      // or nil
	compares func() bool  // nil: nobody does
	tries    Trier        // or nil
	takes    Consequences // or nil
}

// New checks that each cluster has a name without a slash and a host, and that
// no two are the same place.
func New(config Config) (*Decoder, error) {
	d := &Decoder{current: config.Current, compares: config.Compares, tries: config.Tries, takes: config.Takes}
	seen := map[string]string{}
	for _, c := range config.Clusters {
		if c.Host == "" {
			return nil, fmt.Errorf("cluster %q has no host", c.Name)
		}
		if c.Name == "" {
			return nil, fmt.Errorf("the cluster at %s has no name", c.Host)
		}
		c.Host = placeOf(c.Host, "https")
		c.PathPrefix = strings.TrimRight(c.PathPrefix, "/")
		if c.PathPrefix != "" && !strings.HasPrefix(c.PathPrefix, "/") {
			return nil, fmt.Errorf("cluster %q: path prefix %q does not begin with /", c.Name, c.PathPrefix)
		}
		place := c.Host + c.PathPrefix
		if other, twice := seen[place]; twice {
			if other == c.Name {
				continue
			}
			return nil, fmt.Errorf("clusters %q and %q are both at %s", other, c.Name, place)
		}
		seen[place] = c.Name
		d.clusters = append(d.clusters, c)
	}
	// A stable insertion sort: the lists are short and their order is a person's.
	for i := range d.clusters {
		for j := i; j > 0 && len(d.clusters[j].PathPrefix) > len(d.clusters[j-1].PathPrefix); j-- {
			d.clusters[j], d.clusters[j-1] = d.clusters[j-1], d.clusters[j]
		}
	}
	return d, nil
}

// placeOf writes a host one way: lower case, without a trailing dot, addresses in
// their short form, the port always there. A cluster that a kubeconfig spells in
// another way than its calls would not be governed.
func placeOf(host, scheme string) string {
	port := "443"
	if scheme == "http" {
		port = "80"
	}
	name, p, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	} else if n, err := strconv.ParseUint(p, 10, 16); err == nil {
		port = strconv.FormatUint(n, 10)
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if ip, err := netip.ParseAddr(name); err == nil {
		name = ip.Unmap().String()
	}
	return net.JoinHostPort(name, port)
}

// Name returns kubernetes.
func (d *Decoder) Name() string { return Name }

// Claims reports whether the host is a cluster's. Every body is read whole: the
// API server itself takes no more than 3 MiB.
func (d *Decoder) Claims(call decoders.Call) decoders.Claim {
	host := placeOf(call.Host, call.Scheme)
	for _, c := range d.clusters {
		if c.Host == host {
			return decoders.Claim{Mine: true, Body: decoders.WholeBody}
		}
	}
	return decoders.Claim{}
}

// find returns the cluster of a call and the decoded path below its prefix. A
// host that was bound to Kubernetes by name alone is its own cluster.
func (d *Decoder) find(call decoders.Call) (Cluster, string, bool) {
	known, host := false, placeOf(call.Host, call.Scheme)
	for _, c := range d.clusters {
		if c.Host != host {
			continue
		}
		known = true
		if rest, under := strings.CutPrefix(call.URL.Path, c.PathPrefix); under && (rest == "" || rest[0] == '/') {
			return c, rest, true
		}
	}
	return Cluster{Name: call.Host, Host: call.Host}, call.URL.Path, !known
}

// Decode understands a call; secrets are taken out of Params.
func (d *Decoder) Decode(ctx context.Context, call decoders.Call) (model.Action, error) {
	return d.decode(ctx, call, false)
}

// DecodeWithSecrets leaves secrets in. Its result MUST NOT be stored.
func (d *Decoder) DecodeWithSecrets(ctx context.Context, call decoders.Call) (model.Action, error) {
	return d.decode(ctx, call, true)
}

func (d *Decoder) decode(ctx context.Context, call decoders.Call, secrets bool) (model.Action, error) {
	if call.URL == nil {
		return model.Action{}, fmt.Errorf("the call has no URL")
	}
	cluster, path, inside := d.find(call)
	if !inside {
		return outside(call), nil
	}
	query := call.URL.Query() // drops what cannot be read, as the server does
	route, err := RouteOf(call.Method, path, query)
	if err != nil {
		return model.Action{}, err
	}
	r := &reading{cluster: cluster.Name, call: call, query: query, route: route, verb: verbOf(call.Method, route), secrets: secrets}
	if err := r.readBody(); err != nil {
		return model.Action{}, err
	}
	r.resolve(ctx, d.current)
	r.compare(ctx, d)
	r.try(ctx, d.tries)
	r.consequences(ctx, d.takes)
	action, err := r.action()
	if err != nil {
		return action, err
	}
	return action, r.release(ctx, &action, d.current, d.takes)
}

// outside is a call to a cluster's host, but to none of its clusters.
func outside(call decoders.Call) model.Action {
	return model.Action{
		Platform: Name, Service: "nonresource", Operation: strings.ToLower(call.Method) + " " + call.URL.Path,
		Verb: model.Unknown, Capability: "kubernetes.nonresource", Account: call.Host, Decoder: version,
		Fidelity: model.Opaque, Unknown: []string{"path"},
		Native: encode(native{Verb: strings.ToLower(call.Method), Path: call.URL.Path}),
	}
}
