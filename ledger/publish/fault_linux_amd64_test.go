package publish_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// The test binary, started again with faultDir, asks the kernel to hand every call that
// touches a file to whoever started it (seccomp's user notification), and becomes
// itself with workDir: a process that uses the ledger, of which each such call can be
// made to fail, or to be its last.
const (
	faultDir = "ASSENT_TEST_FAULT"
	workDir  = "ASSENT_TEST_WORK"
)

func TestMain(m *testing.M) {
	var err error
	switch {
	case os.Getenv(faultDir) != "":
		err = handOver()
	case os.Getenv(workDir) != "":
		err = work(os.Getenv(workDir))
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// watched are the calls that are handed over.
var watched = map[int32]string{
	unix.SYS_OPEN: "open", unix.SYS_OPENAT: "open",
	unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "write", unix.SYS_FTRUNCATE: "truncate",
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fsync",
	unix.SYS_RENAME: "rename", unix.SYS_RENAMEAT: "rename", unix.SYS_RENAMEAT2: "rename",
	unix.SYS_LINKAT: "link", unix.SYS_UNLINK: "unlink", unix.SYS_UNLINKAT: "unlink", unix.SYS_MKDIRAT: "mkdir",
}

// handOver sends the listener through descriptor 3 and begins the work.
func handOver() error {
	runtime.LockOSThread() // the filter is this thread's, and the new program's
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	const load, jumpIfEqual, give = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{{Code: load}}
	for nr := range watched {
		filter = append(filter, unix.SockFilter{Code: jumpIfEqual, Jf: 1, K: uint32(nr)}, unix.SockFilter{Code: give, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	filter = append(filter, unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	listener, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	if err := unix.Sendmsg(3, []byte{0}, unix.UnixRights(int(listener)), nil, 0); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", os.Args[:1], []string{workDir + "=" + os.Getenv(faultDir), "GOMAXPROCS=2"})
}

// work appends decisions and outcomes one after the other, publishes twice, and says
// what was acknowledged. The decision "left" gets no outcome before the end.
func work(dir string) (err error) {
	ctx := context.Background()
	s, err := store.Open(ctx, config(dir))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := decide(ctx, s, "left", false); err != nil {
		return err
	}
	for _, id := range []string{"one", "two"} {
		if err := decide(ctx, s, id, true); err != nil {
			return err
		}
		n, err := publish.Publish(ctx, s, s.Public(), nil)
		if err != nil {
			return err
		}
		fmt.Println("published", n, "-")
	}
	return nil
}

func config(dir string) store.Config {
	return store.Config{Dir: dir, Now: at.Local, Rand: rand.Reader}
}

func decide(ctx context.Context, s *store.Store, id string, finish bool) error {
	d := policy.Decision{ID: id, At: at, Verdict: policy.Allow, Action: model.Action{ID: id, Verb: model.Create}}
	statement, err := ledger.DecisionStatement(d)
	if err != nil {
		return err
	}
	of, err := s.Append(ctx, ledger.Entry{Kind: ledger.KindDecision, Key: id, Statement: statement})
	if err != nil {
		return err
	}
	fmt.Println(id, of.Index, of.LeafHash)
	if !finish {
		return nil
	}
	statement, err = ledger.OutcomeStatement(ledger.Outcome{Decision: id, Of: of, Result: ledger.Succeeded}, d)
	if err != nil {
		return err
	}
	of, err = s.Append(ctx, ledger.Entry{Kind: ledger.KindOutcome, Key: id, Statement: statement})
	if err == nil {
		fmt.Println(id, of.Index, of.LeafHash)
	}
	return err
}

// fault is what happens at the nth call on a file of the ledger: it fails, or the
// process is killed before it is made. At 0 nothing happens.
type fault struct {
	at   int
	with unix.Errno // 0: kill
}

// faulted runs the work with a fault. It returns what was acknowledged, and the calls
// that were seen.
func faulted(t *testing.T, dir string, f fault) (acks []string, calls []string) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := pair[0], os.NewFile(uintptr(pair[1]), "socket")
	defer unix.Close(ours)
	c := exec.Command("/proc/self/exe")
	c.Env = []string{faultDir + "=" + dir}
	c.ExtraFiles = []*os.File{theirs}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	rights := make([]byte, unix.CmsgSpace(4))
	n, rightsLen, _, _, err := unix.Recvmsg(ours, make([]byte, 1), rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil || n == 0 {
		c.Wait()
		what := fmt.Sprintf("NOT RUN: the kernel hands no calls over: %v %s", err, stderr.String())
		if os.Getenv("CI") != "" {
			t.Fatal(what, "; in CI nothing may be skipped")
		}
		t.Skip(what)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rightsLen])
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	ended := make(chan []string, 1)
	go func() { ended <- lines(out) }()
	calls, err = supervise(fds[0], c.Process, dir, f)
	if err != nil {
		c.Process.Kill()
		t.Fatal(err)
	}
	acks = <-ended
	err = c.Wait()
	if f.at == 0 && err != nil {
		t.Fatalf("without a fault: %v: %s", err, stderr.String())
	}
	return acks, calls
}

func lines(r io.Reader) (all []string) {
	for in := bufio.NewScanner(r); in.Scan(); {
		all = append(all, in.Text())
	}
	return all
}

// notification and answer are struct seccomp_notif and seccomp_notif_resp of
// seccomp_unotify(2).
type (
	notification struct {
		ID        uint64
		PID       uint32
		Flags     uint32
		NR        int32
		Arch      uint32
		IP        uint64
		Arguments [6]uint64
	}
	answer struct {
		ID    uint64
		Value int64
		Error int32
		Flags uint32
	}
)

// supervise answers until the process has ended.
func supervise(listener int, p *os.Process, dir string, f fault) (calls []string, err error) {
	for {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return calls, err
		}
		if ready[0].Revents&unix.POLLIN == 0 {
			return calls, nil // nobody is there any more
		}
		var call notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&call))); errno != 0 {
			if errno == unix.ENOENT || errno == unix.EINTR {
				continue // it died meanwhile
			}
			return calls, errno
		}
		a := answer{ID: call.ID, Flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if path := call.path(); strings.HasPrefix(path, dir+"/") {
			calls = append(calls, watched[call.NR]+" "+strings.TrimPrefix(path, dir+"/"))
			switch {
			case len(calls) != f.at:
			case f.with == 0:
				if err := p.Kill(); err != nil {
					return calls, err
				}
				continue // never answered: the call is not made
			default:
				a.Error, a.Flags = -int32(f.with), 0
			}
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&a))); errno != 0 && errno != unix.ENOENT {
			return calls, errno
		}
	}
}

// path is the file that a call is about.
func (c notification) path() string {
	switch c.NR {
	case unix.SYS_OPEN, unix.SYS_RENAME, unix.SYS_UNLINK:
		return c.text(c.Arguments[0])
	case unix.SYS_OPENAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_UNLINKAT, unix.SYS_MKDIRAT:
		return c.text(c.Arguments[1])
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.PID, c.Arguments[0]))
	if err != nil {
		return ""
	}
	return path
}

// text reads a string of the process.
func (c notification) text(at uint64) string {
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", c.PID))
	if err != nil {
		return ""
	}
	defer memory.Close()
	buf := make([]byte, unix.PathMax)
	n, _ := memory.ReadAt(buf, int64(at)) // up to the end of the page, if that is all
	text, _, _ := bytes.Cut(buf[:n], []byte{0})
	return string(text)
}

// Whichever call on a file fails, or is the last before the process dies: what was
// acknowledged is there, at its place, and each decision has one outcome.
func TestLaw1NoFaultLosesWhatWasAcknowledged(t *testing.T) {
	program := thirdParty(t)
	seed := seeded(t)
	// In memory where that can be had: what fails here is not the disk, and there are
	// ten thousand fsyncs.
	scratch, err := os.MkdirTemp("/dev/shm", "assent")
	if err != nil {
		scratch = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(scratch) })
	copied := func() string {
		dir := filepath.Join(scratch, "ledger")
		copyTree(t, seed, dir)
		if err := os.Chmod(filepath.Join(dir, store.KeyFile), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dir := copied()
	acks, calls := faulted(t, dir, fault{})
	if len(acks) != 7 {
		t.Fatalf("without a fault %d of 7 were acknowledged: %q", len(acks), acks)
	}
	recovered(t, program, dir, acks)
	kinds := map[string]int{}
	for _, c := range calls {
		kind, _, _ := strings.Cut(c, " ")
		kinds[kind]++
	}
	for _, kind := range []string{"open", "write", "fsync", "rename"} {
		if kinds[kind] == 0 {
			t.Fatalf("no %s was seen: %v", kind, kinds)
		}
	}
	step := 1
	if testing.Short() || os.Getenv("CI") != "true" {
		step = 7
	}
	rounds := 0
	for n := 1; n <= len(calls); n += step {
		for _, with := range []unix.Errno{0, unix.EIO, unix.ENOSPC} {
			if with == unix.ENOSPC && !strings.HasPrefix(calls[n-1], "write ") {
				continue
			}
			rounds++
			dir := copied()
			acks, calls := faulted(t, dir, fault{n, with})
			what := "killed"
			if with != 0 {
				what = with.Error()
			}
			t.Run(fmt.Sprintf("%d %s %s", n, calls[min(n, len(calls))-1], what), func(t *testing.T) { recovered(t, program, dir, acks) })
		}
	}
	t.Logf("%d faults at %d calls %v: 0 lost, 0 moved", rounds, len(calls), kinds)
}

// seeded is what a process that was killed has left: an open decision, entries that
// are not published yet, a write-ahead log.
func seeded(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "lives"))
	grow(t, s, 250)
	put(t, s, 250)
	if err := decide(t.Context(), s, "seed", false); err != nil {
		t.Fatal(err)
	}
	copyTree(t, filepath.Join(dir, "lives"), filepath.Join(dir, "seed"))
	return filepath.Join(dir, "seed")
}

// recovered opens the ledger after a fault, and holds it against what was said.
func recovered(t *testing.T, program, dir string, acks []string) {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, config(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, ack := range acks {
		var id, leaf string
		var index uint64
		if n, _ := fmt.Sscan(ack, &id, &index, &leaf); n != 3 {
			continue // cut off by its death
		}
		if id == "published" {
			if c, err := publish.Published(s.Public(), s.Verifiers()...); err != nil || c.Size < index {
				t.Errorf("%d were published, there are %d: %v", index, c.Size, err)
			}
			continue
		}
		if e, err := s.Get(ctx, index); err != nil || e.Key != id || e.LeafHash.String() != leaf {
			t.Errorf("acknowledged %s: there is %s, %v", ack, e.Key, err)
		}
	}
	put(t, s, s.Size())
	// The dead process's decisions have their outcome before ours are made.
	outcomes := map[string]int{}
	err = s.Scan(ctx, 250, func(e ledger.Stored) bool {
		switch e.Kind {
		case ledger.KindDecision:
			outcomes[e.Key] += 0
		case ledger.KindOutcome:
			outcomes[e.Key]++
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range outcomes {
		if n != 1 {
			t.Errorf("decision %s has %d outcomes", id, n)
		}
	}
	for _, check := range []func() (verify.Report, error){
		func() (verify.Report, error) { return verify.Dir(ctx, dir, verify.Options{VKey: s.VKey()}) },
		func() (verify.Report, error) { return verify.Public(ctx, s.Public(), verify.Options{VKey: s.VKey()}) },
	} {
		if r, err := check(); err != nil || r.Kind != verify.OK || r.Verified != s.Size() {
			t.Errorf("%v %v: %+v", r.Kind, err, r.Problems)
		}
	}
	if got := said(t, program, s.Public(), s.VKey()); got["fsck"] != "ok" || got["torchwood"] != "ok" {
		t.Errorf("%v", got)
	}
}
