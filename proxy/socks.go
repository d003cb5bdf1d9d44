package proxy

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// SOCKS 5 (RFC 1928) is for clients that know nothing else. A request to connect
// is what CONNECT is: the same target, the same questions. The run token is the
// password (RFC 1929). There is nothing in the protocol that could say why a
// target is refused; the record does.

// The bytes of RFC 1928 and RFC 1929.
const (
	socks4 = 0x04
	socks5 = 0x05

	socksAnonymous = 0x00
	socksPassword  = 0x02
	socksNoMethod  = 0xff

	socksConnect = 0x01

	socksIPv4 = 0x01
	socksName = 0x03
	socksIPv6 = 0x04

	passwordVersion = 0x01
)

// socksReply is the answer to a request.
type socksReply byte

const (
	socksGranted       socksReply = 0x00
	socksFailure       socksReply = 0x01
	socksNotAllowed    socksReply = 0x02
	socksUnreachable   socksReply = 0x04
	socksNoSuchCommand socksReply = 0x07
	socksNoSuchAddress socksReply = 0x08
)

// send writes a reply. The bound address, which follows it, says nothing: no
// client needs the proxy's own.
func (r socksReply) send(w io.Writer) error {
	_, err := w.Write([]byte{socks5, byte(r), 0, socksIPv4, 0, 0, 0, 0, 0, 0})
	return err
}

// socksError is a request that is answered by a reply of its own.
type socksError struct {
	reply socksReply
	why   string
}

func (e socksError) Error() string { return e.why }

// overSOCKS is the opening of RFC 1928 §6.
type overSOCKS struct{}

func (overSOCKS) word() string             { return "SOCKS" }
func (overSOCKS) opened(w io.Writer) error { return socksGranted.send(w) }
func (overSOCKS) failed(w io.Writer, no turndown) {
	reply := socksFailure
	switch no.status {
	case http.StatusForbidden:
		reply = socksNotAllowed
	case http.StatusBadGateway:
		reply = socksUnreachable
	}
	_ = reply.send(w) // a client that has left does not read it
}

// socks serves a connection whose first byte has been read.
func (s *Server) socks(c net.Conn, version byte, said func() bool) {
	who, host, err := s.negotiate(c, version)
	who.from = c.RemoteAddr().String()
	open := said()
	if err != nil || !open || s.draining.Load() {
		var no socksError
		switch {
		case errors.As(err, &no):
			_ = no.reply.send(c)
		case err == nil:
			_ = socksFailure.send(c)
		}
		_ = c.Close()
		return
	}
	t, no := s.admit(context.Background(), who, overSOCKS{}, host)
	if no != nil {
		overSOCKS{}.failed(c, *no)
		_ = c.Close()
		return
	}
	s.carry(t, c)
}

// errStranger ends a connection that was told so already.
var errStranger = errors.New("assent does not know who this is")

// negotiate reads who asks, and for what: HOST:PORT.
func (s *Server) negotiate(c io.ReadWriter, version byte) (who caller, host string, err error) {
	if version == socks4 {
		_, err := c.Write([]byte{0, 0x5b, 0, 0, 0, 0, 0, 0}) // rejected: it knows no passwords
		return who, "", errors.Join(errStranger, err)
	}
	methods, err := readMethods(c)
	if err != nil {
		return who, "", err
	}
	// Whoever may come without a password is let in without one.
	actor, run, known := s.recognise("", local(c), remote(c))
	switch {
	case strings.IndexByte(methods, socksPassword) >= 0:
		if _, err := c.Write([]byte{socks5, socksPassword}); err != nil {
			return who, "", err
		}
		proof, err := readPassword(c)
		if err != nil {
			return who, "", err
		}
		if actor, run, known = s.cfg.Authenticator.Authenticate(proof); !known {
			_, err := c.Write([]byte{passwordVersion, 1})
			return who, "", errors.Join(errStranger, err)
		}
		if _, err := c.Write([]byte{passwordVersion, 0}); err != nil {
			return who, "", err
		}
	case known && strings.IndexByte(methods, socksAnonymous) >= 0:
		if _, err := c.Write([]byte{socks5, socksAnonymous}); err != nil {
			return who, "", err
		}
	case s.prover() != nil && strings.IndexByte(methods, socksAnonymous) >= 0:
		// Nothing is known of it; its calls have to say.
		if _, err := c.Write([]byte{socks5, socksAnonymous}); err != nil {
			return who, "", err
		}
		host, err = readTarget(c)
		return caller{stranger: true}, host, err
	default:
		_, err := c.Write([]byte{socks5, socksNoMethod})
		return who, "", errors.Join(errStranger, err)
	}
	host, err = readTarget(c)
	return caller{actor: actor, run: run}, host, err
}

func local(c io.ReadWriter) net.Addr {
	if c, ok := c.(net.Conn); ok {
		return c.LocalAddr()
	}
	return nil
}

func remote(c io.ReadWriter) string {
	if c, ok := c.(net.Conn); ok {
		return c.RemoteAddr().String()
	}
	return ""
}

// readMethods reads the ways in which a client can say who it is, after the
// version (RFC 1928 §3).
func readMethods(r io.Reader) (string, error) { return readShort(r) }

// readPassword reads name and password (RFC 1929 §2) and returns them as
// Proxy-Authorization has them.
func readPassword(r io.Reader) (string, error) {
	var version [1]byte
	if _, err := io.ReadFull(r, version[:]); err != nil {
		return "", err
	}
	if version[0] != passwordVersion {
		return "", fmt.Errorf("version %d of name and password: %w", version[0], errStranger)
	}
	name, err := readShort(r)
	if err != nil {
		return "", err
	}
	password, err := readShort(r)
	if err != nil {
		return "", err
	}
	if strings.Contains(name, ":") { // where it ends could not be told
		return "", nil
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password)), nil
}

// readTarget reads a request (RFC 1928 §4) and returns its HOST:PORT.
func readTarget(r io.Reader) (string, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	if head[0] != socks5 || head[2] != 0 {
		return "", socksError{socksFailure, "a malformed request"}
	}
	host := ""
	switch head[3] {
	case socksIPv4, socksIPv6:
		raw := make([]byte, net.IPv4len)
		if head[3] == socksIPv6 {
			raw = make([]byte, net.IPv6len)
		}
		if _, err := io.ReadFull(r, raw); err != nil {
			return "", err
		}
		ip, _ := netip.AddrFromSlice(raw)
		host = ip.String()
	case socksName:
		var err error
		if host, err = readShort(r); err != nil {
			return "", err
		}
	default:
		return "", socksError{socksNoSuchAddress, "an unknown type of address"}
	}
	var port [2]byte
	if _, err := io.ReadFull(r, port[:]); err != nil {
		return "", err
	}
	// Read to its end first: a client that still writes does not see the reply.
	if head[1] != socksConnect {
		return "", socksError{socksNoSuchCommand, "no request to connect"}
	}
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port[:])))), nil
}

// readShort reads a text of at most 255 bytes after its length.
func readShort(r io.Reader) (string, error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return "", err
	}
	text := make([]byte, n[0])
	_, err := io.ReadFull(r, text)
	return string(text), err
}
