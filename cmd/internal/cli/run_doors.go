package cli

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"

	"github.com/assent-iom/assent/cmd/internal/capture"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/peer"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
	"github.com/assent-iom/assent/proxy/actor"
)

// runDoor is where a run's calls come in.
type runDoor struct {
	listener net.Listener
	serve    func(*engine.Engine, net.Listener) error
}

// open opens the run's doors: on loopback, or inside the network that the command
// is given. The first is the one that HTTPS_PROXY names.
func (s *runSession) open(o runOptions, who model.Actor) (err error) {
	listen := func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
	proxy, gateway := listen, listen
	if o.capture {
		if err := s.capture(); err != nil {
			return err
		}
		proxy = func() (net.Listener, error) { return s.space.Doors.Proxy, nil }
		gateway = func() (net.Listener, error) { return s.space.Doors.Gateway, nil }
	}
	l, err := proxy()
	if err != nil {
		return fmt.Errorf("listening on loopback: %w", err)
	}
	s.doors = append(s.doors, runDoor{l, (*engine.Engine).Serve})
	if o.capture {
		for _, l := range s.space.Doors.Transparent {
			s.doors = append(s.doors, runDoor{l, func(e *engine.Engine, l net.Listener) error {
				return e.ServeTransparent(l, who, s.id, s.space.Name)
			}})
		}
	}
	if !o.gateway {
		return nil
	}
	if l, err = gateway(); err != nil {
		return fmt.Errorf("listening on loopback: %w", err)
	}
	s.gateway = l
	s.doors = append(s.doors, runDoor{l, (*engine.Engine).ServeGateway})
	return nil
}

// capture makes the network of the command.
func (s *runSession) capture() error {
	resolv, err := s.room.Write("resolv.conf", []byte(capture.ResolvConf))
	if err == nil {
		err = os.Chmod(resolv, 0o644) // also for those as whom the command may go on
	}
	if err != nil {
		return err
	}
	a := s.app
	s.space, err = capture.Open(capture.Config{Stdin: a.Stdin, Stdout: a.Stdout, Stderr: a.Stderr, ResolvConf: resolv, Getenv: a.Getenv})
	return err
}

// callers knows those who call in a run: by the token, or by the connection. A JVM
// is told of the proxy by properties that have no place for a token; that it runs as
// our user, or in the network that only the command is in, is as good.
func (s *runSession) callers(ways *actor.Ways, who model.Actor) proxy.Authenticator {
	who.Authn = "run-connection"
	known := peer.Ours
	if s.space != nil {
		known = func(netip.AddrPort, netip.AddrPort) bool { return true } // there is no other door
	}
	return callers{ways, who, s.id, known}
}

type callers struct {
	*actor.Ways
	who   model.Actor
	run   string
	known func(local, remote netip.AddrPort) bool
}

// AuthenticateConnection implements proxy.Beside.
func (c callers) AuthenticateConnection(local, remote netip.AddrPort) (model.Actor, string, bool) {
	return c.who, c.run, c.known(local, remote)
}

// serve answers at every door.
func (s *runSession) serve() {
	s.served = make(chan error, len(s.doors))
	for _, d := range s.doors {
		go func() { s.served <- d.serve(s.engine, d.listener) }()
	}
}

// mayDial says which names may lead to this machine. The command reaches its
// services without us just as well; a captured one does not, and is to reach those
// alone that somebody listed.
func (s *runSession) mayDial() []string {
	if s.space != nil {
		return s.cfg.MayDial
	}
	return []string{"*"}
}

// child is the command, with the environment that leads it here.
func (s *runSession) child(path string, args []string) child {
	a := s.app
	if s.space != nil {
		return &capturedChild{s.space, path, args, a.Dir, s.env}
	}
	return plainChild{&exec.Cmd{Path: path, Args: args, Dir: a.Dir, Env: s.env, Stdin: a.Stdin, Stdout: a.Stdout, Stderr: a.Stderr}}
}

// capturedChild waits in its network already.
type capturedChild struct {
	space *capture.Namespace
	path  string
	args  []string
	dir   string
	env   []string
}

func (c *capturedChild) start() error {
	return c.space.Exec(c.path, c.args, c.dir, c.env)
}
func (c *capturedChild) process() *os.Process            { return c.space.Process() }
func (c *capturedChild) wait() (*os.ProcessState, error) { return c.space.Wait() }
