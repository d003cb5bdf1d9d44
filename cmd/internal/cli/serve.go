package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/admin"
	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy/gate"
)

// settleTime is how long a changed intent directory must be quiet before it is
// read: editors and git write a file in several steps.
const settleTime = 200 * time.Millisecond

func (a *App) serveCommand() *cobra.Command {
	var enforce bool
	var store string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "The same gate as a daemon",
		Long: `Serves the proxy on the address "listen" of assent.yaml until it is interrupted. Clients set
HTTPS_PROXY=http://assent:TOKEN@ADDRESS and trust the certificate that is printed at the start.

Declared intent is read again on SIGHUP and whenever a file of it changes; streams that it no longer allows are ended, and
documents that do not compile keep the old
ones in force, and the log says why. Sockets that a service manager has opened (LISTEN_FDS; deploy/systemd) are
served in the place of addresses. A table of newer AWS service models (assent models update) and an exchanged authority
(ca.pem and ca.key) are taken up in the same way. One JSON line a decision goes to stdout.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), enforce, store) },
	}
	cmd.Flags().BoolVar(&enforce, "enforce", false, "refuse what is not declared, whatever assent.yaml says")
	cmd.Flags().StringVar(&store, "store", "", "a PostgreSQL that holds the model for many proxies, instead of a file: postgres://USER@HOST/DATABASE\n(the password in PGPASSWORD or a PGPASSFILE: others see what is on a command line)")
	return cmd
}

func (a *App) serve(ctx context.Context, enforce bool, store string) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if enforce {
		cfg.Mode = policy.Enforce
	}
	if store != "" {
		if !config.StoreURL(store) {
			return exit{2, repaired{errors.New("--store is not a database"), "give postgres://USER@HOST:5432/DATABASE"}}
		}
		cfg.Store.URL, cfg.Store.MaxAge = store, cmp.Or(cfg.Store.MaxAge, config.DefaultMaxAge)
		cfg.Set(config.FieldStore, "--store")
	}
	log := newLog(a.Stdout)
	defer log.Sync()
	d := &daemon{app: a, cfg: cfg, log: log, admin: admin.New(a.Version)}
	return d.serve(ctx)
}

// publishEvery is how often a daemon publishes its evidence: soon enough for a
// reader who waits, seldom enough that the cost is not noticed.
const publishEvery = time.Second

// daemon is `assent serve`.
type daemon struct {
	app    *App
	cfg    *config.Config
	log    *zap.Logger
	engine *engine.Engine
	ca     *certs.Authority
	admin  *admin.Admin
	tells  *notifier
}

func (d *daemon) serve(ctx context.Context) (err error) {
	a := d.app
	ctx, stop := terminated(ctx)
	defer stop()
	set, err := a.inForce(d.cfg)
	if err != nil {
		return err
	}
	clusters, err := a.clusters(d.cfg)
	if err != nil {
		return err
	}
	if err := errors.Join(mark(clusters, config.FieldGuarded, d.cfg.Guarded, guarded), mark(clusters, config.FieldExact, d.cfg.Exact, exactly)); err != nil {
		return err
	}
	readings, err := a.readings(d.cfg)
	if err != nil {
		return err
	}
	authority, certPath, err := a.authority(d.cfg)
	if err != nil {
		return err
	}
	d.ca = authority
	who, err := d.authenticator(ctx, clusters)
	if err != nil {
		return err
	}
	sockets, err := inherit()
	if err != nil {
		return err
	}
	defer sockets.close()
	stopAdmin, err := d.openAdmin(sockets.take(givenAdmin))
	if err != nil {
		return err
	}
	defer stopAdmin()
	if d.tells, err = a.notifier(d.cfg, func(what string, err error) { d.log.Error(what, zap.Error(err)) }); err != nil {
		return err
	}
	defer d.tells.close()
	doors, err := d.listen(sockets)
	if err != nil {
		return err
	}
	defer doors.close()
	config := engine.Config{
		Mode: d.cfg.Mode, Intent: set, LedgerDir: d.cfg.Ledger, Cosigners: cosigners(d.cfg), Withhold: a.withheld(d.cfg), PublishEvery: publishEvery, HeartbeatEvery: d.cfg.Heartbeat, Version: a.Version, ModelPath: d.cfg.Model, Store: shared(d.cfg), TablesDir: d.cfg.Tables, Clusters: clusters,
		InboxPath: d.cfg.Inbox, Wait: d.cfg.Wait, BudgetPath: d.cfg.Budgets,
		Readings: readings, Accounts: accounts(d.cfg), Collected: d.collected, Resolved: d.resolved,
		Governed: d.cfg.Governed, Now: a.Now, Rand: a.Rand, Log: d.log, Event: d.event,
		Trouble: func(what string, err error) { d.log.Error(what, zap.Error(err)) },
	}
	if d.cfg.LedgerServer.URL != "" {
		if err := a.elsewhere(ctx, d.cfg, &config); err != nil {
			return err
		}
	}
	d.engine, err = engine.New(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		err = errors.Join(err, d.engine.Close(drain))
	}()
	var key []byte
	if d.cfg.Admission != "" {
		if key, err = a.webhookKey(d.cfg); err != nil {
			return err
		}
	}
	login, err := d.exchange(who)
	if err != nil {
		return err
	}
	err = d.engine.Open(engine.Door{
		Login: login, AdmissionKey: key, Authority: authority, Authenticator: who, Upstreams: d.cfg.Upstreams, Egress: d.cfg.Egress, Limits: d.cfg.Limits, MayDial: d.cfg.MayDial,
		OnDistrust: func(host string, err error) {
			d.log.Warn("a client does not trust the authority", zap.String("host", host), zap.Error(err), zap.String("repair", "give it "+certPath))
		},
	})
	if err != nil {
		return err
	}
	if err := doors.check(d.engine); err != nil {
		return err
	}
	served := doors.serve(d.engine)
	reloads, err := d.watch(ctx)
	if err != nil {
		return err
	}
	d.admin.Serves(d.engine)
	tell("READY=1")
	a.note("serving on %s, %s (intent %s); certificate authority: %s", doors, d.cfg.Mode, d.engine.Intent(), certPath)
	for {
		select {
		case <-ctx.Done():
			tell("STOPPING=1")
			a.note("ending: calls in flight may take up to %s", drainTime)
			return nil
		case err := <-served:
			return err
		case <-reloads:
			d.reload()
		}
	}
}

// watch reports, after a quiet moment, that intent or the tables may have changed.
func (d *daemon) watch(ctx context.Context) (<-chan struct{}, error) {
	out := make(chan struct{}, 1)
	hangups := hangups(ctx)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching for changes: %w", err)
	}
	if d.cfg.Intent != "" {
		if err := watchTree(watcher, d.cfg.Intent); err != nil {
			watcher.Close()
			return nil, fmt.Errorf("watching %s: %w", d.cfg.Intent, err)
		}
	}
	// A table that is compiled later is noticed too, so its folder has to be there.
	if err := errors.Join(os.MkdirAll(d.cfg.Tables, 0o700), watcher.Add(d.cfg.Tables), watcher.Add(d.cfg.CA)); err != nil {
		d.log.Warn("newer tables and authorities are noticed on SIGHUP alone", zap.Error(err))
	}
	go func() {
		defer watcher.Close()
		files := watcher.Events
		var settled <-chan time.Time
		for {
			select {
			case <-ctx.Done():
				return
			case _, ok := <-files:
				if !ok {
					files = nil
					continue
				}
				if d.cfg.Intent != "" {
					watchTree(watcher, d.cfg.Intent) // a new folder counts too; one that is gone is no matter
				}
				settled = time.After(settleTime)
			case <-hangups:
				settled = time.After(0)
			case <-settled:
				settled = nil
				select {
				case out <- struct{}{}:
				default: // one reload waits already, and will see this change
				}
			}
		}
	}()
	return out, nil
}

func watchTree(w *fsnotify.Watcher, root string) error {
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return w.Add(path)
	})
}

// reload puts a new table and new documents in force; bad ones change nothing.
func (d *daemon) reload() {
	d.reloadAuthority()
	d.reloadTable()
	d.reloadIntent()
}

func (d *daemon) reloadTable() {
	before := d.engine.Table()
	changed, err := d.engine.ReloadTable()
	if err != nil || changed {
		d.admin.Reloaded("table", err)
	}
	switch {
	case err != nil:
		d.log.Error("a new table is not in force; the old one is", zap.String("table", before), zap.Error(err))
	case changed:
		d.log.Info("a new table is in force", zap.String("table", d.engine.Table()), zap.String("before", before))
	}
}

func (d *daemon) reloadIntent() {
	set, err := d.app.inForce(d.cfg)
	if err == nil && set == nil {
		return
	}
	before, was := d.engine.Intent(), d.engine.Documents()
	if err == nil {
		err = d.engine.SetIntent(set)
	}
	d.admin.Reloaded("intent", err)
	switch {
	case err != nil:
		d.log.Error("new intent is not in force; the old one is", zap.String("intent", before), zap.Error(err))
	case d.engine.Intent() != before:
		d.tells.changed(was, set)
		d.log.Info("new intent is in force", zap.String("intent", d.engine.Intent()), zap.String("before", before))
	}
}

// collected writes how well something that assent reads itself is known.
func (d *daemon) collected(collector string, c collect.Coverage) {
	level := d.log.Info
	if c.State != collect.Complete {
		level = d.log.Warn
	}
	level("collected", zap.String("collector", collector), zap.String("type", c.Type), zap.String("region", c.Region), zap.String("state", string(c.State)),
		zap.Int("count", c.Count), zap.Int("swept", c.Swept), zap.Bool("watched", c.Watched), zap.String("why", c.Why))
}

// resolved writes what became of a call whose answer nobody saw.
func (d *daemon) resolved(r ledger.Resolved) {
	d.admin.Resolved(r)
	d.log.Info("resolved", zap.String("decision", r.Decision), zap.String("result", r.Result), zap.String("by", r.Event))
}

// event writes the one canonical line of a decision, and of its outcome.
func (d *daemon) event(e gate.Event) {
	d.admin.Event(e)
	d.tells.event(e)
	switch {
	case e.Turned != nil:
		d.log.Warn("turned away", zap.String("host", e.Turned.Host), zap.String("method", e.Turned.Method),
			zap.String("reason", e.Turned.Reason), zap.String("actor", e.Turned.Actor.ID))
	case e.Held != nil:
		d.log.Info("held", zap.String("decision", e.Decision.ID), zap.String("request", e.Held.ID), zap.Strings("asked", e.Held.Asked()),
			zap.String("action", e.Decision.Action.Name()), zap.String("actor", e.Decision.Action.Actor.ID))
	case e.Outcome != nil:
		d.log.Info("outcome", zap.String("decision", e.Outcome.Decision), zap.String("result", e.Outcome.Result),
			zap.Int("status", e.Outcome.Status), zap.String("request_id", e.Outcome.RequestID))
	default:
		c := e.Decision
		code := ""
		if f, ok := c.First(); ok {
			code = f.Code
		}
		urns := make([]string, 0, len(c.Action.Targets))
		for _, t := range c.Action.Targets {
			urns = append(urns, string(t.URN))
		}
		d.log.Info("decision", zap.String("decision", c.ID), zap.Stringer("verdict", c.Verdict), zap.Stringer("mode", c.Mode),
			zap.Bool("blocked", c.Blocks()), zap.String("action", c.Action.Name()), zap.String("verb", string(c.Action.Verb)),
			zap.Strings("targets", urns), zap.String("actor", c.Action.Actor.ID), zap.String("owner", c.Accountable.Owner),
			zap.Int("dependents", c.Radius.Dependents), zap.String("code", code), zap.String("grant", c.Grant),
			zap.Uint64("entry", e.Receipt.Index), zap.Duration("added", e.Added))
	}
}
