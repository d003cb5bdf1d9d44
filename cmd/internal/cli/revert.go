package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/reconcile"
)

// revertOptions are the flags of `assent revert`.
type revertOptions struct {
	identity
	fields       []string
	send, asJSON bool
}

// reverting is what `assent revert --json` writes, one line a call: see docs/json.md.
type reverting struct {
	reconcile.Inverse
	Command []string `json:"command,omitempty"`
}

func (a *App) revertCommand() *cobra.Command {
	var o revertOptions
	cmd := &cobra.Command{
		Use:   "revert URN|ID",
		Short: "Set back what has drifted, by way of the proxy",
		Long: `Works out the calls that set what somebody has changed past the proxy back to what was built, and shows them as commands of
the platform's own client. With --run they are run as assent run would run them: judged, recorded and refused like any
other. Where no call can be written, it says why.

Exit code 3 if something of it cannot be set back so.`,
		Example: `  assent revert sg-0abc
  assent revert sg-0abc --run --as oncall`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeResources,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.revert(cmd.Context(), args[0], o) },
	}
	o.identity.flags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&o.fields, "field", nil, "this field alone, as assent drift writes its `path`; again for more")
	f.BoolVar(&o.send, "run", false, "run the commands")
	f.BoolVar(&o.asJSON, "json", false, "as JSON, one line a call")
	return cmd
}

func (a *App) revert(ctx context.Context, id string, o revertOptions) error {
	s, err := a.readModel(ctx)
	if err != nil {
		return err
	}
	r, err := find(s, id)
	if err != nil {
		return err
	}
	all, err := a.inverses(ctx, r.URN, o.fields)
	if err != nil {
		return repaired{fmt.Errorf("%s: %w", r.URN, err), "assent collect, then: assent drift " + string(r.URN)}
	}
	return a.setBack(ctx, all, o)
}

// inverses finds the calls that set a resource back.
func (a *App) inverses(ctx context.Context, urn model.URN, fields []string) (_ []reconcile.Inverse, err error) {
	e, _, err := a.considering(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close(ctx)) }()
	return e.Inverses(ctx, urn, fields)
}

// setBack shows the calls, or runs them.
func (a *App) setBack(ctx context.Context, all []reconcile.Inverse, o revertOptions) error {
	left := 0
	for _, i := range all {
		command := commandOf(i)
		switch {
		case o.asJSON:
			if err := writeJSON(a.Stdout, reverting{i, command}); err != nil {
				return err
			}
		case i.Why != "":
			fmt.Fprintf(a.Stdout, "# %s of %s: %s\n", term.Plain(strings.Join(i.Fields, ", ")), term.Plain(string(i.URN)), term.Plain(i.Why))
		default:
			fmt.Fprintln(a.Stdout, term.Plain(shell(command)))
		}
		if i.Why != "" {
			left++
			continue
		}
		if o.send {
			if err := a.run(ctx, runOptions{identity: o.identity}, command); err != nil {
				return err
			}
		}
	}
	if !o.send && !o.asJSON && left < len(all) {
		a.note("nothing was sent; run it by way of the proxy: --run, or assent run -- COMMAND")
	}
	if left > 0 {
		return exit{code: exitDrifted}
	}
	return nil
}

// commandOf writes a call for the platform's own client.
func commandOf(i reconcile.Inverse) []string {
	if i.Call == "" {
		return nil
	}
	if i.Call == reconcile.Patch {
		id := kube.ParseURN(i.URN)
		kind := strings.ToLower(id.Kind)
		if id.Group != "" && id.Group != "core" {
			kind += "." + id.Group
		}
		out := []string{"kubectl", "--cluster", id.Cluster, "patch", kind, id.Name, "--type=merge", "-p", string(i.Params)}
		if id.Namespace != "" {
			out = append(out, "--namespace", id.Namespace)
		}
		return out
	}
	service, operation, _ := strings.Cut(i.Call, ":")
	if service == "s3" {
		service = "s3api"
	}
	out := []string{"aws", service, kebab(operation), "--cli-input-json", string(i.Params)}
	if parts := strings.SplitN(string(i.URN), ":", 6); len(parts) == 6 && parts[3] != "" && parts[3] != "*" {
		out = append(out, "--region", parts[3])
	}
	return out
}

var (
	wordBegins = regexp.MustCompile(`(.)([A-Z][a-z]+)`)
	wordEnds   = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// kebab is an operation's name as the AWS CLI writes it.
func kebab(name string) string {
	return strings.ToLower(wordEnds.ReplaceAllString(wordBegins.ReplaceAllString(name, "$1-$2"), "$1-$2"))
}

// shell writes a command so that it can be pasted.
func shell(command []string) string {
	words := make([]string, len(command))
	for i, w := range command {
		if words[i] = w; w == "" || strings.ContainsAny(w, " \t\n\"'$&|;<>(){}[]*?!#~`\\") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
