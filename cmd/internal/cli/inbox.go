package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/policy/approval"
	"github.com/assent-iom/assent/policy/approval/inbox"
)

// requested is one request, as `assent inbox --json` writes it.
type requested struct {
	approval.Request
	State approval.State `json:"state"`
	Asked []string       `json:"asked"`
}

func (a *App) newRequested(r approval.Request) requested {
	return requested{r, r.State(a.Now()), r.Asked()}
}

func (a *App) inboxCommand() *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "inbox [REQUEST]",
		Short: "Show what waits for approval",
		Long: `Shows the requests that wait for an answer, or one of them in full. What one run is held for is one request with a list.
Answer it with assent approve or assent deny.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			box, err := a.openInbox()
			if err != nil {
				return err
			}
			defer box.Close()
			if len(args) == 1 {
				r, err := box.Get(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(a.Stdout, a.newRequested(r))
				}
				a.requestText(a.Stdout, r)
				return nil
			}
			return a.listRequests(cmd.Context(), box, asJSON, all)
		},
		ValidArgsFunction: a.completeRequests,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	cmd.Flags().BoolVar(&all, "all", false, "also what was answered or has expired")
	return cmd
}

// openInbox opens the file that the gate of the same configuration writes.
func (a *App) openInbox() (*inbox.Inbox, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	return inbox.Open(cfg.Inbox)
}

func (a *App) listRequests(ctx context.Context, box *inbox.Inbox, asJSON, all bool) error {
	requests, err := box.List(ctx)
	if err != nil {
		return err
	}
	shown := 0
	for _, r := range requests {
		state := r.State(a.Now())
		if !all && state != approval.Pending {
			continue
		}
		shown++
		if asJSON {
			if err := writeJSON(a.Stdout, a.newRequested(r)); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.Stdout, "%s  %-8s  %s for %s  %s, asks %s\n", r.ID, state, age(a.Now().Sub(r.Opened)),
			term.Plain(r.Actor.ID), plural(len(r.Items), "action"), term.Plain(strings.Join(r.Asked(), ", ")))
	}
	if shown == 0 && !asJSON {
		a.note("nothing waits for approval")
	}
	return nil
}

// age is how long ago something was, in one unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh", int(d.Hours()))
}

// requestText tells a request in full: all that somebody should have read before
// they say yes.
func (a *App) requestText(w io.Writer, r approval.Request) {
	fmt.Fprintf(w, "%s  %s\n", r.ID, r.State(a.Now()))
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-12s %s\n", name, term.Plain(fmt.Sprintf(format, args...)))
	}
	who := r.Actor.ID
	if r.Actor.Kind != "" {
		who += " (" + string(r.Actor.Kind) + ")"
	}
	if len(r.Actor.For) > 0 {
		who += " for " + strings.Join(r.Actor.For, " for ")
	}
	row("who", "%s", who)
	if r.Run != "" {
		row("run", "%s", r.Run)
	}
	row("asked", "%s, open until %s", r.Opened.Format("2006-01-02 15:04:05 MST"), r.Expires.Format("2006-01-02 15:04 MST"))
	row("asks", "%s", strings.Join(r.Asked(), ", "))
	for i, it := range r.Items {
		row(fmt.Sprintf("%d of %d", i+1, len(r.Items)), "%s %s", it.Verb, it.Name)
		for _, urn := range it.Targets {
			row("", "%s", urn)
		}
		if it.Dependents > 0 {
			row("", "%d depend on it", it.Dependents)
		}
		if it.Accountable.Owner != "" {
			row("", "accountable: %s (%s)", it.Accountable.Owner, it.Accountable.Person)
		}
		row("", "%s", it.Why)
		if it.Used != "" {
			row("", "went through as %s", it.Used)
		} else {
			row("", "more: assent explain %s (once it is decided)", it.Decision)
		}
	}
	for _, answer := range r.Answers {
		row(answer.Answer, "by %s at %s, good until %s  %s", answer.By, answer.At.Format("15:04:05"), answer.Until.Format("2006-01-02 15:04 MST"), answer.Reason)
	}
}

// completeRequests completes ids of requests that can be answered.
func (a *App) completeRequests(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	box, err := a.openInbox()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer box.Close()
	requests, err := box.List(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, r := range requests {
		if r.State(a.Now()) == approval.Pending {
			out = append(out, cobra.CompletionWithDesc(r.ID, fmt.Sprintf("%s by %s", plural(len(r.Items), "action"), term.Plain(r.Actor.ID))))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
