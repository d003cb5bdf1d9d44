package engine

import (
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/proxy/admission"
	"github.com/assent-iom/assent/proxy/admission/origins"
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
	cfg := admission.Config{Gate: e.gate, Registry: e.registry, Key: how.AdmissionKey, Memory: e.openOrigins(), Log: e.cfg.Log}
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

// originsFile lies beside the model: both are memories, and no evidence.
const originsFile = "origins.db"

// openOrigins opens what is known of the controllers' parents. Without it a restart
// forgets them, and what they are still carrying out is judged.
func (e *Engine) openOrigins() admission.Memory {
	f, err := origins.Open(filepath.Join(filepath.Dir(e.cfg.ModelPath), originsFile), admission.OriginsKept)
	if err != nil {
		e.cfg.Trouble("what controllers are carrying out is judged after a restart", err)
		return nil
	}
	e.origins = f
	return f
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
