package engine

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

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
	return &http.Client{Timeout: cloudTimeout, Transport: redirected{direct, upstreams}}
}
