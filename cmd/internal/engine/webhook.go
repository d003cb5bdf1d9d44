package engine

import (
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/proxy/admission"
)

const (
	webhookHead = 10 * time.Second // for a request's head and the handshake
	webhookBody = 20 * time.Second // for all of it: API servers wait no longer than 30 s
	webhookIdle = 2 * time.Minute
)

// openWebhook makes the door for admission reviews.
func (e *Engine) openWebhook(how Door) error {
	if how.AdmissionKey == nil {
		return nil
	}
	cfg := admission.Config{Gate: e.gate, Registry: e.registry, Key: how.AdmissionKey, Log: e.cfg.Log}
	for _, c := range e.cfg.Clusters {
		cfg.Clusters = append(cfg.Clusters, admission.Cluster{Name: c.Name, URL: c.url(), Host: c.Host})
	}
	handler, err := admission.New(cfg)
	if err != nil {
		return err
	}
	e.webhook = &http.Server{
		Handler: handler, ReadHeaderTimeout: webhookHead, ReadTimeout: webhookBody, IdleTimeout: webhookIdle,
		ErrorLog:  log.New(quiet{e.cfg.Log}, "", 0),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: how.Authority.Own},
	}
	return nil
}

// ServeWebhook is Serve for the listener of admission reviews.
func (e *Engine) ServeWebhook(l net.Listener) error {
	if err := e.webhook.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type quiet struct{ log *zap.Logger }

func (q quiet) Write(p []byte) (int, error) {
	q.log.Debug("net/http", zap.ByteString("message", p))
	return len(p), nil
}
