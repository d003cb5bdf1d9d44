package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/assent-iom/assent/proxy/broker"
)

// brokerIdle and brokerConns bound the connections on which a cluster is asked who
// its callers are.
const (
	brokerIdle  = 90 * time.Second
	brokerConns = 8
)

// transportTo reaches an API server for questions of assent's own, and notices when it
// is gone: a watch may have nothing to say for minutes.
func transportTo(trust *tls.Config, conns int) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:     trust,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     brokerIdle,
		MaxConnsPerHost:     conns,
		TLSHandshakeTimeout: 10 * time.Second,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// voucher writes, into the header of a change that is about to be sent to a host, in
// whose name it is sent.
type voucher func(ctx context.Context, host, decision string, h http.Header) error

// voucher sends changes to guarded clusters in their callers' names; nil where no
// cluster is guarded.
func (e *Engine) voucher() (voucher, error) {
	byHost := map[string]*broker.Impersonator{}
	for _, c := range e.cfg.Clusters {
		if !c.Guarded {
			continue
		}
		switch {
		case c.TLS != nil && len(c.TLS.Certificates) > 0:
			// API servers believe a certificate before any token: the answer to who a caller
			// is would be assent, and every read would be assent's own.
			return nil, fmt.Errorf("cluster %s is guarded, and assent's credential for it is a client certificate, under which every caller would be assent: its kubeconfig under clusters needs exactly one user, with a token and no certificate (kubectl create token)", c.Name)
		case c.Token == nil:
			return nil, fmt.Errorf("cluster %s is guarded, and assent has no credential of its own for it: its kubeconfig under clusters needs exactly one user, with a token", c.Name)
		}
		i, err := broker.New(broker.Config{Server: c.url(), Token: c.Token, Transport: transportTo(c.TLS.Clone(), brokerConns), Now: e.cfg.Now})
		if err != nil {
			return nil, err
		}
		byHost[c.Host] = i
	}
	if len(byHost) == 0 {
		return nil, nil
	}
	return func(ctx context.Context, host, decision string, h http.Header) error {
		if i := byHost[host]; i != nil {
			return i.Vouch(ctx, h, decision)
		}
		return nil
	}, nil
}
