package proxy

import (
	"net"
)

// sorting is the listener of the outer server. A connection's first byte tells
// what it speaks: SOCKS is served here, everything else is net/http's.
type sorting struct {
	*door
	accepted chan accepted
}

type accepted struct {
	conn net.Conn
	err  error
}

// sort takes in what comes through a door. As in net/http there is one goroutine a
// connection, and none waits longer than for a head.
func (s *Server) sort(d *door) *sorting {
	l := &sorting{door: d, accepted: make(chan accepted)}
	d.going.Go(func() {
		for {
			c, err := d.Listener.Accept()
			if err != nil {
				if !l.hand(accepted{err: err}) {
					return
				}
				continue // net/http has waited, if it was the kind that passes
			}
			d.going.Go(func() { s.sortOne(l, c) })
		}
	})
	return l
}

func (s *Server) sortOne(l *sorting, c net.Conn) {
	said := l.wait(c, s.cfg.HeaderTimeout)
	var first [1]byte
	if n, err := c.Read(first[:]); n == 0 || err != nil {
		said()
		_ = c.Close()
		return
	}
	if first[0] == socks5 || first[0] == socks4 {
		s.socks(c, first[0], said)
		return
	}
	if !said() || !l.hand(accepted{conn: &earlyConn{Conn: c, early: first[:]}}) {
		_ = c.Close()
	}
}

// hand gives a connection, or an error, to net/http; false means that the door
// is closed.
func (l *sorting) hand(a accepted) bool {
	select {
	case l.accepted <- a:
		return true
	case <-l.done:
		return false
	}
}

// Accept implements net.Listener.
func (l *sorting) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.done:
		return nil, net.ErrClosed
	}
}
