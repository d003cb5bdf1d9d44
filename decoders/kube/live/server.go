package live

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxAnswer bounds one answer: 500 objects of the largest size that people have.
	maxAnswer = 64 << 20
	// maxLine bounds one event: etcd takes objects of 1.5 MB, which JSON makes longer.
	maxLine = 8 << 20
	// askPatience bounds one question that is no watch.
	askPatience = 60 * time.Second
	// maxTries bounds how often a server that is busy is asked again, and longestBusy how
	// long it may ask to wait.
	maxTries    = 5
	longestBusy = 30 * time.Second
	// saidKept bounds what is repeated of an error of the server's.
	saidKept = 200
)

// Config is what a Server is made from.
type Config struct {
	URL       *url.URL          // with the path below which the cluster is
	Transport http.RoundTripper // reaches the server, and verifies it
	// Identify writes whose question it is into the header.
	Identify func(http.Header) error
	// Every is the least time between two questions; 0: no pace is kept.
	Every time.Duration
}

// Server asks one API server as one identity. It is safe for concurrent use.
type Server struct {
	cfg Config

	mu   sync.Mutex // guards next
	next time.Time  // when the next question may be asked
}

// NewServer checks the configuration.
func NewServer(cfg Config) (*Server, error) {
	if cfg.URL == nil || cfg.Transport == nil || cfg.Identify == nil {
		return nil, errors.New("asking an API server: no URL, no transport or no identity")
	}
	return &Server{cfg: cfg}, nil
}

// refused is an answer that is none.
type refused struct {
	status             int
	said, reason, name string
}

func (r refused) Error() string {
	return fmt.Sprintf("the server answered %d %s: %s", r.status, http.StatusText(r.status), r.said)
}

// status is that of an answer which was a refusal, or 0.
func status(err error) int {
	var r refused
	if errors.As(err, &r) {
		return r.status
	}
	return 0
}

// pace waits for this question's turn.
func (s *Server) pace(ctx context.Context) error {
	if s.cfg.Every <= 0 {
		return ctx.Err()
	}
	s.mu.Lock()
	now := time.Now()
	turn := s.next
	if turn.Before(now) {
		turn = now
	}
	s.next = turn.Add(s.cfg.Every)
	s.mu.Unlock()
	return wait(ctx, turn.Sub(now))
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// open sends a GET and returns an answer of status 200.
func (s *Server) open(ctx context.Context, path string, query url.Values, accept string) (*http.Response, error) {
	if err := s.pace(ctx); err != nil {
		return nil, err
	}
	u := *s.cfg.URL
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+path, ""
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Identify(req.Header); err != nil {
		return nil, fmt.Errorf("reading the credential: %w", err)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "assent")
	resp, err := s.cfg.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return nil, err
	}
	bad := refusedBy(resp.StatusCode, body)
	if busy := resp.Header.Get("Retry-After"); busy != "" && (bad.status == http.StatusTooManyRequests || bad.status >= 500) {
		seconds, err := strconv.Atoi(busy)
		if err != nil || seconds < 1 {
			seconds = 1
		}
		return nil, later{bad, min(time.Duration(seconds)*time.Second, longestBusy)}
	}
	return nil, bad
}

// later is a refusal that asks to be asked again.
type later struct {
	refused
	after time.Duration
}

func (l later) Unwrap() error { return l.refused }

// refusedBy reads the Status of a refusal.
func refusedBy(code int, body []byte) refused {
	var s struct {
		Message, Reason string
		Details         struct{ Name string }
	}
	if json.Unmarshal(body, &s) != nil || s.Message == "" {
		s.Message = "no message"
	}
	return refused{code, s.Message[:min(len(s.Message), saidKept)], s.Reason, s.Details.Name}
}

// get reads one answer whole.
func (s *Server) get(ctx context.Context, path string, query url.Values, accept string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	for try := 1; ; try++ {
		resp, err := s.open(ctx, path, query, accept)
		var busy later
		if errors.As(err, &busy) && try < maxTries {
			if err := wait(ctx, busy.after); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		body, err := readBounded(resp.Body, maxAnswer)
		resp.Body.Close()
		return body, err
	}
}

func readBounded(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("an answer of more than %d MiB", limit>>20)
	}
	return body, err
}

// lines reads a stream line by line until it ends. more reports whether another line
// has come already.
func lines(r io.Reader, f func(line []byte, more bool) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if len(long)+len(part) > maxLine {
				return fmt.Errorf("an event of more than %d MiB", maxLine>>20)
			}
			long = append(long, part...)
			continue
		}
		line := part
		if long != nil {
			line, long = append(long, part...), nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := f(line, in.Buffered() > 0); err != nil {
				return err
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}
