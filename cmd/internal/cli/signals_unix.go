//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// passedOn are the signals that a command should know of.
func passedOn() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}
}

// fromTerminal reports whether an interrupt came from a terminal, which has sent
// it to the command as well.
func fromTerminal() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	tty.Close()
	return true
}

// exitCode is the command's own, or 128 and the signal that ended it.
func exitCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}

// terminated ends the context at an interrupt or a SIGTERM.
func terminated(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// hangups reports each SIGHUP until ctx ends.
func hangups(ctx context.Context) <-chan os.Signal {
	out := make(chan os.Signal, 1)
	signal.Notify(out, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(out) })
	return out
}
