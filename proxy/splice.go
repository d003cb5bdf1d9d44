package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// helloBytes and helloTime bound what is read to see whom a blind tunnel is
	// for: a ClientHello with post-quantum keys is under 2 KiB.
	helloBytes = 64 << 10
	helloTime  = 10 * time.Second
)

// alertUnrecognizedName is a fatal TLS alert, the refusal that a TLS client reads.
const alertUnrecognizedName = "\x15\x03\x03\x00\x02\x02\x70"

// openBlind joins client and upstream and counts. It looks at nothing but the
// first bytes: a tunnel to an ungoverned address that then asks for a governed
// name would be the way around every rule.
func (s *Server) openBlind(t *tunnel) {
	defer t.Close()
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	up, err := s.dial.DialContext(ctx, "tcp", t.target.hostPort())
	cancel()
	if err != nil {
		s.blindFailed(t, err)
		return
	}
	defer up.Close()
	if err := t.opening.opened(t.Conn); err != nil {
		return
	}
	s.cfg.OnPassed(t.target.hostPort())
	both := closers{t, up}
	ended := s.stream(both)
	defer ended()

	var sent, received int64
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { _ = closeWrite(up) }()
		if !s.firstBytes(t) {
			_ = both.Close()
			return
		}
		sent, _ = io.Copy(up, t)
	})
	wg.Go(func() {
		received, _ = io.Copy(t.Conn, up)
		_ = closeWrite(t.Conn)
	})
	wg.Wait()
	s.passed.add(t.target.hostPort(), 1, sent, received)
}

func (s *Server) blindFailed(t *tunnel, err error) {
	status, code := s.unopened(context.Background(), t.caller, t.opening.word(), t.target.hostPort(), err)
	t.opening.failed(t.Conn, turndown{status, code, oneLine("assent could not open a tunnel to " + t.target.hostPort() + ": " + err.Error())})
}

// unopened says why there is no way to an ungoverned host. One that assent never
// opens is a refusal, and recorded.
func (s *Server) unopened(ctx context.Context, who caller, method, host string, err error) (status int, code string) {
	if !errors.Is(err, errForbiddenAddress) {
		return http.StatusBadGateway, "upstream-unreachable"
	}
	s.turnedAway(ctx, who, method, host, err.Error(), http.StatusForbidden)
	return http.StatusForbidden, "turned-away"
}

// firstBytes reports whether a blind tunnel may go on. Protocols in which the
// server speaks first are not delayed: nothing waits for the client here.
func (s *Server) firstBytes(t *tunnel) bool {
	buf := make([]byte, 4<<10)
	head := t.head
	if len(head) == 0 {
		var err error
		if head, err = t.peek(buf); err != nil || len(head) == 0 {
			return err == nil
		}
	}
	if head[0] == recordHandshake {
		_ = t.SetReadDeadline(time.Now().Add(helloTime))
		name, ok := t.helloName(buf)
		_ = t.SetReadDeadline(time.Time{})
		switch {
		case !ok && len(t.head) > 1 && t.head[1] != recordMajor:
			return true // not TLS after all
		case !ok: // a name that comes later, or that another reads in it, would not be seen
			s.turnDown(t, "a TLS ClientHello that cannot be read, in a tunnel to "+t.target.hostPort(), http.StatusForbidden)
			_, _ = io.WriteString(t.Conn, alertAccessDenied)
			return false
		case name == "" || sameName(name, t.target) || !s.governs(name, t.target.port):
			return true
		}
		s.turnedAway(context.Background(), t.caller, t.opening.word(), t.target.hostPort(),
			fmt.Sprintf("TLS server name %.80q, which is governed, in a tunnel to %s", name, t.target.hostPort()), http.StatusMisdirectedRequest)
		_, _ = io.WriteString(t.Conn, alertUnrecognizedName)
		return false
	}
	_ = t.SetReadDeadline(time.Now().Add(helloTime))
	for mayBeRequest(t.head) && len(t.head) < helloBytes { // a head may come in pieces
		if _, err := t.peek(buf); errors.Is(err, io.EOF) {
			break // nothing more comes
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			return s.endless(t)
		} else if err != nil {
			return false
		}
	}
	_ = t.SetReadDeadline(time.Time{})
	if len(t.head) >= helloBytes && mayBeRequest(t.head) {
		return s.endless(t)
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimLeft(t.head, "\r\n"))))
	if err != nil {
		return true // not HTTP
	}
	said, err := parseAuthority(r.Host, "80")
	if err != nil || said == t.target || !s.governs(said.name, said.port) {
		return true
	}
	why := fmt.Sprintf("Host %.80q, which is governed, in a tunnel to %s", r.Host, t.target.hostPort())
	s.turnedAway(context.Background(), t.caller, r.Method, t.target.hostPort(), why, http.StatusMisdirectedRequest)
	body := "assent refused this call at the door: " + why + "\n"
	_, _ = fmt.Fprintf(t.Conn, "HTTP/1.1 421 Misdirected Request\r\nContent-Type: text/plain; charset=utf-8\r\n%s: turned-away\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", headerAssent, len(body), body)
	return false
}

// endless refuses a request whose head does not come to its end: what follows
// would not be looked at.
func (s *Server) endless(t *tunnel) bool {
	s.turnedAway(context.Background(), t.caller, t.opening.word(), t.target.hostPort(), "a request without an end of its head, in a tunnel to "+t.target.hostPort(), http.StatusRequestTimeout)
	return false
}

// mayBeRequest reports the beginning of an HTTP request whose head is not whole:
// METHOD SP, or a first line that ends in HTTP/1.x. Other protocols that begin
// with letters are told apart by their first line, or by a byte that is none.
func mayBeRequest(head []byte) bool {
	head = bytes.TrimLeft(head, "\r\n") // servers pass over empty lines
	line, rest, whole := bytes.Cut(head, []byte("\n"))
	if whole {
		return bytes.Contains(line, []byte(" HTTP/1.")) && !bytes.HasPrefix(rest, []byte("\r\n")) && !bytes.HasPrefix(rest, []byte("\n")) &&
			!bytes.Contains(rest, []byte("\n\r\n")) && !bytes.Contains(rest, []byte("\n\n"))
	}
	method, _, _ := bytes.Cut(line, []byte(" "))
	return len(method) <= 32 && len(bytes.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-")) == 0
}

// governs reports whether a decoder claims a host, on the port that is used or
// on the usual one.
func (s *Server) governs(name, port string) bool {
	for _, a := range []authority{{name, port}, {name, "443"}} {
		if d, _, err := s.find(connectCall(a)); d != nil || err != nil {
			return true
		}
	}
	return false
}

// helloName reads on until the ClientHello is whole and returns its server name.
// All bytes stay to be read again.
func (t *tunnel) helloName(buf []byte) (name string, ok bool) {
	for {
		name, ok = serverName(t.head)
		if ok || len(t.head) > helloBytes {
			return name, ok
		}
		before := len(t.head)
		if _, err := t.peek(buf); err != nil || len(t.head) == before {
			return "", false
		}
	}
}

// serverName reads the name out of a ClientHello by letting crypto/tls parse it.
func serverName(hello []byte) (name string, ok bool) {
	stop := errors.New("seen")
	conf := &tls.Config{MinVersion: tls.VersionTLS10, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { //nolint:gosec // nothing is ever negotiated
		name, ok = h.ServerName, true
		return nil, stop
	}}
	_ = tls.Server(readOnly{r: bytes.NewReader(hello)}, conf).Handshake()
	return name, ok
}

// readOnly is a connection that has a past and no future.
type readOnly struct {
	net.Conn
	r io.Reader
}

func (c readOnly) Read(p []byte) (int, error)     { return c.r.Read(p) }
func (readOnly) Write(p []byte) (int, error)      { return len(p), nil }
func (readOnly) Close() error                     { return nil }
func (readOnly) SetDeadline(time.Time) error      { return nil }
func (readOnly) SetReadDeadline(time.Time) error  { return nil }
func (readOnly) SetWriteDeadline(time.Time) error { return nil }
func (readOnly) LocalAddr() net.Addr              { return inboxAddr{} }
func (readOnly) RemoteAddr() net.Addr             { return inboxAddr{} }
