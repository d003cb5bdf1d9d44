package capture

import (
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// ourSocket is where the helper finds its end of the socket.
const ourSocket = 3

// Inside is the helper: it runs in the new namespaces, sets them up, and becomes
// the command. It returns only if that failed, with an exit code.
func Inside(args []string) int {
	runtime.LockOSThread() // rights are a thread's, and this one becomes the command
	unix.CloseOnExec(ourSocket)
	f := os.NewFile(ourSocket, "capture")
	conn, err := net.FileConn(f)
	if err != nil || len(args) == 0 {
		fmt.Fprintln(os.Stderr, "assent: error: this is for assent run --capture alone")
		return 125
	}
	f.Close()
	sock := conn.(*net.UnixConn)
	fds, err := setUp(args[0], args[1:])
	if err != nil {
		tell(sock, err, nil)
		return 125
	}
	if err := tell(sock, nil, fds); err != nil {
		return 125
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	var o order
	if err := gob.NewDecoder(sock).Decode(&o); err != nil {
		return 125 // there will be no command
	}
	if err := become(o); err != nil {
		tell(sock, err, nil)
	}
	return 126
}

// step is an error that says what was being done.
type step struct {
	what string
	err  error
}

func (s step) Error() string { return s.what + ": " + s.err.Error() }
func (s step) Unwrap() error { return s.err }

// tell reports to Open, and hands sockets over.
func tell(sock *net.UnixConn, err error, fds []int) error {
	var r report
	if err != nil {
		r = report{Failed: "setting up", Error: err.Error(), Denied: errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)}
		if s := (step{}); errors.As(err, &s) {
			r.Failed, r.Error = s.what, s.err.Error()
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err = sock.WriteMsgUnix(data, rights, nil)
	return err
}

// setUp makes the network and returns the sockets of the doors.
func setUp(resolvConf string, hidden []string) (fds []int, err error) {
	six, err := loopback()
	if err != nil {
		return nil, step{"setting up loopback", err}
	}
	doors, err := openDoors(six)
	if err != nil {
		return nil, step{"opening the doors", err}
	}
	if err := redirect(doors); err != nil {
		return nil, step{"loading the redirect (nf_tables, nft_redir and nft_reject of the kernel)", err}
	}
	if err := hide(resolvConf, hidden); err != nil {
		return nil, step{"hiding what leads outside", err}
	}
	return doors.fds, nil
}

// hide puts our resolv.conf in the place of the system's, and nothing in the place
// of each hidden socket. The mounts are seen by the command alone.
func hide(resolvConf string, hidden []string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	for _, path := range Unchanged() {
		if err := readOnly(path); err != nil {
			return fmt.Errorf("making %s read-only: %w", path, err)
		}
	}
	cover := func(with, path string) error {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil // who cannot see it cannot use it
		} else if err != nil {
			return err
		}
		if err := unix.Mount(with, path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("covering %s: %w", path, err)
		}
		return nil
	}
	if err := cover(resolvConf, "/etc/resolv.conf"); err != nil {
		return err
	}
	for _, path := range hidden {
		if err := cover("/dev/null", path); err != nil {
			return err
		}
	}
	return nil
}

// readOnly mounts a file, or a tree, over itself. What was forbidden there before
// stays so: the kernel would not let us take it away.
func readOnly(path string) error {
	var now unix.Statfs_t
	if err := unix.Statfs(path, &now); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := unix.Mount(path, path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	flags := uintptr(now.Flags) & (unix.ST_NOSUID | unix.ST_NODEV | unix.ST_NOEXEC | unix.ST_NOATIME | unix.ST_NODIRATIME) // as MS_* has them
	if now.Flags&unix.ST_RELATIME != 0 {
		flags |= unix.MS_RELATIME
	}
	return unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|flags, "")
}

// become gives the rights back and turns this process into the command. Root keeps
// those that are about files; execve takes all of them from anybody else.
func become(o order) error {
	if err := disarm(); err != nil {
		return step{"giving rights back", err}
	}
	if o.Dir != "" {
		if err := os.Chdir(o.Dir); err != nil {
			return step{"entering the working directory", err}
		}
	}
	return step{"running " + o.Path, syscall.Exec(o.Path, o.Args, o.Env)}
}

// disarm takes the rights over networks, mounts and other processes from whatever
// this thread executes next.
func disarm() error {
	for _, right := range []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE, unix.CAP_SYS_MODULE} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, right, 0, 0, 0); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	// What is inheritable would come back to root in spite of the bound above.
	var now [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &now[0]); err != nil {
		return err
	}
	now[0].Inheritable, now[1].Inheritable = 0, 0
	return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &now[0])
}
