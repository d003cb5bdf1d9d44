package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/wire"
)

const (
	// tryPatience bounds what a server takes to try a change: its caller waits.
	tryPatience = 5 * time.Second
	// triesAtOnce bounds what one server is asked to try at the same time; others wait
	// for as long as the patience lasts.
	triesAtOnce = 16
	// triedCap bounds an answer: etcd takes 1.5 MB, which JSON makes longer.
	triedCap = 8 << 20
	// dryID follows the decision's id in the server's audit log.
	dryID = "-dry"
)

// TryConfig is what a Tries is made from.
type TryConfig struct {
	URL       *url.URL          // of the API server; what is tried brings its path
	Transport http.RoundTripper // reaches the server, and verifies it
	// Vouch writes in whose name a change is sent into its header, where the cluster
	// wants a ticket; nil: the caller's own credential goes along.
	Vouch func(ctx context.Context, h http.Header, decision string) error
}

// Tries has one API server try changes, as their callers. The audit log there keeps
// an attempt under the decision's id and -dry.
type Tries struct {
	cfg   TryConfig
	turns chan struct{}
}

// NewTries checks the configuration.
func NewTries(cfg TryConfig) (*Tries, error) {
	if cfg.URL == nil || cfg.Transport == nil {
		return nil, errors.New("trying changes: no URL or no transport")
	}
	return &Tries{cfg: cfg, turns: make(chan struct{}, triesAtOnce)}, nil
}

// Try sends an attempt and returns what the server would store.
func (t *Tries) Try(ctx context.Context, a kube.Attempt) (map[string]any, error) {
	if a.URL.Query().Get("dryRun") != "All" { // the last look before something is sent
		return nil, errors.New("it is no dry run")
	}
	ctx, cancel := context.WithTimeout(ctx, tryPatience)
	defer cancel()
	select {
	case t.turns <- struct{}{}:
		defer func() { <-t.turns }()
	case <-ctx.Done():
		return nil, errors.New("it has too many changes to try")
	}
	at := *a.URL
	at.Scheme, at.Host = t.cfg.URL.Scheme, t.cfg.URL.Host
	req, err := http.NewRequestWithContext(ctx, a.Method, at.String(), bytes.NewReader(a.Body))
	if err != nil {
		return nil, err
	}
	req.Header = a.Header.Clone()
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Audit-Id", a.Decision+dryID)
	if t.cfg.Vouch != nil {
		if err := t.cfg.Vouch(ctx, req.Header, a.Decision); err != nil {
			return nil, err
		}
	}
	resp, err := t.cfg.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, triedCap+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > triedCap:
		return nil, fmt.Errorf("an answer of more than %d MiB", triedCap>>20)
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated:
		return nil, refusedBy(resp.StatusCode, body)
	}
	value, err := wire.JSON(body)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("the answer is no object")
	}
	return object, nil
}
