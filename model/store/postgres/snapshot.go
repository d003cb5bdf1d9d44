package postgres

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/assent-iom/assent/model"
)

const (
	// SnapshotEvery is how many events a snapshot lies behind before the next one is
	// made, KeepEvents how many of those that it holds are kept for followers that are
	// a little behind. Together they bound the log: about 100 MB.
	SnapshotEvery = 50_000
	KeepEvents    = 20_000
	// partRows is how many resources are in a part of a snapshot: below a megabyte.
	partRows = 1000
	// maxPart bounds what a part unpacks to.
	maxPart = 1 << 30
	// pageRows is how many events are read together.
	pageRows = 2000
)

// position is where in the log somebody is.
type position struct {
	log      string // which log: a database may be made anew
	seq      int64
	writer   string // of the event seq, which tells a log that went back from one that goes on
	batch    int64
	snapshot int64 // the event that the newest snapshot ends with
	own      int64 // the last batch of whoever asked, when it was read
}

// errLost: the log does not go on from where the follower was.
var errLost = errors.New("the place in the model's log is lost")

// Load returns every resource and every stated relation, of one moment.
func (s *Store) Load(ctx context.Context) ([]model.Resource, []model.Relation, error) {
	g := s.graph()
	if _, err := s.fold(ctx, g, ""); err != nil {
		return nil, nil, err
	}
	resources, relations := g.Export()
	return resources, relations, nil
}

// fold reads the snapshot and the events after it into an empty graph, for a writer.
func (s *Store) fold(ctx context.Context, g Graph, who string) (at position, err error) {
	ctx, end := context.WithTimeout(ctx, loadTime)
	defer end()
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT id, coalesce((SELECT max(seq) FROM assent_snapshot), 0), coalesce((SELECT batch FROM assent_writer WHERE id = $1), 0) FROM assent_log", who).Scan(&at.log, &at.snapshot, &at.own); err != nil {
			return err
		}
		if err := loadSnapshot(ctx, tx, at.snapshot, g); err != nil {
			return err
		}
		at.seq = at.snapshot
		for {
			page, err := readEvents(ctx, tx, at.seq)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				return nil
			}
			g.Apply(observationsOf(page))
			at.moved(page)
		}
	})
	return at, s.told("loading the shared model", err)
}

func (p *position) moved(page []logged) {
	last := page[len(page)-1]
	p.seq, p.writer, p.batch = last.seq, last.writer, last.batch
}

// loadSnapshot reads one snapshot; 0: there is none.
func loadSnapshot(ctx context.Context, tx pgx.Tx, seq int64, g Graph) error {
	if seq == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, "SELECT kind, body FROM assent_snapshot WHERE seq = $1 ORDER BY part", seq)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		var body []byte
		if err := rows.Scan(&kind, &body); err != nil {
			return err
		}
		var resources []model.Resource
		var relations []model.Relation
		switch kind {
		case "resources":
			err = unpack(body, &resources)
		case "relations":
			err = unpack(body, &relations)
		default:
			err = fmt.Errorf("a part of unknown kind %q", kind)
		}
		if err != nil {
			return fmt.Errorf("reading the snapshot at %d: %w", seq, err)
		}
		g.Load(resources, relations)
	}
	return rows.Err()
}

func pack(v any) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err == nil {
		err = json.NewEncoder(w).Encode(v)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}

func unpack(body []byte, to any) error {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(r, maxPart)).Decode(to)
}

// Compact folds the log into a snapshot and deletes what is more than keep events
// behind it, under a lease that the caller holds: of two that compact, the one whose
// lease is over changes nothing.
func (s *Store) Compact(ctx context.Context, under Lease, keep int64) error {
	g := s.graph()
	at, err := s.fold(ctx, g, "")
	if err != nil || at.seq == at.snapshot {
		return err
	}
	ctx, end := context.WithTimeout(ctx, loadTime)
	defer end()
	resources, relations := g.Export()
	return s.told("compacting the shared model", pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		n := 0
		put := func(kind string, v any) error {
			body, err := pack(v)
			if err == nil {
				_, err = tx.Exec(ctx, "INSERT INTO assent_snapshot VALUES ($1, $2, $3, $4)", at.seq, n, kind, body)
			}
			n++
			return err
		}
		for ; len(resources) > 0; resources = resources[min(partRows, len(resources)):] {
			if err := put("resources", resources[:min(partRows, len(resources))]); err != nil {
				return err
			}
		}
		if err := put("relations", relations); err != nil {
			return err
		}
		var log string
		err := tx.QueryRow(ctx, "SELECT g.id FROM assent_lease l, assent_log g WHERE l.name = $1 AND l.fence = $2 AND l.until > clock_timestamp() FOR SHARE OF l", under.Name, under.Fence).Scan(&log)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && log != at.log {
			return errors.New("the lease is over")
		}
		if err != nil {
			return err
		}
		tail := max(at.seq-keep, 0)
		for _, statement := range []struct {
			text string
			arg  any
		}{
			{"DELETE FROM assent_snapshot WHERE seq < $1", at.seq},
			{"DELETE FROM assent_event WHERE seq <= $1", tail},
			{"DELETE FROM assent_writer WHERE at < clock_timestamp() - $1 * interval '1 hour'", 24},
			{"UPDATE assent_log SET tail = greatest(tail, $1)", tail}, // last: writers wait for it
		} {
			if _, err := tx.Exec(ctx, statement.text, statement.arg); err != nil {
				return err
			}
		}
		return forgetGone(ctx, tx)
	}))
}
