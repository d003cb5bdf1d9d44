package engine

import (
	"context"
	"net/http"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/live"
)

// exact has the API servers of some clusters try changes, as their callers.
type exact map[string]*live.Tries // by cluster

var _ kube.Trier = exact(nil)

// Try implements kube.Trier.
func (e exact) Try(ctx context.Context, a kube.Attempt) (object map[string]any, asked bool, err error) {
	t := e[a.Cluster]
	if t == nil {
		return nil, false, nil
	}
	object, err = t.Try(ctx, a)
	return object, true, err
}

// openExact makes it for the clusters that are marked so.
func (e *Engine) openExact() (kube.Trier, error) {
	all := exact{}
	for _, c := range e.cfg.Clusters {
		if !c.Exact {
			continue
		}
		cfg := live.TryConfig{URL: c.url(), Transport: transportTo(c.TLS.Clone(), brokerConns)}
		if c.Guarded {
			host := c.Host
			cfg.Vouch = func(ctx context.Context, h http.Header, decision string) error {
				return e.vouch(ctx, host, decision, h)
			}
		}
		t, err := live.NewTries(cfg)
		if err != nil {
			return nil, err
		}
		all[c.Name] = t
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}
