package cli

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
	"github.com/assent-iom/assent/proxy/gate"
)

// The most of each kind that the summary names.
const (
	refusalsNamed = 10
	hostsNamed    = 5
	troublesNamed = 100
)

// watcher prints a run's decisions, one line each, and counts them for the
// summary. Its methods may be called from anywhere and do not block.
type watcher struct {
	app     *App
	printer *term.Printer

	mu         sync.Mutex // guards all below
	changes    int        // decisions on changes
	undeclared int        // of them, not allowed
	refused    int
	reveals    int
	added      time.Duration
	refusals   []policy.Decision
	held       map[string]int // actions shown of each request
	distrusted map[string]bool
	troubles   map[string]bool
}

func newWatcher(a *App) *watcher {
	return &watcher{
		app: a, printer: term.NewPrinter(a.Stderr, term.Colours(a.Stderr, a.Getenv)),
		held: map[string]int{}, distrusted: map[string]bool{}, troubles: map[string]bool{},
	}
}

// event takes what happened at the gate.
func (w *watcher) event(e gate.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case e.Turned != nil:
		w.printer.Say("turned away: %s %s: %s", e.Turned.Method, e.Turned.Host, e.Turned.Reason)
	case e.Outcome != nil: // the decision was shown already
	case e.Held != nil:
		w.printer.Print(term.Line(e.Decision, w.printer.Colours))
		if w.held[e.Held.ID] < len(e.Held.Items) { // once an action, not once a retry
			w.held[e.Held.ID] = len(e.Held.Items)
			w.printer.Say("waiting for %s: %s in one request; assent inbox %s", term.Plain(strings.Join(e.Held.Asked(), " or ")), plural(len(e.Held.Items), "action"), e.Held.ID)
		}
	default:
		d := e.Decision
		w.added += e.Added
		if d.Action.Verb == model.Reveal {
			w.reveals++
		} else {
			w.changes++
			if d.Verdict != policy.Allow {
				w.undeclared++
			}
		}
		if d.Blocks() {
			w.refused++
			if len(w.refusals) < refusalsNamed {
				w.refusals = append(w.refusals, d)
			}
		}
		w.printer.Print(term.Line(d, w.printer.Colours))
	}
}

// distrust is told of a client that does not trust the run's authority. It is
// said at once, and once a host: many clients retry silently for minutes.
func (w *watcher) distrust(host string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.distrusted[host] {
		return
	}
	w.distrusted[host] = true
	w.printer.Error(
		fmt.Sprintf("a client does not trust this run's certificate authority (calling %s: %v)", host, err),
		"it ignores the variables that assent sets, or has a setting of its own (custom_ca_bundle, --ca-bundle, --cacert, --kubeconfig): point that to $ASSENT_CA, or take it away",
	)
}

// trouble is told of what went wrong beside the calls; each is said once.
func (w *watcher) trouble(what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := fmt.Sprintf("%s: %v", what, err)
	if !w.troubles[line] && len(w.troubles) < troublesNamed {
		w.troubles[line] = true
		w.printer.Say("note: %s", line)
	}
}

// answered is the exit code of a question: that of the verdict, or the command's
// own where it changes nothing. A command that was answered could not go on, so
// that its own code would say nothing.
func (w *watcher) answered(code int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.refused > 0:
		return exitDenied
	case w.changes+w.reveals > 0:
		return 0
	}
	return code
}

// sum prints the end of a run.
func (w *watcher) sum(s *runSession, stats proxy.Stats, entries uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.app
	took := a.Now().Sub(s.began).Round(100 * time.Millisecond)
	switch {
	case s.asking:
		a.note("asked: %d would be allowed, %d refused; nothing was sent, nothing is recorded", w.changes+w.reveals-w.refused, w.refused)
		return
	case w.changes == 0 && w.reveals == 0:
		a.note("%s finished in %s: no change seen", s.id, took)
	case s.cfg.Mode == policy.Observe && w.undeclared > 0:
		a.note("%s finished in %s: %s seen, %d that nobody declared", s.id, took, plural(w.changes, "change"), w.undeclared)
		a.note("to declare them: assent intent suggest %s", s.id)
	case s.cfg.Mode == policy.Observe:
		a.note("%s finished in %s: %s seen, all declared", s.id, took, plural(w.changes, "change"))
	default:
		a.note("%s finished in %s: %d allowed, %d refused (assent added %s)", s.id, took,
			w.changes+w.reveals-w.refused, w.refused, w.added.Round(time.Millisecond))
	}
	for _, d := range w.refusals {
		if f, ok := d.First(); ok {
			a.note("refused %s %s: %s (%s)", d.ID, term.Plain(d.Action.Name()), term.Plain(f.Title), f.Code)
			a.note("  next: %s", term.Plain(f.Repair))
		}
	}
	if w.reveals > 0 {
		a.note("%s that hand out secrets or credentials", plural(w.reveals, "read"))
	}
	if hosts := passedHosts(stats); hosts != "" {
		a.note("not governed, passed through unseen: %s", hosts)
	}
	if w.changes+w.reveals > 0 {
		a.note("evidence: %s", s.evidence(entries))
	}
}

// evidence says where the entries are.
func (s *runSession) evidence(entries uint64) string {
	if s.cfg.LedgerServer.URL != "" {
		return fmt.Sprintf("at %s, %d entries so far", s.cfg.LedgerServer.URL, entries)
	}
	return fmt.Sprintf("%d entries in %s; check: assent ledger verify", entries, s.cfg.Ledger)
}

// passedHosts names the ungoverned hosts that were called most.
func passedHosts(stats proxy.Stats) string {
	hosts := make([]string, 0, len(stats.Passed))
	for h := range stats.Passed {
		hosts = append(hosts, h)
	}
	sort.Slice(hosts, func(i, j int) bool {
		a, b := stats.Passed[hosts[i]].Times, stats.Passed[hosts[j]].Times
		return a > b || a == b && hosts[i] < hosts[j]
	})
	if n := len(hosts); n > hostsNamed {
		hosts = append(hosts[:hostsNamed], fmt.Sprintf("and %d more", n-hostsNamed))
	}
	return term.Plain(strings.Join(hosts, ", "))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
