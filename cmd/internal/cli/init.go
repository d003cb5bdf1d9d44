package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/survey"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model/intent"
)

func (a *App) initCommand() *cobra.Command {
	var accounts, clusters []string
	var person string
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first assent.yaml and first documents, from what this machine knows",
		Long: `Looks for what a first set of documents has to name: the accounts of AWS credentials, profiles and Terraform states, the clusters
of the kubeconfig, the teams of CODEOWNERS, who you are to git, and the public SSH key that approvals are signed with. Writes
assent.yaml and the documents in intent/, which allow nothing yet, and overwrites nothing. No secret is read, and nobody is asked.

  assent init && assent run -- terraform plan && assent intent suggest > intent/draft.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := a.Dir
			if len(args) > 0 {
				dir = a.absolute(args[0])
			}
			return a.init(cmd.Context(), dir, accounts, clusters, person)
		},
	}
	cmd.Flags().StringSliceVar(&accounts, "account", nil, "an AWS `account` to name, beside those that are found")
	cmd.Flags().StringSliceVar(&clusters, "cluster", nil, "a Kubernetes `cluster` to name, as the kubeconfig calls it")
	cmd.Flags().StringVar(&person, "person", "", "who answers: human:`NAME` (default: git's user.email)")
	return cmd
}

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

func (a *App) init(ctx context.Context, dir string, accounts, clusters []string, person string) error {
	found := survey.Look(survey.Machine{Dir: dir, Home: a.Home, User: a.loginName(), Getenv: a.Getenv, Read: readUpTo, Glob: filepath.Glob, Mail: a.gitMail(ctx, dir)})
	for _, id := range accounts {
		if !accountForm.MatchString(id) {
			return exit{2, repaired{fmt.Errorf("%q is no AWS account", id), "an account id has twelve digits"}}
		}
		found.Accounts = append(found.Accounts, survey.Account{ID: id, From: []string{"--account"}})
	}
	found.Clusters = append(found.Clusters, clusters...)
	if person != "" {
		found.Person = "human:" + strings.TrimPrefix(person, "human:")
	}
	if len(found.Accounts)+len(found.Clusters) == 0 {
		return repaired{errors.New("no AWS account and no cluster is known here"), "name what you use: assent init --account 123456789012, or --cluster NAME"}
	}
	files := found.Files()
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(dir, f.Name)); err == nil {
			return repaired{fmt.Errorf("%s is there already, and nothing is overwritten", f.Name), "assent intent suggest drafts more documents; assent init DIR writes elsewhere"}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
			return err
		}
	}
	set, err := intent.Load(os.DirFS(filepath.Join(dir, "intent")))
	if err == nil {
		err = engine.Compile(set)
	}
	if err != nil {
		return fmt.Errorf("the documents that were written do not read: %w", err)
	}
	for _, acc := range found.Accounts {
		fmt.Fprintf(a.Stdout, "account  %s (%s)\n", acc.ID, strings.Join(acc.From, ", "))
	}
	for _, c := range found.Clusters {
		fmt.Fprintf(a.Stdout, "cluster  %s\n", term.Plain(c))
	}
	fmt.Fprintf(a.Stdout, "person   %s\n", term.Plain(found.Person))
	for _, f := range files {
		fmt.Fprintf(a.Stdout, "wrote    %s\n", f.Name)
	}
	for _, n := range found.Notes {
		a.note("note: %s", n)
	}
	fmt.Fprint(a.Stdout, `next     read intent/, and say what each environment is (tier:)
         assent run --as NAME -- CMD…                    watch: nothing is refused, every change is recorded
         assent intent suggest > intent/draft.yaml       what would have allowed it
         assent run --enforce --as NAME -- CMD…          what is not declared is refused
`)
	return nil
}

// gitMail asks git who sits here; without git, nobody.
func (a *App) gitMail(ctx context.Context, dir string) string {
	cmd := exec.CommandContext(ctx, "git", "config", "user.email")
	cmd.Dir, cmd.Env = dir, a.Environ
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// readUpTo reads a file that is not larger than limit.
func readUpTo(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes, and was not read", path, limit)
	}
	return data, err
}
