package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
)

// door is one address at which the daemon answers.
type door struct {
	kind     string // in the greeting; empty for the proxy itself
	listener net.Listener
	serve    func(*engine.Engine, net.Listener) error
}

type doors []door

// listen opens every address of the configuration, or none.
func (d *daemon) listen() (all doors, err error) {
	for _, want := range []struct {
		field, kind, address string
		serve                func(*engine.Engine, net.Listener) error
	}{
		{config.FieldListen, "", d.cfg.Listen, (*engine.Engine).Serve},
		{config.FieldGateway, "gateway", d.cfg.Gateway, (*engine.Engine).ServeGateway},
		{config.FieldAdmission, "admission", d.cfg.Admission, (*engine.Engine).ServeWebhook},
	} {
		if want.address == "" {
			continue
		}
		// The webhook knows its callers by the secret in their path.
		if err = reachable(want.address, len(d.cfg.Tokens)); err != nil && want.field != config.FieldAdmission {
			break
		}
		var l net.Listener
		if l, err = net.Listen("tcp", want.address); err != nil {
			err = repaired{fmt.Errorf("listening on %s: %w", want.address, err), "set another address: " + want.field + ": 127.0.0.1:0"}
			break
		}
		all = append(all, door{want.kind, l, want.serve})
	}
	if err != nil {
		all.close()
		return nil, err
	}
	return all, nil
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
	cert, key := filepath.Join(cfg.CA, "ca.pem"), filepath.Join(cfg.CA, "ca.key")
	conf := certs.Config{Now: a.Now, Rand: a.Rand, CommonName: "Assent", Lifetime: 365 * 24 * time.Hour}
	ca, err := certs.Load(conf, cert, key)
	if errors.Is(err, fs.ErrNotExist) {
		if ca, err = certs.New(conf); err != nil {
			return nil, "", err
		}
		err = ca.Save(cert, key)
	}
	return ca, cert, err
}
