// Package admin is the daemon's own door, which is never the proxy's port: whether
// it lives, whether it is ready, what it has counted, and where its time goes.
//
//	/livez         200 as long as the process answers
//	/readyz        200 if calls are judged and recorded; 503 and why, if not
//	/metrics       Prometheus
//	/model         JSON: how a model is doing that is shared; 404 if it is not
//	/debug/pprof/  on a unix socket alone: a profile of memory holds secrets
//
// Labels are words out of short lists (verdicts, modes, platforms, results, bounds);
// no host, actor or name of a resource is ever one.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/assent-iom/assent/model/store/postgres"
	"github.com/assent-iom/assent/proxy"
)

// Daemon is what is asked.
type Daemon interface {
	// Ready returns why a change would not be judged and recorded now.
	Ready() error
	Stats() proxy.Stats
	Entries() uint64
	Intent() string
	// Shared says how a model is doing that others share; false: nobody does.
	Shared() (postgres.Status, bool)
}

// errStarting is what is not ready before the daemon is there.
var errStarting = errors.New("starting")

const (
	headTime = 5 * time.Second
	idleTime = time.Minute
	maxHead  = 16 << 10
)

// Admin answers at the door. Make it with New.
type Admin struct {
	*Metrics
	daemon atomic.Pointer[Daemon]
}

// New makes the door of a program version. The daemon comes later: see Serves.
func New(version string) *Admin {
	a := &Admin{}
	a.Metrics = newMetrics(version, a.current)
	return a
}

// Serves names the daemon, once it serves.
func (a *Admin) Serves(d Daemon) { a.daemon.Store(&d) }

func (a *Admin) current() (Daemon, bool) {
	d := a.daemon.Load()
	if d == nil {
		return nil, false
	}
	return *d, true
}

// Handler answers; profile adds /debug/pprof.
func (a *Admin) Handler(profile bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		err := errStarting
		if d, ok := a.current(); ok {
			err = d.Ready()
		}
		answer(w, err)
	})
	mux.HandleFunc("GET /model", a.model)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	if profile {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func (a *Admin) model(w http.ResponseWriter, _ *http.Request) {
	var st postgres.Status
	shared := false
	if d, ok := a.current(); ok {
		st, shared = d.Shared()
	}
	w.Header().Set("Cache-Control", "no-store")
	if !shared {
		http.Error(w, "the model is not shared", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(st) // a reader that has left
}

func answer(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, err.Error()+"\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// Serve answers on l until the result is called.
func (a *Admin) Serve(l net.Listener) (stop func()) {
	_, socket := l.Addr().(*net.UnixAddr)
	srv := &http.Server{Handler: a.Handler(socket), ReadHeaderTimeout: headTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHead}
	ended := make(chan struct{})
	go func() { _ = srv.Serve(l); close(ended) }()
	return func() {
		now, cancel := context.WithCancel(context.Background())
		cancel() // nobody waits for a profile
		_ = srv.Shutdown(now)
		_ = srv.Close()
		<-ended
	}
}
