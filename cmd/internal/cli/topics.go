package cli

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/policy/reason"
)

// topics are the pages of `assent help TOPIC`, as sections of one text.
//
//go:embed topics.md
var topics string

// addHelpTopics makes `assent help TOPIC` and `assent help CODE` work beside
// `assent help COMMAND`. The pages are read only when one is asked for.
func (a *App) addHelpTopics(root *cobra.Command) {
	root.SetHelpCommand(&cobra.Command{
		GroupID: "Assent itself:",
		Use:     "help [COMMAND | TOPIC | CODE]",
		Short:   "Help on a command, a topic (" + strings.Join(topicNames(), ", ") + ") or a code (AS2004)",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				if page, ok := reason.Find(args[0]); ok {
					_, err := fmt.Fprint(a.Stdout, page.Render())
					return err
				}
				if text, ok := topic(args[0]); ok {
					_, err := fmt.Fprintln(a.Stdout, text)
					return err
				}
			}
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return exit{2, repaired{fmt.Errorf("there is no help on %q", strings.Join(args, " ")),
					"assent --help lists the commands; the topics are " + strings.Join(topicNames(), ", ")}}
			}
			return cmd.Help()
		},
	})
}

func topicNames() []string {
	var names []string
	for _, section := range strings.Split("\n"+topics, "\n## ")[1:] {
		name, _, _ := strings.Cut(section, "\n")
		names = append(names, strings.TrimSpace(name))
	}
	return append(names, "codes")
}

func topic(name string) (string, bool) {
	if name == "codes" {
		var b strings.Builder
		for _, p := range reason.Pages() {
			fmt.Fprintf(&b, "%s  %s\n", p.Code, p.Title)
		}
		return strings.TrimSpace(b.String()), true
	}
	for _, section := range strings.Split("\n"+topics, "\n## ")[1:] {
		head, body, _ := strings.Cut(section, "\n")
		if strings.TrimSpace(head) == name {
			return strings.TrimSpace(body), true
		}
	}
	return "", false
}
