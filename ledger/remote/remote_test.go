package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// place is a ledger that is served.
type place struct {
	t      *testing.T
	dir    string
	clock  atomic.Int64 // seconds after at
	tokens map[string]string
	server *Server
	http   *httptest.Server
	vkey   string
	// Spoils changes answers, where it is set.
	spoils func(path string, body []byte) []byte
	lose   atomic.Int32 // answers that are lost
}

func newPlace(t *testing.T, names ...string) *place {
	p := &place{t: t, dir: t.TempDir(), tokens: map[string]string{}}
	var file string
	for _, name := range names {
		token, line, err := NewClient(name, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p.tokens[name], file = token, file+line
	}
	clients, err := ReadClients(file)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return at.Add(time.Duration(p.clock.Load()) * time.Second) }
	open := func(ctx context.Context) (Log, error) {
		return store.Open(ctx, store.Config{Dir: p.dir, Now: now, Rand: rand.Reader})
	}
	first, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.vkey = first.VKey()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	p.server = NewServer(ServerConfig{Open: open, Clients: func() (Clients, error) { return clients, nil }, Now: now,
		Object: func(o ledger.Object) error {
			_, err := ledger.ParseFacts(strings.TrimPrefix(o.Name, ledger.FactsObject), o.Data)
			return err
		},
		Trouble: func(what string, err error) { t.Errorf("%s: %v", what, err) }})
	p.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		p.server.ServeHTTP(rec, r)
		if r.URL.Path == entriesPath && p.lose.Add(-1) >= 0 {
			panic(http.ErrAbortHandler)
		}
		body := rec.Body.Bytes()
		if p.spoils != nil {
			body = p.spoils(r.URL.Path, body)
		}
		w.WriteHeader(rec.Code)
		w.Write(body)
	}))
	t.Cleanup(func() { p.http.Close(); p.server.Close() })
	return p
}

func (p *place) dial(name string) *Client {
	p.t.Helper()
	c, err := Dial(p.t.Context(), ClientConfig{URL: p.http.URL, Token: p.tokens[name], VKey: p.vkey, Rand: rand.Reader})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.end() })
	return c
}

func decision(id, by string) policy.Decision {
	return policy.Decision{ID: id, At: at, Verdict: policy.Allow, Enforcer: by, Action: model.Action{
		ID: id, At: at, Run: "run_1", Actor: model.Actor{ID: "ann", Kind: model.Human},
		Platform: "aws", Service: "s3", Operation: "CreateBucket", Verb: model.Create,
		Targets: []model.Target{{URN: model.URN("arn:aws:s3:::" + id), Type: "s3:bucket", Role: model.RoleCreated}},
	}}
}

func decide(t *testing.T, d policy.Decision) ledger.Entry {
	t.Helper()
	statement, err := ledger.DecisionStatement(d)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Entry{Kind: ledger.KindDecision, Key: d.ID, Run: d.Action.Run, Statement: statement}
}

func conclude(t *testing.T, d policy.Decision, of ledger.Receipt) ledger.Entry {
	t.Helper()
	statement, err := ledger.OutcomeStatement(ledger.Outcome{Decision: d.ID, Of: of, Result: ledger.Succeeded, CompletedAt: at}, d)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Entry{Kind: ledger.KindOutcome, Key: d.ID, Run: d.Action.Run, Statement: statement}
}

func (p *place) verified(entries uint64) {
	p.t.Helper()
	r, err := verify.Dir(p.t.Context(), p.dir, verify.Options{VKey: p.vkey})
	if err != nil || r.Kind != verify.OK || r.Entries != entries {
		p.t.Errorf("%s, %d entries, want %d: %v %v", r.Kind, r.Entries, entries, r.Problems, err)
	}
}

// kinds returns what the ledger has, with the results of outcomes.
func (p *place) kinds() (all []string) {
	p.t.Helper()
	log, err := store.Open(p.t.Context(), store.Config{Dir: p.dir, ReadOnly: true})
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	err = log.Scan(p.t.Context(), 1, func(s ledger.Stored) bool {
		text := string(s.Kind) + " " + s.Key
		if o, err := ledger.ParseOutcome(s.Envelope); err == nil {
			text += " " + o.Result
		}
		all = append(all, text)
		return true
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// Law 1: what Append has returned is in the log there, whoever else records.
func TestLaw1WhatIsAnsweredIsInTheLogElsewhere(t *testing.T) {
	p := newPlace(t, "ci", "edge")
	var all sync.WaitGroup
	for _, name := range []string{"ci", "edge", "ci"} {
		c := p.dial(name)
		all.Go(func() {
			for i := range 10 {
				d := decision(fmt.Sprintf("dec_%s_%s_%d", name, c.session, i), name)
				r, err := c.Append(t.Context(), decide(t, d))
				if err == nil {
					_, err = c.Append(t.Context(), conclude(t, d, r))
				}
				if err != nil {
					t.Error(err)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := p.server.Sessions(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	p.verified(61)
}

// A client speaks for itself, and records what a proxy has to.
func TestAClientRecordsNothingInAnothersName(t *testing.T) {
	p := newPlace(t, "ci", "edge")
	ci, edge := p.dial("ci"), p.dial("edge")
	mine := decision("dec_1", "ci")
	sealed := decide(t, mine)
	sealed.Objects = []ledger.Object{{Name: ledger.WithheldObject + "dec_1", Data: []byte("sealed")}}
	r, err := ci.Append(t.Context(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	genesis, err := ledger.GenesisStatement(ledger.Genesis{Origin: "x", VKey: p.vkey, KeyID: "k", Instance: "00", At: at})
	if err != nil {
		t.Fatal(err)
	}
	bad := decide(t, decision("dec_3", "edge"))
	bad.Objects = []ledger.Object{{Name: ledger.FactsObject + "sha256:00", Data: []byte("{}")}}
	others := decide(t, decision("dec_5", "edge"))
	others.Objects = []ledger.Object{{Name: ledger.WithheldObject + "dec_1", Data: []byte("sealed")}}
	epoch := func(of string) ledger.Entry {
		e, err := ledger.IntentEpochEntry(ledger.IntentEpoch{At: at, Process: "a1", Enforcer: of, Digest: "none"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for name, e := range map[string]ledger.Entry{
		"what is in force at another's":   epoch("ci"),
		"what another withheld":           others,
		"a decision of another":           decide(t, decision("dec_2", "ci")),
		"a decision of nobody":            decide(t, decision("dec_2", "")),
		"the outcome of another's":        conclude(t, mine, r),
		"what only the log itself writes": {Kind: ledger.KindGenesis, Statement: genesis},
		"an object that is another":       bad,
		"what is no statement":            {Kind: ledger.KindDecision, Key: "dec_4", Statement: []byte("{}")},
	} {
		if _, err := edge.Append(t.Context(), e); err == nil {
			t.Errorf("%s was recorded", name)
		}
	}
	if _, err := Dial(t.Context(), ClientConfig{URL: p.http.URL, Token: "guessed", VKey: p.vkey, Rand: rand.Reader}); err == nil || !strings.Contains(err.Error(), "assent ledger client") {
		t.Errorf("a token of nobody's: %v", err)
	}
	if _, err := ci.Append(t.Context(), conclude(t, mine, r)); err != nil {
		t.Error(err)
	}
	if _, err := edge.Append(t.Context(), epoch("edge")); err != nil {
		t.Error(err)
	}
	p.verified(4)
}

// An answer that is lost is asked for again, and the entry is there once.
func TestAnEntryWhoseAnswerIsLostIsRecordedOnce(t *testing.T) {
	p := newPlace(t, "ci")
	c := p.dial("ci")
	d := decision("dec_1", "ci")
	p.lose.Store(1)
	r, err := c.Append(t.Context(), decide(t, d))
	if err != nil || r.Index != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	p.lose.Store(1)
	if r, err = c.Append(t.Context(), conclude(t, d, r)); err != nil || r.Index != 2 {
		t.Errorf("%+v %v", r, err)
	}
	p.verified(3)
	p.lose.Store(2)
	if _, err := c.Append(t.Context(), decide(t, decision("dec_2", "ci"))); err == nil {
		t.Error("nothing answers, and it is said to be recorded")
	}
	p.lose.Store(0)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := strings.Join(p.kinds()[2:], ", "); got != "change-decision dec_2, change-outcome dec_2 unknown" {
		t.Errorf("what nobody was answered about: %s", got)
	}
}

// A client that is gone leaves nothing open; one that is slow stays.
func TestWhatASilentClientHasLeftOpenIsUnknown(t *testing.T) {
	p := newPlace(t, "ci", "edge")
	gone, slow := p.dial("ci"), p.dial("edge")
	left, kept := decision("dec_left", "ci"), decision("dec_kept", "edge")
	of, err := gone.Append(t.Context(), decide(t, left))
	if err != nil {
		t.Fatal(err)
	}
	r, err := slow.Append(t.Context(), decide(t, kept))
	if err != nil {
		t.Fatal(err)
	}
	p.clock.Add(int64(Silence.Seconds()))
	if _, err := slow.alive(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.clock.Add(1)
	p.server.Sweep()
	if n := p.server.Sessions(); n != 1 {
		t.Errorf("%d sessions", n)
	}
	if _, err := slow.Append(t.Context(), conclude(t, kept, r)); err != nil {
		t.Errorf("who said that it is there: %v", err)
	}
	if got := strings.Join(p.kinds(), ", "); got != "change-decision dec_left, change-decision dec_kept, change-outcome dec_left unknown, change-outcome dec_kept succeeded" {
		t.Error(got)
	}
	if _, err := gone.Append(t.Context(), conclude(t, left, of)); err == nil {
		t.Error("a decision has two outcomes")
	}
	if _, err := gone.Append(t.Context(), decide(t, decision("dec_again", "ci"))); err != nil {
		t.Errorf("who comes back: %v", err)
	}
}

// Law 1: a server that answers anything else than what is in the log is not believed.
func TestLaw1AnAnswerThatTheLogHasNotSignedIsNoAnswer(t *testing.T) {
	p := newPlace(t, "ci")
	c := p.dial("ci")
	other, err := c.Append(t.Context(), decide(t, decision("dec_0", "ci")))
	if err != nil {
		t.Fatal(err)
	}
	var before recorded
	p.spoils = func(_ string, body []byte) []byte { _ = json.Unmarshal(body, &before); return body }
	if _, err := c.Append(t.Context(), decide(t, decision("dec_before", "ci"))); err != nil {
		t.Fatal(err)
	}
	for i, change := range map[string]func(*recorded){
		"as it is":             func(*recorded) {},
		"another entry":        func(r *recorded) { r.Envelope = before.Envelope },
		"another leaf":         func(r *recorded) { r.LeafHash = other.LeafHash },
		"an old checkpoint":    func(r *recorded) { r.Checkpoint = before.Checkpoint },
		"no checkpoint":        func(r *recorded) { r.Checkpoint = "" },
		"a bit of the entry":   func(r *recorded) { r.Envelope = bytes.Replace(r.Envelope, []byte(`"sig":"`), []byte(`"sig":"A`), 1) },
		"an index further on":  func(r *recorded) { r.Index += 1000 },
		"a checkpoint changed": func(r *recorded) { r.Checkpoint = strings.Replace(r.Checkpoint, "\n", "\n1", 1) },
	} {
		p.spoils = func(path string, body []byte) []byte {
			var r recorded
			if path != entriesPath || json.Unmarshal(body, &r) != nil {
				return body
			}
			change(&r)
			body, _ = json.Marshal(r)
			return body
		}
		_, err := c.Append(t.Context(), decide(t, decision("dec_"+strings.ReplaceAll(i, " ", "_"), "ci")))
		if (err == nil) != (i == "as it is") {
			t.Errorf("%s: %v", i, err)
		}
	}
	p.spoils = func(_ string, body []byte) []byte { return bytes.Repeat([]byte(" "), maxAnswer+1) }
	if _, err := c.Append(t.Context(), decide(t, decision("dec_long", "ci"))); err == nil {
		t.Error("an answer without end")
	}
	p.spoils = nil
	other2 := newPlace(t, "ci")
	if _, err := Dial(t.Context(), ClientConfig{URL: p.http.URL, Token: p.tokens["ci"], VKey: other2.vkey, Rand: rand.Reader}); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("another log's key: %v", err)
	}
}

// Bad input gets a clear error, and nothing is recorded of it.
func TestWhatIsNoEntryIsRefused(t *testing.T) {
	p := newPlace(t, "ci")
	c := p.dial("ci")
	ask := func(method, path, session, body string) int {
		req := httptest.NewRequest(method, path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+p.tokens["ci"])
		req.Header.Set(sessionHeader, session)
		rec := httptest.NewRecorder()
		p.server.ServeHTTP(rec, req)
		var said refusal
		if rec.Code >= 300 && (json.Unmarshal(rec.Body.Bytes(), &said) != nil || said.Error == "") {
			t.Errorf("%s %s: %d %s", method, path, rec.Code, rec.Body)
		}
		if strings.Contains(rec.Body.String(), p.tokens["ci"]) {
			t.Error("an answer holds a token")
		}
		return rec.Code
	}
	for want, all := range map[int][][4]string{
		http.StatusNotFound:              {{"GET", "/", c.session, ""}, {"POST", "/v1/entries/", c.session, ""}},
		http.StatusMethodNotAllowed:      {{"GET", entriesPath, c.session, ""}, {"POST", sessionPath, c.session, ""}},
		http.StatusBadRequest:            {{"POST", entriesPath, "x", "{}"}, {"POST", entriesPath, c.session, "{"}, {"POST", entriesPath, c.session, `{"kind":"a","kind":"b"}`}, {"POST", entriesPath, c.session, `{"more":1}`}},
		http.StatusRequestEntityTooLarge: {{"POST", entriesPath, c.session, `{"statement":"` + strings.Repeat("A", 2*ledger.MaxStatement) + `"}`}, {"POST", entriesPath, c.session, strings.Repeat(" ", maxRequest+1)}},
	} {
		for _, one := range all {
			if got := ask(one[0], one[1], one[2], one[3]); got != want {
				t.Errorf("%s %s %.40s: %d, want %d", one[0], one[1], one[3], got, want)
			}
		}
	}
	for i := range 2 * maxSessions {
		code := ask("PUT", sessionPath, fmt.Sprintf("%016x", i), "")
		if n := p.server.Sessions(); n > maxSessions || (code == 200) != (i < maxSessions-1) {
			t.Fatalf("session %d: %d, %d are open", i, code, n)
		}
	}
	p.verified(1)
}

func TestAddressesOfALedger(t *testing.T) {
	for address, good := range map[string]bool{
		"https://ledger.example": true, "https://ledger.example:8431/": true, "http://127.0.0.1:8431": true, "http://localhost:1": true, "http://[::1]:1": true,
		"http://ledger.example": false, "https://u:p@ledger.example": false, "ledger.example:8431": false, "https://ledger.example/x": false, "": false, "ftp://ledger.example": false,
	} {
		if err := CheckURL(address); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func FuzzReadClients(f *testing.F) {
	_, line, err := NewClient("ci", rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{line, "# nobody\n\n" + line, line + line, "a b", "ci sha256:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ReadClients(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("the error names no line: %v", err)
			}
			return
		}
		for name := range all {
			if !clientName.MatchString(name) {
				t.Errorf("%q is a client", name)
			}
		}
	})
}

func FuzzEntry(f *testing.F) {
	statement, err := ledger.DecisionStatement(decision("dec_1", "ci"))
	if err != nil {
		f.Fatal(err)
	}
	body, err := json.Marshal(sent{Kind: ledger.KindDecision, Key: "dec_1", Run: "run_1", Statement: statement, Objects: []sentObject{{"facts/x", []byte("y")}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, about, err := parse(body)
		if err == nil && (len(e.Statement) > ledger.MaxStatement || about.Kind == "") {
			t.Errorf("%+v %+v", e, about)
		}
		if err != nil {
			if f, ok := err.(*failure); !ok || f.status < 400 || f.body.Error == "" {
				t.Errorf("%v", err)
			}
		}
	})
}

var _ io.Closer = (*Client)(nil)
