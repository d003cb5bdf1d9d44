package capture

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/netutil"
)

// Resolver answers the command's DNS queries out of nothing: each name gets an
// address of its own from a range that is nobody's (RFC 2544, 198.18.0.0/15).
type Resolver struct {
	mu     sync.Mutex // guards all below
	byName map[string]netip.Addr
	byAddr map[netip.Addr]string
}

const (
	// namesKept bounds the names of one run. An address is never given to a second
	// name: whoever remembers it would reach somebody else.
	namesKept = 1 << 16
	// answerTTL in seconds: an address holds for the whole run.
	answerTTL = 300
	// queryBytes bounds a query: a name of 255 bytes and what an OPT record adds.
	queryBytes = 1232
	// queriesTCP bounds the connections that ask over TCP, each for tcpPatience.
	queriesTCP  = 32
	tcpPatience = 10 * time.Second
)

// firstGiven is the first address that is handed out: 198.18.0.1.
const firstGiven = 198<<24 | 18<<16 | 1

// NewResolver makes a resolver that has handed out nothing.
func NewResolver() *Resolver {
	return &Resolver{byName: map[string]netip.Addr{}, byAddr: map[netip.Addr]string{}}
}

// Name tells for which name an address was handed out.
func (r *Resolver) Name(a netip.Addr) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, ok := r.byAddr[a]
	return name, ok
}

// address hands out the address of a name.
func (r *Resolver) address(name string) (netip.Addr, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.byName[name]; ok {
		return a, true
	}
	if len(r.byName) >= namesKept {
		return netip.Addr{}, false
	}
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], uint32(firstGiven+len(r.byName)))
	a := netip.AddrFrom4(raw)
	r.byName[name], r.byAddr[a] = a, name
	return a, true
}

// answer answers one query; nil means that it cannot be read.
func (r *Resolver) answer(query []byte) []byte {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil || head.Response {
		return nil
	}
	out := dnsmessage.Message{Header: dnsmessage.Header{
		ID: head.ID, Response: true, OpCode: head.OpCode, RecursionDesired: head.RecursionDesired, RecursionAvailable: true,
	}}
	q, err := p.Question()
	if err != nil {
		out.RCode = dnsmessage.RCodeFormatError
		return packed(out)
	}
	out.Questions = []dnsmessage.Question{q}
	if _, err := p.Question(); err != dnsmessage.ErrSectionDone || head.OpCode != 0 || q.Class != dnsmessage.ClassINET {
		out.RCode = dnsmessage.RCodeNotImplemented
		return packed(out)
	}
	name, ok := hostName(q.Name.String())
	switch {
	case !ok:
		out.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		a, ok := netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
		if name != "localhost" && !strings.HasSuffix(name, ".localhost") {
			a, ok = r.address(name)
		}
		if !ok {
			out.RCode = dnsmessage.RCodeServerFailure
			break
		}
		out.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: answerTTL},
			Body:   &dnsmessage.AResource{A: a.As4()},
		}}
	case q.Type == dnsmessage.TypeAAAA, q.Type == typeSVCB, q.Type == typeHTTPS:
		// There is none: names have one address each, and no hints of QUIC or ECH.
	default:
		out.RCode = dnsmessage.RCodeRefused
	}
	return packed(out)
}

// RFC 9460.
const (
	typeSVCB  dnsmessage.Type = 64
	typeHTTPS dnsmessage.Type = 65
)

// packed writes an answer. One that cannot be written is none.
func packed(m dnsmessage.Message) []byte {
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

// hostName is a name as the proxy spells it; ok is false for what can be no host.
func hostName(s string) (name string, ok bool) {
	name = strings.ToLower(strings.TrimSuffix(s, "."))
	if name == "" || len(name) > 253 || strings.Contains("."+name+".", "..") || strings.HasSuffix(name, ".arpa") {
		return "", false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return "", false
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "", false
	}
	return name, true
}

// ServeUDP answers on a packet connection until it is closed. It works on one
// query at a time: nothing in it waits for anybody.
func (r *Resolver) ServeUDP(c net.PacketConn) {
	buf := make([]byte, queryBytes)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		if out := r.answer(buf[:n]); out != nil {
			_, _ = c.WriteTo(out, from) // whoever has left does not read it
		}
	}
}

// ServeTCP answers on a listener until it is closed, and waits for its connections.
func (r *Resolver) ServeTCP(l net.Listener) {
	var going sync.WaitGroup
	defer going.Wait()
	l = netutil.LimitListener(l, queriesTCP)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		going.Go(func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(tcpPatience))
			for r.oneOverTCP(c) {
			}
		})
	}
}

// oneOverTCP answers one query with its length in front (RFC 1035 §4.2.2).
func (r *Resolver) oneOverTCP(c io.ReadWriter) bool {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return false
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > queryBytes {
		return false
	}
	query := make([]byte, n)
	if _, err := io.ReadFull(c, query); err != nil {
		return false
	}
	out := r.answer(query)
	if out == nil {
		return false
	}
	binary.BigEndian.PutUint16(size[:], uint16(len(out)))
	_, err := c.Write(append(size[:], out...))
	return err == nil
}
