package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// server knows alice by her token, and lets her impersonate bob.
func server(t *testing.T, asked *int) *url.URL {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		body, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || r.URL.Path != "/below/apis/authentication.k8s.io/v1/selfsubjectreviews" || !strings.Contains(string(body), "SelfSubjectReview") {
			t.Errorf("asked %s %s %s", r.Method, r.URL, body)
		}
		if r.Header.Get("X-Other") != "" {
			t.Error("a header that proves nothing was sent along")
		}
		user := User{Username: "alice", UID: "u-1", Groups: []string{"people", "system:authenticated"}, Extra: map[string][]string{"example.com/Team": {"a", "b"}}}
		switch who := r.Header.Get("Impersonate-User"); {
		case r.Header.Get("Authorization") == "Bearer forger":
			user.Extra = map[string][]string{"assent.dev/ticket": {"dec_forged"}}
		case r.Header.Get("Authorization") != "Bearer alice's":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"kind":"Status","message":"Unauthorized"}`)
			return
		case who == "bob":
			user = User{Username: "bob", Groups: []string{"system:authenticated"}}
		case who != "":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind":"Status","message":"alice may not impersonate"}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "SelfSubjectReview", "status": map[string]any{"userInfo": user}})
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + "/below")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestACallIsSentInTheNameOfWhoeverTheClusterKnows(t *testing.T) {
	asked, now := 0, time.Unix(1_800_000_000, 0)
	i, err := New(Config{Server: server(t, &asked), Token: func() (string, error) { return "assent's", nil }, Transport: http.DefaultTransport, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	header := func(token string, more ...string) http.Header {
		h := http.Header{"Authorization": {"Bearer " + token}, "X-Other": {"kept"}}
		for n := 0; n+1 < len(more); n += 2 {
			h.Add(more[n], more[n+1])
		}
		return h
	}
	h := header("alice's")
	if err := i.Vouch(context.Background(), h, "dec_1"); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Authorization": {"Bearer assent's"}, "X-Other": {"kept"}, "Impersonate-User": {"alice"}, "Impersonate-Uid": {"u-1"}, "Impersonate-Group": {"people"},
		"Impersonate-Extra-Example.com%2fteam": {"a", "b"}, "Impersonate-Extra-Assent.dev%2fticket": {"dec_1"},
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("got  %v\nwant %v", h, want)
	}
	// The API server's word holds for a while, and no longer.
	for _, later := range []struct {
		after time.Duration
		asked int
	}{{time.Second, 1}, {2 * knownFor, 2}} {
		now = now.Add(later.after)
		if err := i.Vouch(context.Background(), header("alice's"), "dec_2"); err != nil || asked != later.asked {
			t.Errorf("after %s: asked %d times, want %d (%v)", later.after, asked, later.asked, err)
		}
	}
	// Whom the caller itself impersonates is for the cluster to allow.
	h = header("alice's", "Impersonate-User", "bob")
	if err := i.Vouch(context.Background(), h, "dec_3"); err != nil || h.Get("Impersonate-User") != "bob" || h["Impersonate-Group"] != nil {
		t.Errorf("as bob: %v, %v", h, err)
	}
	for name, h := range map[string]http.Header{
		"an unknown token":        header("guessed"),
		"no token":                {},
		"somebody she may not be": header("alice's", "Impersonate-User", "system:admin"),
		"a ticket of one's own":   header("forger"),
		"a group without a user":  header("mallory's", "Impersonate-Group", "system:masters"),
	} {
		if err := i.Vouch(context.Background(), h, "dec_4"); err == nil {
			t.Errorf("%s: sent as %v", name, h)
		}
	}
}

func TestTheTicketOfACallerIsNeverItsOwnWord(t *testing.T) {
	asked := 0
	i, err := New(Config{Server: server(t, &asked), Token: func() (string, error) { return "", nil }, Transport: http.DefaultTransport, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"Authorization": {"Bearer alice's"}, "Impersonate-Extra-Assent.dev%2fticket": {"dec_forged"}}
	if err := i.Vouch(context.Background(), h, "dec_1"); err != nil {
		t.Fatal(err)
	}
	if got := h["Impersonate-Extra-Assent.dev%2fticket"]; len(got) != 1 || got[0] != "dec_1" {
		t.Errorf("the ticket is %q", got)
	}
	if h.Get("Authorization") != "" {
		t.Error("without a token of assent's, the caller's own was sent")
	}
}

func TestWhoIsRememberedIsBounded(t *testing.T) {
	asked := 0
	i, err := New(Config{Server: server(t, &asked), Token: func() (string, error) { return "", nil }, Transport: http.DefaultTransport, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for n := range usersKept + 10 {
		i.remember(digest(http.Header{"Authorization": {fmt.Sprint(n)}}), User{})
	}
	if len(i.by) != usersKept || i.order.Len() != usersKept {
		t.Errorf("%d are kept", len(i.by))
	}
}
