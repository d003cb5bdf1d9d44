package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// plugin is a credential plugin of a kubeconfig: a program that prints a token, as
// EKS, GKE and AKS have one (client.authentication.k8s.io, ExecCredential). A token
// is kept until it ends. Plugins that ask a person, or answer with a client
// certificate, are not for a daemon, and say so.
type plugin struct {
	version string
	command string
	args    []string
	env     []string
	asks    bool // it always asks a person, and nobody is there

	mu    sync.Mutex // guards the token; held while the program runs, so that it runs once
	token string
	until time.Time // zero: as long as the process lives
	now   func() time.Time
}

const (
	// pluginTime bounds one run: it may go to a cloud, and no further.
	pluginTime = time.Minute
	// pluginBytes bounds what it prints; a token is a kilobyte or two.
	pluginBytes = 1 << 20
	// pluginEarly is how long before its end a token is asked for anew.
	pluginEarly = 30 * time.Second
)

// newPlugin reads the exec section of a user; nil if there is none.
func newPlugin(user *yaml.Node, now func() time.Time) *plugin {
	section := field(user, "exec")
	if text(section, "command") == "" {
		return nil
	}
	p := &plugin{version: text(section, "apiVersion"), command: text(section, "command"), now: now}
	if args := field(section, "args"); args != nil {
		for _, a := range args.Content {
			p.args = append(p.args, a.Value)
		}
	}
	for _, e := range items(section, "env") {
		p.env = append(p.env, text(e, "name")+"="+text(e, "value"))
	}
	p.asks = text(section, "interactiveMode") == "Always"
	return p
}

// Token returns a token that is good now.
func (p *plugin) Token() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.token != "" && (p.until.IsZero() || p.now().Before(p.until.Add(-pluginEarly))) {
		return p.token, nil
	}
	token, until, err := p.run()
	if err != nil {
		return "", fmt.Errorf("running the credential plugin %s: %w", p.command, err)
	}
	p.token, p.until = token, until
	return token, nil
}

func (p *plugin) run() (token string, until time.Time, err error) {
	if group, _, _ := strings.Cut(p.version, "/"); group != "client.authentication.k8s.io" {
		return "", until, fmt.Errorf("its apiVersion is %q; client.authentication.k8s.io/v1 is wanted", p.version)
	}
	if p.asks {
		return "", until, errors.New("it always asks a person (interactiveMode: Always), and nobody is there")
	}
	info, err := json.Marshal(map[string]any{"apiVersion": p.version, "kind": "ExecCredential", "spec": map[string]any{"interactive": false}})
	if err != nil {
		return "", until, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), pluginTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.command, p.args...)
	cmd.Env = append(append(os.Environ(), p.env...), "KUBERNETES_EXEC_INFO="+string(info))
	out := &bounded{most: pluginBytes}
	said := &bounded{most: 512}
	cmd.Stdout, cmd.Stderr = out, said
	if err := cmd.Run(); err != nil {
		// What it said may hold a secret that it was given: only its last line is shown,
		// as kubectl shows all of it.
		lines := strings.Split(strings.TrimSpace(said.kept.String()), "\n")
		return "", until, fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	var answer struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Status     struct {
			Token                 string    `json:"token"`
			ClientCertificateData string    `json:"clientCertificateData"`
			ExpirationTimestamp   time.Time `json:"expirationTimestamp"`
		} `json:"status"`
	}
	switch err := json.Unmarshal(out.kept.Bytes(), &answer); {
	case out.over:
		return "", until, fmt.Errorf("it printed more than %d bytes", pluginBytes)
	case err != nil:
		return "", until, errors.New("what it printed is no ExecCredential")
	case answer.Kind != "ExecCredential" || answer.APIVersion != p.version:
		return "", until, fmt.Errorf("it answered with %s %s, and was asked for %s", answer.APIVersion, answer.Kind, p.version)
	case answer.Status.Token == "" && answer.Status.ClientCertificateData != "":
		return "", until, errors.New("it answered with a client certificate; a plugin that answers with a token is wanted")
	case answer.Status.Token == "":
		return "", until, errors.New("it answered without a token")
	}
	return answer.Status.Token, answer.Status.ExpirationTimestamp, nil
}

// bounded keeps the first bytes of what is written to it. The buffer is not embedded:
// its ReadFrom knows no bound.
type bounded struct {
	kept bytes.Buffer
	most int
	over bool
}

// Write implements io.Writer. It takes everything and keeps what fits.
func (b *bounded) Write(p []byte) (int, error) {
	room := max(b.most-b.kept.Len(), 0)
	b.over = b.over || len(p) > room
	b.kept.Write(p[:min(len(p), room)])
	return len(p), nil
}
