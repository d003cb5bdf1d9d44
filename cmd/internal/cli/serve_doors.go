package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

// door is one address at which the daemon answers.
type door struct {
	kind     string // in the greeting; empty for the proxy itself
	listener net.Listener
	serve    func(*engine.Engine, net.Listener) error
	check    func(*engine.Engine) error // nil: nothing to check
}

type doors []door

// wanted is a door that the configuration asks for.
type wanted struct {
	door
	field, address string
	// knows: others may reach it, since it knows its callers by something else than
	// the tokens.
	knows bool
}

// wanted lists the doors of the configuration.
func (d *daemon) wanted() []wanted {
	all := []wanted{
		{door{serve: (*engine.Engine).Serve}, config.FieldListen, d.cfg.Listen, false},
		{door{kind: "gateway", serve: (*engine.Engine).ServeGateway}, config.FieldGateway, d.cfg.Gateway, false},
		// The webhook knows its callers by the secret in their path.
		{door{kind: "admission", serve: (*engine.Engine).ServeWebhook}, config.FieldAdmission, d.cfg.Admission, true},
	}
	if d.cfg.Identity.Exchanges() {
		// Whoever comes here has to bring a proof.
		all = append(all, wanted{door{kind: "login", serve: (*engine.Engine).ServeLogin}, config.FieldIdentity, d.cfg.Identity.Login, true})
	}
	for _, l := range d.cfg.Listeners {
		who := model.Actor{}
		if l.Actor != "" {
			who = model.Actor{ID: l.Actor, Authn: "run-listener"}
		}
		at := door{kind: l.Kind}
		if l.Kind == config.Reverse {
			r := proxy.Reverse{To: l.To, Actor: who}
			at.check = func(e *engine.Engine) error { return e.CheckReverse(r) }
			at.serve = func(e *engine.Engine, on net.Listener) error { return e.ServeReverse(on, r) }
		} else {
			at.serve = func(e *engine.Engine, on net.Listener) error { return e.ServeTransparent(on, who, "", nil) }
		}
		// One listener is one actor's.
		all = append(all, wanted{at, config.FieldListen, l.Address, l.Actor != ""})
	}
	return slices.DeleteFunc(all, func(w wanted) bool { return w.address == "" })
}

// listen opens every address of the configuration, or none. Sockets that somebody
// else has opened already take the place of addresses.
func (d *daemon) listen(sockets given) (all doors, err error) {
	for _, want := range d.wanted() {
		if want.kind == config.Transparent && runtime.GOOS != "linux" {
			err = repaired{errors.New("a transparent listener needs Linux"), "take it out of listen: in assent.yaml, and set HTTPS_PROXY"}
			break
		}
		if want.listener, err = d.open(sockets.take(cmp.Or(want.kind, givenProxy)), want); err != nil {
			break
		}
		all = append(all, want.door)
	}
	if err == nil {
		err = sockets.unused()
	}
	if err != nil {
		all.close()
		return nil, err
	}
	return all, nil
}

// check says which door could not do its work.
func (all doors) check(e *engine.Engine) error {
	for _, d := range all {
		if d.check == nil {
			continue
		}
		if err := d.check(e); err != nil {
			return repaired{err, "say which platform it is: governed: {HOST: aws} in assent.yaml"}
		}
	}
	return nil
}

// open opens one address, or takes the socket that was given for it.
func (d *daemon) open(l net.Listener, want wanted) (net.Listener, error) {
	address := want.address
	if l != nil {
		address = l.Addr().String()
	}
	// A socket in the file system is for those who may open it.
	if l == nil || l.Addr().Network() != "unix" {
		if err := reachable(address, d.known()); err != nil && !want.knows {
			if l != nil {
				l.Close()
			}
			return nil, err
		}
	}
	if l != nil {
		return l, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, repaired{fmt.Errorf("listening on %s: %w", address, err), "set another address: " + want.field + ": 127.0.0.1:0"}
	}
	return l, nil
}

func (all doors) close() {
	for _, d := range all {
		d.listener.Close()
	}
}

// serve answers at every door; what ends first is what is returned.
func (all doors) serve(e *engine.Engine) <-chan error {
	ended := make(chan error, len(all))
	for _, d := range all {
		go func() { ended <- d.serve(e, d.listener) }()
	}
	return ended
}

func (all doors) String() string {
	var text []string
	for _, d := range all {
		if d.kind == "" {
			text = append(text, d.listener.Addr().String())
		} else {
			text = append(text, d.kind+" "+d.listener.Addr().String())
		}
	}
	return strings.Join(text, ", ")
}

// authority loads the daemon's authority, or makes it once.
func (a *App) authority(cfg *config.Config) (*certs.Authority, string, error) {
	if err := os.MkdirAll(cfg.CA, 0o700); err != nil {
		return nil, "", fmt.Errorf("making the authority's directory: %w", err)
	}
	cert, key := caFiles(cfg)
	conf := a.caConfig()
	ca, err := certs.Load(conf, cert, key)
	if errors.Is(err, fs.ErrNotExist) {
		if ca, err = certs.New(conf); err != nil {
			return nil, "", err
		}
		err = ca.Save(cert, key)
	}
	return ca, cert, err
}
