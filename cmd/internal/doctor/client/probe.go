package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/peer"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
	"github.com/assent-iom/assent/proxy/actor"
)

// domain is where the hosts of the clients are: nowhere (RFC 6761).
const domain = ".assent-probe.invalid"

// probe is a proxy that answers for the hosts of domain, and notes who comes.
type probe struct {
	room   *setup.Room
	dir    string
	env    []string
	ca     []byte
	proxy  string // with the token
	server *proxy.Server
	served chan error

	mu      sync.Mutex // guards the rest
	sights  map[string]sight
	changed chan struct{} // closed with each sight, and made anew
}

// sight is what the proxy saw of one host.
type sight struct{ called, distrusted bool }

func newProbe(in Params) (_ *probe, err error) {
	p := &probe{served: make(chan error, 1), sights: map[string]sight{}, changed: make(chan struct{})}
	if p.room, err = setup.NewRoom(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.room.Close()
		}
	}()
	authority, err := certs.New(certs.Config{Now: in.Now, Rand: in.Rand, CommonName: "Assent doctor"})
	if err != nil {
		return nil, err
	}
	token, err := actor.NewRunToken(in.Rand)
	if err != nil {
		return nil, err
	}
	tokens := new(actor.Tokens)
	if err := tokens.Add(token, doctor, "doctor"); err != nil {
		return nil, err
	}
	registry, err := decoders.NewRegistry([]decoders.Decoder{platform{}}, nil)
	if err != nil {
		return nil, err
	}
	p.server, err = proxy.New(proxy.Config{
		Authority: authority, Registry: registry, Gate: p, Authenticator: patients{tokens}, Now: in.Now,
		Egress: proxy.EgressDeny, // nothing is sent anywhere
		OnDistrust: func(host string, _ error) {
			name, _, err := net.SplitHostPort(host)
			if err != nil {
				name = host
			}
			p.note(name, sight{distrusted: true})
		},
	})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.ca, p.proxy = authority.PEM(), setup.ProxyURL(l.Addr().String(), "doctor", token)
	params := setup.Params{Proxy: l.Addr().String(), Run: "doctor", Token: token, OS: in.OS, Governed: []string{"*" + domain}}
	getenv := func(name string) string {
		for _, v := range in.Environ {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value
			}
		}
		return ""
	}
	_, err = p.room.Trust(&params, getenv, p.ca, in.Rand)
	if err == nil {
		p.env, _, err = setup.Environ(in.Environ, params)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	p.dir = filepath.Dir(params.Bundle)
	go func() { p.served <- p.server.Serve(l) }()
	return p, nil
}

// endTime bounds how long connections that clients have left are waited for.
const endTime = 5 * time.Second

func (p *probe) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	return errors.Join(p.server.Shutdown(ctx), <-p.served, p.room.Close())
}

func (p *probe) note(host string, s sight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.sights[host]
	p.sights[host] = sight{called: was.called || s.called, distrusted: was.distrusted || s.distrusted}
	close(p.changed)
	p.changed = make(chan struct{})
}

// seen says what came of a host, and waits a little for what is on its way: a client
// that does not believe may have ended before the proxy has read why.
func (p *probe) seen(host string, wait time.Duration) sight {
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		p.mu.Lock()
		s, changed := p.sights[host], p.changed
		p.mu.Unlock()
		if s != (sight{}) {
			return s
		}
		select {
		case <-changed:
		case <-over.C:
			return s
		}
	}
}

// Judge implements proxy.Gate: every call is noted, and answered here.
func (p *probe) Judge(_ context.Context, in proxy.Asked) proxy.Permit {
	p.note(in.Call.Host, sight{called: true})
	return proxy.Permit{Refusal: &decoders.Refusal{Code: decoders.DeniedCode, Message: "assent doctor has seen this call"}}
}

// TurnedAway implements proxy.Gate.
func (*probe) TurnedAway(context.Context, proxy.Turned) {}

var doctor = model.Actor{ID: "doctor", Authn: "run-token"}

// patients are the clients: known as in a run.
type patients struct{ *actor.Tokens }

// AuthenticateConnection implements proxy.Beside.
func (patients) AuthenticateConnection(local, remote netip.AddrPort) (model.Actor, string, bool) {
	return doctor, "doctor", peer.Ours(local, remote)
}

// platform claims the hosts of domain.
type platform struct{}

func (platform) Name() string { return "probe" }

func (platform) Claims(c decoders.Call) decoders.Claim {
	return decoders.Claim{Mine: decoders.HostMatches("*"+domain, c.Host)}
}

func (platform) Decode(context.Context, decoders.Call) (model.Action, error) {
	return model.Action{}, errors.New("nothing is decoded here")
}

func (platform) Learn(decoders.Call, *decoders.Response) []model.Observation { return nil }

// Refuse leaves it to the proxy to say it plainly.
func (platform) Refuse(decoders.Call, decoders.Refusal) *http.Response { return nil }
