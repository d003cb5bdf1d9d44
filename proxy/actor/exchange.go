package actor

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"time"

	"github.com/assent-iom/assent/model"
)

const (
	// ExchangePath is where a token is exchanged for a run token (RFC 8693).
	ExchangePath = "/token"

	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	tokenOfID     = "urn:ietf:params:oauth:token-type:id_token"
	tokenOfJWT    = "urn:ietf:params:oauth:token-type:jwt"
	tokenOfAccess = "urn:ietf:params:oauth:token-type:access_token"

	// exchangeBody bounds a request, and exchangesAtOnce how many are looked into: each
	// may ask an issuer for its keys.
	exchangeBody    = 3 * maxToken
	exchangesAtOnce = 32
)

// Exchange is the door at which a token of an OpenID provider is exchanged, once, for
// a run token.
type Exchange struct {
	OIDC     *OIDC
	Sessions *Sessions
	Life     time.Duration // of a run token
	// NewRun names what is done with a run token.
	NewRun func() (string, error)
	// Proxy is told to clients: the proxy's own address, as it is here.
	Proxy string
	// Event is told of each exchange, and of each that was refused. It MUST NOT block.
	Event func(actor model.Actor, run string, err error)

	busy chan struct{}
}

// Granted is the answer (RFC 8693 §2.2.1), and what a client needs beside it.
type Granted struct {
	Token   string   `json:"access_token"`
	Issued  string   `json:"issued_token_type"`
	Type    string   `json:"token_type"`
	Seconds int64    `json:"expires_in"`
	Run     string   `json:"run"`
	Actor   string   `json:"actor"`
	For     []string `json:"for,omitempty"`
	Proxy   string   `json:"proxy,omitempty"`
}

// refused is that of RFC 6749 §5.2.
type refused struct {
	Error string `json:"error"`
	Text  string `json:"error_description"`
}

// Handler checks that everything is there.
func (x *Exchange) Handler() (http.Handler, error) {
	if x.OIDC == nil || x.Sessions == nil || x.Life <= 0 || x.NewRun == nil {
		return nil, errors.New("the exchange of tokens lacks a part")
	}
	if x.Event == nil {
		x.Event = func(model.Actor, string, error) {}
	}
	x.busy = make(chan struct{}, exchangesAtOnce)
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+ExchangePath, x.exchange)
	return mux, nil
}

func (x *Exchange) exchange(w http.ResponseWriter, r *http.Request) {
	select {
	case x.busy <- struct{}{}:
		defer func() { <-x.busy }()
	default:
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusTooManyRequests, refused{"temporarily_unavailable", "assent looks into as many tokens as it may: try again"})
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		answer(w, http.StatusUnsupportedMediaType, refused{"invalid_request", "send a form: application/x-www-form-urlencoded"})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, exchangeBody)
	if err := r.ParseForm(); err != nil {
		answer(w, http.StatusBadRequest, refused{"invalid_request", "the form cannot be read"})
		return
	}
	form := r.PostForm // never the URL: it stands in logs
	subject, acting := form.Get("subject_token"), form.Get("actor_token")
	switch {
	case form.Get("grant_type") != grantExchange:
		answer(w, http.StatusBadRequest, refused{"unsupported_grant_type", "grant_type is not " + grantExchange})
		return
	case subject == "" || !isJWT(form.Get("subject_token_type")) || acting != "" && !isJWT(form.Get("actor_token_type")):
		answer(w, http.StatusBadRequest, refused{"invalid_request", "subject_token is missing, or a token is not of type " + tokenOfID + " or " + tokenOfJWT})
		return
	}
	who, err := x.OIDC.Exchange(r.Context(), subject, acting)
	if err != nil {
		x.Event(model.Actor{}, "", err)
		answer(w, http.StatusBadRequest, refused{"invalid_grant", err.Error()})
		return
	}
	run, err := x.NewRun()
	var token string
	if err == nil {
		token, err = x.Sessions.Open(who.Actor, run, x.Life)
	}
	x.Event(who.Actor, run, err)
	if err != nil {
		answer(w, http.StatusServiceUnavailable, refused{"temporarily_unavailable", err.Error()})
		return
	}
	answer(w, http.StatusOK, Granted{
		Token: token, Issued: tokenOfAccess, Type: "N_A", Seconds: int64(x.Life / time.Second), // N_A: it is no bearer token of an API
		Run: run, Actor: who.Actor.ID, For: who.Actor.For, Proxy: x.Proxy,
	})
}

func isJWT(kind string) bool { return kind == tokenOfID || kind == tokenOfJWT }

func answer(w http.ResponseWriter, status int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has left does not read it
}
