package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/remote"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model/intent"
)

// ledgerServeOptions are the flags of ledger serve.
type ledgerServeOptions struct{ listen, clients, cert, key string }

func (a *App) ledgerServeCommand() *cobra.Command {
	var o ledgerServeOptions
	cmd := &cobra.Command{
		Use:   "serve --clients FILE",
		Short: "Keep the evidence of proxies that have no disk of their own",
		Long: `Takes the entries of proxies elsewhere, such as the sidecars of a pipeline, into the ledger here, and publishes it. What one
is answered is in the log and signed before it is answered; a proxy that is not answered refuses changes.

Each client has a name and a token: assent ledger client NAME makes both. Its decisions bear its name, and it can record
none in another's. In assent.yaml at the client:

  ledger_server: {url: "https://HOST:8431", key: VKEY, token_env: ASSENT_LEDGER_TOKEN}

where VKEY is what "assent ledger vkey" prints here. The file of clients is read anew when it changes.`,
		Example: `  assent ledger client ci --clients clients > token
  assent ledger serve --clients clients --listen :8431 --cert tls.crt --key tls.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ledgerServe(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8431", "where it answers")
	f.StringVar(&o.clients, "clients", "", "the `file` of who may record")
	f.StringVar(&o.cert, "cert", "", "its certificate and chain, a PEM `file`")
	f.StringVar(&o.key, "key", "", "the key of the certificate, a PEM `file`")
	_ = cmd.MarkFlagRequired("clients") // it exists
	return cmd
}

func (a *App) ledgerClientCommand() *cobra.Command {
	var clients string
	cmd := &cobra.Command{
		Use:   "client NAME --clients FILE",
		Short: "Let a proxy elsewhere record in this ledger: prints its token",
		Long: `Makes a token for a client of "assent ledger serve" and writes its digest to the file of clients. The token is printed once
and kept nowhere. To end a client, delete its line.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			token, err := a.addClient(a.absolute(clients), args[0])
			if err == nil {
				_, err = fmt.Fprintln(a.Stdout, token)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&clients, "clients", "", "the `file` of who may record; made if it is not there")
	_ = cmd.MarkFlagRequired("clients") // it exists
	return cmd
}

func (a *App) addClient(path, name string) (token string, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	token, line, err := remote.NewClient(name, a.Rand)
	if err != nil {
		return "", exit{2, err}
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	all := string(text) + line
	if _, err := remote.ReadClients(all); err != nil {
		return "", repaired{fmt.Errorf("%s: %w", path, err), "delete the line of the client that is to have a new token"}
	}
	return token, os.WriteFile(path, []byte(all), 0o600)
}

func (a *App) ledgerServe(ctx context.Context, o ledgerServeOptions) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if cfg.LedgerServer.URL != "" {
		return repaired{fmt.Errorf("assent.yaml says that the ledger is at %s", cfg.LedgerServer.URL), "serve the one here: --ledger DIR"}
	}
	l, err := o.open(a)
	if err != nil {
		return err
	}
	clients := clientsFile{path: a.absolute(o.clients)}
	if _, err := clients.read(); err != nil {
		l.Close()
		return repaired{err, "assent ledger client NAME --clients " + o.clients}
	}
	trouble := func(what string, err error) { a.note("%s: %v", what, err) }
	open := func(ctx context.Context) (*store.Store, error) {
		return store.Open(ctx, store.Config{Dir: cfg.Ledger, Now: a.Now, Rand: a.Rand, Log: a.log})
	}
	// It stays open: nobody's entries are needed to have a log with a key.
	own, err := open(ctx)
	if err != nil {
		l.Close()
		return err
	}
	server := remote.NewServer(remote.ServerConfig{
		Open:    func(ctx context.Context) (remote.Log, error) { return open(ctx) },
		Clients: clients.read, Object: isNamed, Now: a.Now, Trouble: trouble,
	})
	var copied *engine.Copied
	if cfg.Store.URL != "" {
		if copied, err = engine.CopyLedger(ctx, shared(cfg), own, trouble); err != nil {
			l.Close()
			return errors.Join(err, own.Close())
		}
	}
	also := cosigners(cfg)
	publisher := engine.StartPublisher(own, publishEvery, &also, trouble)
	a.note("the ledger %s answers on %s; its key is %s", cfg.Ledger, l.Addr(), own.VKey())
	err = a.answerClients(ctx, l, server)
	server.Close()
	publisher.Stop()
	copied.Stop()
	err = errors.Join(err, own.Close())
	if _, bad := engine.Publish(context.WithoutCancel(ctx), cfg.Ledger, &also); bad != nil {
		trouble("publishing the evidence", bad)
	}
	return err
}

// The bounds of one call to a ledger, and how often it looks for clients that are gone.
const (
	recordTime = 30 * time.Second
	sweepEvery = 10 * time.Second
)

// answerClients serves until ctx ends; calls under way are finished.
func (a *App) answerClients(ctx context.Context, l net.Listener, server *remote.Server) error {
	h := &http.Server{Handler: server, ReadHeaderTimeout: recordTime, ReadTimeout: recordTime, WriteTimeout: recordTime, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			server.Sweep()
		case <-ctx.Done():
			drain, cancel := context.WithTimeout(context.Background(), recordTime)
			defer cancel()
			err := h.Shutdown(drain)
			<-ended
			return err
		}
	}
}

// open listens: with TLS, or on this machine alone.
func (o ledgerServeOptions) open(a *App) (net.Listener, error) {
	if (o.cert == "") != (o.key == "") {
		return nil, exit{2, errors.New("--cert and --key go together")}
	}
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return nil, exit{2, fmt.Errorf("--listen: %w", err)}
	}
	if ip := net.ParseIP(host); o.cert == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, exit{2, repaired{errors.New("others would send their tokens in the clear"), "--cert FILE --key FILE, or --listen 127.0.0.1:8431 with TLS before it"}}
	}
	var with *tls.Config
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(a.absolute(o.cert), a.absolute(o.key))
		if err != nil {
			return nil, err
		}
		with = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	l, err := net.Listen("tcp", o.listen)
	if err != nil || with == nil {
		return l, err
	}
	return tls.NewListener(l, with), nil
}

// clientsFile is the file of clients.
type clientsFile struct{ path string }

// read reads it as it is now: it has a line a client, and each call needs a disk anyway.
func (c clientsFile) read() (remote.Clients, error) {
	text, err := os.ReadFile(c.path)
	if err != nil {
		return nil, err
	}
	all, err := remote.ReadClients(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	return all, nil
}

// isNamed reports whether an object is what its name says.
func isNamed(o ledger.Object) error {
	if digest, ok := strings.CutPrefix(o.Name, ledger.FactsObject); ok {
		_, err := ledger.ParseFacts(digest, o.Data)
		return err
	}
	digest, ok := strings.CutPrefix(o.Name, ledger.IntentObject)
	if !ok {
		return fmt.Errorf("%q is no name of an object", o.Name)
	}
	set, err := intent.Unbundle(o.Data)
	if err == nil && set.Digest != digest {
		err = errors.New("these are other documents")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	return nil
}

// elsewhere makes an engine record where assent.yaml says.
func (a *App) elsewhere(ctx context.Context, cfg *config.Config, into *engine.Config) error {
	s := cfg.LedgerServer
	token := a.Getenv(s.TokenEnv)
	if s.TokenFile != "" {
		text, err := os.ReadFile(s.TokenFile)
		if err != nil {
			return fmt.Errorf("reading the token of the ledger: %w", err)
		}
		token = strings.TrimSpace(string(text))
	} else if token == "" {
		return repaired{fmt.Errorf("the token of the ledger is not in %s", s.TokenEnv), "set it to what assent ledger client NAME printed"}
	}
	roots, err := rootsIn(s.CAFile)
	if err != nil {
		return fmt.Errorf("reading the authority of the ledger: %w", err)
	}
	c, err := remote.Dial(ctx, remote.ClientConfig{
		URL: s.URL, VKey: s.Key, Token: token, Roots: roots, Rand: a.Rand,
		Trouble: func(err error) { into.Trouble("reaching the ledger", err) },
	})
	if err != nil {
		return err
	}
	into.Ledger, into.Name = c, c.Name()
	return nil
}

// rootsIn reads the certificates of authorities from a PEM file; nil without one.
func rootsIn(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate", path)
	}
	return roots, nil
}

// appendEntry writes one entry to the ledger, wherever it is.
func (a *App) appendEntry(ctx context.Context, cfg *config.Config, e ledger.Entry) error {
	into := engine.Config{Trouble: func(what string, err error) { a.note("%s: %v", what, err) }}
	if cfg.LedgerServer.URL != "" {
		if err := a.elsewhere(ctx, cfg, &into); err != nil {
			return err
		}
	} else {
		s, err := store.Open(ctx, store.Config{Dir: cfg.Ledger, Now: a.Now, Rand: a.Rand, Log: a.log})
		if err != nil {
			return err
		}
		into.Ledger = s
	}
	_, err := into.Ledger.Append(ctx, e)
	if c, ok := into.Ledger.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return err
}
