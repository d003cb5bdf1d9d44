package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/proxy/gate"
)

// intentCase is one line of a *.test.jsonl file: what somebody would do, and what
// has to be said of it.
type intentCase struct {
	Name   string         `json:"name"`
	Call   *request       `json:"call,omitempty"`   // as it would be sent, and by whom
	Action *model.Action  `json:"action,omitempty"` // or as it was understood
	Facts  model.Facts    `json:"facts,omitzero"`   // what the model said
	Want   policy.Verdict `json:"want"`
	Code   string         `json:"code,omitempty"`  // of the first reason
	Grant  string         `json:"grant,omitempty"` // of the clause that allows it
}

// caseFiles end in this, anywhere below the folder of documents.
const caseFiles = ".test.jsonl"

func (a *App) intentTestCommand() *cobra.Command {
	var record string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test [FILE…]",
		Short: "Hold the documents against examples of what they have to say",
		Long: `Judges the examples in every *.test.jsonl file beside the documents, or in the files that are named: one JSON object a line,
with a name, a call (as for assent may) or an action, the verdict that is wanted, and the code or the clause if it matters.

  {"name":"agents never delete","call":{"method":"DELETE","url":"https://acme.s3.amazonaws.com/","actor":"agent"},"want":"deny","code":"AS2003"}

--record RUN writes the decisions of a run as such examples, with what the model said: today's behaviour becomes tomorrow's test.

  assent intent test --record run_nqpelivl2m > intent/shop.test.jsonl

Exit code 1 if an example fails.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if record != "" {
				return a.recordCases(cmd.Context(), record)
			}
			return a.intentTest(cmd.Context(), args, asJSON)
		},
	}
	cmd.Flags().StringVar(&record, "record", "", "write the decisions of this `run` as examples")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	return cmd
}

// caseResult is a line of `assent intent test --json`.
type caseResult struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	OK     bool   `json:"ok"`
	Got    string `json:"got,omitempty"`
	Want   string `json:"want,omitempty"`
	Why    string `json:"why,omitempty"`
}

func (a *App) intentTest(ctx context.Context, files []string, asJSON bool) error {
	cfg, set, err := a.declared()
	if err != nil {
		return err
	}
	judge, err := engine.Decider(set)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		if files, err = testFiles(cfg.Intent); err != nil {
			return err
		}
		if len(files) == 0 {
			return repaired{fmt.Errorf("there is no *%s file below %s", caseFiles, cfg.Intent), "assent intent test --record RUN > " + filepath.Join(cfg.Intent, "RUN"+caseFiles)}
		}
	}
	f, err := a.finder()
	if err != nil {
		return err
	}
	passed, failed := 0, 0
	for _, file := range files {
		err := a.eachCase(file, func(line int, c intentCase) error {
			r := caseResult{Name: c.Name, Source: fmt.Sprintf("%s:%d", file, line)}
			d, err := a.judgeCase(ctx, judge, f, c)
			if err != nil {
				return err
			}
			r.Want, r.Got, r.Why = expected(c), got(c, d), ""
			if r.OK = r.Want == r.Got; r.OK {
				passed++
			} else {
				failed++
				if first, ok := d.First(); ok {
					r.Why = first.Title + ": " + first.Why
				}
			}
			if asJSON {
				return writeJSON(a.Stdout, r)
			}
			if !r.OK {
				fmt.Fprintf(a.Stdout, "FAIL  %s (%s)\n      want  %s\n      got   %s\n", term.Plain(r.Name), r.Source, r.Want, r.Got)
				if r.Why != "" {
					fmt.Fprintf(a.Stdout, "      why   %s\n", term.Plain(r.Why))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if !asJSON {
		fmt.Fprintf(a.Stdout, "%d of %d examples hold\n", passed, passed+failed)
	}
	if failed > 0 {
		return exit{code: 1}
	}
	return nil
}

// testFiles lists the files of examples below a folder.
func testFiles(dir string) (files []string, err error) {
	if dir == "" {
		return nil, repaired{errors.New("no directory of declared documents is set"), "assent intent test --intent DIR, or intent: DIR in assent.yaml"}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, caseFiles) {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

func (a *App) eachCase(file string, f func(line int, c intentCase) error) error {
	r, err := os.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "//") {
			continue
		}
		var c intentCase
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		d.UseNumber()
		err := d.Decode(&c)
		if err == nil && (c.Call == nil) == (c.Action == nil) {
			err = errors.New("it has to have either a call or an action")
		}
		if err == nil {
			err = f(n, c)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (a *App) judgeCase(ctx context.Context, judge *decide.Engine, f *finder, c intentCase) (policy.Decision, error) {
	if c.Action == nil {
		call, err := c.Call.call()
		if err != nil {
			return policy.Decision{}, err
		}
		decoder, err := f.find(call)
		if err != nil {
			return policy.Decision{}, err
		}
		action, err := decoder.Decode(ctx, call)
		if err != nil {
			return policy.Decision{}, err
		}
		action = (*model.Veil)(nil).Action(action)
		action.Actor = model.Actor(c.Call.Actor)
		if action.Actor.Authn == "" {
			action.Actor.Authn = "run-token" // as if the named actor ran it
		}
		c.Action = &action
	}
	at := c.Action.At
	if at.IsZero() {
		at = a.Now()
	}
	return judge.Decide(ctx, *c.Action, radius.Recall(c.Facts), policy.Enforce, at, "dec_example"), nil
}

func expected(c intentCase) string { return said(c.Want, c.Code, c.Grant) }

// got says of a decision what the example asks about.
func got(c intentCase, d policy.Decision) string {
	code, grant := "", ""
	if first, ok := d.First(); ok && c.Code != "" {
		code = first.Code
	}
	if c.Grant != "" {
		grant = d.Grant
	}
	return said(d.Verdict, code, grant)
}

func said(v policy.Verdict, code, grant string) string {
	return strings.TrimSpace(v.String() + " " + code + " " + grant)
}

// recordCases writes what a run's decisions were as examples. Verdicts in which
// people or budgets had a part are no matter of the documents alone, and are left
// out.
func (a *App) recordCases(ctx context.Context, run string) error {
	s, err := a.readLedger(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	r := replaying{a: a, store: s}
	written, left := 0, 0
	var bad error
	err = s.Scan(ctx, 0, func(e ledger.Stored) bool {
		if e.Kind != ledger.KindDecision || e.Run != run {
			return true
		}
		var c intentCase
		var ok bool
		if c, ok, bad = r.example(ctx, e); bad == nil && ok {
			bad = writeJSON(a.Stdout, c)
			written++
		} else {
			left++
		}
		return bad == nil
	})
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	if written == 0 && left == 0 {
		return repaired{fmt.Errorf("the ledger has no run %q", run), "list what there is: assent ledger tail --all"}
	}
	a.note("%d examples; left out, because people, budgets or missing records had a part in them: %d", written, left)
	return nil
}

// example turns a recorded decision into one.
func (r *replaying) example(ctx context.Context, e ledger.Stored) (c intentCase, ok bool, err error) {
	was, err := ledger.ParseDecision(e.Envelope)
	if err != nil {
		return c, false, err
	}
	cuts, err := ledger.Cuts(e.Envelope)
	if err != nil {
		return c, false, err
	}
	facts, why := r.facts(ctx, was)
	if why != "" || was.Basis.Facts == "" || cutsMatter(cuts) || len(was.Approvals) > 0 || was.Fault != "" {
		return c, false, nil
	}
	c = intentCase{Name: was.ID + " " + was.Action.Name(), Action: &was.Action, Facts: facts, Want: was.Verdict}
	if first, found := was.First(); found && was.Verdict != policy.Allow {
		c.Code = first.Code
		switch first.Code {
		case gate.CodeDenied, gate.CodeNotAsked, gate.CodeStale, gate.CodeBudget:
			return c, false, nil
		}
	}
	return c, true, nil
}
