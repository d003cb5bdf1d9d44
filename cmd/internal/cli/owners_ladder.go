package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/owners"
	"github.com/assent-iom/assent/policy/checks"
)

// ladder finds owners: those that are declared, and what others have written.
type ladder struct {
	declared *checks.Program
	written  *owners.Book
}

// ladder reads all that names owners.
func (a *App) ladder(ctx context.Context) (ladder, error) {
	cfg, set, err := a.declared()
	if err != nil {
		return ladder{}, err
	}
	if set == nil {
		set = &intent.Set{}
	}
	p, err := checks.Compile(set)
	if err != nil {
		return ladder{}, err
	}
	book, err := readBook(cfg.Owners)
	if err != nil {
		return ladder{}, err
	}
	book.Known = namesOf(set)
	if book.Made, err = makers(ctx, cfg); err != nil {
		return ladder{}, err
	}
	return ladder{p, book}, nil
}

// readBook reads what the configuration names.
func readBook(cfg config.Owners) (*owners.Book, error) {
	b := &owners.Book{}
	for _, c := range cfg.Codeowners {
		in, err := os.Open(c.File)
		if err != nil {
			return nil, repaired{fmt.Errorf("reading owners: %w", err), "correct the file under owners: codeowners: in assent.yaml"}
		}
		file, err := owners.Parse(in, owners.Syntax(c.Syntax))
		if err = errors.Join(err, in.Close()); err != nil {
			return nil, repaired{fmt.Errorf("reading owners: %s: %w", c.File, err), "correct the line, or the syntax (github or gitlab) under owners: codeowners:"}
		}
		b.Codes = append(b.Codes, owners.Codes{Name: c.File, Repository: c.Repository, File: file})
	}
	for _, s := range cfg.States {
		b.States = append(b.States, owners.State{Lineage: s.Lineage, Name: s.Name, Path: s.Path, Owner: s.Owner})
	}
	return b, nil
}

// namesOf says which Owner a name means: a document's own name, or what exactly one
// document has as a contact or as the person who answers.
func namesOf(set *intent.Set) func(string) (owner, person string, ok bool) {
	by := map[string]*intent.Owner{}
	add := func(name string, doc *intent.Owner) {
		if had, there := by[name]; there && had != doc {
			doc = nil // two may be meant, so neither is
		}
		by[name] = doc
	}
	for _, doc := range set.Owners {
		for _, contact := range doc.Contact {
			add(contact, doc)
		}
		add(doc.Accountable, doc)
	}
	for _, doc := range set.Owners {
		by[doc.Name] = doc
	}
	return func(name string) (string, string, bool) {
		doc := by[name]
		if doc == nil {
			return "", "", false
		}
		return doc.Name, doc.Accountable, true
	}
}

// makers are those who made resources through the proxy.
func makers(ctx context.Context, cfg *config.Config) (func(model.URN) (model.Making, bool), error) {
	s, err := models(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	all, err := s.Built(ctx)
	if err != nil {
		return nil, err
	}
	by := map[model.URN]model.Making{}
	for _, b := range all {
		if b.Made != nil {
			by[b.URN] = *b.Made
		}
	}
	return func(u model.URN) (model.Making, bool) {
		m, ok := by[u]
		return m, ok
	}, nil
}

// rungs are where the kinds of declared claims stand on the ladder.
var rungs = map[checks.By]owners.Rung{
	checks.ByURN: owners.Document, checks.ByTag: owners.Tag, checks.ByNamespace: owners.Container,
	checks.ByAccount: owners.Container, checks.ByEnvironment: owners.Container, checks.ByInheritance: owners.Container,
}

// of says who owns a resource.
func (l ladder) of(r model.Resource, s model.Snapshot) owned {
	o := l.declared.Ownership(r, s)
	line := owned{URN: r.URN, Type: r.Type, Owner: o.Owner, Accountable: o.Person, Contact: o.Contact, From: o.From, Rivals: o.Rivals, Others: o.Others}
	var all []owners.Claim
	if o.Owner != "" {
		all = append(all, owners.Claim{Rung: rungs[o.By], Owner: o.Owner, Person: o.Person, Source: o.From, Confidence: model.Stated, Declared: true})
	}
	for _, c := range o.Others {
		all = append(all, owners.Claim{Rung: rungs[c.By], Owner: c.Owner, Person: c.Person, Source: c.From, Confidence: model.Stated, Declared: true})
	}
	for _, c := range l.written.Claims(r, s) {
		if takenUp(c, o) {
			continue
		}
		all = append(all, c)
		if c.Rung == owners.Tag && o.Owner == "" && len(o.Rivals) == 0 {
			line.Hints = append(line.Hints, checks.Claim{Owner: c.Owner, From: c.Source})
		}
	}
	a := owners.Settle(all)
	line.Claims, line.Conflict = all, a.Conflict
	if o.Owner == "" && len(o.Rivals) == 0 {
		line.Said = a.Said
	}
	return line
}

// takenUp reports whether a tag that somebody has written is one by which a document
// owns: then the document says what it means.
func takenUp(c owners.Claim, o checks.Ownership) bool {
	key, isTag := strings.CutPrefix(c.Source, "tag ")
	if c.Rung != owners.Tag || !isTag {
		return false
	}
	key, _, _ = strings.Cut(key, ",")
	by := func(kind checks.By, from string) bool {
		return kind == checks.ByTag && strings.Contains(from, " "+key+"=")
	}
	return o.Owner != "" && by(o.By, o.From) || slices.ContainsFunc(o.Others, func(c checks.Claim) bool { return by(c.By, c.From) })
}
