package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	utilexec "k8s.io/utils/exec"
)

// pod is a process in a folder of its own.
type pod struct {
	dir    string
	cmd    *exec.Cmd
	stdin  io.WriteCloser // nil unless the container has stdin
	output *record
	ended  chan struct{}
}

// startPod starts argv, or where there is none something that only waits.
func startPod(dir string, argv []string, stdin bool) (*pod, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if len(argv) == 0 {
		argv = []string{"sleep", "infinity"}
	}
	p := &pod{dir: dir, output: newRecord(), ended: make(chan struct{})}
	p.cmd = p.command(argv)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if stdin {
		var err error
		if p.stdin, err = p.cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ends is nobody's business: pods here do not fail
		p.output.end()
		close(p.ended)
	}()
	return p, nil
}

func (p *pod) command(argv []string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "TERM=xterm", "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (p *pod) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
	_ = os.RemoveAll(p.dir)
}

// ExecInContainer runs one more process in the pod's folder.
func (p *pod) ExecInContainer(_ context.Context, _ string, _ podUID, _ string, argv []string, in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan terminalSize, _ time.Duration) error {
	cmd := p.command(argv)
	if tty {
		return coded(onTerminal(cmd, in, out, resize))
	}
	if out != nil {
		cmd.Stdout = out
	}
	if errOut != nil {
		cmd.Stderr = errOut
	}
	if in == nil {
		return coded(cmd.Run())
	}
	// Not cmd.Stdin: Wait would wait for a client that has nothing more to say.
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return coded(err)
	}
	go func() {
		_, _ = io.Copy(pipe, in)
		_ = pipe.Close()
	}()
	return coded(cmd.Wait())
}

// onTerminal runs a command on a terminal of its own.
func onTerminal(cmd *exec.Cmd, in io.Reader, out io.Writer, resize <-chan terminalSize) error {
	cmd.SysProcAttr = nil // pty makes a session
	terminal, err := pty.Start(cmd)
	if err != nil {
		return err
	}
	defer terminal.Close()
	go func() {
		for size := range resize {
			_ = pty.Setsize(terminal, &pty.Winsize{Rows: size.Height, Cols: size.Width})
		}
	}()
	if in != nil {
		go func() { _, _ = io.Copy(terminal, in) }()
	}
	if out != nil {
		_, _ = io.Copy(out, terminal) // ends with EIO when the last process is gone
	}
	return cmd.Wait()
}

// coded tells the client the exit code.
func coded(err error) error {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return utilexec.CodeExitError{Err: err, Code: ended.ExitCode()}
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return utilexec.CodeExitError{Err: err, Code: 127}
	}
	return err
}

// recordKept bounds what a pod may say: tests say little.
const recordKept = 16 << 20

// record keeps what a process says, for those who come later and those who wait.
type record struct {
	mu   sync.Mutex // guards all below
	said []byte
	done bool
	news chan struct{} // closed, and made anew, at each change
}

func newRecord() *record { return &record{news: make(chan struct{})} }

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.said)+len(p) > recordKept {
		return 0, errors.New("it says too much")
	}
	r.said = append(r.said, p...)
	close(r.news)
	r.news = make(chan struct{})
	return len(p), nil
}

func (r *record) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
	close(r.news)
	r.news = make(chan struct{})
}

func (r *record) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.said)
}

// from returns what was said after at, and whether that is all there will be.
// With wait it returns only when there is something, or ctx ends.
func (r *record) from(ctx context.Context, at int, wait bool) (said []byte, ended bool) {
	for {
		r.mu.Lock()
		said, ended = r.said[at:], r.done
		news := r.news
		r.mu.Unlock()
		if len(said) > 0 || ended || !wait {
			return said, ended
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, true
		}
	}
}
