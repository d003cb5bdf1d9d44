package proxy

import (
	"net"
	"sync"
	"time"
)

// door is a listener whose connections are looked after here, before, or instead
// of, net/http: it owns their goroutines, and ends those connections that have
// not yet become a tunnel.
type door struct {
	net.Listener

	once  sync.Once
	done  chan struct{} // closed with the door
	going sync.WaitGroup

	mu      sync.Mutex // guards waiting
	waiting map[net.Conn]struct{}
}

func newDoor(l net.Listener) *door {
	return &door{Listener: l, done: make(chan struct{}), waiting: map[net.Conn]struct{}{}}
}

// Close stops accepting and ends the connections that still wait.
func (d *door) Close() error {
	err := net.ErrClosed
	d.once.Do(func() {
		close(d.done) // first, so that an error of Accept can be told from the end
		err = d.Listener.Close()
		d.mu.Lock()
		defer d.mu.Unlock()
		for c := range d.waiting {
			_ = c.Close()
		}
	})
	return err
}

// Wait waits for every connection that was taken in.
func (d *door) Wait() { d.going.Wait() }

// wait marks a connection as one whose client has not yet said what it wants; it
// has until the deadline. The result MUST be called when it has: from then on it
// is a tunnel, which Shutdown lets end, or net/http's. It reports whether the door
// is still open.
func (d *door) wait(c net.Conn, patience time.Duration) (said func() bool) {
	d.mu.Lock()
	d.waiting[c] = struct{}{}
	d.mu.Unlock()
	select {
	case <-d.done: // closed in between
		_ = c.Close()
	default:
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	return func() bool {
		d.mu.Lock()
		delete(d.waiting, c)
		d.mu.Unlock()
		_ = c.SetDeadline(time.Time{})
		select {
		case <-d.done:
			return false
		default:
			return true
		}
	}
}
