package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/witness"
)

func (a *App) witnessCommand() *cobra.Command {
	var dir, name, listen string
	var logs []string
	var vkey bool
	cmd := &cobra.Command{
		Use:   "witness --dir DIR --log VKEY…",
		Short: "Cosign the checkpoints of others' ledgers: who has seen one history vouches for it",
		Long: `Answers https://c2sp.org/tlog-witness: remembers the largest checkpoint of each log, and cosigns a larger one only with a proof
that it grew from that. A ledger that was cut or written anew, by whoever has its key, is not cosigned. It has to run where
whoever runs the ledger cannot reach its files.

A ledger asks it once assent.yaml there has

  witnesses:
    http://witness.example:8090: NAME+HASH+KEY      # what --vkey prints

and verifiers want its word with --witness NAME+HASH+KEY. It speaks HTTP: put TLS before it, or run it on a network of its own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := a.witnessKey(a.absolute(dir), name)
			if err != nil {
				return err
			}
			if vkey {
				_, err := fmt.Fprintln(a.Stdout, key.VKey())
				return err
			}
			for i, log := range logs {
				if data, err := os.ReadFile(a.absolute(log)); err == nil {
					logs[i] = string(data)
				}
			}
			if len(logs) == 0 {
				return exit{2, repaired{errors.New("no --log is given: whose checkpoints are to be cosigned?"), "assent ledger vkey, at the ledger, prints what --log takes"}}
			}
			w, err := witness.New(witness.Config{Dir: filepath.Join(a.absolute(dir), "logs"), Logs: logs, Key: key, Now: a.Now})
			if err != nil {
				return err
			}
			return a.witness(cmd.Context(), w, listen, key.VKey())
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "the `directory` of its key and what it has seen; made if it is not there")
	f.StringVar(&name, "name", "", "what it is called: a URL without https://; after its key if not given")
	f.StringArrayVar(&logs, "log", nil, "the public `key` of a ledger, or a file that holds it; may be given again")
	f.StringVar(&listen, "listen", "127.0.0.1:8090", "where it answers")
	f.BoolVar(&vkey, "vkey", false, "print its public key and end")
	_ = cmd.MarkFlagRequired("dir") // it exists
	return cmd
}

// witnessKey opens or makes the witness's key.
func (a *App) witnessKey(dir, name string) (*tlog.Cosigner, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s, err := seal.File(filepath.Join(dir, "key.pem"), name, a.Rand)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = strings.Replace(s.Origin(), "/ledger/", "/witness/", 1)
	}
	return tlog.NewCosigner(name, s.PublicKey(), s.NoteSigner().Sign)
}

// The bounds of a witness's answers: a request has at most some 40 KB.
const (
	witnessTime  = 10 * time.Second
	witnessCalls = 64 // at once
)

func (a *App) witness(ctx context.Context, w http.Handler, listen, vkey string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	turns := make(chan struct{}, witnessCalls)
	server := &http.Server{
		ReadHeaderTimeout: witnessTime, ReadTimeout: witnessTime, WriteTimeout: witnessTime, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
				w.ServeHTTP(rw, r)
			default:
				http.Error(rw, "too many at once", http.StatusServiceUnavailable)
			}
		}),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	a.note("witnessing on http://%s as %s", l.Addr(), vkey)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		drain, cancel := context.WithTimeout(context.Background(), witnessTime)
		defer cancel()
		err := server.Shutdown(drain)
		<-ended
		return err
	}
}
