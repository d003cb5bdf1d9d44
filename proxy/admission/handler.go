package admission

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

const (
	// reviewCap bounds a review: an object is at most 3 MiB on the wire, and a
	// review has the old and the new one.
	reviewCap = 8 << 20
	// reviewsAtOnce bounds those that are read at the same time: 256 MiB.
	reviewsAtOnce = 32
	// patience is below the time that API servers wait (Timeout): an answer that comes
	// too late is none.
	patience = 8 * time.Second
	// Timeout is what a webhook's configuration should say, in seconds.
	Timeout = 10
	// secretBytes of the path's secret are enough that nobody guesses it.
	secretBytes = 16
	// ticketExtra is the key of a user's extras that the proxy puts a ticket under.
	ticketExtra = "assent.dev/ticket"
)

// Cluster is one API server that may ask.
type Cluster struct {
	Name string
	URL  *url.URL // as its calls have it, so that the decoder knows it
	Host string   // as in decoders.Call
}

// Config is what a Handler is made from.
type Config struct {
	Gate     proxy.Gate
	Registry *decoders.Registry
	Clusters []Cluster
	Key      []byte // what the secrets of the paths are made from
	Memory   Memory // nil: a restart forgets what controllers are still carrying out
	Log      *zap.Logger
}

// Memory keeps beyond the process with which decision an object came to be as it is.
type Memory interface {
	// Each gives what was kept, the oldest first.
	Each(func(object, decision string)) error
	Keep(object, decision string) error
}

// Handler answers reviews. It is safe for concurrent use.
type Handler struct {
	cfg     Config
	by      map[string]Cluster // by path
	origins *origins
	turns   chan struct{}
}

// New checks the configuration.
func New(cfg Config) (*Handler, error) {
	switch {
	case cfg.Gate == nil || cfg.Registry == nil:
		return nil, errors.New("admission: no gate or no decoders")
	case len(cfg.Key) < secretBytes:
		return nil, fmt.Errorf("admission: a key of %d bytes: want at least %d", len(cfg.Key), secretBytes)
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	h := &Handler{cfg: cfg, by: map[string]Cluster{}, origins: newOrigins(), turns: make(chan struct{}, reviewsAtOnce)}
	if cfg.Memory != nil {
		if err := cfg.Memory.Each(h.origins.add); err != nil {
			return nil, fmt.Errorf("admission: %w", err)
		}
		h.origins.keep = func(object, decision string) {
			if err := cfg.Memory.Keep(object, decision); err != nil {
				cfg.Log.Error("what follows from a decision will be judged after a restart", zap.String("decision", decision), zap.Error(err))
			}
		}
	}
	for _, c := range cfg.Clusters {
		h.by[Path(cfg.Key, c.Name)] = c
	}
	return h, nil
}

// Path is where a cluster asks: it has a secret in it, since whoever is listened
// to can fill the ledger.
func Path(key []byte, cluster string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("admission\n" + cluster))
	return "/admission/" + hex.EncodeToString(mac.Sum(nil)[:secretBytes])
}

// ServeHTTP answers one review.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cluster, ok := h.by[r.URL.Path]
	if !ok || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
	case <-r.Context().Done():
		return
	}
	in, err := read(r.Body)
	if err != nil {
		h.cfg.Log.Warn("an admission review cannot be read", zap.String("cluster", cluster.Name), zap.Error(err))
		http.Error(w, "assent cannot read this review: "+err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	answer, err := json.Marshal(review{APIVersion: in.APIVersion, Kind: in.Kind, Response: h.answer(ctx, cluster, in.Request)})
	if err != nil {
		http.Error(w, "assent cannot answer this review", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// read reads a review whole, or not at all.
func read(from io.Reader) (in review, err error) {
	data, err := io.ReadAll(io.LimitReader(from, reviewCap+1))
	switch {
	case err != nil:
		return in, err
	case len(data) > reviewCap:
		return in, fmt.Errorf("it is larger than %d MiB", reviewCap>>20)
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return in, err
	}
	if in.APIVersion != "admission.k8s.io/v1" || in.Kind != "AdmissionReview" || in.Request == nil || in.Request.UID == "" {
		return in, errors.New("it is no AdmissionReview of admission.k8s.io/v1 with a request")
	}
	return in, nil
}

// answer judges one request.
func (h *Handler) answer(ctx context.Context, c Cluster, r *request) *response {
	call, err := r.call(c.URL, c.Host)
	if err != nil {
		return refused(r.UID, "assent refused this call: it cannot be understood: "+err.Error(), "")
	}
	decoder, _, err := h.cfg.Registry.Find(call)
	if err != nil || decoder == nil {
		return refused(r.UID, "assent refused this call: no decoder understands the cluster "+c.Name, "")
	}
	asked := proxy.Asked{Call: call, Decoder: decoder, Actor: r.actor(), Echo: true, Ticket: strings.Join(r.UserInfo.Extra[ticketExtra], ",")}
	if r.UserInfo.controller() && asked.Ticket == "" {
		asked.Follows = h.origins.parent(c.Name, r)
	}
	p := h.cfg.Gate.Judge(ctx, asked)
	if p.Refusal != nil {
		return refused(r.UID, p.Refusal.Message, p.DecisionID)
	}
	if p.Close != nil {
		err := p.Close(ctx, proxy.Answered{Result: ledger.Unresolved, Reason: "admitted by webhook; the API server's own log tells whether it was stored"})
		if err != nil {
			h.cfg.Log.Error("an outcome could not be recorded", zap.String("decision", p.DecisionID), zap.Error(err))
		}
	}
	out := &response{UID: r.UID, Allowed: true}
	if p.Warning != "" {
		out.Warnings = []string{p.Warning}
	}
	if p.DecisionID != "" {
		out.AuditAnnotations = map[string]string{"decision": p.DecisionID}
		root := p.DecisionID
		if asked.Follows != "" {
			root = asked.Follows // what follows from it follows from the first
			out.AuditAnnotations["follows"] = root
		}
		h.origins.remember(c.Name, r, root)
	}
	return out
}

// actor is who the API server says it is.
func (r *request) actor() model.Actor {
	a := model.Actor{ID: r.UserInfo.Username, Authn: "kubernetes", Said: map[string]string{"admission-uid": r.UID}}
	if r.UserInfo.controller() || strings.HasPrefix(a.ID, "system:serviceaccount:") {
		a.Kind = model.Controller
	}
	return a
}

func refused(uid, message, decision string) *response {
	out := &response{UID: uid, Status: &status{"Failure", message, "Forbidden", http.StatusForbidden}}
	if decision != "" {
		out.AuditAnnotations = map[string]string{"decision": decision}
	}
	return out
}
