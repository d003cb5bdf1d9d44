package remote

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// callTime bounds one call: the log is answered from a disk, and the caller of a change
// is waiting.
const callTime = 15 * time.Second

// ClientConfig says where the ledger is, and how it is known.
type ClientConfig struct {
	URL   string // https://HOST[:PORT]; http only on this machine
	Token string
	VKey  string // of the log: what it answers has to be signed with it
	Roots *x509.CertPool
	Rand  io.Reader
	// Trouble is told, once until it is over, that the server does not answer. It may
	// be nil.
	Trouble func(error)
}

// Client is a ledger that is elsewhere. It is safe for concurrent use. Close it.
type Client struct {
	cfg     ClientConfig
	http    *http.Client
	session string
	name    string
	key     note.Verifier
	public  ed25519.PublicKey
	size    atomic.Uint64
	end     context.CancelFunc
	done    chan struct{}
}

var _ ledger.Writer = (*Client)(nil)

// CheckURL returns why an address cannot be one of a ledger.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("%q is no address of a ledger; expected such as https://ledger.example:8431", address)
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && local(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q: the token would be sent in the clear; expected https://", address)
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Dial begins a session. It fails if the server cannot be reached or does not know the
// client: a proxy that cannot record does not start.
func Dial(ctx context.Context, cfg ClientConfig) (*Client, error) {
	if err := CheckURL(cfg.URL); err != nil {
		return nil, err
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	if cfg.Trouble == nil {
		cfg.Trouble = func(error) {}
	}
	key, err := note.NewVerifier(cfg.VKey)
	if err != nil {
		return nil, fmt.Errorf("the key of the ledger at %s cannot be read: %w", cfg.URL, err)
	}
	public, err := tlog.PublicKey(cfg.VKey)
	if err != nil {
		return nil, fmt.Errorf("the ledger at %s: %w", cfg.URL, err)
	}
	raw := make([]byte, 8)
	if _, err := io.ReadFull(cfg.Rand, raw); err != nil {
		return nil, fmt.Errorf("naming a session: %w", err)
	}
	c := &Client{cfg: cfg, key: key, public: public, session: hex.EncodeToString(raw), done: make(chan struct{}), http: &http.Client{
		// Never by a proxy: HTTPS_PROXY may well name this very process.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 64,
			IdleConnTimeout: time.Minute, TLSHandshakeTimeout: callTime, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	hello, err := c.alive(ctx)
	if err != nil {
		return nil, err
	}
	c.name = hello.Name
	if hello.VKey != cfg.VKey {
		return nil, fmt.Errorf("the ledger at %s has another key than the one it is known by: %s; if it went over to another key, ask whoever runs it", cfg.URL, hello.VKey)
	}
	ctx, c.end = context.WithCancel(context.WithoutCancel(ctx))
	go c.stay(ctx)
	return c, nil
}

// Name is as who the server knows the client.
func (c *Client) Name() string { return c.name }

// Size is the number of entries of the log that the client knows of.
func (c *Client) Size() uint64 { return c.size.Load() }

// Close ends the session: what is still open in it is closed as unknown.
func (c *Client) Close() error {
	c.end()
	<-c.done
	defer c.http.CloseIdleConnections()
	return c.call(context.Background(), http.MethodDelete, sessionPath, nil, nil)
}

// stay says every so often that the client is there.
func (c *Client) stay(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(KeepAlive)
	defer tick.Stop()
	ailing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, err := c.alive(ctx)
		if err != nil && !ailing && ctx.Err() == nil {
			c.cfg.Trouble(err)
		}
		ailing = err != nil
	}
}

func (c *Client) alive(ctx context.Context) (hello welcome, err error) {
	err = c.call(ctx, http.MethodPut, sessionPath, nil, &hello)
	return hello, err
}

// Append implements ledger.Writer.
func (c *Client) Append(ctx context.Context, e ledger.Entry) (ledger.Receipt, error) {
	out := sent{Kind: e.Kind, Key: e.Key, Run: e.Run, Statement: e.Statement}
	for _, o := range e.Objects {
		out.Objects = append(out.Objects, sentObject(o))
	}
	body, err := json.Marshal(out)
	if err != nil {
		return ledger.Receipt{}, err
	}
	var in recorded
	err = c.call(ctx, http.MethodPost, entriesPath, body, &in)
	var lost *lostError
	if errors.As(err, &lost) && (e.Kind == ledger.KindDecision || e.Kind == ledger.KindOutcome) && ctx.Err() == nil {
		in = recorded{}
		err = c.call(ctx, http.MethodPost, entriesPath, body, &in) // it is recorded once
	}
	if err != nil {
		return ledger.Receipt{}, err
	}
	if err := c.check(e, in); err != nil {
		return ledger.Receipt{}, fmt.Errorf("the ledger at %s is not to be believed: %w", c.cfg.URL, err)
	}
	return in.Receipt, nil
}

// check wants what was sent, signed by the log, and a checkpoint that covers it.
func (c *Client) check(e ledger.Entry, in recorded) error {
	envelope, err := ledger.ParseEnvelope(in.Envelope)
	if err != nil {
		return err
	}
	if !bytes.Equal(envelope.Payload, e.Statement) {
		return errors.New("it recorded something else")
	}
	if err := envelope.Verify(c.public); err != nil {
		return err
	}
	if tlog.LeafHash(in.Envelope) != in.LeafHash {
		return errors.New("the leaf hash is another entry's")
	}
	head, err := tlog.OpenCheckpoint([]byte(in.Checkpoint), c.key)
	if err != nil {
		return err
	}
	if head.Size <= in.Index {
		return fmt.Errorf("its checkpoint is of %d entries, and does not cover entry %d", head.Size, in.Index)
	}
	for {
		have := c.size.Load()
		if head.Size <= have || c.size.CompareAndSwap(have, head.Size) {
			return nil
		}
	}
}

// lostError is a call that may have arrived.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

func (c *Client) call(ctx context.Context, method, path string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	req.Header.Set(sessionHeader, c.session)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return &lostError{fmt.Errorf("the ledger does not answer: %w", err)}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return &lostError{fmt.Errorf("the ledger at %s does not answer: %w", c.cfg.URL, err)}
	}
	if resp.StatusCode >= 300 {
		var no refusal
		if json.Unmarshal(answer, &no) != nil || no.Error == "" {
			return fmt.Errorf("the ledger at %s answers %s", c.cfg.URL, resp.Status)
		}
		err := fmt.Errorf("the ledger at %s: %s", c.cfg.URL, no.Error)
		if no.Repair != "" {
			err = fmt.Errorf("%w; repair: %s", err, no.Repair)
		}
		return err
	}
	if into == nil {
		return nil
	}
	if len(answer) > maxAnswer {
		return fmt.Errorf("the ledger at %s answers more than %d bytes", c.cfg.URL, maxAnswer)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("the ledger at %s answers something else: %w", c.cfg.URL, err)
	}
	return nil
}
