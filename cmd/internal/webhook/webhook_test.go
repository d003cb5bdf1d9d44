package webhook

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The example of the standard itself.
func TestASignatureIsAsTheStandardHasIt(t *testing.T) {
	key, err := ReadSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	if got := Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(got)
	}
	for _, bad := range []string{"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!", "whsec_YQ=="} {
		if _, err := ReadSecret(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// receiver answers as it is told, in turn, and keeps what it got.
type receiver struct {
	mu      sync.Mutex
	answers []int
	bodies  []string
	ids     []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	status := 204
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	r.bodies, r.ids = append(r.bodies, string(body)), append(r.ids, req.Header.Get("Webhook-Id"))
	w.WriteHeader(status)
}

func start(t *testing.T, r http.Handler, trouble func(string, error)) *Sender {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	key, err := ReadSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(Config{URL: server.URL + "/secret-path", Secret: key, Now: time.Now, Trouble: trouble, Pause: func(context.Context, time.Duration) {}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAMessageIsTriedAgainUnderItsIDAndNotForEver(t *testing.T) {
	r := &receiver{answers: []int{500, 429, 204, 400, 500, 500, 500, 500, 500}}
	var mu sync.Mutex
	var troubles []string
	s := start(t, r, func(what string, err error) {
		mu.Lock()
		defer mu.Unlock()
		troubles = append(troubles, what+": "+err.Error())
	})
	for _, kind := range []string{"one", "two", "three", "four"} {
		s.Send(Message{Type: kind, At: time.Unix(1, 0).UTC(), Data: map[string]string{"a": "b"}})
	}
	s.Close(t.Context())
	var got []string
	for i, b := range r.bodies {
		var m Message
		if err := json.Unmarshal([]byte(b), &m); err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Type)
		if i > 0 && got[i-1] == m.Type && r.ids[i-1] != r.ids[i] {
			t.Error("another try has another id")
		}
	}
	if want := "one one one two three three three three three four"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	said := strings.Join(troubles, "\n")
	if len(troubles) != 2 || !strings.Contains(said, "of two: it answered 400") || !strings.Contains(said, "of three: it answered 500") {
		t.Errorf("%q", said)
	}
	if strings.Contains(said, "secret-path") || strings.Contains(said, secret) {
		t.Errorf("a secret was said: %s", said)
	}
	s.Send(Message{Type: "late"}) // after Close: nothing, and no panic
}

// A receiver that does not answer keeps nobody waiting who sends, and what was given up
// is said.
func TestSendNeverBlocks(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	var said atomic.Bool
	s := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }), func(string, error) { said.Store(true) })
	for range 10 * queued {
		s.Send(Message{Type: "x"})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.Close(ended)
	if !said.Load() {
		t.Error("nobody was told that messages were given up")
	}
}
