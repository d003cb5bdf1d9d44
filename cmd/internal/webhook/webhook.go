// Package webhook tells somebody else's program what people should know of at once: what
// waits for approval, what became of it, and that other documents are in force. Messages
// are signed as Standard Webhooks has it (https://www.standardwebhooks.com), so that
// receivers check them with that project's libraries:
//
//	webhook-id: msg_…           the same on every try
//	webhook-timestamp: 1764…    of this try
//	webhook-signature: v1,…     base64 of HMAC-SHA256 over ID.TIMESTAMP.BODY
//
// # What it promises
//
//   - Send never blocks: what finds no place in the queue is counted, and said.
//   - A message is tried a bounded number of times, in order; a receiver that is down
//     keeps nobody but later messages waiting, and those for a bounded time.
//   - The secret is in no message, no error and no log. Nor are parameters of calls.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queued bounds the messages that wait: more than a person reads.
	queued = 256
	// tries and their pauses bound how long one message keeps the others waiting: some
	// half a minute besides the tries themselves.
	tries     = 5
	tryTime   = 10 * time.Second
	firstWait = time.Second
	// maxAnswer bounds what is read of an answer, to use the connection again.
	maxAnswer = 4 << 10
	// secretPrefix begins a secret, as the standard writes it.
	secretPrefix = "whsec_"
	leastSecret  = 24
	mostSecret   = 64
)

// Message is one thing that happened.
type Message struct {
	Type string    `json:"type"` // approval.requested, approval.used, approval.denied, intent.changed, glass.broken, glass.reviewed
	At   time.Time `json:"timestamp"`
	Data any       `json:"data"`
}

// Config says where messages go.
type Config struct {
	URL    string
	Secret []byte // as ReadSecret returns it
	Now    func() time.Time
	// Trouble is told what could not be delivered. It may be nil.
	Trouble func(what string, err error)
	// Pause waits before another try; nil: it takes the time.
	Pause func(ctx context.Context, d time.Duration)
}

// Sender delivers messages. Its one goroutine is waited for by Close.
type Sender struct {
	cfg    Config
	host   string // for messages to people: a path may be a secret
	client *http.Client
	queue  chan Message
	lost   atomic.Int64

	closing sync.Once // guards the closing of queue, with mu
	mu      sync.RWMutex
	closed  bool // guarded by mu
	cancel  context.CancelFunc
	done    chan struct{}
}

// ReadSecret reads what a file of a secret holds: whsec_ and base64 of 24 to 64 bytes.
func ReadSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < leastSecret || len(secret) > mostSecret {
		return nil, fmt.Errorf("it does not hold %sBASE64 of %d to %d bytes; make one: echo %s$(openssl rand -base64 32)", secretPrefix, leastSecret, mostSecret, secretPrefix)
	}
	return secret, nil
}

// Start checks the configuration, and delivers until Close.
func Start(cfg Config) (*Sender, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return nil, errors.New("the address of the webhook cannot be used; expected such as https://hooks.example/assent")
	}
	if len(cfg.Secret) < leastSecret || cfg.Now == nil {
		return nil, errors.New("the webhook has no secret, or no clock")
	}
	if cfg.Trouble == nil {
		cfg.Trouble = func(string, error) {}
	}
	if cfg.Pause == nil {
		cfg.Pause = func(ctx context.Context, d time.Duration) {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Sender{cfg: cfg, host: u.Host, queue: make(chan Message, queued), cancel: cancel, done: make(chan struct{}),
		client: &http.Client{Timeout: tryTime, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}} // a signature is for one address
	go func() {
		defer close(s.done)
		for m := range s.queue {
			s.deliver(ctx, m)
		}
	}()
	return s, nil
}

// Send queues a message. It does not block.
func (s *Sender) Send(m Message) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return
	}
	select {
	case s.queue <- m:
	default:
		s.lost.Add(1)
	}
}

// Close delivers what is queued until ctx ends, and gives up the rest.
func (s *Sender) Close(ctx context.Context) {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		close(s.queue)
		s.mu.Unlock()
	})
	select {
	case <-s.done:
	case <-ctx.Done():
		s.cancel()
		<-s.done
	}
	s.cancel()
	s.client.CloseIdleConnections()
}

// deliver tries a message as often as it is worth.
func (s *Sender) deliver(ctx context.Context, m Message) {
	if n := s.lost.Swap(0); n > 0 {
		s.cfg.Trouble("telling "+s.host, fmt.Errorf("%d messages were not queued: %d wait already", n, queued))
	}
	body, err := json.Marshal(m)
	var id [16]byte
	if err == nil {
		_, err = rand.Read(id[:])
	}
	wait := firstWait
	for try := 1; err == nil && ctx.Err() == nil; try++ {
		var again bool
		if again, err = s.try(ctx, "msg_"+hex.EncodeToString(id[:]), body); err == nil {
			return
		}
		if !again || try == tries {
			break
		}
		s.cfg.Pause(ctx, wait)
		wait, err = 2*wait, nil
	}
	if err == nil {
		err = ctx.Err()
	}
	s.cfg.Trouble("telling "+s.host+" of "+m.Type, err)
}

// try sends a message once; again reports whether another try may go better.
func (s *Sender) try(ctx context.Context, id string, body []byte) (again bool, err error) {
	at := strconv.FormatInt(s.cfg.Now().Unix(), 10)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("the address cannot be used")
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"assent"},
		"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {"v1," + Sign(s.cfg.Secret, id, at, body)}}
	resp, err := s.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address, whose path may be a secret
		}
		return true, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // what it says does not matter
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return false, nil
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout:
		return true, fmt.Errorf("it answered %d", resp.StatusCode)
	}
	return false, fmt.Errorf("it answered %d, and is not asked again", resp.StatusCode)
}

// Sign returns the signature of a message, as the standard has it.
func Sign(secret []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.", id, at)
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
