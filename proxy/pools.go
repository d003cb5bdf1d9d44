package proxy

import (
	"container/list"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"

	"github.com/elazarl/goproxy"
)

// poolsKept bounds the pools; the one that was used longest ago is given up. One is
// some kilobytes and its idle connections, and a caller of all regions of a cloud
// has a few dozen.
const poolsKept = 1024

// poolKey says whose connections a pool holds. A connection may carry what its
// first request proved (a client certificate, NTLM), so it MUST NOT serve a request
// with another key.
type poolKey struct {
	actor    string
	host     string         // as it is dialled
	identity string         // of the certificate that assent shows there; empty: none
	pin      netip.AddrPort // the one address that is dialled, where it is given
}

// pools keeps the connections to upstreams apart.
type pools struct {
	cfg  *Config
	dial *dialer

	mu    sync.Mutex // guards all below
	order *list.List // of *pool, the last used in front
	by    map[poolKey]*list.Element
}

type pool struct {
	key   poolKey
	lanes lanes
}

func newPools(cfg *Config, d *dialer) *pools {
	return &pools{cfg: cfg, dial: d, order: list.New(), by: map[poolKey]*list.Element{}}
}

// of returns the lanes on which an actor's requests for a URL travel. The TLS
// configuration is asked for each time: a certificate that was renewed is another
// identity, and gets connections of its own.
func (p *pools) of(actor string, u *url.URL, pin netip.AddrPort) lanes {
	key := poolKey{actor: actor, host: u.Host, pin: pin}
	var conf *tls.Config
	if u.Scheme == "https" {
		if target, err := parseAuthority(u.Host, "443"); err == nil {
			conf = p.cfg.TLS(target.host("https"))
			key.identity = identity(conf)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.by[key]; ok {
		p.order.MoveToFront(e)
		return e.Value.(*pool).lanes
	}
	made := &pool{key, newLanes(p.cfg, p.dial, conf)}
	p.by[key] = p.order.PushFront(made)
	if p.order.Len() > poolsKept {
		last := p.order.Back()
		old := p.order.Remove(last).(*pool)
		delete(p.by, old.key)
		old.lanes.close() // requests under way keep theirs until they end
	}
	return made.lanes
}

func (p *pools) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.order.Front(); e != nil; e = e.Next() {
		e.Value.(*pool).lanes.close()
	}
}

// identity names what a TLS configuration shows of assent to an upstream, and what it
// takes for proof of the upstream's: two that differ share no connection.
func identity(conf *tls.Config) string {
	if conf == nil {
		return ""
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%p %p %p %s\n", conf.RootCAs, conf.GetClientCertificate, conf.VerifyConnection, conf.ServerName)
	for _, c := range conf.Certificates {
		for _, der := range c.Certificate {
			fmt.Fprintf(hash, "%d\n", len(der))
			hash.Write(der)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// passing gives an ungoverned request that goproxy forwards a pool of its caller's.
func (s *Server) passing(r *http.Request, ctx *goproxy.ProxyCtx) (*http.Request, *http.Response) {
	ctx.RoundTripper = goproxy.RoundTripperFunc(func(r *http.Request, _ *goproxy.ProxyCtx) (*http.Response, error) {
		who, _ := r.Context().Value(callerKey{}).(caller)
		resp, err := s.pools.of(who.actor.ID, r.URL, netip.AddrPort{}).reads.RoundTrip(r)
		if way, ok := r.Context().Value(blindKey{}).(*blindWay); ok {
			return way.answer(r, who, resp, err), nil
		}
		return resp, err
	})
	return r, nil
}
