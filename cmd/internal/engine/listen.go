package engine

import (
	"net"
	"net/netip"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

// ServeReverse is Serve for a listener that stands for one server.
func (e *Engine) ServeReverse(l net.Listener, r proxy.Reverse) error {
	return e.server.ServeReverse(l, r)
}

// CheckReverse says why a listener cannot stand for a server.
func (e *Engine) CheckReverse(r proxy.Reverse) error { return e.server.Check(r) }

// ServeTransparent is Serve for redirected connections, all of which belong to one
// actor and, unless it is empty, to one run; without an actor, to whoever a call
// proves, as at the proxy. Names may be nil: see proxy.Redirected.
func (e *Engine) ServeTransparent(l net.Listener, who model.Actor, run string, names func(netip.Addr) (string, bool)) error {
	from := proxy.Redirected{Names: names}
	if who.ID != "" {
		from.Authenticator = one{who, run}
	}
	return e.server.ServeTransparent(l, from)
}

// one takes everybody for one actor: whoever can reach its listener.
type one struct {
	actor model.Actor
	run   string
}

// Authenticate implements proxy.Authenticator.
func (o one) Authenticate(string) (model.Actor, string, bool) { return o.actor, o.run, true }
