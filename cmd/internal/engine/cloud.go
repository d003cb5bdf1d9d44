package engine

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/proxy"
)

const (
	cloudTimeout = 15 * time.Second // for one call of assent's own
	cloudIdle    = 30 * time.Second
	cloudConns   = 4
)

// CloudClient is how assent itself calls a cloud, to get a credential: past every
// proxy, itself included, and where the upstreams lead.
func CloudClient(upstreams []proxy.Upstream, roots *x509.CertPool) *http.Client {
	direct := &http.Transport{
		Proxy:               nil,
		DialContext:         (&net.Dialer{Timeout: cloudTimeout}).DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxConnsPerHost:     cloudConns,
		IdleConnTimeout:     cloudIdle,
		TLSHandshakeTimeout: cloudTimeout,
	}
	return &http.Client{Timeout: cloudTimeout, Transport: led{upstreams, direct}}
}

// led sends requests where the upstreams lead, with the Host that was meant: it is
// signed.
type led struct {
	upstreams []proxy.Upstream
	next      http.RoundTripper
}

func (l led) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, u := range l.upstreams {
		if decoders.HostMatches(u.Hosts, r.URL.Host) {
			out := r.Clone(r.Context())
			if out.Host == "" {
				out.Host = r.URL.Host
			}
			out.URL.Scheme, out.URL.Host = u.To.Scheme, u.To.Host
			return l.next.RoundTrip(out)
		}
	}
	return l.next.RoundTrip(r)
}
