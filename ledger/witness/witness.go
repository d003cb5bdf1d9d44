// Package witness cosigns the checkpoints of logs, ours and others', and asks
// witnesses for cosignatures: https://c2sp.org/tlog-witness.
//
// A witness remembers the largest checkpoint of each log that it knows, and signs a
// larger one only with a proof that the one is the beginning of the other. So a log
// whose history was cut or written anew is not cosigned, whoever holds its key. It
// MUST run where whoever runs the log cannot reach its key and its state.
//
// What it does not do: it does not look at entries, and it keeps no log from not
// showing its newest checkpoint to somebody; readers look at when it was cosigned.
package witness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
)

// Config is what a Witness is made from.
type Config struct {
	Dir  string   // of its state: one file a log
	Logs []string // vkeys of the logs that it knows; a log that changes its key has two for a time
	Key  *tlog.Cosigner
	Now  func() time.Time
}

// Witness answers add-checkpoint. It is safe for concurrent use.
type Witness struct {
	cfg  Config
	logs map[string]*witnessed // by origin
}

type witnessed struct {
	mu   sync.Mutex // held from looking at the state until it is replaced
	keys []note.Verifier
}

// New checks the configuration.
func New(cfg Config) (*Witness, error) {
	w := &Witness{cfg: cfg, logs: map[string]*witnessed{}}
	if cfg.Key == nil || cfg.Now == nil || len(cfg.Logs) == 0 {
		return nil, errors.New("a witness needs a key, a clock and logs")
	}
	for _, vkey := range cfg.Logs {
		key, err := note.NewVerifier(strings.TrimSpace(vkey))
		if err != nil {
			return nil, fmt.Errorf("log key %q: %w", vkey, err)
		}
		log := w.logs[key.Name()]
		if log == nil {
			log = &witnessed{}
			w.logs[key.Name()] = log
		}
		log.keys = append(log.keys, key)
	}
	return w, os.MkdirAll(cfg.Dir, 0o700)
}

// ServeHTTP answers POST …/add-checkpoint.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/add-checkpoint") {
		http.NotFound(rw, r)
		return
	}
	if r.Method != http.MethodPost {
		rw.Header().Set("Allow", http.MethodPost)
		http.Error(rw, "POST it", http.StatusMethodNotAllowed)
		return
	}
	status, body := w.add(r.Body)
	if status == http.StatusConflict {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
	} else {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	rw.WriteHeader(status)
	_, _ = rw.Write(body)
}

// add looks at a request and, if all is well, remembers and cosigns the checkpoint.
func (w *Witness) add(r io.Reader) (status int, body []byte) {
	fail := func(status int, format string, args ...any) (int, []byte) {
		return status, fmt.Appendf(nil, format+"\n", args...)
	}
	g, err := tlog.ParseGrowth(r)
	if err != nil {
		return fail(http.StatusBadRequest, "%v", err)
	}
	claimed, err := tlog.ReadCheckpoint(g.Signed)
	if err != nil {
		return fail(http.StatusBadRequest, "%v", err)
	}
	log := w.logs[claimed.Origin]
	if log == nil {
		return fail(http.StatusNotFound, "the log %q is not known here", claimed.Origin)
	}
	next, err := tlog.OpenCheckpoint(g.Signed, log.keys...)
	if err != nil {
		return fail(http.StatusForbidden, "%v", err)
	}
	if g.Old > next.Size {
		return fail(http.StatusBadRequest, "from %d to %d is no growth", g.Old, next.Size)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	have, err := w.last(log.keys)
	if err != nil {
		return fail(http.StatusInternalServerError, "the state of this witness cannot be read")
	}
	if g.Old != have.Size || have.Size == next.Size && have.Size > 0 && have.Root != next.Root {
		return http.StatusConflict, fmt.Appendf(nil, "%d\n", have.Size)
	}
	proof := make([]ledger.Hash, len(g.Proof))
	for i, h := range g.Proof {
		proof[i] = h
	}
	switch {
	case have.Size == 0 && len(proof) > 0:
		return fail(http.StatusUnprocessableEntity, "a proof from nothing")
	case have.Size > 0:
		if err := tlog.VerifyConsistency(proof, have.Size, next.Size, have.Root, next.Root); err != nil {
			return fail(http.StatusUnprocessableEntity, "%v", err)
		}
	}
	if err := seal.Replace(w.path(next.Origin), g.Signed); err != nil {
		return fail(http.StatusInternalServerError, "the state of this witness cannot be written")
	}
	line, err := w.cfg.Key.Cosign(g.Signed, w.cfg.Now())
	if err != nil {
		return fail(http.StatusInternalServerError, "this witness cannot sign")
	}
	return http.StatusOK, line
}

func (w *Witness) path(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(w.cfg.Dir, hex.EncodeToString(sum[:16])+".checkpoint")
}

// last is the largest checkpoint of a log that was cosigned; the zero one if none
// was.
func (w *Witness) last(keys []note.Verifier) (tlog.Checkpoint, error) {
	data, err := os.ReadFile(w.path(keys[0].Name()))
	if errors.Is(err, fs.ErrNotExist) {
		return tlog.Checkpoint{}, nil
	}
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	return tlog.OpenCheckpoint(data, keys...)
}

// Peer is a witness that is asked for cosignatures, by one caller at a time.
type Peer struct {
	URL    string // its submission prefix
	Key    tlog.Witness
	Client *http.Client

	last uint64 // the size that it cosigned last, as far as is known
}

// maxAnswer bounds what a witness answers.
const maxAnswer = 16 << 10

// ErrForked is returned when a witness has seen another history of the log.
var ErrForked = errors.New("the witness has seen another history of this log")

// Cosign asks for the cosignature of a checkpoint; prove proves that the tree of
// that size grew from a smaller one. The line that it returns verifies.
func (p *Peer) Cosign(ctx context.Context, signed []byte, prove func(old uint64) ([]ledger.Hash, error)) (line []byte, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("asking the witness %s: %w", p.Key.Name(), err)
		}
	}()
	c, err := tlog.ReadCheckpoint(signed)
	if err != nil {
		return nil, err
	}
	old := min(p.last, c.Size)
	for range 3 { // it says where it is; another process of ours may have gone on meanwhile
		var proof []ledger.Hash
		if old > 0 {
			if proof, err = prove(old); err != nil {
				return nil, err
			}
		}
		status, body, err := p.post(ctx, tlog.FormatConsistency(old, proof, signed))
		switch {
		case err != nil:
			return nil, err
		case status == http.StatusOK:
			p.last = c.Size
			return p.checked(signed, body)
		case status == http.StatusUnprocessableEntity:
			return nil, fmt.Errorf("%w, of %d entries", ErrForked, old)
		case status != http.StatusConflict:
			return nil, fmt.Errorf("it answers %d: %s", status, strings.TrimSpace(string(body[:min(200, len(body))])))
		}
		at, err := strconv.ParseUint(strings.TrimSuffix(string(body), "\n"), 10, 63)
		switch {
		case err != nil:
			return nil, errors.New("it answers 409 without a size")
		case at > c.Size:
			return nil, fmt.Errorf("%w: of %d entries, this one has %d", ErrForked, at, c.Size)
		case at == old:
			return nil, fmt.Errorf("%w, of %d entries", ErrForked, at)
		}
		old = at
	}
	return nil, errors.New("it goes on while it is asked")
}

func (p *Peer) post(ctx context.Context, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(p.URL, "/")+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	resp, err := p.Client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, answer, err
}

// checked takes the line of this witness out of its answer.
func (p *Peer) checked(signed, answer []byte) ([]byte, error) {
	for line := range bytes.Lines(answer) {
		whole := append(bytes.Clone(signed), line...)
		if _, ok := p.Key.Cosigned(whole); ok {
			return line, nil
		}
	}
	return nil, errors.New("it answers without a cosignature by its key")
}
