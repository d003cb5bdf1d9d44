package remote

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// maxClients bounds who is known.
const maxClients = 4096

var clientName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

// Clients are who may record: the SHA-256 of their tokens, by name.
type Clients map[string][sha256.Size]byte

// ReadClients reads a file of lines "NAME sha256:HEX"; empty lines and those that
// begin with # count for nothing.
func ReadClients(text string) (Clients, error) {
	all := Clients{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, digest, _ := strings.Cut(line, " ")
		bad := func(format string, args ...any) error {
			return fmt.Errorf("line %d: %s; expected NAME sha256:64 HEXADECIMAL DIGITS", i+1, fmt.Sprintf(format, args...))
		}
		if !clientName.MatchString(name) {
			return nil, bad("the name has to be of small letters, digits, dots and hyphens")
		}
		if _, twice := all[name]; twice {
			return nil, bad("%s is there twice", name)
		}
		sum, ok := strings.CutPrefix(strings.TrimSpace(digest), "sha256:")
		raw, err := hex.DecodeString(sum)
		if !ok || err != nil || len(raw) != sha256.Size {
			return nil, bad("what follows %s is no digest of a token", name)
		}
		if len(all) == maxClients {
			return nil, bad("there are more than %d clients", maxClients)
		}
		all[name] = [sha256.Size]byte(raw)
	}
	return all, nil
}

// NewClient makes a token for a client, and its line for the file of clients.
func NewClient(name string, rand io.Reader) (token, line string, err error) {
	if !clientName.MatchString(name) {
		return "", "", fmt.Errorf("the name %q has to be of small letters, digits, dots and hyphens", name)
	}
	raw := make([]byte, 32)
	if _, err := io.ReadFull(rand, raw); err != nil {
		return "", "", fmt.Errorf("making a token: %w", err)
	}
	token = base64.RawURLEncoding.EncodeToString(raw)
	sum := sha256.Sum256([]byte(token))
	return token, name + " sha256:" + hex.EncodeToString(sum[:]) + "\n", nil
}

// of returns whose token it is. All are compared, each in the same time.
func (c Clients) of(token string) (name string, ok bool) {
	sum := sha256.Sum256([]byte(token))
	for n, want := range c {
		if subtle.ConstantTimeCompare(sum[:], want[:]) == 1 {
			name, ok = n, true
		}
	}
	return name, ok
}
