//go:build !linux

package capture

import (
	"errors"
	"net/netip"
	"os"
)

var errNotLinux = errors.New("it needs the namespaces of Linux")

// Namespace needs Linux.
type Namespace struct {
	Doors Doors
}

// Open says that there are no namespaces here.
func Open(Config) (*Namespace, error) {
	return nil, Unable{errNotLinux, "run it in a Linux container or virtual machine, or without --capture: assent run -- CMD"}
}

// Name implements the Linux one's interface; there is no Namespace to call it on.
func (*Namespace) Name(netip.Addr) (string, bool) { return "", false }

// Exec is as Name.
func (*Namespace) Exec(string, []string, string, []string) error { return errNotLinux }

// Process is as Name.
func (*Namespace) Process() *os.Process { return nil }

// Wait is as Name.
func (*Namespace) Wait() (*os.ProcessState, error) { return nil, errNotLinux }

// Close is as Name.
func (*Namespace) Close() error { return nil }

// Inside is never started here.
func Inside([]string) int { return 125 }
