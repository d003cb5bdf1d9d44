package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/decoders"
)

// Egress says what becomes of hosts that no decoder claims.
type Egress uint8

// The zero value lets ungoverned hosts pass, blind and counted.
const (
	EgressAllow Egress = iota
	EgressDeny
)

// Upstream sends the calls for some hosts somewhere else: an emulator, a private
// endpoint. The Host header stays what the caller sent.
type Upstream struct {
	// Hosts is a pattern as in decoders.Binding. The first match wins.
	Hosts string
	// To is an http or https URL without a path. It may be a loopback address: to
	// name it here is to allow it.
	To *url.URL
}

// Config is what a Server is made from.
type Config struct {
	// Authority signs the certificates shown inside tunnels. Required.
	Authority *certs.Authority
	// Registry says which hosts are governed, and by which decoder. Required.
	Registry *decoders.Registry
	// Gate judges every governed call. Required.
	Gate Gate
	// Authenticator tells who opens a connection. Required.
	Authenticator Authenticator
	// Upstreams override where governed calls go.
	Upstreams []Upstream
	// Mounts are the API servers that the gateway leads to; see ServeGateway.
	Mounts []Mount
	// Vouch writes, into the header of a decided call that is about to be sent to a
	// host, in whose name assent sends it. An error means that nothing is sent. It MUST
	// NOT touch a header that says what the call does. Nil: calls are sent with the
	// caller's own credential.
	Vouch func(ctx context.Context, host, decision string, h http.Header) error
	// TLS returns how to trust, and be known to, an upstream ("host" or
	// "host:port" as in decoders.Call.Host): a cluster's own roots, a client
	// certificate. Nil, or a nil result, means Roots. The result is
	// cloned; verification cannot be turned off (New has no way to say so, and
	// InsecureSkipVerify in a result is refused).
	TLS func(host string) *tls.Config
	// Roots are what upstreams are verified with where TLS names none. Nil means the
	// system's.
	Roots *x509.CertPool
	// DialContext opens connections to the address that was resolved and checked.
	// Nil means a net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// LookupNetIP resolves names. Nil means net.DefaultResolver.
	LookupNetIP func(ctx context.Context, network, host string) ([]netip.Addr, error)
	// AllowLoopback says for which hosts (without port) a loopback or carrier-grade
	// NAT address may be dialled: API servers on this machine, or in an overlay
	// network. Nil means none. Link-local and metadata addresses are never dialled,
	// whatever it says.
	AllowLoopback func(host string) bool
	// Egress is what becomes of ungoverned hosts.
	Egress Egress
	// OnDistrust is told when a client does not trust our CA, at once. It MUST NOT
	// block. It may be nil.
	OnDistrust func(host string, err error)
	// OnPassed is told of each ungoverned tunnel or request. It MUST NOT block. It
	// may be nil.
	OnPassed func(host string)
	// Log gets what an operator needs; never a header's or a body's content.
	Log *zap.Logger
	// Now is the clock. Required.
	Now func() time.Time
	// Limits are the bounds that an operator may set.
	Limits Limits
}

// check completes the configuration.
func (cfg *Config) check() error {
	switch {
	case cfg.Authority == nil:
		return errors.New("proxy: no certificate authority")
	case cfg.Registry == nil:
		return errors.New("proxy: no decoders")
	case cfg.Gate == nil:
		return errors.New("proxy: no gate")
	case cfg.Authenticator == nil:
		return errors.New("proxy: no authenticator")
	case cfg.Now == nil:
		return errors.New("proxy: no clock")
	}
	if err := cfg.Limits.Check(); err != nil {
		return err
	}
	for _, u := range cfg.Upstreams {
		if err := u.Check(); err != nil {
			return err
		}
	}
	for _, m := range cfg.Mounts {
		if err := m.check(); err != nil {
			return err
		}
	}
	cfg.Limits = cfg.Limits.orDefault()
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.TLS == nil {
		cfg.TLS = func(string) *tls.Config { return nil }
	}
	if cfg.AllowLoopback == nil {
		cfg.AllowLoopback = func(string) bool { return false }
	}
	if cfg.OnDistrust == nil {
		cfg.OnDistrust = func(string, error) {}
	}
	if cfg.OnPassed == nil {
		cfg.OnPassed = func(string) {}
	}
	if cfg.DialContext == nil {
		cfg.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	if cfg.LookupNetIP == nil {
		cfg.LookupNetIP = net.DefaultResolver.LookupNetIP
	}
	return nil
}

// Check says why an upstream cannot work.
func (u Upstream) Check() error {
	switch {
	case u.Hosts == "" || u.To == nil:
		return errors.New("proxy: an upstream needs hosts and a target")
	case u.To.Scheme != "http" && u.To.Scheme != "https":
		return fmt.Errorf("proxy: upstream %s → %s: want an http or https URL", u.Hosts, u.To.Redacted())
	case u.To.Host == "" || u.To.User != nil || (u.To.Path != "" && u.To.Path != "/") || u.To.RawQuery != "":
		return fmt.Errorf("proxy: upstream %s → %s: want scheme://host[:port] alone", u.Hosts, u.To.Redacted())
	}
	return nil
}
