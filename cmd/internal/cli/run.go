package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/capture"
	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy/actor"
	"github.com/assent-iom/assent/proxy/gate"
)

// The exit codes of run that are not the command's own.
const (
	exitFailed    = 125 // assent itself failed
	exitCannotRun = 126 // the command cannot be run
	exitNotFound  = 127 // the command was not found
)

// drainTime is how long calls in flight may take once the command has ended.
const drainTime = 10 * time.Second

// runOptions are the flags of run.
type runOptions struct {
	identity
	brokering
	oidc             bool
	tokens           tokenSource
	enforce, observe bool
	gateway          bool   // kubeconfigs lead to a gateway, not through the proxy
	capture          bool   // a network of its own, of which assent is the only way out
	plan             string // a plan that the command carries out
	question         bool   // assent may -- CMD: judge, tell, and send no change
}

func (a *App) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [flags] -- CMD [ARG…]",
		Short: "Run a command with assent between it and the APIs that it calls",
		Long: `Runs CMD with a proxy of its own on a loopback port and a certificate authority that lives only in memory and only as
long as the run. Only the command's environment is changed; nothing is installed, and nothing is left behind but the
evidence. stdout, stdin and the exit code are the command's own.

With --gateway the command's kubeconfig names a gateway of this run as the server of each cluster, and a client certificate
that says whose it is: for programs that ignore proxies, and clusters on this machine. Tokens and plugins go on to the cluster.

With --capture the command runs in a network of its own, of which assent is the only way out (Linux; as root, or where users
may make namespaces): clients that ignore proxies come by all the same, and what is not TCP is refused. Services on this
machine's loopback are not in that network: list those that it needs under may_dial in assent.yaml; they are then reached
through the proxy. Sockets of daemons that start processes for others (docker, systemd) are hidden.

Without declared intent, or with --observe, nothing is blocked. With --enforce, or "mode: enforce" in assent.yaml, a
change passes only if it is declared.

With --broker, or --role, the command gets an AWS key pair that is worth nothing at AWS: assent checks what it signs with it,
and signs it anew with the real credential (that of this environment, or a role that it assumes with it), which the command
never sees.

With --plan the command carries out a plan of Terraform's or OpenTofu's, and is not run if what that would change was changed
since it was made, by way of assent or past it.

Exit codes: the command's own; 3 its plan is stale, 125 assent failed, 126 the command cannot be run, 127 it was not found.`,
		Example: `  assent run -- terraform plan
  assent run --enforce --as deploy-agent --kind agent -- ./agent.sh
  assent run --broker --as deploy-agent -- terraform apply
  assent run --enforce --plan plan.json -- terraform apply plan.out
  assent run --gateway -- python3 deploy.py
  assent run --enforce --capture -- ./agent.sh`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), o, args) },
	}
	o.identity.flags(cmd)
	o.brokering.flags(cmd)
	o.tokens.flags(cmd)
	cmd.Flags().BoolVar(&o.oidc, "oidc", false, "act as whom this job's OpenID token names, checked with the issuers under identity: in assent.yaml")
	cmd.MarkFlagsMutuallyExclusive("oidc", "as")
	cmd.Flags().BoolVar(&o.enforce, "enforce", false, "refuse what is not declared")
	cmd.Flags().BoolVar(&o.observe, "observe", false, "refuse nothing, whatever assent.yaml says")
	cmd.Flags().BoolVar(&o.gateway, "gateway", false, "lead Kubernetes calls to a gateway instead of through the proxy")
	cmd.Flags().BoolVar(&o.capture, "capture", false, "leave the command no way out but through assent")
	cmd.Flags().StringVar(&o.plan, "plan", "", "refuse to run if what the plan in this `file` (terraform show -json) would change was changed since it was made")
	cmd.MarkFlagsMutuallyExclusive("enforce", "observe")
	cmd.Flags().SetInterspersed(false) // everything after CMD is the command's
	return cmd
}

func (a *App) mayRun(ctx context.Context, as identity, args []string) error {
	return a.run(ctx, runOptions{identity: as, enforce: true, question: true}, args)
}

func (a *App) run(ctx context.Context, o runOptions, args []string) error {
	failed := func(err error) error { return exit{exitFailed, err} }
	cfg, err := a.load()
	if err != nil {
		return failed(err)
	}
	switch {
	case o.enforce:
		cfg.Mode = policy.Enforce
	case o.observe:
		cfg.Mode = policy.Observe
	}
	if o.plan != "" {
		if err := a.fresh(ctx, o.plan, cfg.Mode); err != nil {
			if denied := (exit{}); errors.As(err, &denied) {
				return err
			}
			return failed(err)
		}
	}
	path, err := lookup(args[0], a.Dir, a.Getenv("PATH"))
	if err != nil {
		return err
	}
	// However often it is interrupted, a run sums up.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	// What a run starts is killed when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := a.startRun(ctx, o, cfg)
	if err != nil {
		return failed(err)
	}
	code, childErr := runChild(s.child(path, args))
	if err := s.end(); err != nil {
		a.printError(err)
	}
	if childErr != nil {
		return exit{exitCannotRun, fmt.Errorf("running %s: %w", args[0], childErr)}
	}
	if o.question {
		code = s.watcher.answered(code)
	}
	if code != 0 {
		return exit{code: code}
	}
	return nil
}

// runAs is who the run is done as: who its starter says, or whom a token proves.
func (a *App) runAs(ctx context.Context, o runOptions, cfg *config.Config) (model.Actor, error) {
	if !o.oidc {
		return o.actor(a)
	}
	if len(cfg.Identity.OIDC) == 0 {
		return model.Actor{}, repaired{errors.New("no issuer of OpenID tokens is declared"), "identity: {oidc: [{issuer: URL, audience: assent}]} in assent.yaml"}
	}
	known, err := a.issuers(cfg)
	if err != nil {
		return model.Actor{}, err
	}
	token, err := a.idToken(ctx, o.tokens)
	if err != nil {
		return model.Actor{}, err
	}
	who, err := known.Know(ctx, token)
	who.Actor.Ticket = o.ticket
	return who.Actor, err
}

// runSession is one run between its start and its end.
type runSession struct {
	app      *App
	id       string
	began    time.Time
	asking   bool // assent may: no change is sent
	cfg      *config.Config
	room     *setup.Room
	space    *capture.Namespace // nil without --capture
	engine   *engine.Engine
	watcher  *watcher
	tells    *notifier
	doors    []runDoor    // the proxy first
	gateway  net.Listener // nil without --gateway; one of doors
	served   chan error
	env      []string
	overlays map[string][]byte // the child's kubeconfigs, as they were written
}

// startRun makes everything that the command needs; on an error nothing is left.
func (a *App) startRun(ctx context.Context, o runOptions, cfg *config.Config) (_ *runSession, err error) {
	s := &runSession{app: a, cfg: cfg, began: a.Now(), asking: o.question}
	defer func() {
		if err != nil {
			s.discard()
		}
	}()
	set, err := a.inForce(cfg)
	if err != nil {
		return nil, err
	}
	who, err := a.runAs(ctx, o, cfg)
	if err != nil {
		return nil, err
	}
	if s.id, err = newRunID(a.Rand); err != nil {
		return nil, err
	}
	authority, err := certs.New(certs.Config{Now: a.Now, Rand: a.Rand, CommonName: "Assent " + s.id})
	if err != nil {
		return nil, err
	}
	if s.room, err = setup.NewRoom(); err != nil {
		return nil, err
	}
	if err := s.open(o, who); err != nil {
		return nil, err
	}
	token, err := actor.NewRunToken(a.Rand)
	if err != nil {
		return nil, err
	}
	tokens := new(actor.Tokens)
	if err := tokens.Add(token, who, s.id); err != nil {
		return nil, err
	}
	params := setup.Params{Proxy: s.doors[0].listener.Addr().String(), Run: s.id, Token: token, OS: runtime.GOOS}
	for _, b := range cfg.Governed {
		params.Governed = append(params.Governed, b.Host)
	}
	roots, err := setup.UpstreamRoots(a.Getenv)
	if err != nil {
		return nil, err
	}
	ways := &actor.Ways{Tokens: tokens}
	if o.broker() {
		if ways.Keys, err = s.broker(ctx, o.brokering, who, &params, roots); err != nil {
			return nil, err
		}
	}
	lead := byProxy(&params, authority)
	if o.gateway {
		// By name: programs that would ask a proxy for it are told not to, and for the
		// name alone.
		params.Direct = "localhost"
		lead = byGateway(fmt.Sprintf("https://localhost:%d", s.gateway.Addr().(*net.TCPAddr).Port), authority, who, s.id)
	}
	clusters, err := s.kubeconfig(&params, lead)
	if err != nil {
		return nil, err
	}
	if ways.Keys != nil { // tokens of EKS are made with the placeholder too
		if ways.Kubernetes, err = engine.KubeCallers(clusters, false, ways.Keys, a.Now); err != nil {
			return nil, err
		}
	}
	s.watcher = newWatcher(a)
	if s.tells, err = a.notifier(cfg, s.watcher.trouble); err != nil {
		return nil, err
	}
	config := engine.Config{
		Readings: s.readings(clusters), Accounts: accounts(cfg), ReadBackOnly: true,
		Mode: cfg.Mode, Intent: set, LedgerDir: cfg.Ledger, Cosigners: cosigners(cfg), Withhold: a.withheld(cfg), ModelPath: cfg.Model, Store: shared(cfg), TablesDir: cfg.Tables, InboxPath: cfg.Inbox, Wait: cfg.Wait, BudgetPath: cfg.Budgets,
		Clusters: clusters, Governed: cfg.Governed, Now: a.Now, Rand: a.Rand, Log: a.log,
		Event: s.event, Trouble: s.watcher.trouble, Question: o.question,
	}
	switch {
	case o.question:
		config.Ledger = unwritten{}
	case cfg.LedgerServer.URL != "":
		if err := a.elsewhere(ctx, cfg, &config); err != nil {
			return nil, err
		}
	}
	if s.engine, err = engine.New(ctx, config); err != nil {
		return nil, err
	}
	err = s.engine.Open(engine.Door{
		Authority: authority, Authenticator: s.callers(ways, who), Upstreams: cfg.Upstreams, Egress: cfg.Egress, Limits: cfg.Limits,
		MayDial:    s.mayDial(),
		OnDistrust: s.watcher.distrust,
		Roots:      roots,
	})
	if err != nil {
		return nil, err
	}
	s.serve()
	if err := s.environ(params, authority); err != nil {
		return nil, err
	}
	s.greet(who.ID)
	return s, nil
}

// readings are those of the clusters that the command can reach, to read its changes
// back. That there is no credential for one is no reason not to run.
func (s *runSession) readings(clusters []engine.Cluster) []engine.Reading {
	all, err := s.app.readings(s.cfg)
	if err != nil {
		s.app.note("changes are not read back: %v", err)
	}
	return slices.DeleteFunc(all, func(r engine.Reading) bool {
		return !slices.ContainsFunc(clusters, func(c engine.Cluster) bool { return c.Name == r.Cluster })
	})
}

// event shows what happened, and tells who wants to know.
func (s *runSession) event(e gate.Event) {
	s.watcher.event(e)
	if !s.asking {
		s.tells.event(e)
	}
}

// environ writes the trust files and makes the child's environment.
func (s *runSession) environ(params setup.Params, authority *certs.Authority) error {
	a := s.app
	said, err := s.room.Trust(&params, a.Getenv, authority.PEM(), a.Rand)
	if err != nil {
		return err
	}
	var notes []setup.Note
	s.env, notes, err = setup.Environ(a.Environ, params)
	a.notes(append(said, notes...))
	return err
}

// greet says, in one line, what this run does with changes.
func (s *runSession) greet(who string) {
	intent := "no intent is declared"
	if d := s.engine.Intent(); d != "none" {
		intent = "intent " + strings.TrimPrefix(d, "sha256:")[:12]
	}
	if s.asking {
		s.app.note("asking as %s (%s): changes are judged, and none is sent", term.Plain(who), intent)
		return
	}
	if s.space != nil {
		s.app.note("capturing: assent is the only way out of the command's network")
	}
	if s.cfg.Mode == policy.Observe {
		s.app.note("observing %s as %s (%s): nothing will be blocked; evidence in %s", s.id, term.Plain(who), intent, cmp.Or(s.cfg.LedgerServer.URL, s.cfg.Ledger))
		return
	}
	s.app.note("enforcing %s as %s (%s): what is not declared is refused", s.id, term.Plain(who), intent)
}

// end waits for calls in flight, closes everything, and sums up.
func (s *runSession) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	entries := s.engine.Entries()
	err := s.engine.Close(ctx)
	s.tells.close()
	stats := s.engine.Stats() // tunnels are counted at their end
	for range s.doors {
		err = errors.Join(err, <-s.served)
	}
	if s.space != nil {
		err = errors.Join(err, s.space.Close())
	}
	s.watcher.printer.Close()
	s.watcher.sum(s, stats, entries)
	s.kubeconfigKept()
	return errors.Join(err, s.room.Close())
}

// discard undoes what a start that failed has made.
func (s *runSession) discard() {
	for _, d := range s.doors {
		d.listener.Close()
	}
	if s.engine != nil {
		s.engine.Close(context.Background())
	}
	s.tells.close()
	if s.space != nil {
		s.space.Close()
	}
	if s.watcher != nil {
		s.watcher.printer.Close()
	}
	if s.room != nil {
		s.room.Close()
	}
}

// lookup finds the command as a shell would, so that a mistake is told apart
// from a failure before anything is set up.
func lookup(name, dir, path string) (string, error) {
	found, err := lookPath(name, dir, path)
	switch {
	case err == nil:
		return found, nil
	case errors.Is(err, os.ErrPermission):
		return "", exit{exitCannotRun, fmt.Errorf("%s cannot be run: %w", name, err)}
	default:
		return "", exit{exitNotFound, repaired{fmt.Errorf("%s was not found", name), "check the name and PATH: command -v " + name}}
	}
}
