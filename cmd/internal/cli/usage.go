package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes of a command line that says nothing that can be done.
const (
	exitUsage = 2
	// exitVerifyUsage is that of the commands where 2 is what they found: EX_USAGE of
	// sysexits.h, as assent-verify has it.
	exitVerifyUsage = 64
)

// prepare has every command say that it has begun, so that what went wrong before is told
// apart as wrong usage; and every group of commands know its own, for a word that is none
// of them would print the help, and be taken for a success.
func (a *App) prepare(root *cobra.Command) (begun *bool) {
	begun = new(bool)
	root.InitDefaultCompletionCmd()
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .Annotations.group)}}", 1))
	var each func(*cobra.Command)
	each = func(c *cobra.Command) {
		if run := c.RunE; run != nil {
			c.RunE = func(c *cobra.Command, args []string) error {
				*begun = true
				return run(c, args)
			}
		} else if !c.Runnable() {
			c.Args = ofTheGroup
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
			c.Annotations = map[string]string{"group": "it does nothing by itself"}
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(root)
	return begun
}

// ofTheGroup refuses what a group of commands has not.
func ofTheGroup(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
	c.SuggestionsMinimumDistance = 2
	repair := c.CommandPath() + " --help"
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		repair = fmt.Sprintf("did you mean %q? %s", near[0], repair)
	}
	return repaired{err, repair}
}

// misused makes wrong usage of what went wrong before a command had begun.
func misused(c *cobra.Command, err error) error {
	code := exitUsage
	if c.Name() == "verify" {
		code = exitVerifyUsage
	}
	var r interface{ Repair() string }
	if !errors.As(err, &r) {
		err = repaired{err, c.CommandPath() + " --help"}
	}
	return exit{code, err}
}
