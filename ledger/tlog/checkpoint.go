package tlog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
)

// Checkpoint is the state of a log at one size.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   ledger.Hash
}

// Text returns the body of the note.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// Sign returns the signed note.
func (c Checkpoint) Sign(signers ...note.Signer) ([]byte, error) {
	if c.Origin == "" || strings.ContainsAny(c.Origin, "\n") {
		return nil, fmt.Errorf("signing checkpoint: origin %q", c.Origin)
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint: %w", err)
	}
	return signed, nil
}

// MaxCheckpoint bounds a signed checkpoint that is read: room for a log's own
// signature and those of a hundred witnesses.
const MaxCheckpoint = 32 << 10

// OpenCheckpoint reads a signed checkpoint and checks that one of the given keys
// signed it, which are a log's, and that it is of the log that bears their name.
// Signatures by other keys (witnesses) are ignored. Only the form that Text writes is
// accepted: extension lines, which c2sp advises against, are refused.
func OpenCheckpoint(signed []byte, keys ...note.Verifier) (Checkpoint, error) {
	if len(keys) == 0 {
		return Checkpoint{}, errors.New("reading checkpoint: no key to check it with")
	}
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %d bytes, the limit is %d", len(signed), MaxCheckpoint)
	}
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %w", err)
	}
	c, err := parseText(n.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %w", err)
	}
	if name := keys[0].Name(); c.Origin != name {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: it is of log %q, the key of %q", c.Origin, name)
	}
	return c, nil
}

// AddSignature puts another signature under a checkpoint that one of the keys signed.
func AddSignature(signed []byte, keys []note.Verifier, by note.Signer) ([]byte, error) {
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err == nil {
		signed, err = note.Sign(n, by)
	}
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint: %w", err)
	}
	return signed, nil
}

// ReadCheckpoint reads a signed checkpoint without checking who signed it.
func ReadCheckpoint(signed []byte) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %d bytes, the limit is %d", len(signed), MaxCheckpoint)
	}
	text, _, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		return Checkpoint{}, errors.New("reading checkpoint: it is not signed")
	}
	c, err := parseText(text + "\n")
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %w", err)
	}
	return c, nil
}

func parseText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] == "" {
		return Checkpoint{}, errors.New("want the three lines origin, size, root")
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("size %q: %w", lines[1], err)
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != 32 {
		return Checkpoint{}, fmt.Errorf("root %q: want 32 bytes in base64", lines[2])
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: ledger.Hash(root)}
	if c.Text() != text {
		return Checkpoint{}, errors.New("not in canonical form")
	}
	return c, nil
}
