package remote

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/ledger"
)

// The bounds of a server: each session has the ledger open once, and each entry on its
// way may hold maxRequest.
const (
	maxSessions = 128
	maxCalls    = 64
)

// Log is the ledger as one session has it open.
type Log interface {
	ledger.Writer
	Get(ctx context.Context, index uint64) (ledger.Stored, error)
	Find(ctx context.Context, key string) ([]ledger.Stored, error)
	CheckpointFrom(ctx context.Context, size uint64) ([]byte, error)
	VKey() string
	// Close closes what the session has left open.
	Close() error
}

// ServerConfig says what is served, and to whom.
type ServerConfig struct {
	Open    func(context.Context) (Log, error)
	Clients func() (Clients, error) // as they are now
	// Object returns why an object is not what its name says.
	Object func(ledger.Object) error
	Now    func() time.Time
	// Trouble is told what went wrong beside the calls.
	Trouble func(what string, err error)
}

// Server answers clients. It is safe for concurrent use. Close it.
type Server struct {
	cfg    ServerConfig
	turns  chan struct{}
	mu     sync.Mutex
	opened map[string]*session // by client and process
	closed bool
}

// session is one process of a client.
type session struct {
	mu    sync.Mutex // held while the log is opened or closed
	log   Log        // nil: not opened
	heard time.Time  // guarded by Server.mu, as busy is
	busy  int        // calls that use it
}

// NewServer makes a server. Somebody has to call Sweep every so often.
func NewServer(cfg ServerConfig) *Server {
	return &Server{cfg: cfg, turns: make(chan struct{}, maxCalls), opened: map[string]*session{}}
}

// Sweep ends the sessions that were silent for too long.
func (s *Server) Sweep() {
	s.end(func(x *session) bool { return x.busy == 0 && s.cfg.Now().Sub(x.heard) > Silence })
}

// Close ends all sessions. No call may be under way.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end(func(*session) bool { return true })
}

// Sessions is how many there are.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.opened)
}

func (s *Server) end(which func(*session) bool) {
	var gone []*session
	s.mu.Lock()
	for id, x := range s.opened {
		if which(x) {
			gone = append(gone, x)
			delete(s.opened, id)
		}
	}
	s.mu.Unlock()
	for _, x := range gone {
		s.shut(x)
	}
}

func (s *Server) shut(x *session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.log == nil {
		return
	}
	if err := x.log.Close(); err != nil {
		s.cfg.Trouble("closing what a client has left open", err)
	}
	x.log = nil
}

// errFull is told to a client too many.
var errFull = &failure{http.StatusServiceUnavailable, refusal{Error: "too many sessions are open", Repair: "run another ledger for some of the clients"}}

// take finds or makes a session, and keeps it from being ended until it is let go of.
func (s *Server) take(ctx context.Context, id string) (*session, error) {
	s.mu.Lock()
	x := s.opened[id]
	switch {
	case s.closed:
		s.mu.Unlock()
		return nil, &failure{http.StatusServiceUnavailable, refusal{Error: "the ledger is being closed"}}
	case x == nil && len(s.opened) >= maxSessions:
		s.mu.Unlock()
		return nil, errFull
	case x == nil:
		x = &session{}
		s.opened[id] = x
	}
	x.busy++
	x.heard = s.cfg.Now()
	s.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.log == nil {
		log, err := s.cfg.Open(context.WithoutCancel(ctx))
		if err != nil {
			s.release(x)
			s.cfg.Trouble("opening the ledger", err)
			return nil, &failure{http.StatusServiceUnavailable, refusal{Error: "the ledger cannot be opened", Repair: "look at what assent ledger serve says there"}}
		}
		x.log = log
	}
	return x, nil
}

func (s *Server) release(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.busy--
	x.heard = s.cfg.Now()
}

// failure is an answer that is no yes.
type failure struct {
	status int
	body   refusal
}

func (f *failure) Error() string { return f.body.Error }

func refuse(status int, format string, args ...any) *failure {
	return &failure{status, refusal{Error: fmt.Sprintf(format, args...)}}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.answer(w, r)
	if err == nil {
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		write(w, http.StatusOK, answer)
		return
	}
	var f *failure
	if !errors.As(err, &f) {
		f = refuse(http.StatusServiceUnavailable, "%v", err)
	}
	write(w, f.status, f.body)
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever asked may have left
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	if r.URL.Path != entriesPath && r.URL.Path != sessionPath {
		return nil, refuse(http.StatusNotFound, "there is nothing at this path")
	}
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	default:
		return nil, refuse(http.StatusServiceUnavailable, "too many calls at once")
	}
	name, err := s.who(r)
	if err != nil {
		return nil, err
	}
	id := r.Header.Get(sessionHeader)
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 8 {
		return nil, refuse(http.StatusBadRequest, "%s has to be 16 hexadecimal digits", sessionHeader)
	}
	id = name + " " + id
	switch r.Method + " " + r.URL.Path {
	case http.MethodDelete + " " + sessionPath:
		return nil, s.leave(id)
	case http.MethodPut + " " + sessionPath, http.MethodPost + " " + entriesPath:
	default:
		return nil, refuse(http.StatusMethodNotAllowed, "%s is no method of this path", r.Method)
	}
	x, err := s.take(r.Context(), id)
	if err != nil {
		return nil, err
	}
	defer s.release(x)
	if r.URL.Path == sessionPath {
		return welcome{Name: name, VKey: x.log.VKey()}, nil
	}
	entry, about, err := read(w, r)
	if err != nil {
		return nil, err
	}
	for _, o := range entry.Objects {
		if about.Kind == ledger.KindDecision && o.Name == ledger.WithheldObject+about.Key {
			continue // encrypted: only who has the key can see what it is
		}
		if err := s.cfg.Object(o); err != nil {
			return nil, refuse(http.StatusBadRequest, "%v", err)
		}
	}
	if err := its(r.Context(), x.log, about, name); err != nil {
		return nil, err
	}
	return record(r.Context(), x.log, entry)
}

func (s *Server) who(r *http.Request) (string, error) {
	clients, err := s.cfg.Clients()
	if err != nil {
		s.cfg.Trouble("reading who may record", err)
		return "", refuse(http.StatusServiceUnavailable, "it cannot be read who may record")
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	name, known := clients.of(token)
	if !ok || !known {
		return "", &failure{http.StatusUnauthorized, refusal{Error: "the token is nobody's", Repair: "assent ledger client NAME, at the ledger, makes one"}}
	}
	return name, nil
}

func (s *Server) leave(id string) error {
	s.mu.Lock()
	x := s.opened[id]
	if x != nil && x.busy > 0 {
		s.mu.Unlock()
		return refuse(http.StatusConflict, "calls of the session are under way")
	}
	delete(s.opened, id)
	s.mu.Unlock()
	if x != nil {
		s.shut(x)
	}
	return nil
}

// read reads an entry, strictly.
func read(w http.ResponseWriter, r *http.Request) (e ledger.Entry, about ledger.About, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return e, about, refuse(http.StatusRequestEntityTooLarge, "an entry is at most %d bytes with what belongs to it", maxRequest)
		}
		return e, about, refuse(http.StatusBadRequest, "the entry did not arrive whole")
	}
	return parse(body)
}

func parse(body []byte) (e ledger.Entry, about ledger.About, err error) {
	if err := ledger.CheckJSON(body); err != nil {
		return e, about, refuse(http.StatusBadRequest, "the entry: %v", err)
	}
	in := json.NewDecoder(bytes.NewReader(body))
	in.DisallowUnknownFields()
	var got sent
	if err := in.Decode(&got); err != nil {
		return e, about, refuse(http.StatusBadRequest, "the entry: %v", err)
	}
	if len(got.Statement) > ledger.MaxStatement {
		return e, about, refuse(http.StatusRequestEntityTooLarge, "a statement has at most %d bytes, this one %d", ledger.MaxStatement, len(got.Statement))
	}
	if about, err = ledger.Describe(got.Statement); err != nil {
		return e, about, refuse(http.StatusBadRequest, "%v", err)
	}
	e = ledger.Entry{Kind: got.Kind, Key: got.Key, Run: got.Run, Statement: got.Statement}
	for _, o := range got.Objects {
		e.Objects = append(e.Objects, ledger.Object(o))
	}
	return e, about, nil
}

// kinds are what a proxy has to record; the others are for whoever runs the ledger.
var kinds = []ledger.Kind{ledger.KindDecision, ledger.KindOutcome, ledger.KindApproval, ledger.KindDoor, ledger.KindHeartbeat, ledger.KindIntentEpoch, ledger.KindOverride}

// its wants an entry to be one that this client may make.
func its(ctx context.Context, log Log, about ledger.About, name string) error {
	switch {
	case !slices.Contains(kinds, about.Kind):
		return refuse(http.StatusForbidden, "a client records no %s", about.Kind)
	case (about.Kind == ledger.KindDecision || about.Kind == ledger.KindIntentEpoch) && about.By != name:
		return refuse(http.StatusForbidden, "%s records a %s of %s", name, about.Kind, about.By)
	case about.Kind == ledger.KindOutcome:
		of, err := log.Get(ctx, about.Of.Index)
		if err != nil {
			return refuse(http.StatusConflict, "there is no decision at %d", about.Of.Index)
		}
		d, err := ledger.Describe(of.Envelope)
		if err != nil || d.By != name || d.Key != about.Key {
			return refuse(http.StatusForbidden, "entry %d is no decision of %s", about.Of.Index, name)
		}
	}
	return nil
}

// record appends an entry, or finds it: it may have come before.
func record(ctx context.Context, log Log, e ledger.Entry) (any, error) {
	receipt, err := log.Append(ctx, e)
	if err != nil {
		before, ok := found(ctx, log, e)
		if !ok {
			return nil, refuse(http.StatusConflict, "%v", err)
		}
		receipt = before
	}
	stored, err := log.Get(ctx, receipt.Index)
	if err != nil {
		return nil, err
	}
	head, err := log.CheckpointFrom(ctx, receipt.Index+1)
	if err != nil {
		return nil, err
	}
	return recorded{Receipt: receipt, Envelope: stored.Envelope, Checkpoint: string(head)}, nil
}

func found(ctx context.Context, log Log, e ledger.Entry) (ledger.Receipt, bool) {
	if e.Key == "" {
		return ledger.Receipt{}, false
	}
	all, err := log.Find(ctx, e.Key)
	if err != nil {
		return ledger.Receipt{}, false
	}
	for _, s := range all {
		if envelope, err := ledger.ParseEnvelope(s.Envelope); err == nil && s.Kind == e.Kind && bytes.Equal(envelope.Payload, e.Statement) {
			return ledger.Receipt{Index: s.Index, LeafHash: s.LeafHash}, true
		}
	}
	return ledger.Receipt{}, false
}
