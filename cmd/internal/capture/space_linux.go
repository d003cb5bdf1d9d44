package capture

import (
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Namespace is a network of its own, with one process in it that waits to become
// the command. Close it.
type Namespace struct {
	Doors Doors

	cmd      *exec.Cmd
	sock     *net.UnixConn
	resolver *Resolver
	dns      []interface{ Close() error }
	asked    sync.WaitGroup // those who answer DNS
}

// The order in which the helper hands over its sockets.
const (
	fdDNSPackets = iota
	fdDNSStream
	fdProxy
	fdGateway
	fdTransparent // and, if there is one more, that for IPv6
)

// report is what the helper says: that it is ready, or what failed.
type report struct {
	Failed string `json:"failed,omitempty"` // the step
	Error  string `json:"error,omitempty"`
	Denied bool   `json:"denied,omitempty"` // EPERM or EACCES
}

// order is what it is told to become: in gob, which keeps every byte of a variable.
type order struct {
	Path string
	Args []string
	Dir  string
	Env  []string
}

// readyTime bounds how long the helper may take: some milliseconds are usual.
const readyTime = 20 * time.Second

// maxReport bounds a report.
const maxReport = 64 << 10

// Open makes the network. The helper lives as long as the calling thread does:
// whoever calls Open MUST keep it (runtime.LockOSThread) until Wait has returned.
func Open(cfg Config) (_ *Namespace, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("capture: making a socket: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "capture"), os.NewFile(uintptr(pair[1]), "capture")
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	n := &Namespace{sock: conn.(*net.UnixConn), resolver: NewResolver()}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	ids, err := everyID()
	if err != nil {
		return nil, err
	}
	n.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: append([]string{"assent", Word, cfg.ResolvConf}, Hidden(cfg.Getenv, os.Getuid())...), Env: []string{},
		Stdin: cfg.Stdin, Stdout: cfg.Stdout, Stderr: cfg.Stderr, ExtraFiles: []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
			UidMappings: ids.users, GidMappings: ids.groups, GidMappingsEnableSetgroups: ids.all,
			// For the helper; the command gets none of them.
			AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP},
			Pdeathsig:   syscall.SIGKILL,
		},
	}
	if err := n.cmd.Start(); err != nil {
		n.cmd = nil
		return nil, unable("making a user and network namespace", err)
	}
	if err := n.sock.SetDeadline(time.Now().Add(readyTime)); err != nil {
		return nil, err
	}
	if err := n.take(); err != nil {
		return nil, err
	}
	return n, n.sock.SetDeadline(time.Time{})
}

// unable says plainly what is missing.
func unable(step string, err error) error {
	repair := "report this: the kernel can do what is needed, and did not"
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EUSERS) {
		repair = "run it as root (sudo assent run --capture …), or let users make namespaces: sysctl -w user.max_user_namespaces=15000" +
			" kernel.apparmor_restrict_unprivileged_userns=0; in a container it needs a seccomp profile that allows unshare"
	}
	return Unable{fmt.Errorf("%s: %w", step, err), repair}
}

// take takes the doors over from the helper.
func (n *Namespace) take() error {
	data := make([]byte, maxReport)
	space := make([]byte, unix.CmsgSpace(8*4))
	read, oob, _, _, err := n.sock.ReadMsgUnix(data, space)
	if err != nil || read == 0 {
		return unable("setting up the network", errors.Join(errors.New("the helper ended"), err))
	}
	var said report
	if err := json.Unmarshal(data[:read], &said); err != nil {
		return fmt.Errorf("capture: what the helper says: %w", err)
	}
	files, err := received(space[:oob])
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range files {
			f.Close() // what is made of them has copies
		}
	}()
	if said.Failed != "" {
		err := errors.New(said.Error)
		if said.Denied {
			err = fmt.Errorf("%s (%w)", said.Error, syscall.EPERM)
		}
		return unable(said.Failed, err)
	}
	if len(files) < fdTransparent+1 {
		return fmt.Errorf("capture: the helper has opened %d doors", len(files))
	}
	packets, err := net.FilePacketConn(files[fdDNSPackets])
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	n.dns = append(n.dns, packets)
	var listeners []net.Listener
	for _, f := range files[fdDNSStream:] {
		l, err := net.FileListener(f)
		if err != nil {
			return fmt.Errorf("capture: %w", err)
		}
		listeners = append(listeners, l)
	}
	n.dns = append(n.dns, listeners[0])
	n.Doors = Doors{Proxy: listeners[fdProxy-fdDNSStream], Gateway: listeners[fdGateway-fdDNSStream], Transparent: listeners[fdTransparent-fdDNSStream:]}
	n.asked.Go(func() { n.resolver.ServeUDP(packets) })
	n.asked.Go(func() { n.resolver.ServeTCP(listeners[0]) })
	return nil
}

func received(oob []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return nil, fmt.Errorf("capture: %w", err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "door"))
		}
	}
	return files, nil
}

// Name tells for which name an address was handed out.
func (n *Namespace) Name(a netip.Addr) (string, bool) { return n.resolver.Name(a) }

// Exec turns the helper into the command. An error means that it could not be run;
// the process is then at its end.
func (n *Namespace) Exec(path string, args []string, dir string, env []string) error {
	if err := gob.NewEncoder(n.sock).Encode(order{path, args, dir, env}); err != nil {
		return fmt.Errorf("capture: telling the helper: %w", err)
	}
	// The helper's end closes when the command begins; before that, it says why not.
	var said report
	if err := json.NewDecoder(n.sock).Decode(&said); err == nil && said.Failed != "" {
		return fmt.Errorf("%s: %s", said.Failed, said.Error)
	}
	return nil
}

// Process is the helper, and then the command.
func (n *Namespace) Process() *os.Process { return n.cmd.Process }

// Wait waits for the end of the command.
func (n *Namespace) Wait() (*os.ProcessState, error) {
	err := n.cmd.Wait()
	state := n.cmd.ProcessState
	n.cmd = nil
	return state, err
}

// Close ends the helper, if it has not become a command that has ended, and the
// resolver. The engine ends the doors that it serves.
func (n *Namespace) Close() error {
	n.sock.Close()
	if n.cmd != nil {
		n.cmd.Process.Kill()
		n.cmd.Wait()
		n.cmd = nil
	}
	for _, c := range n.dns {
		c.Close()
	}
	n.asked.Wait()
	return nil
}

// ids are the user and group ids of the namespace: those that there are outside.
type ids struct {
	users, groups []syscall.SysProcIDMap
	all           bool // root, who may have them all
}

// everyID maps every id of this namespace to itself, so that files and processes
// keep their owners; who is not root may map only its own.
func everyID() (i ids, err error) {
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		return ids{
			users:  []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}},
			groups: []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}},
		}, nil
	}
	if i.users, err = idMap("/proc/self/uid_map"); err != nil {
		return i, err
	}
	i.groups, err = idMap("/proc/self/gid_map")
	i.all = true
	return i, err
}

func idMap(file string) (all []syscall.SysProcIDMap, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		first, err1 := strconv.Atoi(fields[0])
		size, err2 := strconv.Atoi(fields[2])
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("capture: reading %s: %w", file, err)
		}
		all = append(all, syscall.SysProcIDMap{ContainerID: first, HostID: first, Size: size})
	}
	return all, nil
}
