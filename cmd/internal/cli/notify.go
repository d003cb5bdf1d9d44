package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/webhook"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
	"github.com/assent-iom/assent/proxy/gate"
)

// notifyTime bounds what the end of a run or a daemon waits for messages.
const notifyTime = 10 * time.Second

// notifier tells the webhook of assent.yaml; without one it does nothing.
type notifier struct {
	sender *webhook.Sender // nil: nobody is told
	now    func() time.Time
}

func (a *App) notifier(cfg *config.Config, trouble func(string, error)) (*notifier, error) {
	n := &notifier{now: a.Now}
	if cfg.Webhook.URL == "" {
		return n, nil
	}
	text, err := os.ReadFile(cfg.Webhook.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("reading the secret of the webhook: %w", err)
	}
	secret, err := webhook.ReadSecret(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading the secret of the webhook, %s: %w", cfg.Webhook.SecretFile, err)
	}
	n.sender, err = webhook.Start(webhook.Config{URL: cfg.Webhook.URL, Secret: secret, Now: a.Now, Trouble: trouble})
	return n, err
}

func (n *notifier) close() {
	if n == nil || n.sender == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), notifyTime)
	defer cancel()
	n.sender.Close(ctx)
}

// toldAction is one action in a message: no parameters, which may hold anything.
type toldAction struct {
	Decision   string   `json:"decision"`
	Name       string   `json:"action"`
	Verb       string   `json:"verb"`
	Targets    []string `json:"targets,omitempty"`
	Dependents int      `json:"dependents,omitempty"`
}

// toldApproval is the data of approval.requested, approval.used and approval.denied.
type toldApproval struct {
	Request string       `json:"request"`
	Run     string       `json:"run,omitempty"`
	Actor   string       `json:"actor"`
	Ticket  string       `json:"ticket,omitempty"`
	Asks    []string     `json:"asks,omitempty"`
	By      []string     `json:"by,omitempty"`
	Expires *time.Time   `json:"expires,omitempty"`
	Actions []toldAction `json:"actions"`
}

// toldIntent is the data of intent.changed.
type toldIntent struct {
	Before string     `json:"before"`
	Now    string     `json:"now"`
	Modes  []toldMode `json:"modes,omitempty"` // of environments that enforce or observe since
}

type toldMode struct {
	Environment string `json:"environment"`
	Before      string `json:"before,omitempty"`
	Now         string `json:"now,omitempty"` // empty: it is gone
}

// event tells of what waits, and of what became of it. It does not block.
func (n *notifier) event(e gate.Event) {
	if n.sender == nil || e.Outcome != nil || e.Turned != nil {
		return
	}
	switch {
	case e.Held != nil:
		told := toldApproval{Request: e.Held.ID, Run: e.Held.Run, Actor: e.Held.Actor.ID, Ticket: e.Held.Actor.Ticket, Asks: e.Held.Asked(), Expires: &e.Held.Expires}
		for _, it := range e.Held.Items {
			told.Actions = append(told.Actions, toldItem(it))
		}
		n.send("approval.requested", told)
	case e.Decision.Request == "":
	case len(e.Decision.Approvals) > 0 && e.Decision.Verdict == policy.Allow:
		told := toldDecision(e.Decision)
		for _, a := range e.Decision.Approvals {
			told.By = append(told.By, a.By)
		}
		n.send("approval.used", told)
	case slices.ContainsFunc(e.Decision.Findings, func(f policy.Finding) bool { return f.Code == gate.CodeDenied }):
		n.send("approval.denied", toldDecision(e.Decision))
	}
}

func toldItem(it approval.Item) toldAction {
	t := toldAction{Decision: it.Decision, Name: it.Name, Verb: string(it.Verb), Dependents: it.Dependents}
	for _, urn := range it.Targets {
		t.Targets = append(t.Targets, string(urn))
	}
	return t
}

func toldDecision(d policy.Decision) toldApproval {
	return toldApproval{Request: d.Request, Run: d.Action.Run, Actor: d.Action.Actor.ID, Ticket: d.Action.Actor.Ticket, Actions: []toldAction{toldItem(approval.NewItem(d))}}
}

// broken tells that somebody broke the glass, or reviewed that.
func (n *notifier) broken(kind string, b brokenGlass) {
	if n.sender != nil {
		n.send(kind, b)
	}
}

// changed tells that other documents are in force, and where changes are refused since,
// or only recorded.
func (n *notifier) changed(before, now *intent.Set) {
	if n.sender == nil {
		return
	}
	told := toldIntent{Before: intent.None, Now: intent.None}
	was, is := modesOf(before), modesOf(now)
	if !before.Empty() {
		told.Before = before.Digest
	}
	if !now.Empty() {
		told.Now = now.Digest
	}
	for env, mode := range is {
		if was[env] != mode {
			told.Modes = append(told.Modes, toldMode{env, was[env], mode})
		}
	}
	for env, mode := range was {
		if is[env] == "" {
			told.Modes = append(told.Modes, toldMode{env, mode, ""})
		}
	}
	slices.SortFunc(told.Modes, func(a, b toldMode) int {
		if a.Environment < b.Environment {
			return -1
		}
		return 1
	})
	n.send("intent.changed", told)
}

// modesOf is the mode of each environment of a set.
func modesOf(set *intent.Set) map[string]string {
	out := map[string]string{}
	if set == nil {
		return out
	}
	for _, e := range set.Environments {
		out[e.Name] = "enforce"
		if e.Mode != "" {
			out[e.Name] = string(e.Mode)
		}
	}
	return out
}

func (n *notifier) send(kind string, data any) {
	n.sender.Send(webhook.Message{Type: kind, At: n.now().UTC(), Data: data})
}
