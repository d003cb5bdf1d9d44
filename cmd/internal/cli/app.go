// Package cli is the command line, one file a command.
//
// # Rules of output
//
//   - stdout belongs to the answer, or to the child of `assent run`; everything
//     of ours goes to stderr with the prefix "assent: ".
//   - An error has a line "assent: error:" and, where there is one, a line
//     "assent: repair:" that can be pasted.
//   - --json writes one JSON value a line, with the stable names of docs/json.md.
//   - Colour only on a terminal, and never with NO_COLOR.
//
// # Exit codes
//
//	0    done; for `may`: allowed
//	1    an error; for `ledger verify`: tampered (2 to 5: see its help)
//	2    wrong usage (64 for the verifying commands, as of assent-verify)
//	3    denied, by `may`; otherwise than recorded, by `replay`
//	130  interrupted, as a shell says of one that a signal ended
//	125  `run`: assent itself failed; 126: the command cannot be run; 127: it was not found
//
// Otherwise `run` ends with the command's own exit code.
package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"os/user"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/assent-iom/assent/cmd/internal/capture"
	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy/signing"
)

// App is what every command works with. Commands take nothing else from the
// process.
type App struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string
	Getenv         func(string) string
	Dir, Home      string
	User           string // the login name, for who nobody names
	Now            func() time.Time
	Rand           io.Reader
	Version        string

	configPath string // --config
	ledgerDir  string // --ledger
	intentDir  string // --intent
	log        *zap.Logger
}

// Main runs the program and returns its exit code.
func Main(args []string, version string) int {
	if len(args) > 0 && args[0] == capture.Word {
		return capture.Inside(args[1:]) // we are the helper of a run
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	home, _ := os.UserHomeDir() // without one, the state folder says what is missing
	login := ""
	if u, err := user.Current(); err == nil {
		login = u.Username
	}
	app := &App{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Getenv: os.Getenv, Dir: dir, Home: home, User: login,
		Now: time.Now, Rand: rand.Reader, Version: version,
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // the second interrupt does not wait for anything
	return app.Execute(ctx, args)
}

// Execute runs one command line.
func (a *App) Execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	begun := a.prepare(root)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !*begun {
		err = misused(cmd, err)
	}
	var done exit
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil && !errors.As(err, &done):
		a.note("interrupted")
		return exitInterrupted
	case errors.As(err, &done):
		if done.err != nil {
			a.printError(done.err)
		}
		return done.code
	default:
		a.printError(err)
		return 1
	}
}

// exitInterrupted is 128 and the number of an interrupt.
const exitInterrupted = 130

// exit is an error that says how the program ends.
type exit struct {
	code int
	err  error // nil: nothing more to say
}

func (e exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// repaired is an error that knows what to do about it.
type repaired struct {
	err    error
	repair string
}

func (r repaired) Error() string  { return r.err.Error() }
func (r repaired) Unwrap() error  { return r.err }
func (r repaired) Repair() string { return r.repair }

// printError says what is wrong and what to do.
func (a *App) printError(err error) {
	var problems *intent.Error
	if errors.As(err, &problems) {
		for _, p := range problems.Problems {
			fmt.Fprintf(a.Stderr, "assent: error: %s:%d:%d: %s (%s)\n", p.File, p.Line, p.Col, p.Message, p.Code)
			if p.Suggestion != "" {
				fmt.Fprintf(a.Stderr, "assent: repair: %s\n", p.Suggestion)
			}
		}
		return
	}
	fmt.Fprintf(a.Stderr, "assent: error: %v\n", err)
	var r interface{ Repair() string }
	if errors.As(err, &r) && r.Repair() != "" {
		fmt.Fprintf(a.Stderr, "assent: repair: %s\n", r.Repair())
	}
}

// note tells the user something that is neither an error nor an answer.
func (a *App) note(format string, args ...any) {
	fmt.Fprintf(a.Stderr, "assent: "+format+"\n", args...)
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "assent",
		Short: "Decide whether a change to infrastructure should happen, before it happens",
		Long: `Assent stands between a command and the cloud and Kubernetes APIs that it calls. Each change is understood, judged
against what people declared and what exists, recorded as signed evidence, and only then forwarded or refused.

Start here, no set-up needed, nothing is blocked:

  assent run -- aws s3 mb s3://my-bucket      watch one command
  assent intent suggest                       the intent that would have allowed it
  assent run --enforce -- CMD…                only what is declared passes`,
		SilenceUsage: true, SilenceErrors: true,
		Version: a.Version,
	}
	root.PersistentFlags().StringVar(&a.configPath, "config", "", "read this `file` instead of assent.yaml where it is usually found")
	root.PersistentFlags().StringVar(&a.ledgerDir, "ledger", "", "use the ledger in this `directory`")
	root.PersistentFlags().StringVar(&a.intentDir, "intent", "", "use the declared documents in this `directory`")
	for _, g := range []struct {
		title string
		all   []*cobra.Command
	}{
		{"Watch and refuse:", []*cobra.Command{a.initCommand(), a.runCommand(), a.serveCommand(), a.mayCommand(), a.explainCommand(), a.modeCommand()}},
		{"What is declared:", []*cobra.Command{a.intentCommand(), a.canCommand(), a.whoCanCommand(), a.replayCommand()}},
		{"What exists:", []*cobra.Command{a.whatCommand(), a.radiusCommand(), a.ownersCommand(), a.collectCommand(), a.driftCommand(), a.revertCommand(), a.adoptCommand(), a.docsCommand(), a.modelCommand()}},
		{"People and pipelines:", []*cobra.Command{a.inboxCommand(), a.requestCommand(), a.approveCommand(), a.denyCommand(), a.glassCommand(), a.loginCommand(), a.keysCommand()}},
		{"Evidence:", []*cobra.Command{a.ledgerCommand(), a.evidenceCommand()}},
		{"Clusters:", []*cobra.Command{a.kubeCommand(), a.kubeconfigCommand()}},
		{"Assent itself:", []*cobra.Command{a.doctorCommand(), a.configCommand(), a.decodeCommand(), a.modelsCommand(), a.versionCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.all {
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	root.SetCompletionCommandGroupID("Assent itself:")
	a.addHelpTopics(root)
	return root
}

// where is where the configuration is looked for.
func (a *App) where() config.Where {
	return config.Where{Explicit: a.configPath, Dir: a.Dir, Getenv: a.Getenv, Home: a.Home, OS: runtime.GOOS}
}

// load reads the configuration, with the flags over it.
func (a *App) load() (*config.Config, error) {
	cfg, err := config.Load(a.where())
	if err != nil {
		return nil, err
	}
	if a.ledgerDir != "" {
		cfg.Ledger, cfg.LedgerServer = a.absolute(a.ledgerDir), config.LedgerServer{}
		cfg.Set(config.FieldLedger, "--ledger")
	}
	if a.intentDir != "" {
		cfg.Intent = a.absolute(a.intentDir)
		cfg.Set(config.FieldIntent, "--intent")
	}
	return cfg, nil
}

// declared reads the configuration and the documents that it names; none are nil.
func (a *App) declared() (*config.Config, *intent.Set, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	set, err := a.documents(cfg)
	return cfg, set, err
}

// inForce reads the declared documents, for whoever judges by them: with the signatures
// that the operator asks for.
func (a *App) inForce(cfg *config.Config) (*intent.Set, error) {
	set, err := a.documents(cfg)
	if err != nil || set == nil {
		return set, err
	}
	if _, err := signing.Verify(os.DirFS(cfg.Intent), set, cfg.Signers); err != nil {
		return nil, err
	}
	return set, nil
}

// documents reads the declared documents; none are nil.
func (a *App) documents(cfg *config.Config) (*intent.Set, error) {
	if cfg.Intent == "" {
		return nil, nil
	}
	info, err := os.Stat(cfg.Intent)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, repaired{fmt.Errorf("there is no directory %s for declared documents (set by %s)", cfg.Intent, cfg.Origin(config.FieldIntent)),
			"make it, or take the setting away: mkdir -p " + cfg.Intent}
	case err != nil:
		return nil, fmt.Errorf("reading declared documents: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("reading declared documents: %s is not a directory", cfg.Intent)
	}
	set, err := intent.Load(os.DirFS(cfg.Intent))
	if err != nil {
		return nil, err
	}
	return set, nil
}
