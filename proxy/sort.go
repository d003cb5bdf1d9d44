package proxy

import (
	"net"
)

// sorting is the listener of a net/http.Server behind a door. A connection's first
// byte tells what it speaks, and so who serves it.
type sorting struct {
	*door
	accepted chan accepted
	take     taker
}

// taker looks at a connection's first byte. What it returns is net/http's; nil
// means that it has served the connection itself, to its end. It MUST call said
// when the client has said all that it is waited for.
type taker func(c *earlyConn, said func() bool) net.Conn

type accepted struct {
	conn net.Conn
	err  error
}

// sort takes in what comes through a door. As in net/http there is one goroutine a
// connection, and none waits longer than for a head.
func (s *Server) sort(d *door, take taker) *sorting {
	l := &sorting{door: d, accepted: make(chan accepted), take: take}
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
	said := l.wait(c, s.cfg.Limits.Header)
	e := &earlyConn{Conn: c, early: make([]byte, 1)}
	if n, err := c.Read(e.early); n == 0 || err != nil {
		said()
		_ = c.Close()
		return
	}
	if c := l.take(e, said); c != nil && !l.hand(accepted{conn: c}) {
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
