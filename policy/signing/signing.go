// Package signing holds the signatures of people over a whole set of declared
// documents: who stands behind what is in force.
//
// A signature is over a small statement that names the set by its digest, so that
// nothing of the set can be changed, added or taken out beneath it; comments and the
// order of documents are no part of the digest. Statements are signed in OpenSSH's own
// format, and lie in the folder of the documents:
//
//	.signatures/SHA256-NAME.json   {statement, signature}
//	.signatures/set.json           the documents that were signed last, in one piece
//
// # What it promises
//
//   - The keys that count are the operator's, from assent.yaml, never the set's own: a
//     set does not say who may sign it.
//   - A signature by a key that does not count, over another digest, or that cannot be
//     read, is no signature. Two by one key are one.
//   - It reads files and checks them; it holds no state. Whoever reloads decides what
//     becomes of a set that is not signed (the one that runs stays).
package signing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/assent-iom/assent/model/intent"
)

// Type is the type of every statement; Namespace is what its signature is for:
// ssh-keygen -Y verify -n NAMESPACE.
const (
	Type      = "https://assent.dev/intent-set/v0.1"
	Namespace = "intent@assent.dev"
)

// Folder is where signatures lie, in the folder of the documents. It is hidden, so that
// nothing in it is read as a document.
const Folder = ".signatures"

const (
	setFile = "set.json"
	// maxFile bounds one signature, and maxFiles how many are read: a statement is some
	// 300 bytes.
	maxFile  = 64 << 10
	maxFiles = 256
	maxSet   = 64 << 20
)

// Statement is what somebody signs.
type Statement struct {
	Type   string    `json:"type"`
	Digest string    `json:"digest"` // of the set, as decisions name it
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
}

// signed is a file of a signature.
type signed struct {
	Statement string `json:"statement"` // the bytes that were signed
	Signature string `json:"signature"` // armored, as ssh-keygen -Y sign writes it
}

// Rule says whose signatures a set needs. The zero value asks for none.
type Rule struct {
	Keys  []string `json:"keys,omitempty"`  // SSH public keys, as lines of .pub files
	Count int      `json:"count,omitempty"` // of how many of them; 0 is 1
}

// Asks reports whether signatures are needed.
func (r Rule) Asks() bool { return len(r.Keys) > 0 }

// Check says what is wrong with a rule.
func (r Rule) Check() error {
	seen := map[string]bool{}
	for _, line := range r.Keys {
		key, err := parse(line)
		if err != nil {
			return err
		}
		if seen[name(key)] {
			return fmt.Errorf("the key %s is listed twice", ssh.FingerprintSHA256(key))
		}
		seen[name(key)] = true
	}
	if r.need() > len(r.Keys) {
		return fmt.Errorf("%d signatures are asked for, and there are %d keys", r.need(), len(r.Keys))
	}
	return nil
}

func (r Rule) need() int { return max(r.Count, 1) }

func parse(line string) (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, fmt.Errorf("%q is no line of an SSH .pub file", line)
	}
	return key, nil
}

// name is a key's name in file names.
func name(key ssh.PublicKey) string {
	return strings.NewReplacer(":", "-", "/", "_").Replace(ssh.FingerprintSHA256(key))
}

// Counts reports whether a key is one of the rule's.
func (r Rule) Counts(key ssh.PublicKey) bool {
	return slices.ContainsFunc(r.Keys, func(line string) bool {
		k, err := parse(line)
		return err == nil && bytes.Equal(k.Marshal(), key.Marshal())
	})
}

// Unsigned is the error of a set that lacks signatures.
type Unsigned struct {
	Digest     string
	Have, Need int
	Why        []string // of signatures that do not count
}

// Error says how many are missing.
func (u *Unsigned) Error() string {
	text := fmt.Sprintf("the documents (%s) have %d of the %d signatures that signers in assent.yaml asks for", u.Digest, u.Have, u.Need)
	if len(u.Why) > 0 {
		text += "; " + strings.Join(u.Why, "; ")
	}
	return text
}

// Repair says what to do.
func (u *Unsigned) Repair() string {
	return "look at what has changed, and sign it: assent intent review"
}

// Verify checks the signatures in the folder of a set: enough of them have to be over
// exactly this set, by keys that count. It returns the fingerprints of those.
func Verify(fsys fs.FS, set *intent.Set, rule Rule) (by []string, err error) {
	if !rule.Asks() {
		return nil, nil
	}
	bad := &Unsigned{Digest: intent.None, Need: rule.need()}
	if set != nil {
		bad.Digest = set.Digest
	}
	files, err := fs.ReadDir(fsys, Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the signatures of the documents: %w", err)
	}
	for i, f := range files {
		if f.IsDir() || f.Name() == setFile || path.Ext(f.Name()) != ".json" {
			continue
		}
		if i >= maxFiles {
			bad.Why = append(bad.Why, fmt.Sprintf("more than %d files lie in %s", maxFiles, Folder))
			break
		}
		key, err := one(fsys, path.Join(Folder, f.Name()), bad.Digest)
		switch {
		case err != nil:
			bad.Why = append(bad.Why, f.Name()+": "+err.Error())
		case !rule.Counts(key):
			bad.Why = append(bad.Why, f.Name()+": the key "+ssh.FingerprintSHA256(key)+" is not one of signers")
		case !slices.Contains(by, ssh.FingerprintSHA256(key)):
			by = append(by, ssh.FingerprintSHA256(key))
		}
	}
	if bad.Have = len(by); bad.Have < bad.Need {
		return nil, bad
	}
	return by, nil
}

// one verifies one signature, and returns whose it is.
func one(fsys fs.FS, file, digest string) (ssh.PublicKey, error) {
	data, err := read(fsys, file, maxFile)
	if err != nil {
		return nil, err
	}
	var s signed
	if err := strictly(data, &s); err != nil {
		return nil, err
	}
	var st Statement
	if err := strictly([]byte(s.Statement), &st); err != nil {
		return nil, err
	}
	sig, err := sshsig.Unarmor([]byte(s.Signature))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it cannot be read: %w", err)
	case st.Type != Type:
		return nil, fmt.Errorf("it is of type %q, want %q", st.Type, Type)
	case st.Digest != digest:
		return nil, fmt.Errorf("it is over other documents (%s)", st.Digest)
	}
	if err := sshsig.Verify(strings.NewReader(s.Statement), sig, sig.PublicKey, sig.HashAlgorithm, Namespace); err != nil {
		return nil, fmt.Errorf("it does not verify: %w", err)
	}
	return sig.PublicKey, nil
}

func strictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	if d.More() {
		return errors.New("it cannot be read: something stands behind its end")
	}
	return nil
}

func read(fsys fs.FS, file string, most int64) ([]byte, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it is larger than %d bytes", most)
	}
	return data, err
}

// Sign signs a set, and keeps it as the one that was signed last. Signatures over
// earlier sets are taken away.
func Sign(dir string, set *intent.Set, with ssh.Signer, reason string, at time.Time) error {
	statement, err := json.Marshal(Statement{Type, set.Digest, at.UTC().Truncate(time.Second), reason})
	if err != nil {
		return fmt.Errorf("signing the documents: %w", err)
	}
	sig, err := sshsig.Sign(bytes.NewReader(statement), with, sshsig.HashSHA512, Namespace)
	if err != nil {
		return fmt.Errorf("signing the documents: %w", err)
	}
	data, err := json.MarshalIndent(signed{string(statement), string(sshsig.Armor(sig))}, "", "  ")
	if err != nil {
		return fmt.Errorf("signing the documents: %w", err)
	}
	folder := filepath.Join(dir, Folder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("signing the documents: %w", err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("signing the documents: %w", err)
	}
	for _, f := range files {
		if f.Name() != setFile && path.Ext(f.Name()) == ".json" {
			if _, err := one(os.DirFS(dir), path.Join(Folder, f.Name()), set.Digest); err != nil {
				os.Remove(filepath.Join(folder, f.Name())) // what cannot be removed is no signature either
			}
		}
	}
	if err := whole(filepath.Join(folder, setFile), set.Bundle()); err != nil {
		return err
	}
	return whole(filepath.Join(folder, name(with.PublicKey())+".json"), append(data, '\n'))
}

// whole writes a file so that nobody ever reads half of it.
func whole(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return fmt.Errorf("signing the documents: %w", err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("signing the documents: %w", err)
	}
	return nil
}

// Last returns the set that was signed last; nil: none was. What it is worth, the
// signatures beside it say.
func Last(fsys fs.FS) (*intent.Set, error) {
	data, err := read(fsys, path.Join(Folder, setFile), maxSet)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the documents that were signed last: %w", err)
	}
	return intent.Unbundle(data)
}
