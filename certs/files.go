package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxPEM bounds what is read as a certificate or key file: the largest system
// bundles are under 1 MiB.
const maxPEM = 4 << 20

// Save writes the CA's certificate and key as PEM. The key file is readable by
// its owner only. Both are replaced atomically, the key first, so that a crash in
// between leaves a pair that Load refuses rather than one that lies.
func (a *Authority) Save(certPath, keyPath string) error {
	a = a.current()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("encoding the CA's key: %w", err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := writeAtomically(keyPath, key, 0o600); err != nil {
		return fmt.Errorf("saving the CA's key: %w", err)
	}
	if err := writeAtomically(certPath, a.pem, 0o644); err != nil {
		return fmt.Errorf("saving the CA's certificate: %w", err)
	}
	return nil
}

// Load reads what Save wrote. It refuses a key that others can read, a key that
// is not the certificate's, and a certificate that is not a CA or has expired.
// cfg's Lifetime and CommonName are not used.
func Load(cfg Config, certPath, keyPath string) (*Authority, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	certBlock, err := readPEM(certPath, "CERTIFICATE")
	if err != nil {
		return nil, fmt.Errorf("loading the CA's certificate: %w", err)
	}
	if err := private(keyPath); err != nil {
		return nil, fmt.Errorf("loading the CA's key: %w", err)
	}
	keyBlock, err := readPEM(keyPath, "PRIVATE KEY")
	if err != nil {
		return nil, fmt.Errorf("loading the CA's key: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock)
	if err != nil {
		return nil, fmt.Errorf("loading the CA's key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("loading the CA's key: %s: want an ECDSA P-256 key", keyPath)
	}
	a, err := newAuthority(cfg, certBlock, key)
	if err != nil {
		return nil, err
	}
	switch now := cfg.Now(); {
	case !key.PublicKey.Equal(a.cert.PublicKey):
		return nil, fmt.Errorf("loading the CA: the key in %s is not that of the certificate in %s", keyPath, certPath)
	case !a.cert.IsCA:
		return nil, fmt.Errorf("loading the CA: the certificate in %s is not a CA", certPath)
	case now.After(a.cert.NotAfter):
		return nil, fmt.Errorf("loading the CA: the certificate in %s expired at %s; remove both files to make a new one", certPath, a.cert.NotAfter)
	}
	return a, nil
}

func readPEM(path, kind string) ([]byte, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: no PEM block %q at its start", path, kind)
	}
	return block.Bytes, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxPEM {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxPEM)
	}
	return os.ReadFile(path)
}

func writeAtomically(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".assent-*") // created 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
