package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/proxy/actor"
)

const (
	loginTimeout = 20 * time.Second
	loginAnswer  = 64 << 10
	// tokenVariable is where a job of GitLab CI has its token (id_tokens in .gitlab-ci.yml).
	tokenVariable = "ASSENT_ID_TOKEN"
	// defaultAudience is whom a token is for, where nobody says otherwise.
	defaultAudience = "assent"
)

// loginOptions are the flags of login.
type loginOptions struct {
	server, proxy, ca string
	oidc              bool
	tokens            tokenSource
	actor             string // file of the token of who acts
	trust             string // folder of the trust files
	envFile           string
	json              bool
}

// tokenSource is where an OpenID token is from.
type tokenSource struct{ file, audience string }

func (s *tokenSource) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.file, "token-file", "", "read the OpenID token from this `file` (- for stdin) instead of asking GitHub Actions or reading $"+tokenVariable)
	cmd.Flags().StringVar(&s.audience, "audience", defaultAudience, "the `audience` that GitHub Actions is asked for a token for")
}

func (a *App) loginCommand() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login --server URL",
		Short: "Exchange a pipeline's OpenID token for a run token of assent serve",
		Long: `Sends the job's OpenID token to the login door of "assent serve" (identity: login: in its assent.yaml), which takes it once
and gives a run token for it. Prints what the job's programs need, as commands for a shell. With --ca that is all that
"assent run" gives to its command: the proxy, and a bundle of trusted roots in a folder of its own (--trust). In GitHub
Actions, where each step has a shell of its own, --env-file "$GITHUB_ENV" gives it to all later steps, and the log does not
show the run token.

A login that fails prints a command that fails: a script (sh -e) does not go on without the gate.

The token is, in this order: that of --token-file; of GitHub Actions (the job needs permissions: id-token: write); of
GitLab CI in $ASSENT_ID_TOKEN (the job needs id_tokens: {ASSENT_ID_TOKEN: {aud: assent}}).`,
		Example: `  eval "$(assent login --server https://assent.example:8444 --ca assent.pem)"
  assent login --server https://assent.example:8444 --ca assent.pem --env-file "$GITHUB_ENV"
  assent login --server https://assent.example:8444 --token-file subject.jwt --actor-token-file agent.jwt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := a.login(cmd.Context(), o)
			if err != nil && !o.json && o.envFile == "" {
				// What eval makes of nothing is success, and the script would go on without the gate.
				fmt.Fprintln(a.Stdout, "false")
			}
			return err
		},
	}
	o.tokens.flags(cmd)
	cmd.Flags().BoolVar(&o.oidc, "oidc", true, "prove who this is by an OpenID token, the one way that there is")
	cmd.Flags().StringVar(&o.server, "server", "", "the `URL` of the login door: https://HOST:PORT")
	cmd.Flags().StringVar(&o.proxy, "proxy", "", "the proxy's `HOST:PORT` as this job reaches it (default: the server's host, and the port that it names)")
	cmd.Flags().StringVar(&o.ca, "ca", "", "the `file` of the certificate authority that assent serve prints (default $ASSENT_CA, or the system's)")
	cmd.Flags().StringVar(&o.actor, "actor-token-file", "", "the token of who acts for whom the other token names, in this `file`")
	cmd.Flags().StringVar(&o.trust, "trust", "", "write the trust files into this `folder` (default one of the server's in the state folder)")
	cmd.Flags().StringVar(&o.envFile, "env-file", "", "append NAME=value lines to this `file` instead of printing commands for a shell")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("json", "env-file")
	return cmd
}

func (a *App) login(ctx context.Context, o loginOptions) error {
	server, err := url.Parse(o.server)
	if err != nil || server.Scheme != "https" || server.Host == "" || strings.Trim(server.Path, "/") != "" {
		return exit{2, repaired{fmt.Errorf("--server %q is not the URL of a login door", o.server), "--server https://HOST:PORT"}}
	}
	if !o.oidc {
		return exit{2, repaired{errors.New("an OpenID token is the one proof that can be exchanged"), "assent login --oidc"}}
	}
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	authority, err := a.loginAuthority(o.ca)
	if err != nil {
		return err
	}
	client, err := loginClient(o.ca, authority)
	if err != nil {
		return err
	}
	token, err := a.idToken(ctx, o.tokens)
	if err != nil {
		return err
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}}
	if o.actor != "" {
		acting, err := a.tokenFile(ctx, o.actor)
		if err != nil {
			return err
		}
		form.Set("actor_token", acting)
		form.Set("actor_token_type", "urn:ietf:params:oauth:token-type:id_token")
	}
	got, err := exchanged(ctx, client, "https://"+server.Host+actor.ExchangePath, form)
	if err != nil {
		return err
	}
	if o.proxy == "" {
		if o.proxy, err = proxyOf(server, got.Proxy); err != nil {
			return err
		}
	}
	if o.json {
		return json.NewEncoder(a.Stdout).Encode(loggedIn{setup.ProxyURL(o.proxy, got.Run, got.Token), got.Run, got.Actor, got.For, a.Now().Add(time.Duration(got.Seconds) * time.Second).UTC()})
	}
	vars, err := a.loginVariables(o, server, got, authority)
	if err != nil {
		return err
	}
	if o.envFile == "" {
		for _, v := range vars {
			name, value, _ := strings.Cut(v, "=")
			fmt.Fprintf(a.Stdout, "export %s=%s\n", name, shellWord(value))
		}
	} else if err := a.intoEnvFile(o.envFile, vars, got.Token); err != nil {
		return err
	}
	a.note("logged in as %s, for %s", got.Actor, time.Duration(got.Seconds)*time.Second)
	return nil
}

// loginVariables are what the job's programs need to come by: with the server's
// authority all that the child of a run gets, else only where the proxy is.
func (a *App) loginVariables(o loginOptions, server *url.URL, got actor.Granted, authority []byte) (vars []string, err error) {
	if authority == nil {
		at := setup.ProxyURL(o.proxy, got.Run, got.Token)
		for _, name := range setup.ProxyVariables() {
			vars = append(vars, name+"="+at)
		}
		return append(vars, "ASSENT_RUN="+got.Run), nil
	}
	dir := o.trust
	if dir == "" {
		state, err := config.StateDir(a.where())
		if err != nil {
			return nil, repaired{err, "--trust DIR"}
		}
		dir = filepath.Join(state, "login", strings.ReplaceAll(server.Host, ":", "_"))
	}
	room, err := setup.RoomAt(a.absolute(dir))
	if err != nil {
		return nil, repaired{err, "--trust DIR"}
	}
	params := setup.Params{Proxy: o.proxy, Run: got.Run, Token: got.Token, OS: runtime.GOOS}
	said, err := room.Trust(&params, a.Getenv, authority, a.Rand)
	if err != nil {
		return nil, err
	}
	env, notes, err := setup.Environ(a.Environ, params)
	if err != nil {
		return nil, err
	}
	a.notes(append(said, notes...))
	return slices.DeleteFunc(env, func(v string) bool { return slices.Contains(a.Environ, v) }), nil
}

// intoEnvFile appends variables as GitHub Actions reads them, and has its log not show
// the secret among them.
func (a *App) intoEnvFile(path string, vars []string, secret string) error {
	if a.Getenv("GITHUB_ACTIONS") == "true" {
		fmt.Fprintf(a.Stdout, "::add-mask::%s\n", secret)
	}
	for _, v := range vars {
		if strings.ContainsAny(v, "\r\n") {
			name, _, _ := strings.Cut(v, "=")
			return fmt.Errorf("writing %s: the value of %s has more than one line", path, name)
		}
	}
	f, err := os.OpenFile(a.absolute(path), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("writing the job's variables: %w", err)
	}
	_, err = f.WriteString(strings.Join(vars, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the job's variables: %w", err)
	}
	return nil
}

// shellWord is a value as a POSIX shell reads it whole.
func shellWord(s string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// loggedIn is what login --json prints.
type loggedIn struct {
	Proxy string    `json:"proxy"` // with the run token in it
	Run   string    `json:"run"`
	Actor string    `json:"actor"`
	For   []string  `json:"for,omitempty"`
	Until time.Time `json:"until"`
}

// loginAuthority is the daemon's authority, nil where none is named.
func (a *App) loginAuthority(path string) ([]byte, error) {
	if path == "" {
		path = a.Getenv("ASSENT_CA")
	}
	if path == "" {
		return nil, nil
	}
	data, err := setup.ReadFile(a.absolute(path))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authority: %w", err)
	}
	return data, nil
}

// loginClient trusts the daemon's authority, and the system's where none is named.
func loginClient(path string, authority []byte) (*http.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if authority != nil {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(authority) {
			return nil, repaired{fmt.Errorf("%s holds no certificate", cmp.Or(path, "$ASSENT_CA")), "--ca the file that assent serve names at its start (ca.pem)"}
		}
	}
	return &http.Client{Timeout: loginTimeout, Transport: &http.Transport{Proxy: nil, TLSClientConfig: conf}}, nil
}

func exchanged(ctx context.Context, client *http.Client, at string, form url.Values) (got actor.Granted, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return got, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(r)
	if err != nil {
		var unknown x509.UnknownAuthorityError
		if errors.As(err, &unknown) {
			return got, repaired{fmt.Errorf("logging in: %w", err), "--ca the file that assent serve names at its start (ca.pem)"}
		}
		return got, fmt.Errorf("logging in: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, loginAnswer))
	if err != nil {
		return got, fmt.Errorf("logging in: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var no struct {
			Text string `json:"error_description"`
		}
		if json.Unmarshal(body, &no) != nil || no.Text == "" {
			no.Text = resp.Status
		}
		return got, fmt.Errorf("logging in: assent serve does not take this token: %s", no.Text)
	}
	if err := json.Unmarshal(body, &got); err != nil || got.Token == "" {
		return got, errors.New("logging in: the answer cannot be read")
	}
	return got, nil
}

// proxyOf is the proxy at the login door's host.
func proxyOf(server *url.URL, listens string) (string, error) {
	_, port, err := net.SplitHostPort(listens)
	if err != nil || port == "" || port == "0" {
		return "", repaired{errors.New("logging in: the server does not say where its proxy is"), "--proxy HOST:PORT"}
	}
	return net.JoinHostPort(server.Hostname(), port), nil
}

// idToken finds the OpenID token of this job.
func (a *App) idToken(ctx context.Context, from tokenSource) (string, error) {
	if from.file != "" {
		return a.tokenFile(ctx, from.file)
	}
	at, bearer := a.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), a.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if at != "" && bearer != "" {
		return a.githubToken(ctx, at, bearer, from.audience)
	}
	if token := a.Getenv(tokenVariable); token != "" {
		return token, nil
	}
	return "", repaired{errors.New("there is no OpenID token: neither GitHub Actions nor GitLab CI gives this job one"),
		"GitHub: permissions: {id-token: write}; GitLab: id_tokens: {" + tokenVariable + ": {aud: " + from.audience + "}}; or --token-file FILE"}
}

func (a *App) tokenFile(ctx context.Context, path string) (string, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(io.LimitReader(a.input(ctx), loginAnswer))
	} else {
		data, err = setup.ReadFile(a.absolute(path))
	}
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// githubToken asks GitHub Actions for the job's token, as its own toolkit does.
func (a *App) githubToken(ctx context.Context, at, bearer, audience string) (string, error) {
	u, err := url.Parse(at)
	if err != nil {
		return "", fmt.Errorf("asking GitHub Actions for a token: %w", err)
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", fmt.Errorf("asking GitHub Actions for a token: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("Accept", "application/json; api-version=2.0")
	resp, err := (&http.Client{Timeout: loginTimeout}).Do(r)
	if err != nil {
		return "", fmt.Errorf("asking GitHub Actions for a token: %w", err)
	}
	defer resp.Body.Close()
	var got struct {
		Value string `json:"value"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, loginAnswer)).Decode(&got); err != nil || resp.StatusCode != http.StatusOK || got.Value == "" {
		return "", fmt.Errorf("asking GitHub Actions for a token: %s", resp.Status)
	}
	return got.Value, nil
}
