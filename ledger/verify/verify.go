// Package verify checks a ledger directory offline. It trusts nothing but a
// public key: it hashes every entry again, checks every signature, builds the
// tree anew, and compares with it every checkpoint, every column and all of the
// working state. It reads inside one transaction, so a ledger that is being
// written to can be verified, and keeps only the decisions that are open in
// memory.
//
// # What it finds, and the exit code that says so
//
//	0 OK          everything holds
//	1 Tampered    bytes differ from what was signed, or entries are missing,
//	              moved, doubled, or bound to something else
//	2 Incomplete  decisions that let something pass have no outcome yet
//	3 Untrusted   the key is not the one that was expected
//	4 RolledBack  the log is shorter than, or differs from, what was seen before
//	5 Unfinished  something could not be read: nothing is said about the rest
//
// What it cannot find by itself: a history that the holder of the key has written
// anew and signed, or cut. Options.Since, a checkpoint that was kept elsewhere, shows
// that, and so do witnesses (Options.Witnesses): what they have not cosigned is
// untrusted, and what they cosigned too long ago is rolled back.
package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// Kind sorts problems; its value is the exit code.
type Kind int

// The kinds.
const (
	OK Kind = iota
	Tampered
	Incomplete
	Untrusted
	RolledBack
	Unfinished
)

var kindNames = [...]string{"ok", "tampered", "incomplete", "untrusted key", "rolled back", "unfinished"}

// String returns the kind in words.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "unfinished"
	}
	return kindNames[k]
}

// MarshalText writes the kind in words.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// rank orders kinds by what they take away: what could not be read may hide
// anything; a wrong key makes every other finding meaningless.
var rank = [...]int{OK: 0, Incomplete: 1, RolledBack: 2, Tampered: 3, Untrusted: 4, Unfinished: 5}

// NoIndex is the Index of a problem that is no single entry's.
const NoIndex int64 = -1

// Problem is one thing that does not hold.
type Problem struct {
	Index int64  `json:"index"` // of the entry; NoIndex: of none
	Kind  Kind   `json:"kind"`
	What  string `json:"what"`
}

// maxProblems bounds Report.Problems; a damaged log has as many as entries.
const maxProblems = 100

// Report is what was checked and what was found.
type Report struct {
	Origin      string    `json:"origin"`
	VKey        string    `json:"vkey"`   // of the key that signs now
	Pinned      bool      `json:"pinned"` // the key came from outside the directory
	Entries     uint64    `json:"entries"`
	Verified    uint64    `json:"verified"` // entries without a problem of their own
	Checkpoints uint64    `json:"checkpoints"`
	Rotations   uint64    `json:"rotations,omitempty"` // times that the log went over to another key
	Decisions   uint64    `json:"decisions"`
	Outcomes    uint64    `json:"outcomes"`
	Open        uint64    `json:"open"` // decisions whose outcome is missing
	Root        string    `json:"root"`
	Tiles       uint64    `json:"tiles,omitempty"`       // files of the published form that were compared
	Cosigned    int       `json:"cosigned,omitempty"`    // witnesses that have cosigned the checkpoint
	HashesOnly  bool      `json:"hashes_only,omitempty"` // no entry was read
	Kind        Kind      `json:"kind"`                  // the worst of all problems
	Problems    []Problem `json:"problems"`
	More        uint64    `json:"more,omitempty"` // problems beyond those listed
}

// ExitCode returns 0 to 5.
func (r Report) ExitCode() int { return int(r.Kind) }

// Add adds a problem that somebody else has found.
func (r *Report) Add(index int64, kind Kind, what string) { r.problem(index, kind, "%s", what) }

func (r *Report) problem(index int64, kind Kind, format string, args ...any) {
	if rank[kind] > rank[r.Kind] {
		r.Kind = kind
	}
	if len(r.Problems) == maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, Problem{Index: index, Kind: kind, What: fmt.Sprintf(format, args...)})
}

// Options says what the log is compared with.
type Options struct {
	// VKey pins the key: the log has to be signed with it, or to have gone over from it
	// or to it (ledger.Rotation). Empty: the key beside the log is used, which proves
	// only that the log agrees with itself.
	VKey string
	// Since is a signed checkpoint that was kept elsewhere: the log must contain it.
	Since []byte
	// Cosigner is a second key (a vkey of type 0x02) that has to have signed the
	// published checkpoint.
	Cosigner string
	// Witnesses are the keys (vkeys of type 0x04) of which Quorum have to have cosigned
	// the published checkpoint; Fresh, if not zero, is how old the newest of these
	// cosignatures may be at Now.
	Witnesses []string
	Quorum    int
	Fresh     time.Duration
	Now       time.Time
	// Policy says all of the above but Since for the log that it is.
	Policy *Policy
	// HashesOnly reads no entry: every one is hashed, and held against every tile and
	// signed checkpoint, but neither the signatures of entries are checked nor what they
	// say. It is twenty times faster, and shows every change to a log but not what its keys
	// should never have signed.
	HashesOnly bool
	// Progress is told how far verification is. It may be nil.
	Progress func(done, total uint64)
}

// The names of what is read in the directory; package store writes them.
const (
	dbFile    = "ledger.db"
	vkeyFile  = "log.vkey"
	markFile  = "hwm"
	publicDir = "public"
	// sessionFiles hold the newest checkpoint of which a process has acknowledged something.
	sessionFiles = "sessions/*.lock"
	maxFile      = 64 << 10 // of the small files
)

// Dir verifies the ledger in a directory. The error is not nil exactly when the
// report's kind is Unfinished.
func Dir(ctx context.Context, dir string, opts Options) (Report, error) {
	v := newRun(opts, dir)
	v.envelopeAt = v.filedAt
	return v.verified(ctx, v.all)
}

// verified runs a verification, if what is asked for can be asked.
func (v *run) verified(ctx context.Context, all func(context.Context) error) (Report, error) {
	o := v.opts
	switch {
	case o.Quorum < 0 || o.Quorum > len(o.Witnesses):
		return v.concluded(fmt.Errorf("a quorum of %d of %d witnesses", o.Quorum, len(o.Witnesses)))
	case o.Fresh < 0 || o.Fresh > 0 && len(o.Witnesses) == 0:
		return v.concluded(fmt.Errorf("fresh (%s) is for what witnesses cosign: name one", o.Fresh))
	}
	return v.concluded(all(ctx))
}

// newRun begins a verification.
func newRun(opts Options, dir string) *run {
	return &run{opts: opts, dir: dir, report: Report{HashesOnly: opts.HashesOnly}, open: map[string]opened{}, approved: map[use]bool{}, claimed: map[use]string{}, intents: map[string]bool{}}
}

// concluded turns the end of a verification into what is said of it.
func (v *run) concluded(err error) (Report, error) {
	if errors.Is(err, errStop) {
		return v.report, nil
	}
	if err == nil && v.report.Verified != v.report.Entries && v.report.Kind == OK {
		err = errors.New("not every entry was verified") // cannot happen; it must not pass if it does
	}
	if err != nil {
		if damaged(err) {
			v.report.problem(NoIndex, Tampered, "the database file is damaged: %v", err)
			return v.report, nil
		}
		v.report.problem(NoIndex, Unfinished, "%v", err)
		return v.report, fmt.Errorf("verifying %s: %w", v.dir, err)
	}
	return v.report, nil
}

// errStop ends a verification that makes no sense to go on with; the report says
// why.
var errStop = errors.New("stopped")

// damaged reports that SQLite found its file to be malformed: bytes of it were
// changed.
func damaged(err error) bool {
	var e *sqlite.Error
	const corrupt, notADatabase = 11, 26 // https://sqlite.org/rescode.html
	return errors.As(err, &e) && (e.Code()&0xff == corrupt || e.Code()&0xff == notADatabase)
}

// run is one verification.
type run struct {
	opts   Options
	dir    string
	report Report
	keys
	tree  tlog.Range
	marks []mark            // checkpoints known from elsewhere, until passed
	open  map[string]opened // decisions that await an outcome, by id
	// approved are the approvals that wait for their decision, claimed is who used which.
	approved map[use]bool
	claimed  map[use]string
	intents  map[string]bool // digests that intent-epochs named
	db       *database
	next     cursor // over the log's own checkpoints

	envelopeAt func(ctx context.Context, index uint64) ([]byte, error) // nil without an error: there is none
	published  bool                                                    // what is read is the published form

	// Of a part of a log: the entries before from are not there, only their hashes.
	from   uint64
	leafAt func(index uint64) (ledger.Hash, error)
}

// mark is a checkpoint that the log must contain.
type mark struct {
	tlog.Checkpoint
	signed []byte
	from   string
}

func (v *run) all(ctx context.Context) error {
	if _, err := os.Stat(v.dir); err != nil {
		return err
	}
	if err := v.readKey(); err != nil {
		return err
	}
	if err := v.readMarks(); err != nil {
		return err
	}
	path := filepath.Join(v.dir, dbFile)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) && len(v.marks) > 0 {
			v.report.problem(NoIndex, RolledBack, "%s is gone", dbFile)
			return errStop
		}
		return err
	}
	db, err := openDatabase(ctx, path)
	if err != nil {
		return err
	}
	defer db.close() // nothing was written
	v.db = db
	if err := v.structure(ctx); err != nil {
		return err
	}
	if err := v.entries(ctx); err != nil {
		return err
	}
	return v.finish(ctx)
}

// readKey decides which key the log is checked with.
func (v *run) readKey() error {
	beside, err := readSmall(filepath.Join(v.dir, vkeyFile))
	vkey := strings.TrimSpace(string(beside))
	if origin, _, _ := strings.Cut(vkey, "+"); err == nil {
		if err := v.trust(origin); err != nil {
			return err
		}
	}
	switch {
	case err == nil:
		v.expected = append(v.expected, expected{vkey, "the key in " + vkeyFile})
	case v.opts.VKey == "":
		v.report.problem(NoIndex, Untrusted, "no key to verify with: %v", err)
		return errStop
	}
	if v.opts.VKey == "" {
		return v.trustKey(vkey)
	}
	return v.pinKey()
}

// readMarks reads the high-water mark and the checkpoint that the caller kept.
func (v *run) readMarks() error {
	data, err := readSmall(filepath.Join(v.dir, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		v.report.problem(NoIndex, RolledBack, "the high-water mark (%s) is missing: a cut-off end would not be noticed", markFile)
	} else if err != nil {
		return err
	} else {
		v.addMark(data, "the high-water mark")
	}
	said, err := filepath.Glob(filepath.Join(v.dir, sessionFiles))
	if err != nil {
		return err
	}
	for _, path := range said {
		// Of a process that has ended meanwhile, or lives where a lock keeps readers away: none.
		if data, err := readSmall(path); err == nil && len(bytes.Trim(data, "\x00")) > 0 {
			v.addMark(bytes.Trim(data, "\x00"), "what a process acknowledged ("+filepath.Base(path)+")")
		}
	}
	if v.opts.Since != nil {
		v.addMark(v.opts.Since, "the checkpoint that was kept")
	}
	if len(v.opts.Witnesses) == 0 && v.opts.Cosigner == "" {
		return nil
	}
	published, err := readSmall(filepath.Join(v.dir, publicDir, checkpointFile))
	if err != nil {
		return err
	}
	v.addMark(published, "the published checkpoint")
	return v.witnessed(published)
}

func (v *run) addMark(signed []byte, from string) {
	c, err := tlog.ReadCheckpoint(signed)
	if err != nil {
		v.report.problem(NoIndex, Tampered, "%s does not verify: %v", from, err)
		return
	}
	v.marks = append(v.marks, mark{c, signed, from}) // who signed it is looked at when the log is as long
}

// witnessed holds a published checkpoint against the witness policy.
func (v *run) witnessed(signed []byte) error {
	if v.opts.Cosigner != "" {
		key, err := tlog.ParseCosignKey(v.opts.Cosigner)
		if err != nil {
			return err
		}
		if !key.Signed(signed) {
			v.report.problem(NoIndex, Untrusted, "the second key %s has not signed the checkpoint", key.Name())
		}
	}
	if len(v.opts.Witnesses) == 0 {
		return nil
	}
	names, newest := map[string]bool{}, time.Time{}
	for _, vkey := range v.opts.Witnesses {
		w, err := tlog.NewWitness(vkey)
		if err != nil {
			return err
		}
		if at, ok := w.Cosigned(signed); ok {
			names[w.VKey()] = true
			if at.After(newest) {
				newest = at
			}
		}
	}
	v.report.Cosigned = len(names)
	quorum := v.opts.Quorum
	if quorum == 0 {
		quorum = len(v.opts.Witnesses)
	}
	switch {
	case len(names) < quorum:
		v.report.problem(NoIndex, Untrusted, "%d witnesses have cosigned the checkpoint, of %d that are asked for", len(names), quorum)
	case v.opts.Fresh > 0 && v.opts.Now.Sub(newest) > v.opts.Fresh:
		v.report.problem(NoIndex, RolledBack, "no witness has seen this as the newest checkpoint since %s", newest.Format(time.RFC3339))
	}
	return nil
}

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}
