package engine

import (
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/assent-iom/assent/proxy/actor"
)

const (
	loginHead  = 10 * time.Second
	loginBody  = 20 * time.Second // for all of it, and the answer
	loginConns = 256
	// reviewConns bounds the connections on which a cluster is asked who calls.
	reviewConns = 8
)

// openLogin makes the door at which a proof is exchanged for a run token.
func (e *Engine) openLogin(how Door) {
	if how.Login == nil {
		return
	}
	e.login = &http.Server{
		Handler: how.Login, ReadHeaderTimeout: loginHead, ReadTimeout: loginBody, WriteTimeout: loginBody, IdleTimeout: loginBody,
		ErrorLog:  log.New(quiet{e.cfg.Log}, "", 0),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: how.Authority.Own},
	}
}

// ServeLogin is Serve for the listener of the login door.
func (e *Engine) ServeLogin(l net.Listener) error {
	if err := e.login.ServeTLS(netutil.LimitListener(l, loginConns), "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// KubeCallers asks clusters who their callers are. Without ask, only EKS tokens that
// were made with placeholder keys are known.
func KubeCallers(clusters []Cluster, ask bool, keys *actor.Keys, now func() time.Time) (*actor.Kubernetes, error) {
	var all []actor.KubeCluster
	for _, c := range clusters {
		conf := &tls.Config{MinVersion: tls.VersionTLS12}
		if c.TLS != nil {
			conf = c.TLS.Clone()
		}
		// The question is the caller's: assent shows no certificate of its own.
		conf.Certificates, conf.GetClientCertificate = nil, nil
		all = append(all, actor.KubeCluster{
			Name: c.Name, Host: c.Host, URL: c.url(), EKS: actor.EKSName(c.Name), Ask: ask,
			Transport: &http.Transport{
				DialContext: (&net.Dialer{Timeout: cloudTimeout}).DialContext, TLSClientConfig: conf, ForceAttemptHTTP2: true,
				MaxConnsPerHost: reviewConns, IdleConnTimeout: cloudIdle, TLSHandshakeTimeout: cloudTimeout,
			},
		})
	}
	return actor.NewKubernetes(all, keys, now)
}
