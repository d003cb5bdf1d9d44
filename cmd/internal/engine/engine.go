// Package engine wires the rooms together: decoders, model, policy, ledger and
// proxy become one running gate. It is the only place where they meet; a new
// platform is one folder under decoders and one line in platforms.
package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/decoders/grpc"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/store/postgres"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval/inbox"
	"github.com/assent-iom/assent/policy/budget"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/reason"
	"github.com/assent-iom/assent/policy/rego"
	"github.com/assent-iom/assent/proxy"
	"github.com/assent-iom/assent/proxy/admission/origins"
	"github.com/assent-iom/assent/proxy/gate"
)

// Cluster is a Kubernetes API server that is governed.
type Cluster struct {
	kube.Cluster
	TLS *tls.Config // how to trust it, and be known to it
	// Token is assent's own at the cluster; nil: none.
	Token func() (string, error)
	// Guarded: changes are sent under assent's own identity, in the caller's name.
	Guarded bool
	// Exact: the server tries each change first, so that what is judged is what it
	// would store.
	Exact bool
}

// platforms makes the decoders; asks says what exists, what would and what goes along,
// where somebody can.
func platforms(amazon *aws.Live, clusters []Cluster, asks kube.Config) ([]decoders.Decoder, error) {
	kc := asks
	for _, c := range clusters {
		kc.Clusters = append(kc.Clusters, c.Cluster)
	}
	kubernetes, err := kube.New(kc)
	if err != nil {
		return nil, err
	}
	return []decoders.Decoder{amazon, kubernetes, grpc.Decoder{}}, nil
}

// Platform makes the decoder of a platform, for what was recorded of its calls; nil
// where there is none of that name.
func Platform(name string) (decoders.Decoder, error) {
	amazon, _, err := Amazon("")
	if err != nil {
		return nil, err
	}
	all, err := platforms(amazon, nil, kube.Config{})
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.Name() == name {
			return d, nil
		}
	}
	return nil, nil
}

// Registry makes the decoders and what finds them: all that `assent decode` needs.
// Its AWS table is the embedded one.
func Registry(clusters []Cluster, governed []decoders.Binding) (*decoders.Registry, error) {
	amazon, _, err := Amazon("")
	if err != nil {
		return nil, err
	}
	return RegistryWith(amazon, clusters, governed)
}

// RegistryWith is Registry with an AWS decoder that the caller made.
func RegistryWith(amazon *aws.Live, clusters []Cluster, governed []decoders.Binding) (*decoders.Registry, error) {
	return registry(amazon, clusters, governed, kube.Config{})
}

func registry(amazon *aws.Live, clusters []Cluster, governed []decoders.Binding, asks kube.Config) (*decoders.Registry, error) {
	all, err := platforms(amazon, clusters, asks)
	if err != nil {
		return nil, err
	}
	return decoders.NewRegistry(all, governed)
}

// Config is what an Engine is made from.
type Config struct {
	Mode      policy.Mode
	Intent    *intent.Set // nil: nothing is declared
	LedgerDir string
	// Ledger is used instead of LedgerDir: one elsewhere, or one for questions, which
	// record nothing. An io.Closer is closed with the engine.
	Ledger ledger.Writer
	// Name is this proxy's, where several write one ledger.
	Name string
	// PublishEvery is how often the ledger's published form is brought up to date;
	// zero: only at the end.
	PublishEvery time.Duration
	// Cosigners sign what is published too.
	Cosigners Cosigners
	// Withhold commits to calls as they were (ledger/withhold); nil: not at all.
	Withhold func(decision string, parts []ledger.Part) ([]string, ledger.Object, error)
	// HeartbeatEvery is how often it is recorded that this proxy is there, from Open
	// to Close; zero: never.
	HeartbeatEvery time.Duration
	Version        string // of the program, for heartbeats
	ModelPath      string
	// Store is the database that holds the model in the stead of ModelPath.
	Store     Shared
	TablesDir string // of tables that this machine compiled; empty: the embedded ones
	// InboxPath is where requests for approval are kept; empty: held actions are
	// refused. Wait bounds how long a call waits for an answer.
	InboxPath string
	Wait      time.Duration
	// BudgetPath is where it is counted what was changed; empty: an action that
	// counts against a budget is refused.
	BudgetPath string
	Clusters   []Cluster
	// Readings are the clusters that assent reads itself.
	Readings []Reading
	// Accounts are the AWS accounts that assent reads itself.
	Accounts []Account
	// ReadBackOnly: of them, nothing is read but what this engine itself has changed, right
	// after, and before Close returns.
	ReadBackOnly bool
	// Collected is told when it changes how well something is known. It MUST NOT
	// block, and may be nil.
	Collected func(collector string, c collect.Coverage)
	// Resolved is told what became of a call whose answer nobody saw, once it is recorded.
	// It may be nil.
	Resolved func(ledger.Resolved)
	Governed []decoders.Binding
	Now      func() time.Time
	Rand     io.Reader
	Log      *zap.Logger // nil: none
	// Question judges without recording or forwarding a change: see gate.Config.
	Question bool
	// Event is told of each decision and outcome. It MUST NOT block.
	Event func(gate.Event)
	// Trouble is told, in the user's words, of what went wrong beside the calls.
	Trouble func(what string, err error)
}

// Engine is the wired gate. Close it.
type Engine struct {
	cfg      Config
	amazon   *aws.Live
	vouch    voucher // nil: no cluster is guarded
	registry *decoders.Registry
	ledger   *store.Store // nil when Config.Ledger is used
	book     *watched     // the ledger, in either case
	publish  *Publisher   // nil unless Config.PublishEvery
	copied   *Copied      // nil unless Config.Store, and with Config.Ledger
	heart    *heart       // nil until Open, and unless Config.HeartbeatEvery
	process  string       // names this start of a proxy, at random
	epochs   epochs
	memory   *Memory
	builds   *builds    // nil when the model is kept nowhere
	stands   *standings // nil with builds
	decide   *decide.Engine
	inbox    *inbox.Inbox // nil: nobody can be asked
	budgets  *budget.Book // nil: what counts against a budget is refused
	gate     *gate.Gate
	server   *proxy.Server // nil until Open
	webhook  *http.Server  // nil until Open, and without a key
	origins  *origins.File // nil without webhook
	login    *http.Server  // nil until Open, and without a handler
	sent     sent          // what AWS calls the changes that came by
	// callers is nil until Open.
	callers atomic.Pointer[callers]
	// collecting is nil until Open, and where nothing is collected.
	collecting atomic.Pointer[collecting]
	reads      []collect.Collector // with Config.ReadBackOnly
	closing    atomic.Bool
}

// New opens what is on disk and wires it.
func New(ctx context.Context, cfg Config) (_ *Engine, err error) {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Trouble == nil {
		cfg.Trouble = func(string, error) {}
	}
	if cfg.Resolved == nil {
		cfg.Resolved = func(ledger.Resolved) {}
	}
	e := &Engine{cfg: cfg}
	defer func() {
		if err != nil {
			e.Close(ctx)
		}
	}()
	name := make([]byte, 8)
	if _, err := io.ReadFull(cfg.Rand, name); err != nil {
		return nil, fmt.Errorf("naming this process: %w", err)
	}
	e.process = hex.EncodeToString(name)
	if err := e.openTable(); err != nil {
		return nil, err
	}
	if e.vouch, err = e.voucher(); err != nil {
		return nil, err
	}
	if err := e.openModel(ctx); err != nil {
		return nil, err
	}
	asks := kube.Config{Current: e.before(), Compares: func() bool { return e.decide != nil && ratchets(e.decide.Intent()) }}
	if asks.Tries, err = e.openExact(); err != nil {
		return nil, err
	}
	if asks.Takes, err = e.consequences(); err != nil {
		return nil, err
	}
	if e.registry, err = registry(e.amazon, cfg.Clusters, cfg.Governed, asks); err != nil {
		return nil, err
	}
	if e.decide, err = Decider(cfg.Intent); err != nil {
		return nil, err
	}
	book := cfg.Ledger
	if book == nil {
		if e.ledger, err = store.Open(ctx, store.Config{Dir: cfg.LedgerDir, Now: cfg.Now, Rand: cfg.Rand, Log: cfg.Log}); err != nil {
			return nil, err
		}
		book = e.ledger
		if cfg.PublishEvery > 0 {
			e.publish = StartPublisher(e.ledger, cfg.PublishEvery, &e.cfg.Cosigners, cfg.Trouble)
		}
		if cfg.Store.URL != "" {
			if e.copied, err = CopyLedger(ctx, cfg.Store, e.ledger, cfg.Trouble); err != nil {
				return nil, err
			}
		}
	}
	e.book = &watched{Writer: book, now: cfg.Now}
	holds, budgets := e.openInbox(), e.openBudgets()
	message := reason.Message
	if cfg.Question {
		message = reason.Answer
	}
	e.gate, err = gate.New(gate.Config{
		Decider: dated{e.decide, e.memory.Behind}, Snapshot: e.snapshot, Foresee: e.foresee, Ledger: e.book, Name: cfg.Name, Mode: cfg.Mode,
		Prior: e.priors(), Executed: e.executed(),
		Learn: func(seen []model.Observation) { e.memory.Learn(seen, "traffic", cfg.Now().UTC()) },
		Holds: holds, Wait: cfg.Wait, Budgets: budgets, Epoch: e.epoch, Veil: e.memory.Veil, Withhold: cfg.Withhold,
		Message: message, Question: cfg.Question, Event: e.passed, Gap: cfg.Trouble, Now: cfg.Now, Rand: cfg.Rand,
	})
	return e, err
}

// snapshot is what decisions are made on.
func (e *Engine) snapshot() model.Snapshot {
	if e.stands == nil {
		return e.memory.Graph.Snapshot()
	}
	return e.stands.on(e.memory.Graph.Snapshot())
}

// passed passes on what happened at the gate.
func (e *Engine) passed(ev gate.Event) {
	if e.stands != nil {
		e.stands.event(ev, e.memory.Graph.Snapshot())
	}
	e.event(ev)
}

// Decider compiles declared intent: the clauses grant, then the rules may deny.
func Decider(set *intent.Set) (*decide.Engine, error) {
	return decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{
		func(s *intent.Set) (policy.Judge, error) { return checks.Compile(s) },
		func(s *intent.Set) (policy.Judge, error) { return rego.Compile(s) },
	}})
}

// Compile reports whether a set of documents would be accepted.
func Compile(set *intent.Set) error {
	_, err := Decider(set)
	return err
}

// openModel loads what is known. A file that cannot be read is no reason not to
// judge: the model is started empty, said so, and left on disk as it is. A database
// that refuses is one: it would be asked for ever, and what others know be missing.
func (e *Engine) openModel(ctx context.Context) (err error) {
	e.memory, err = OpenMemory(ctx, e.cfg.ModelPath, e.cfg.Store, e.cfg.Now, e.cfg.Trouble)
	switch {
	case err != nil && e.cfg.Store.URL != "":
		return err
	case err != nil:
		e.cfg.Trouble("the model starts empty and is not kept", err)
	default:
		if e.stands, err = newStandings(e.memory, Portable(e.amazon), e.cfg.Now, func(err error) { e.cfg.Trouble("what was built cannot be looked up", err) }); err != nil {
			return err
		}
		e.builds = startBuilds(e.memory, e.settle, func(err error) { e.cfg.Trouble("what was built is not kept", err) })
	}
	return nil
}

// Shared says how a model is doing that others share; false: nobody does.
func (e *Engine) Shared() (postgres.Status, bool) { return e.memory.Status() }

// Door says how the engine is reached.
type Door struct {
	Authority     *certs.Authority
	Authenticator proxy.Authenticator
	Upstreams     []proxy.Upstream
	Egress        proxy.Egress
	Limits        proxy.Limits
	MayDial       []string                     // host patterns that may resolve to loopback
	OnDistrust    func(host string, err error) // a client does not trust the authority
	Login         http.Handler                 // exchanges a proof for a run token; nil: no such door
	AdmissionKey  []byte                       // what the webhook's secrets are made from; nil: no webhook
	Roots         *x509.CertPool               // what upstreams are verified with; nil: the system's roots
}

// Open makes the proxy; Serve then answers. It is called once, before Serve.
func (e *Engine) Open(how Door) (err error) {
	if err := e.openWebhook(how); err != nil {
		return err
	}
	e.openLogin(how)
	byHost := map[string]*tls.Config{}
	local := slices.Clone(how.MayDial)
	var mounts []proxy.Mount
	for _, c := range e.cfg.Clusters {
		byHost[c.Host] = c.TLS
		mounts = append(mounts, proxy.Mount{Prefix: GatewayPath(c.Name), To: c.url()})
		name, _, err := net.SplitHostPort(c.Host)
		if err != nil {
			name = c.Host
		}
		local = append(local, name)
	}
	e.server, err = proxy.New(proxy.Config{
		Vouch:     e.vouch,
		Authority: how.Authority, Registry: e.registry, Gate: e.gate, Authenticator: how.Authenticator,
		Upstreams: how.Upstreams, Mounts: mounts, Egress: how.Egress, Limits: how.Limits, OnDistrust: how.OnDistrust,
		TLS: func(host string) *tls.Config { return byHost[host] }, Roots: how.Roots,
		AllowLoopback: func(host string) bool {
			return slices.ContainsFunc(local, func(p string) bool { return decoders.HostMatches(p, host) })
		},
		Log: e.cfg.Log, Now: e.cfg.Now,
	})
	if err == nil && e.cfg.HeartbeatEvery > 0 {
		e.heart, err = e.startHeart(context.Background())
	}
	if err != nil {
		return err
	}
	e.openCallers(how)
	return e.openCollectors(how)
}

// Serve answers on l until Close, which makes it return nil.
func (e *Engine) Serve(l net.Listener) error { return e.server.Serve(l) }

// ServeGateway is Serve for the gateway's listener.
func (e *Engine) ServeGateway(l net.Listener) error { return e.server.ServeGateway(l) }

// Consider judges a call without forwarding it.
func (e *Engine) Consider(ctx context.Context, in proxy.Asked) policy.Decision {
	return e.gate.Consider(ctx, in)
}

// Intent names the running documents: sha256:HEX, or none.
func (e *Engine) Intent() string { return e.decide.Digest() }

// Documents are the running documents; nil: none are declared.
func (e *Engine) Documents() *intent.Set { return e.decide.Intent() }

// SetIntent replaces the running documents; on an error the old ones stay. Streams
// that the new ones would refuse are ended.
func (e *Engine) SetIntent(set *intent.Set) error {
	before := e.Intent()
	if err := e.decide.Swap(set); err != nil {
		return err
	}
	e.review()
	if e.heart != nil && e.Intent() != before { // the ledger says so also where nobody makes a change
		ctx, cancel := context.WithTimeout(context.Background(), beatTime)
		defer cancel()
		if err := e.epoch(ctx, e.decide.Basis()); err != nil { // the next decision tries again, and is not made without
			e.cfg.Trouble("recording which documents are in force", err)
		}
	}
	return nil
}

func (e *Engine) review() {
	if e.server != nil {
		e.server.Review(context.Background())
	}
}

// Entries is the number of ledger entries; 0 for questions, which record nothing.
func (e *Engine) Entries() uint64 {
	if sized, ok := e.book.Writer.(interface{ Size() uint64 }); ok {
		return sized.Size()
	}
	return 0
}

// Stats is what passed by.
func (e *Engine) Stats() proxy.Stats {
	if e.server == nil {
		return proxy.Stats{}
	}
	return e.server.Stats()
}

// Close lets calls in flight finish until ctx ends, then closes what is on disk.
func (e *Engine) Close(ctx context.Context) error {
	var all []error
	add := func(what string, err error) {
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", what, err))
		}
	}
	e.closing.Store(true)
	if e.server != nil {
		add("ending the proxy", e.server.Shutdown(ctx))
	}
	if e.webhook != nil {
		add("ending the webhook", e.webhook.Shutdown(ctx))
	}
	if e.origins != nil {
		add("closing the origins", e.origins.Close())
	}
	if e.login != nil {
		add("ending the login door", e.login.Shutdown(ctx))
	}
	if e.heart != nil {
		add("recording the last heartbeat", e.heart.stop())
	}
	e.endReads()
	e.endCollectors()
	if e.memory != nil {
		e.memory.hurry()
	}
	if e.builds != nil {
		e.builds.close()
	}
	if e.memory != nil {
		add("saving the model", e.memory.Close())
	}
	if e.inbox != nil {
		add("closing the inbox", e.inbox.Close())
	}
	if e.budgets != nil {
		add("closing the budgets", e.budgets.Close())
	}
	if e.publish != nil {
		e.publish.Stop()
	}
	e.copied.Stop()
	if elsewhere, ok := e.cfg.Ledger.(io.Closer); ok {
		add("closing the ledger", elsewhere.Close())
	}
	if e.ledger != nil {
		add("closing the ledger", e.ledger.Close())
		if _, err := Publish(context.WithoutCancel(ctx), e.cfg.LedgerDir, &e.cfg.Cosigners); err != nil { // what closing has written too
			e.cfg.Trouble("publishing the evidence", err)
		}
	}
	return errors.Join(all...)
}
