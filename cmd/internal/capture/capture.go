package capture

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
)

// Word is the argument with which this program is started as the helper.
const Word = "__inside"

// Config is what Open needs.
type Config struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// ResolvConf is a file that takes the place of /etc/resolv.conf: see ResolvConf.
	ResolvConf string
	// Getenv tells where the user's own daemons listen: see Hidden.
	Getenv func(string) string
}

// ResolvConf makes every program ask the resolver, and none complete a name by
// itself: that is done outside, where the name is resolved.
const ResolvConf = "nameserver 192.0.2.53\noptions ndots:1\n"

// Doors are where the command's calls come out.
type Doors struct {
	Proxy       net.Listener   // for programs that know a proxy
	Gateway     net.Listener   // for Kubernetes clients that know none
	Transparent []net.Listener // for the others: IPv4 and, where there is any, IPv6
}

// Unable is why nothing can be captured here, and what to do about it.
type Unable struct {
	Err    error
	repair string
}

func (u Unable) Error() string  { return "capture: " + u.Err.Error() }
func (u Unable) Unwrap() error  { return u.Err }
func (u Unable) Repair() string { return u.repair }

// Hidden are the sockets of daemons that start processes, forward connections or
// resolve names for whoever asks: each would be a way out of the network. Those of
// the user's own are where the environment says, and where they usually are.
func Hidden(getenv func(string) string, uid int) []string {
	all := []string{
		"/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/podman/podman.sock",
		"/run/buildkit/buildkitd.sock", "/run/libvirt/libvirt-sock", "/var/lib/incus/unix.socket", "/var/snap/lxd/common/lxd/unix.socket",
		"/run/dbus/system_bus_socket", "/run/systemd/private",
		"/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket", "/run/avahi-daemon/socket",
		fmt.Sprintf("/tmp/tmux-%d/default", uid), "/run/screen/S-" + getenv("USER"),
	}
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		for _, name := range []string{"bus", "systemd/private", "docker.sock", "podman/podman.sock"} {
			all = append(all, filepath.Join(dir, name))
		}
	}
	for _, name := range []string{"DOCKER_HOST", "CONTAINER_HOST", "DBUS_SESSION_BUS_ADDRESS", "TMUX"} {
		path := getenv(name)
		for _, prefix := range []string{"unix://", "unix:path="} {
			path = strings.TrimPrefix(path, prefix)
		}
		if path, _, _ = strings.Cut(path, ","); filepath.IsAbs(path) {
			all = append(all, path)
		}
	}
	return all
}

// Unchanged are the files by which root, in whatever namespace, would have the
// kernel start something outside: they can be read alone.
func Unchanged() []string { return []string{"/proc/sys", "/proc/sysrq-trigger", "/sys/kernel"} }
