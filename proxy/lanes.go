package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// lanes are the ways to an upstream. They differ in one thing: what happens when
// a kept-alive connection turns out to be dead. net/http sends some requests
// again by itself; a mutation MUST NOT be, so it travels where that cannot
// happen.
type lanes struct {
	// reads keeps connections; a read may be sent again.
	reads *http.Transport
	// changes carries mutations that have a body: without Request.GetBody net/http
	// cannot send one again. Its connections are dropped early, so that few meet an
	// upstream that has just closed them.
	changes *http.Transport
	// once opens a connection for each request, over HTTP/1.1: mutations without a
	// body, which net/http might send again on h2 (after GOAWAY, REFUSED_STREAM, or
	// a protocol error) or h1 (when it carries an Idempotency-Key), and upgrades.
	once *http.Transport
}

const (
	readsIdle    = 90 * time.Second
	changesIdle  = 2 * time.Second // below every load balancer's own timeout
	idlePerHost  = 32
	idleAll      = 256
	maxRespHead  = 1 << 20
	tlsHandshake = 10 * time.Second
	sessionsKept = 16 // of one upstream
)

// newLanes makes the lanes of one pool, all under the TLS configuration of its key.
func newLanes(cfg *Config, d *dialer, conf *tls.Config) lanes {
	sessions := tls.NewLRUClientSessionCache(sessionsKept)
	lane := func(idle time.Duration, protos []string) *http.Transport {
		h2 := len(protos) > 1
		t := &http.Transport{
			Proxy:                  nil, // we are the proxy: the environment leads back to us
			DialContext:            d.DialContext,
			DialTLSContext:         (&tlsDialer{cfg: cfg, dial: d, conf: conf, sessions: sessions, protos: protos}).dialTLS,
			DisableCompression:     true, // Accept-Encoding is signed, and not ours
			ForceAttemptHTTP2:      h2,
			ExpectContinueTimeout:  time.Second,
			IdleConnTimeout:        idle,
			MaxIdleConns:           idleAll,
			MaxIdleConnsPerHost:    idlePerHost,
			MaxResponseHeaderBytes: maxRespHead,
			DisableKeepAlives:      idle == 0,
		}
		if !h2 {
			t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		}
		return t
	}
	both := []string{"h2", "http/1.1"}
	return lanes{reads: lane(readsIdle, both), changes: lane(changesIdle, both), once: lane(0, []string{"http/1.1"})}
}

func (l lanes) close() {
	l.reads.CloseIdleConnections()
	l.changes.CloseIdleConnections()
	l.once.CloseIdleConnections()
}

// tlsDialer opens TLS to an upstream under that upstream's own trust.
type tlsDialer struct {
	cfg      *Config
	dial     *dialer
	conf     *tls.Config // of the upstream; nil: the roots alone
	sessions tls.ClientSessionCache
	protos   []string
}

func (d *tlsDialer) dialTLS(ctx context.Context, network, address string) (c net.Conn, err error) {
	defer contained(&err)
	target, err := parseAuthority(address, "443")
	if err != nil {
		return nil, err
	}
	conf := d.conf
	if conf == nil {
		conf = &tls.Config{ClientSessionCache: d.sessions}
	} else {
		conf = conf.Clone() // no shared sessions: this one may carry an identity
	}
	if conf.InsecureSkipVerify && conf.VerifyConnection == nil && conf.VerifyPeerCertificate == nil {
		return nil, errors.New("the TLS configuration for " + target.name + " does not verify the upstream: refused")
	}
	if conf.RootCAs == nil {
		conf.RootCAs = d.cfg.Roots
	}
	if conf.ServerName == "" {
		conf.ServerName = target.name
	}
	if conf.MinVersion == 0 {
		conf.MinVersion = tls.VersionTLS12
	}
	conf.NextProtos = d.protos
	raw, err := d.dial.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(raw, conf)
	ctx, cancel := context.WithTimeout(ctx, tlsHandshake)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("TLS to %s: %w", address, err)
	}
	return secure, nil
}
