package cli

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
)

// lookPath finds a command by the given PATH, relative to dir.
func lookPath(name, dir, path string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) || strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return runnable(name)
	}
	var denied error
	for _, part := range filepath.SplitList(path) {
		if part == "" {
			part = dir // as a shell reads it
		}
		if !filepath.IsAbs(part) {
			part = filepath.Join(dir, part)
		}
		found, err := runnable(filepath.Join(part, name))
		if err == nil {
			return found, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", fs.ErrNotExist
}

// runnable reports whether a file can be run.
func runnable(file string) (string, error) {
	if runtime.GOOS == "windows" {
		return exec.LookPath(file) // it knows the extensions
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return "", err
	case info.IsDir(), info.Mode()&0o111 == 0:
		return "", fs.ErrPermission
	}
	return file, nil
}

// child is a command that is about to run.
type child interface {
	start() error
	process() *os.Process
	wait() (*os.ProcessState, error)
}

// plainChild is a process of this one.
type plainChild struct{ *exec.Cmd }

func (c plainChild) start() error         { return c.Start() }
func (c plainChild) process() *os.Process { return c.Process }
func (c plainChild) wait() (*os.ProcessState, error) {
	err := c.Wait()
	return c.ProcessState, err
}

// runChild runs the command to its end and returns its exit code. Signals that
// reach assent alone are passed on; those that the terminal sends to both (an
// interrupt) are left to the command, and assent outlives it to sum up.
func runChild(c child) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn()...)
	defer signal.Stop(signals)
	if err := c.start(); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	forwarder := make(chan struct{})
	process := c.process()
	go func() {
		defer close(forwarder)
		for {
			select {
			case sig := <-signals:
				if sig != os.Interrupt || !fromTerminal() {
					process.Signal(sig)
				}
			case <-ended:
				return
			}
		}
	}()
	state, err := c.wait()
	close(ended)
	<-forwarder
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		return 0, err
	}
	return exitCode(state), nil
}
