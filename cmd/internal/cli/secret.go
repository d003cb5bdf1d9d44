package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/assent-iom/assent/cmd/internal/config"
)

// secret loads 32 random bytes that lie beside the authority's key, or makes them
// once.
func (a *App) secret(cfg *config.Config, file, what, repair string) ([]byte, error) {
	if err := os.MkdirAll(cfg.CA, 0o700); err != nil {
		return nil, fmt.Errorf("making the authority's directory: %w", err)
	}
	path := filepath.Join(cfg.CA, file)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		raw := make([]byte, 32)
		if _, err := io.ReadFull(a.Rand, raw); err != nil {
			return nil, fmt.Errorf("making %s: %w", what, err)
		}
		if err := os.WriteFile(path, []byte(hex.EncodeToString(raw)+"\n"), 0o600); err != nil {
			return nil, fmt.Errorf("making %s: %w", what, err)
		}
		return raw, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != 32 {
		return nil, repaired{fmt.Errorf("reading %s: %s is not 64 hexadecimal digits", what, path), repair}
	}
	return raw, nil
}

// placeholderKey is what placeholder AWS key pairs are made from.
func (a *App) placeholderKey(cfg *config.Config) ([]byte, error) {
	return a.secret(cfg, "placeholder.key", "the key of placeholder AWS keys", "remove it, start assent serve again, and give every actor its keys anew (assent keys)")
}
