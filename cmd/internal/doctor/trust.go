package doctor

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/setup"
)

// server stands for the address of the loopback server in a command.
const server = "URL"

// readHead bounds the head of a request to the loopback server.
const readHead = 3 * time.Second

// trust returns a check that a program, where it is installed, believes a run's
// authority when told to as `assent run` does: it really calls a server on
// loopback that shows such a certificate.
func trust(program string, args ...string) func(context.Context, Params) Result {
	return func(ctx context.Context, p Params) Result {
		path, err := exec.LookPath(program)
		if err != nil {
			return ok("not installed")
		}
		address, env, end, err := believable(p)
		if err != nil {
			return warn("see the other checks", "not tried: %v", err)
		}
		defer end()
		args := slices.Clone(args)
		for i, a := range args {
			if a == server {
				args[i] = "https://" + address + "/"
			}
		}
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Env, cmd.WaitDelay = env, time.Second
		out, err := cmd.CombinedOutput()
		switch {
		case ctx.Err() != nil:
			return warn("try again on a quieter machine", "%s did not answer within %s", program, Limit)
		case err != nil:
			return fail("see that nothing (a profile, a flag, an rc file) sets another CA for "+program,
				"%s does not trust a run's authority: %s", program, lastLine(out, err))
		}
		return ok("%s believes a run's authority", path)
	}
}

// believable starts a server with a certificate of a fresh authority and returns
// the environment in which a program should believe it.
func believable(p Params) (address string, env []string, end func(), err error) {
	authority, err := certs.New(certs.Config{Now: p.Now, Rand: p.Rand})
	if err != nil {
		return "", nil, nil, err
	}
	leaf, err := authority.Leaf("127.0.0.1")
	if err != nil {
		return "", nil, nil, err
	}
	room, err := setup.NewRoom()
	if err != nil {
		return "", nil, nil, err
	}
	bundle, err := certs.Bundle(certs.SystemBundles(), nil, authority.PEM())
	var file string
	if err == nil {
		file, err = room.Write("bundle.pem", bundle)
	}
	if err != nil {
		room.Close()
		return "", nil, nil, err
	}
	for _, v := range p.Environ {
		name, _, _ := strings.Cut(v, "=")
		if !slices.Contains(setup.BundleVariables(), name) && !strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			env = append(env, v)
		}
	}
	for _, name := range setup.BundleVariables() {
		env = append(env, name+"="+file)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*leaf}})
	if err != nil {
		room.Close()
		return "", nil, nil, err
	}
	listening := &http.Server{ReadHeaderTimeout: readHead, ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "trusted\n") })}
	done := make(chan struct{})
	go func(l net.Listener) {
		defer close(done)
		listening.Serve(l) // ends with Close
	}(listener)
	return listener.Addr().String(), env, func() { listening.Close(); <-done; room.Close() }, nil
}

func goTrust(_ context.Context, p Params) Result {
	if p.OS == "darwin" || p.OS == "windows" {
		return warn("add $ASSENT_CA to the keychain for the time of a run, or run in a Linux container",
			"Go programs (terraform, gh) trust the system's store alone here, not a variable")
	}
	return ok("they read SSL_CERT_FILE")
}

func lastLine(out []byte, err error) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return last
	}
	return err.Error()
}
