package config

import (
	"net/url"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/proxy"
)

// The kinds of a Listener.
const (
	Transparent = "transparent"
	Reverse     = "reverse"
)

// Listener is one of listen: beside the proxy's own address.
type Listener struct {
	Kind    string // Transparent or Reverse
	Address string // host:port
	// Actor is whom everything belongs to that comes through; empty: nobody in
	// particular, or, at a Reverse, whoever a token says.
	Actor string
	To    *url.URL // of a Reverse: the server that it stands for
}

// listeners is how listen: is shown: as it is written.
func (c *Config) listeners() any {
	if len(c.Listeners) == 0 {
		return c.Listen
	}
	all := []any{}
	if c.Listen != "" {
		all = append(all, c.Listen)
	}
	for _, l := range c.Listeners {
		entry := map[string]string{l.Kind: l.Address}
		if l.To != nil {
			entry["to"] = shown(l.To)
		}
		if l.Actor != "" {
			entry["actor"] = l.Actor
		}
		all = append(all, entry)
	}
	return all
}

// listen reads an address, or a list of addresses and listeners.
func (r reader) listen(n *yaml.Node) (address string, others []Listener, err error) {
	if n.Kind != yaml.SequenceNode {
		address, err = r.address(n)
		return address, nil, err
	}
	if len(n.Content) == 0 || len(n.Content) > maxEntries {
		return "", nil, r.bad(n, "expected 1 to %d listeners", maxEntries)
	}
	for _, item := range n.Content {
		if item.Kind == yaml.ScalarNode {
			if address != "" {
				return "", nil, r.bad(item, "the proxy listens on %s already; a second address needs a kind: {transparent: ADDRESS} or {reverse: ADDRESS, to: URL}", address)
			}
			if address, err = r.address(item); err != nil {
				return "", nil, err
			}
			continue
		}
		l, err := r.listener(item)
		if err != nil {
			return "", nil, err
		}
		others = append(others, l)
	}
	return address, others, nil
}

func (r reader) listener(item *yaml.Node) (l Listener, err error) {
	err = r.fields(item, []string{Transparent, Reverse, "to", "actor"}, func(key string, at, value *yaml.Node) (err error) {
		switch key {
		case Transparent, Reverse:
			if l.Kind != "" {
				return r.bad(at, "a listener is either %s or %s", Transparent, Reverse)
			}
			l.Kind = key
			l.Address, err = r.address(value)
		case "actor":
			l.Actor, err = r.text(value)
		case "to":
			l.To, err = r.server(value)
		}
		return err
	})
	switch {
	case err != nil:
	case l.Kind == "":
		err = r.bad(item, "a listener needs its kind and address: {transparent: 127.0.0.1:15001} or {reverse: 127.0.0.1:8090, to: URL}")
	case l.Kind == Reverse && l.To == nil:
		err = r.bad(item, "a reverse listener needs the server that it stands for: to: https://HOST")
	case l.Kind == Transparent && l.To != nil:
		err = r.bad(item, "a transparent listener leads where its clients were going; it has no to:")
	}
	return l, err
}

// server reads the URL of a server: scheme and host alone.
func (r reader) server(n *yaml.Node) (*url.URL, error) {
	s, err := r.text(n)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s)
	if err == nil {
		err = proxy.Upstream{Hosts: "*", To: u}.Check()
	}
	if err != nil {
		return nil, r.bad(n, "%q is not a server; expected http://HOST:PORT or https://HOST:PORT", s)
	}
	u.Path = ""
	return u, nil
}
