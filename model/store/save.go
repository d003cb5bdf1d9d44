package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Save merges observations into the file, in order, in one transaction.
func (s *Store) Save(ctx context.Context, observations []model.Observation) error {
	if len(observations) == 0 {
		return nil
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("saving model: %w", err)
	}
	defer tx.Rollback()                                             // does nothing after Commit
	b := &batch{ctx: ctx, tx: tx, prepared: map[string]*sql.Stmt{}} // the statements end with the transaction
	for _, o := range observations {
		if err := b.save(o); err != nil {
			return fmt.Errorf("saving %s: %w", o.Resource.URN, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE changes SET n = n + 1"); err != nil {
		return fmt.Errorf("saving model: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("saving model: %w", err)
	}
	return nil
}

// batch is one transaction of Save. It prepares each statement once: a first load
// saves a hundred thousand resources in one batch.
type batch struct {
	ctx      context.Context
	tx       *sql.Tx
	prepared map[string]*sql.Stmt
}

func (b *batch) stmt(query string) (*sql.Stmt, error) {
	if s, ok := b.prepared[query]; ok {
		return s, nil
	}
	s, err := b.tx.PrepareContext(b.ctx, query)
	if err == nil {
		b.prepared[query] = s
	}
	return s, err
}

// exec runs a statement and returns how many rows it changed.
func (b *batch) exec(query string, args ...any) (int64, error) {
	s, err := b.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(b.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// run runs statements with the same arguments.
func (b *batch) run(args []any, queries ...string) error {
	for _, q := range queries {
		if _, err := b.exec(q, args...); err != nil {
			return err
		}
	}
	return nil
}

// scan reads one row.
func (b *batch) scan(query string, arg any, to ...any) error {
	s, err := b.stmt(query)
	if err != nil {
		return err
	}
	return s.QueryRowContext(b.ctx, arg).Scan(to...)
}

func (b *batch) save(o model.Observation) error {
	urn, err := b.resolve(o.Resource)
	if err != nil {
		return err
	}
	switch {
	case urn == "":
	case o.Gone:
		err = b.drop(urn)
	default:
		err = b.put(urn, o)
	}
	if err != nil {
		return err
	}
	if o.Restates && !o.Gone && urn != "" { // what still holds is in Relations
		if _, err := b.exec("DELETE FROM relation WHERE dependent = ?1 OR dependent IN (SELECT alias FROM alias WHERE urn = ?1)", urn); err != nil {
			return err
		}
	}
	for _, r := range o.Relations {
		if r.From == "" || r.To == "" {
			continue
		}
		if r.Type == "" {
			r.Type = model.References
		}
		if _, err := b.exec("INSERT OR IGNORE INTO relation VALUES (?, ?, ?, ?)", r.From, r.To, r.Type, r.Source); err != nil {
			return err
		}
	}
	for _, r := range o.Cut {
		if err := b.cut(r); err != nil {
			return err
		}
	}
	return nil
}

// resolve returns the URN under which a resource is kept: its own, unless that is
// empty or merely an alias of one row.
func (b *batch) resolve(r model.Resource) (model.URN, error) {
	names := []string{string(r.URN)}
	if r.URN == "" {
		names = r.Aliases
	}
	for _, name := range names {
		var known bool
		if err := b.scan("SELECT EXISTS (SELECT 1 FROM resource WHERE urn = ?)", name, &known); err != nil {
			return "", err
		}
		if known {
			return model.URN(name), nil
		}
		var urn sql.NullString
		var count int
		if err := b.scan("SELECT min(urn), count(*) FROM alias WHERE alias = ?", name, &urn, &count); err != nil {
			return "", err
		}
		if count == 1 {
			return model.URN(urn.String), nil
		}
	}
	return b.respell(r.URN)
}

// respell makes one row of the spellings of an ARN: one that says "*" for an
// account or a region it did not know is the row that says more, if that is the
// only one; and a row that said "*" is renamed when the whole ARN is seen.
func (b *batch) respell(urn model.URN) (model.URN, error) {
	parts := strings.SplitN(string(urn), ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return urn, nil
	}
	if parts[3] == "*" || parts[4] == "*" {
		for i, part := range parts {
			if (i != 3 && i != 4) || part != "*" {
				parts[i] = globEscape.Replace(part)
			}
		}
		var found sql.NullString
		var count int
		err := b.scan("SELECT min(urn), count(*) FROM resource WHERE urn GLOB ?", strings.Join(parts, ":"), &found, &count)
		if err != nil || count != 1 {
			return urn, err
		}
		return model.URN(found.String), nil
	}
	spell := func(region, account string) string {
		return strings.Join([]string{parts[0], parts[1], parts[2], region, account, parts[5]}, ":")
	}
	spellings := [3]string{spell(parts[3], "*"), spell("*", parts[4]), spell("*", "*")}
	var vaguer bool // most batches have none, and one question is cheaper than three updates
	st, err := b.stmt("SELECT EXISTS (SELECT 1 FROM resource WHERE urn IN (?, ?, ?))")
	if err == nil {
		err = st.QueryRowContext(b.ctx, spellings[0], spellings[1], spellings[2]).Scan(&vaguer)
	}
	if err != nil || !vaguer {
		return urn, err
	}
	for _, vague := range spellings {
		n, err := b.exec("UPDATE resource SET urn = ? WHERE urn = ?", urn, vague)
		if err != nil {
			return urn, err
		}
		if n > 0 {
			return urn, b.run([]any{urn, vague}, "UPDATE OR REPLACE alias SET urn = ? WHERE urn = ?",
				"UPDATE OR REPLACE relation SET dependent = ? WHERE dependent = ?",
				"UPDATE OR REPLACE relation SET dependency = ? WHERE dependency = ?")
		}
	}
	return urn, nil
}

// globEscape makes text stand for itself in a GLOB pattern.
var globEscape = strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]")

func (b *batch) drop(urn model.URN) error {
	// What it was said to depend on goes with it, under whichever of its names.
	return b.run([]any{urn}, "DELETE FROM relation WHERE dependent = ?1 OR dependent IN (SELECT alias FROM alias WHERE urn = ?1)",
		"DELETE FROM alias WHERE urn = ?", "DELETE FROM resource WHERE urn = ?")
}

func (b *batch) put(urn model.URN, o model.Observation) error {
	var known model.Resource
	var body []byte
	err := b.scan("SELECT body FROM resource WHERE urn = ?", urn, &body)
	if err == nil {
		err = json.Unmarshal(body, &known)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("reading what is known: %w", err)
	}
	known.URN = urn
	merged := Merge(known, o)
	if body, err = json.Marshal(merged); err != nil {
		return err
	}
	if _, err := b.exec("INSERT INTO resource VALUES (?, ?) ON CONFLICT (urn) DO UPDATE SET body = excluded.body", urn, string(body)); err != nil {
		return err
	}
	if slices.Equal(known.Aliases, merged.Aliases) {
		return nil
	}
	if _, err := b.exec("DELETE FROM alias WHERE urn = ?", urn); err != nil {
		return err
	}
	for _, a := range merged.Aliases {
		if _, err := b.exec("INSERT OR IGNORE INTO alias VALUES (?, ?)", a, urn); err != nil {
			return err
		}
	}
	return nil
}

// cut deletes relations whose ends are named by URN or any alias.
func (b *batch) cut(r model.Relation) error {
	const names = `(SELECT ?%d UNION SELECT urn FROM alias WHERE alias = ?%d
		UNION SELECT alias FROM alias WHERE urn = ?%d
		UNION SELECT b.alias FROM alias a JOIN alias b USING (urn) WHERE a.alias = ?%d)`
	from, to := fmt.Sprintf(names, 1, 1, 1, 1), fmt.Sprintf(names, 2, 2, 2, 2)
	_, err := b.exec("DELETE FROM relation WHERE dependent IN "+from+" AND dependency IN "+to+
		" AND (?3 = '' OR type = ?3) AND (?4 = '' OR source = ?4)", r.From, r.To, r.Type, r.Source)
	return err
}

// Merge lays an observation over what is known of a resource.
func Merge(known model.Resource, o model.Observation) model.Resource {
	r := o.Resource
	if o.Sketches(known.Source) {
		return known
	}
	for _, f := range []struct {
		to   *string
		from string
	}{{&known.Platform, r.Platform}, {&known.Type, r.Type}, {&known.Name, r.Name}, {&known.Account, r.Account},
		{&known.Region, r.Region}, {&known.Source, r.Source}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if r.SeenAt.After(known.SeenAt) {
		known.SeenAt = r.SeenAt
	}
	if r.Tags != nil {
		tags := map[string]string{}
		if !o.Whole {
			maps.Copy(tags, known.Tags)
		}
		maps.Copy(tags, r.Tags)
		known.Tags = tags
	}
	if r.Aliases != nil {
		all := slices.Clone(r.Aliases)
		if !o.Whole {
			all = append(all, known.Aliases...)
		}
		slices.Sort(all)
		known.Aliases = slices.DeleteFunc(slices.Compact(all), func(a string) bool { return a == "" })
	}
	if len(r.Attrs) > 0 {
		known.Attrs = mergeAttrs(known.Attrs, r.Attrs, o.Whole)
	}
	return known
}

func mergeAttrs(known, newer json.RawMessage, whole bool) json.RawMessage {
	if !json.Valid(newer) {
		quoted, err := json.Marshal(string(newer))
		if err != nil {
			return known // a string always encodes
		}
		return quoted
	}
	var a, b map[string]json.RawMessage
	if whole || json.Unmarshal(known, &a) != nil || json.Unmarshal(newer, &b) != nil || a == nil || b == nil {
		return newer
	}
	maps.Copy(a, b)
	merged, err := json.Marshal(a)
	if err != nil {
		return newer // raw messages that were just read always encode
	}
	return merged
}
