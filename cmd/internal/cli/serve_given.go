package cli

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	manager "github.com/coreos/go-systemd/v22/daemon"
)

// The names under which a service manager hands over the daemon's sockets
// (FileDescriptorName of a socket unit).
const (
	givenProxy     = "proxy"
	givenGateway   = "gateway"
	givenAdmission = "admission"
	givenAdmin     = "admin"
)

// given are the listeners that a service manager has opened (LISTEN_FDS, as systemd
// does): calls that come before the daemon is ready wait in them, and none is
// refused while it starts again.
type given map[string]net.Listener

// inherit takes them over, and out of the environment. A socket without a name of
// its own is the proxy's.
func inherit() (given, error) {
	all, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("taking over sockets: %w", err)
	}
	out := given{}
	for name, listeners := range all {
		if strings.HasPrefix(name, "LISTEN_FD_") || name == "assent.socket" {
			name = givenProxy
		}
		if !slices.Contains([]string{givenProxy, givenGateway, givenAdmission, givenAdmin}, name) {
			err = errors.Join(err, repaired{fmt.Errorf("a socket is called %q", name), "set FileDescriptorName= of its unit to proxy, gateway, admission or admin"})
		}
		for _, l := range listeners {
			switch {
			case l == nil:
				err = errors.Join(err, fmt.Errorf("the socket %q is none that accepts connections", name))
			case out[name] != nil:
				err = errors.Join(err, fmt.Errorf("two sockets are called %q", name), l.Close())
			default:
				out[name] = l
			}
		}
	}
	if err != nil {
		out.close()
		return nil, err
	}
	return out, nil
}

// take returns the socket of a name, whose owner the caller becomes.
func (g given) take(name string) net.Listener {
	l := g[name]
	delete(g, name)
	return l
}

func (g given) close() {
	for _, l := range g {
		_ = l.Close()
	}
}

// unused reports sockets that no setting has a use for.
func (g given) unused() error {
	for name := range g {
		return repaired{fmt.Errorf("there is a socket for %s, and assent.yaml has none", name), "set " + name + ": in assent.yaml, or disable the socket's unit"}
	}
	return nil
}

// tell says to the service manager, if there is one, how the daemon is doing.
func tell(state string) {
	_, _ = manager.SdNotify(false, state) // whoever is not there is not told
}
