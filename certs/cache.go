package certs

import (
	"container/list"
	"crypto/tls"
	"sync"
	"time"
)

// leafCache keeps the most recently used leaves. For one name, one caller
// issues and the others wait for it. Errors are not kept.
type leafCache struct {
	bound int

	mu     sync.Mutex // guards all below
	order  *list.List // of *leafEntry, most recently used in front
	byName map[string]*list.Element
}

type leafEntry struct {
	name  string
	ready chan struct{} // closed once cert or err is set; never written again after that
	cert  *tls.Certificate
	err   error
}

func newLeafCache(bound int) *leafCache {
	return &leafCache{bound: bound, order: list.New(), byName: map[string]*list.Element{}}
}

func (c *leafCache) get(name string, now time.Time, issue func() (*tls.Certificate, error)) (*tls.Certificate, error) {
	c.mu.Lock()
	if e, ok := c.byName[name]; ok {
		entry := e.Value.(*leafEntry)
		if !entry.stale(now) {
			c.order.MoveToFront(e)
			c.mu.Unlock()
			<-entry.ready
			return entry.cert, entry.err
		}
		c.drop(e)
	}
	entry := &leafEntry{name: name, ready: make(chan struct{})}
	e := c.order.PushFront(entry)
	c.byName[name] = e
	for c.order.Len() > c.bound {
		c.drop(c.order.Back())
	}
	c.mu.Unlock()

	entry.cert, entry.err = issue()
	close(entry.ready)
	if entry.err != nil {
		c.mu.Lock()
		if c.byName[name] == e {
			c.drop(e)
		}
		c.mu.Unlock()
	}
	return entry.cert, entry.err
}

// drop forgets an entry; whoever waits for it still gets it. mu MUST be held.
func (c *leafCache) drop(e *list.Element) {
	c.order.Remove(e)
	delete(c.byName, e.Value.(*leafEntry).name)
}

// stale reports whether a finished leaf is too near its end. A leaf shorter than
// the margin (a CA in its last hours) is used until it ends.
func (l *leafEntry) stale(now time.Time) bool {
	select {
	case <-l.ready:
	default:
		return false // being issued
	}
	if l.cert == nil {
		return true
	}
	left := l.cert.Leaf.NotAfter.Sub(now)
	whole := l.cert.Leaf.NotAfter.Sub(l.cert.Leaf.NotBefore)
	return left < min(leafMargin, whole/10)
}
