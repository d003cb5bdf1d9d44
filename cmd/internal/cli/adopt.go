package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
)

// adoptionTime is how long a signed adoption is good for: it is used at once.
const adoptionTime = 5 * time.Minute

// adoptOptions are the flags of `assent adopt`.
type adoptOptions struct {
	answerOptions
	fields []string
	asJSON bool
}

// adopted is what `assent adopt --json` writes: see docs/json.md.
type adopted struct {
	URN      model.URN         `json:"urn"`
	Fields   []model.Deviation `json:"fields"`
	By       []string          `json:"by"`
	Decision string            `json:"decision"`
}

func (a *App) adoptCommand() *cobra.Command {
	var o adoptOptions
	cmd := &cobra.Command{
		Use:   "adopt URN|ID",
		Short: "Take what has drifted, or was built by nobody, as it is, as its owner",
		Long: `Takes fields of a resource that somebody has changed past the proxy, or all of them, for what was built: they have not
drifted any more, and what builds on the resource is let through again. A resource that nobody built by way of the proxy is
taken as it is as a whole. Only its owner can, and for a declared field also whoever has declared it: it is signed with their
SSH key, as an approval is, and recorded with that.

What is declared stays declared: a field that is otherwise is violating still, until its document says what it is now.`,
		Example: `  assent drift sg-0abc
  assent adopt sg-0abc --field IpPermissions --reason INC-4711`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeResources,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.adopt(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.fields, "field", nil, "this field alone, as assent drift writes its `path`; again for more")
	f.StringVar(&o.key, "key", "", "sign with this private SSH key `file`")
	f.StringVar(&o.reason, "reason", "", "`why`, for the evidence")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask whether you are sure")
	f.BoolVar(&o.asJSON, "json", false, "as JSON")
	return cmd
}

func (a *App) adopt(ctx context.Context, id string, o adoptOptions) (err error) {
	cfg, set, err := a.declared()
	if err != nil {
		return err
	}
	s, err := a.readModel(ctx)
	if err != nil {
		return err
	}
	r, err := find(s, id)
	if err != nil {
		return err
	}
	e, err := engine.New(ctx, engine.Config{Mode: policy.Enforce, Intent: set, LedgerDir: cfg.Ledger, ModelPath: cfg.Model, TablesDir: cfg.Tables,
		Now: a.Now, Rand: a.Rand, Trouble: func(what string, err error) { a.note("note: %s: %v", what, err) }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close(ctx)) }()
	what, fields, err := e.Adopting(r.URN, o.fields)
	if err != nil {
		return repaired{fmt.Errorf("%s: %w", r.URN, err), "assent collect, then: assent drift " + string(r.URN)}
	}
	for _, d := range fields {
		fmt.Fprintf(a.Stderr, "  %s: %s, was %s\n", term.Plain(d.Path), term.Plain(shortly(d.Now)), term.Plain(shortly(d.Was)))
	}
	d, used, err := a.signAdoption(ctx, e, set, what, o.answerOptions)
	if err != nil {
		return err
	}
	if err := e.Adopt(ctx, what, d, used); err != nil {
		return err
	}
	out := adopted{URN: r.URN, Fields: append([]model.Deviation{}, fields...), Decision: d.ID}
	for _, u := range used {
		out.By = append(out.By, u.By)
	}
	if o.asJSON {
		return writeJSON(a.Stdout, out)
	}
	if len(fields) == 0 {
		a.note("%s taken as it is by %s (%s)", r.URN, strings.Join(out.By, ", "), d.ID)
		return nil
	}
	a.note("%s: %s taken as it is by %s (%s)", r.URN, plural(len(fields), "field"), strings.Join(out.By, ", "), d.ID)
	return nil
}

// signAdoption signs as everybody who is asked and whose key is at hand, until it is
// allowed.
func (a *App) signAdoption(ctx context.Context, e *engine.Engine, set *intent.Set, what *engine.Adoption, o answerOptions) (policy.Decision, []ledger.Approval, error) {
	ring, err := a.keyring(ctx, o.key)
	if err != nil {
		return policy.Decision{}, nil, err
	}
	defer ring.Close()
	var given []policy.Approval
	var used []ledger.Approval
	for {
		d := e.Propose(ctx, what, given...)
		if d.Verdict == policy.Allow {
			return d, used, nil
		}
		if d.Verdict != policy.Hold || len(d.Needs) == 0 {
			f, _ := d.First()
			return d, nil, repaired{fmt.Errorf("%s (%s): %s", f.Title, f.Code, f.Why), f.Repair}
		}
		need := d.Needs[0]
		by, signer, err := ring.signer(set, need.People)
		if err != nil {
			return d, nil, fmt.Errorf("%s has to adopt it: %w", need.From, err)
		}
		at := a.Now().UTC()
		scope := policy.Scope(what.Action)
		t := approval.Ticket{Request: "adopt", Answer: approval.Yes, By: by.Name, At: at, Expires: at.Add(adoptionTime), Reason: o.reason,
			Actions: []approval.Act{{Scope: scope, What: policy.AdoptOperation + " " + string(what.Action.Targets[0].URN) + " " + string(what.Action.Params)}}}
		if !o.yes {
			if err := a.confirm(ctx, "take it as it is, as "+by.Name+"?"); err != nil {
				return d, nil, err
			}
		}
		signed, err := approval.Sign(t, signer)
		if err != nil {
			return d, nil, err
		}
		read, _, err := approval.Open(signed, set)
		if err != nil {
			return d, nil, err
		}
		yes, _ := signed.For(read, scope)
		given = append(given, yes)
		used = append(used, ledger.Approval{Approval: yes, Ticket: string(signed.Ticket), Signature: signed.Signature})
		if len(given) > maxAdopters {
			return d, nil, errors.New("it asks for more people than there are")
		}
	}
}

// maxAdopters bounds the owners of one thing's fields.
const maxAdopters = 16
