package cli

import (
	"context"
	"os"
	"os/signal"
)

// passedOn are the signals that a command should know of.
func passedOn() []os.Signal { return []os.Signal{os.Interrupt} }

// fromTerminal: the console has told the command already.
func fromTerminal() bool { return true }

func exitCode(s *os.ProcessState) int { return s.ExitCode() }

// terminated ends the context at an interrupt.
func terminated(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt)
}

// hangups: there is no such signal here; a changed file does the same.
func hangups(context.Context) <-chan os.Signal { return nil }
