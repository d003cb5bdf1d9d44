// Assent-verify checks an Assent ledger offline. It needs the ledger's directory,
// or its published form, or a copy of either, and nothing else: no network, no
// key but a public one, no Assent.
//
// Usage:
//
//	assent-verify [--dir DIR | --public DIR | --pack DIR] [--vkey VKEY|FILE | --policy FILE] [--since FILE] [--json]
//
//	--dir DIR      the ledger; default $XDG_STATE_HOME/assent/ledger
//	--public DIR   its published form (c2sp tlog-tiles) instead: checkpoint, tiles
//	               and entry bundles alone; needs --vkey
//	--pack DIR     an evidence pack (assent evidence pack): its log, and that every
//	               other file in it says what the entries say
//	--vkey VKEY    the public key, or a file that holds it, from somebody you
//	               trust. Without it the key beside the log is used, which proves
//	               only that the log agrees with itself.
//	--since FILE   a checkpoint that was kept elsewhere; the log must contain it.
//	               It is what shows a history that was written anew.
//	--cosigner KEY the second key that has to have signed what is published, or a
//	               file that holds it
//	--witness KEY  the key of a witness, or a file that holds it, that has to have
//	               cosigned what is published; may be given again
//	--quorum N     how many of the witnesses are enough; without it all
//	--fresh TIME   how old the newest cosignature may be (1h): what shows a log that
//	               was cut back to what they had cosigned before
//	--policy FILE  all that is trusted in one file instead of the flags from --vkey to
//	               --fresh, but --since: docs/evidence.md
//	--hashes       hashes and checkpoints only, ten times faster: no entry is read
//	--json         the report as one JSON object on stdout
//
// Exit codes:
//
//	0  every entry, checkpoint and pairing of decision with outcome holds
//	1  tampered: something is not as it was signed
//	2  incomplete: a decision let something pass and has no outcome yet
//	3  untrusted: the key is not the expected one
//	4  rolled back: the log is shorter than, or differs from, what was seen before
//	5  could not finish: nothing is said about what was not read
//	64 wrong usage
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/assent-iom/assent/ledger/evidence"
	"github.com/assent-iom/assent/ledger/verify"
)

const usage = 64 // EX_USAGE of sysexits.h

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("assent-verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", defaultDir(env), "the ledger's `directory`")
	public := flags.String("public", "", "the `directory` of the ledger's published form")
	pack := flags.String("pack", "", "the `directory` of an evidence pack")
	vkey := flags.String("vkey", "", "the public `key`, or a file that holds it")
	since := flags.String("since", "", "a checkpoint `file` that was kept elsewhere")
	cosigner := flags.String("cosigner", "", "the second `key` that signs what is published, or a file that holds it")
	var witnesses []string
	flags.Func("witness", "the `key` of a witness, or a file that holds it", func(key string) error {
		if data, err := os.ReadFile(key); err == nil {
			key = string(data)
		}
		witnesses = append(witnesses, key)
		return nil
	})
	quorum := flags.Int("quorum", 0, "how many of the witnesses are enough; 0: all")
	fresh := flags.Duration("fresh", 0, "how old the newest cosignature may be; 0: any age")
	policy := flags.String("policy", "", "the `file` that says which logs are trusted, with which keys and witnesses")
	hashes := flags.Bool("hashes", false, "hashes and checkpoints only: no entry is read")
	asJSON := flags.Bool("json", false, "the report as JSON")
	if err := flags.Parse(args); err != nil {
		return usage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "assent-verify: unexpected %q\n", flags.Arg(0))
		return usage
	}
	if *pack != "" && (*public != "" || *hashes) {
		fmt.Fprintln(stderr, "assent-verify: --pack goes with neither --public nor --hashes")
		return usage
	}
	opts := verify.Options{VKey: *vkey, Cosigner: *cosigner, Witnesses: witnesses, Quorum: *quorum, Fresh: *fresh, Now: time.Now(), HashesOnly: *hashes}
	if data, err := os.ReadFile(*vkey); err == nil && *vkey != "" {
		opts.VKey = string(data)
	}
	if data, err := os.ReadFile(*cosigner); err == nil && *cosigner != "" {
		opts.Cosigner = string(data)
	}
	if *policy != "" {
		if *vkey != "" || *cosigner != "" || len(witnesses) > 0 || *quorum != 0 || *fresh != 0 {
			fmt.Fprintln(stderr, "assent-verify: --policy says what --vkey, --cosigner, --witness, --quorum and --fresh would")
			return usage
		}
		data, err := os.ReadFile(*policy)
		if err == nil {
			opts.Policy, err = verify.ReadPolicy(data)
		}
		if err != nil {
			fmt.Fprintf(stderr, "assent-verify: %v\n", err)
			return int(verify.Unfinished)
		}
	}
	if *since != "" {
		data, err := os.ReadFile(*since)
		if err != nil {
			fmt.Fprintf(stderr, "assent-verify: reading --since: %v\n", err)
			return int(verify.Unfinished)
		}
		opts.Since = data
	}
	var report verify.Report
	var err error
	switch {
	case *pack != "":
		report, err = evidence.Check(ctx, *pack, opts)
	case *public != "":
		report, err = verify.Public(ctx, *public, opts)
	default:
		report, err = verify.Dir(ctx, *dir, opts)
	}
	if err != nil {
		fmt.Fprintf(stderr, "assent-verify: %v\n", err)
	}
	if *asJSON {
		if err := json.NewEncoder(stdout).Encode(report); err != nil {
			fmt.Fprintf(stderr, "assent-verify: writing the report: %v\n", err)
			return int(verify.Unfinished)
		}
	} else if err := report.Text(stdout); err != nil {
		fmt.Fprintf(stderr, "assent-verify: writing the report: %v\n", err)
		return int(verify.Unfinished)
	}
	return report.ExitCode()
}

func defaultDir(env func(string) string) string {
	if state := env("XDG_STATE_HOME"); state != "" {
		return filepath.Join(state, "assent", "ledger")
	}
	return filepath.Join(env("HOME"), ".local", "state", "assent", "ledger")
}
