package witness

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// log is a log in memory: its leaves, and a key that signs whatever it is asked to.
type log struct {
	signer note.Signer
	vkey   string
	leaves []ledger.Hash
}

func newLog(t testing.TB, origin string) *log {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &log{signer: signer, vkey: vkey}
}

func (l *log) grow(to int, salt string) {
	for len(l.leaves) < to {
		l.leaves = append(l.leaves, tlog.LeafHash(fmt.Append(nil, salt, len(l.leaves))))
	}
}

func (l *log) signed(t testing.TB, size int) []byte {
	t.Helper()
	var r tlog.Range
	for _, h := range l.leaves[:size] {
		r.Append(h)
	}
	signed, err := tlog.Checkpoint{Origin: l.signer.Name(), Size: uint64(size), Root: r.Root()}.Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (l *log) prove(size int) func(uint64) ([]ledger.Hash, error) {
	return func(old uint64) ([]ledger.Hash, error) {
		return tlog.Consistency(tlog.FromLeaves(func(i uint64) (ledger.Hash, error) { return l.leaves[i], nil }), old, uint64(size))
	}
}

func key(t testing.TB, name string) *tlog.Cosigner {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tlog.NewCosigner(name, public, func(m []byte) ([]byte, error) { return ed25519.Sign(private, m), nil })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func serve(t testing.TB, cfg Config) (*Peer, *httptest.Server) {
	t.Helper()
	cfg.Now = func() time.Time { return now }
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	public, err := tlog.NewWitness(cfg.Key.VKey())
	if err != nil {
		t.Fatal(err)
	}
	return &Peer{URL: s.URL, Key: public, Client: s.Client()}, s
}

// A log that grows is cosigned at each size; one that was cut, or written anew and
// signed by its own key, is not, also after the witness was started again.
func TestOneHistoryIsCosigned(t *testing.T) {
	l := newLog(t, "example.com/log")
	cfg := Config{Dir: t.TempDir(), Logs: []string{l.vkey}, Key: key(t, "witness.example/w")}
	peer, server := serve(t, cfg)
	ctx := context.Background()
	for _, size := range []int{1, 2, 3, 3, 7, 8, 100, 300} {
		l.grow(size, "true")
		signed := l.signed(t, size)
		line, err := peer.Cosign(ctx, signed, l.prove(size))
		if err != nil {
			t.Fatalf("%d: %v", size, err)
		}
		if at, ok := peer.Key.Cosigned(append(signed, line...)); !ok || !at.Equal(now) {
			t.Errorf("%d: %v %v", size, at, ok)
		}
	}
	server.Close()
	again, _ := serve(t, cfg)
	if _, err := again.Cosign(ctx, l.signed(t, 200), l.prove(200)); !errors.Is(err, ErrForked) {
		t.Errorf("a log that was cut: %v", err)
	}
	other := &log{signer: l.signer, vkey: l.vkey}
	other.grow(400, "false")
	for _, size := range []int{300, 400} {
		if _, err := again.Cosign(ctx, other.signed(t, size), other.prove(size)); !errors.Is(err, ErrForked) {
			t.Errorf("another history of %d: %v", size, err)
		}
	}
	l.grow(301, "true")
	if _, err := again.Cosign(ctx, l.signed(t, 301), l.prove(301)); err != nil {
		t.Errorf("and goes on: %v", err)
	}
}

// Each answer has the status that the specification gives it.
func TestAnswersAreTheSpecifications(t *testing.T) {
	l, stranger := newLog(t, "example.com/log"), newLog(t, "example.com/other")
	impostor := newLog(t, "example.com/log")
	for _, x := range []*log{l, stranger, impostor} {
		x.grow(10, "x")
	}
	peer, server := serve(t, Config{Dir: t.TempDir(), Logs: []string{l.vkey}, Key: key(t, "w")})
	post := func(body []byte) (int, string, string) {
		resp, err := http.Post(server.URL+"/add-checkpoint", "", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(resp.Body)
		return resp.StatusCode, b.String(), resp.Header.Get("Content-Type")
	}
	proof, _ := l.prove(10)(5)
	if _, err := peer.Cosign(context.Background(), l.signed(t, 5), l.prove(5)); err != nil {
		t.Fatal(err)
	}
	bad := append([]ledger.Hash{{1}}, proof[1:]...)
	for _, c := range []struct {
		name string
		body []byte
		want int
	}{
		{"nothing", nil, 400},
		{"no old size", append([]byte("new 5\n\n"), l.signed(t, 10)...), 400},
		{"leading zero", append([]byte("old 05\n\n"), l.signed(t, 10)...), 400},
		{"a hash too short", append([]byte("old 5\nAAAA\n\n"), l.signed(t, 10)...), 400},
		{"too many hashes", append([]byte("old 5\n"+strings.Repeat("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 64)+"\n"), l.signed(t, 10)...), 400},
		{"no checkpoint", []byte("old 5\n\nhello"), 400},
		{"old beyond new", tlog.FormatConsistency(11, nil, l.signed(t, 10)), 400},
		{"a log that is not known", tlog.FormatConsistency(0, nil, stranger.signed(t, 10)), 404},
		{"another key", tlog.FormatConsistency(5, proof, impostor.signed(t, 10)), 403},
		{"another old size", tlog.FormatConsistency(4, proof, l.signed(t, 10)), 409},
		{"a proof that does not hold", tlog.FormatConsistency(5, bad, l.signed(t, 10)), 422},
		{"no proof", tlog.FormatConsistency(5, nil, l.signed(t, 10)), 422},
		{"a proof of nothing grown", tlog.FormatConsistency(5, proof, l.signed(t, 5)), 422},
		{"all is well", tlog.FormatConsistency(5, proof, l.signed(t, 10)), 200},
		{"the same again", tlog.FormatConsistency(10, nil, l.signed(t, 10)), 200},
	} {
		status, body, kind := post(c.body)
		if status != c.want || status == 409 && (body != "5\n" || kind != "text/x.tlog.size") {
			t.Errorf("%s: %d %q (%s), want %d", c.name, status, body, kind, c.want)
		}
	}
	if resp, err := http.Get(server.URL + "/add-checkpoint"); err != nil || resp.StatusCode != 405 {
		t.Errorf("GET: %v %v", resp, err)
	}
}

// However many ask at once, what is remembered only grows.
func TestTheStateOnlyGrows(t *testing.T) {
	l := newLog(t, "example.com/log")
	l.grow(64, "x")
	cfg := Config{Dir: t.TempDir(), Logs: []string{l.vkey}, Key: key(t, "w")}
	first, server := serve(t, cfg)
	var wg sync.WaitGroup
	for size := 1; size <= 64; size++ {
		wg.Go(func() {
			peer := &Peer{URL: server.URL, Key: first.Key, Client: server.Client()}
			_, err := peer.Cosign(context.Background(), l.signed(t, size), l.prove(size))
			if err != nil && !errors.Is(err, ErrForked) && !strings.Contains(err.Error(), "goes on") {
				t.Errorf("%d: %v", size, err)
			}
		})
	}
	wg.Wait()
	if _, err := first.Cosign(context.Background(), l.signed(t, 64), l.prove(64)); err != nil {
		t.Error(err)
	}
}

func TestWitnessKeys(t *testing.T) {
	c := key(t, "witness.example/w")
	if w, err := tlog.NewWitness(c.VKey()); err != nil || w.VKey() != c.VKey() || w.Name() != "witness.example/w" {
		t.Errorf("%v %v", w, err)
	}
	_, vkey, _ := note.GenerateKey(rand.Reader, "log")
	for _, bad := range []string{"", "x", vkey, strings.Replace(c.VKey(), "+", "+0", 1), c.VKey()[:len(c.VKey())-4]} {
		if _, err := tlog.NewWitness(bad); err == nil {
			t.Errorf("%q is a witness's key", bad)
		}
	}
	if _, err := tlog.NewCosigner("a b", nil, nil); err == nil {
		t.Error("a name with a space")
	}
}

func FuzzAdd(f *testing.F) {
	l := newLog(f, "example.com/log")
	l.grow(3, "x")
	w, err := New(Config{Dir: f.TempDir(), Logs: []string{l.vkey}, Key: key(f, "w"), Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tlog.FormatConsistency(0, nil, l.signed(f, 2)))
	f.Add([]byte("old 0\n\n\u2014"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if status, body := w.add(bytes.NewReader(data)); status == http.StatusOK && !bytes.HasPrefix(body, []byte("\u2014 w ")) {
			t.Errorf("%d %q", status, body)
		}
	})
}
