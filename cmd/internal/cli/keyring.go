package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	xterm "golang.org/x/term"

	"github.com/assent-iom/assent/model/intent"
)

// keyring is the SSH keys of whoever answers: those of the agent, then the usual
// files. A private key is opened only when it is the one to sign with.
type keyring struct {
	app   *App
	agent net.Conn // nil: there is none
	keys  []key
}

// key is a public key, and how to get at its signer.
type key struct {
	public ssh.PublicKey
	open   func() (ssh.Signer, error)
}

// usualKeys are OpenSSH's own names, in its order.
var usualKeys = []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"}

// keyring finds the keys; only is a private key's file, or empty.
func (a *App) keyring(ctx context.Context, only string) (*keyring, error) {
	k := &keyring{app: a}
	if only != "" {
		public, err := a.publicOf(a.absolute(only))
		if err != nil {
			return nil, err
		}
		k.keys = []key{{public, func() (ssh.Signer, error) { return a.privateKey(ctx, a.absolute(only)) }}}
		return k, nil
	}
	if err := k.fromAgent(a.Getenv("SSH_AUTH_SOCK")); err != nil {
		a.note("the SSH agent cannot be asked: %v", err)
	}
	for _, name := range usualKeys {
		path := filepath.Join(a.Home, ".ssh", name)
		public, err := a.publicOf(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			a.note("%v", err)
		default:
			k.keys = append(k.keys, key{public, func() (ssh.Signer, error) { return a.privateKey(ctx, path) }})
		}
	}
	return k, nil
}

func (k *keyring) fromAgent(socket string) error {
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	k.agent = conn
	signers, err := agent.NewClient(conn).Signers()
	for _, s := range signers {
		k.keys = append(k.keys, key{s.PublicKey(), func() (ssh.Signer, error) { return s, nil }})
	}
	return err
}

// Close leaves the agent.
func (k *keyring) Close() {
	if k.agent != nil {
		k.agent.Close()
	}
}

// signer finds the first key that is declared as somebody's who is asked.
func (k *keyring) signer(set *intent.Set, names []string) (*intent.Actor, ssh.Signer, error) {
	var have []ssh.PublicKey
	for _, key := range k.keys {
		have = append(have, key.public)
		line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.public)))
		if set == nil {
			continue
		}
		for _, doc := range set.Actors {
			if slices.Contains(names, doc.Name) && slices.ContainsFunc(doc.Identify, func(id intent.Identity) bool { return id.SSH == line }) {
				s, err := key.open()
				return doc, s, err
			}
		}
	}
	return nil, nil, asked(set, names, have)
}

// publicOf reads the public half of a key file: from the .pub file beside it, or
// from the key itself.
func (a *App) publicOf(path string) (ssh.PublicKey, error) {
	if data, err := os.ReadFile(path + ".pub"); err == nil {
		if public, _, _, _, err := ssh.ParseAuthorizedKey(data); err == nil {
			return public, nil
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked) && locked.PublicKey != nil:
		return locked.PublicKey, nil
	case err != nil:
		return nil, fmt.Errorf("reading the key %s: %w", path, err)
	}
	return s.PublicKey(), nil
}

// privateKey opens a key file, and asks for its passphrase.
func (a *App) privateKey(ctx context.Context, path string) (ssh.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	s, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	if !errors.As(err, &locked) {
		if err != nil {
			return nil, fmt.Errorf("reading the key %s: %w", path, err)
		}
		return s, nil
	}
	file, ok := a.Stdin.(*os.File)
	if !ok || !xterm.IsTerminal(int(file.Fd())) {
		return nil, repaired{fmt.Errorf("the key %s has a passphrase, and there is no terminal to ask for it on", path), "load it into the SSH agent: ssh-add -c " + path}
	}
	fmt.Fprintf(a.Stderr, "assent: passphrase of %s: ", path)
	echoing, err := xterm.GetState(int(file.Fd()))
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	secret, err := waiting(ctx, func() ([]byte, error) { return xterm.ReadPassword(int(file.Fd())) })
	fmt.Fprintln(a.Stderr)
	if ctx.Err() != nil { // it is still being read, without an echo
		return nil, errors.Join(ctx.Err(), xterm.Restore(int(file.Fd()), echoing))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	if s, err = ssh.ParsePrivateKeyWithPassphrase(data, secret); err != nil {
		return nil, fmt.Errorf("opening the key %s: %w", path, err)
	}
	return s, nil
}
