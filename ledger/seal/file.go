package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore/pkg/signature"
)

// maxKeyFile bounds a key file that is read; a PKCS #8 Ed25519 key has 119 bytes.
const maxKeyFile = 64 << 10

const pemPrivate = "PRIVATE KEY"

// File opens the key file at path, a PKCS #8 PEM that openssl reads too, and
// makes it on first use with mode 0600. Several processes may do so at once:
// one key wins. A file that others may read is refused.
//
// Without a name the log is called after its key.
func File(path, name string, rand io.Reader) (*Seal, error) {
	s, err := Existing(path, name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path, rand); err != nil {
			return nil, fmt.Errorf("ledger key: %w", err)
		}
		s, err = Existing(path, name)
	}
	return s, err
}

// Existing is File for a file that has to be there.
func Existing(path, name string) (*Seal, error) {
	private, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("ledger key: %w", err)
	}
	if name == "" {
		public := private.Public().(ed25519.PublicKey)
		name = "assent.local/ledger/" + hex.EncodeToString(public[:8])
	}
	signer, err := signature.LoadED25519Signer(private)
	if err != nil {
		return nil, fmt.Errorf("ledger key: %w", err)
	}
	return New(signer, name)
}

func load(path string) (ed25519.PrivateKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := private(path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemPrivate || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%s is not one PEM block %q", path, pemPrivate)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	ed, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T, want an Ed25519 key", path, key)
	}
	return ed, nil
}

// create writes a new key where no file is yet. The file appears whole or not at
// all, and never replaces another's.
func create(path string, rand io.Reader) error {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	tmp, err := writeTemp(path, pem.EncodeToMemory(&pem.Block{Type: pemPrivate, Bytes: der}))
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Replace writes a file so that it has either its old or its new content,
// whatever happens, and is on disk when Replace returns.
func Replace(path string, data []byte) error {
	tmp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// writeTemp writes a new file, mode 0600, beside path and syncs it.
func writeTemp(path string, data []byte) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}
