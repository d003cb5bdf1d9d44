package proxy

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/assent-iom/assent/decoders"
)

// headerAssent marks every answer that assent gave itself, outside a platform's
// own protocol; its value is a word that programs can branch on.
const headerAssent = "X-Assent"

// say writes a one-line answer.
func say(w http.ResponseWriter, status int, code, message string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set(headerAssent, code)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, oneLine(message)+"\n")
}

// turnAway refuses a call at the door and records it.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, who caller, host, why string, status int) {
	s.turnedAway(r.Context(), who, r.Method, host, why, status)
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // nothing that follows can be believed
	}
	say(w, status, "turned-away", "assent refused this call at the door: "+why+"; it is policy, not an outage")
}

// turnedAway records a refusal at the door. A gate that panics does not turn a
// refusal into anything else.
func (s *Server) turnedAway(ctx context.Context, who caller, method, host, why string, status int) {
	s.turned.Add(1)
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("recording a refusal at the door panicked")
		}
	}()
	s.cfg.Gate.TurnedAway(context.WithoutCancel(ctx), Turned{
		Actor: who.actor, Run: who.run, Method: cut(method, 32), Host: host, Reason: oneLine(why), Status: status, At: s.cfg.Now().UTC(),
	})
}

// trouble is the body of a 502: what a program can tell apart.
type trouble struct {
	Error    string `json:"error"`
	Policy   bool   `json:"policy"` // always false: nobody refused anything
	Sent     string `json:"sent"`   // no | unknown
	Decision string `json:"decision,omitempty"`
	At       string `json:"at"`
	*status         // for clients of Kubernetes, which show nothing else
}

// status is as much of a Kubernetes Status as makes kubectl print a message.
type status struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	Status     string `json:"status"`
	Message    string `json:"message"`
	Reason     string `json:"reason"`
	Code       int    `json:"code"`
}

// sayTrouble tells the caller that the upstream, not policy, is why there is no
// answer, and whether the call may have been executed.
func (e *exchange) sayTrouble(code, message string, sent bool) {
	if e.troubleInKind(code, message, sent) {
		return
	}
	state := "no"
	if sent {
		state = "unknown"
	}
	t := trouble{
		Error: oneLine(message), Sent: state, Decision: e.permit.DecisionID, At: e.s.cfg.Now().UTC().Format(time.RFC3339),
	}
	if e.decoder != nil && e.decoder.Name() == "kubernetes" {
		t.status = &status{"Status", "v1", "Failure", t.Error, "BadGateway", http.StatusBadGateway}
	}
	body, err := json.Marshal(t)
	if err != nil {
		body = []byte(`{"error":"assent: the upstream did not answer","policy":false}`)
	}
	h := e.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set(headerAssent, code)
	e.wrote = true
	e.w.WriteHeader(http.StatusBadGateway)
	_, _ = e.w.Write(append(body, '\n'))
}

// troubleInKind says it in the caller's own protocol, if its decoder can.
func (e *exchange) troubleInKind(code, message string, sent bool) bool {
	speaker, ok := e.decoder.(decoders.Troubler)
	if !ok {
		return false
	}
	resp := speaker.Trouble(e.call, oneLine(message), sent)
	if resp == nil {
		return false
	}
	h := e.w.Header()
	for k, v := range resp.Header {
		h[k] = v
	}
	h.Set(headerAssent, code)
	e.wrote = true
	e.w.WriteHeader(resp.StatusCode)
	return true
}

// oneLine keeps a message on one line of at most 400 characters.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return cut(s, 400)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 { // not inside a character
		n--
	}
	return s[:n]
}
