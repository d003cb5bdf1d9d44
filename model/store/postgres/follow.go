package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assent-iom/assent/model"
)

// pollEvery is how often a follower looks that hears nothing.
const pollEvery = time.Second

// logged is one event of the log.
type logged struct {
	seq    int64
	writer string
	batch  int64
	seen   model.Observation
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// readEvents reads the events after seq, in order, at most pageRows. A hole is an
// error.
func readEvents(ctx context.Context, from querier, seq int64) ([]logged, error) {
	rows, err := from.Query(ctx, "SELECT seq, writer, batch, body FROM assent_event WHERE seq > $1 ORDER BY seq LIMIT $2", seq, pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []logged
	for rows.Next() {
		var e logged
		var body string
		if err := rows.Scan(&e.seq, &e.writer, &e.batch, &body); err != nil {
			return nil, err
		}
		if seq++; e.seq != seq {
			return nil, fmt.Errorf("%w: event %d follows %d", errLost, e.seq, seq-1)
		}
		if e.seen, err = decode(body); err != nil {
			return nil, err
		}
		page = append(page, e)
	}
	return page, rows.Err()
}

func observationsOf(page []logged) []model.Observation {
	all := make([]model.Observation, len(page))
	for i, e := range page {
		all[i] = e.seen
	}
	return all
}

// listener is a connection that hears the doorbell.
type listener struct {
	*pgx.Conn
	store *Store
}

// listen connects, and hears every append after it.
func (s *Store) listen(ctx context.Context) (*listener, error) {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	c, err := pgx.ConnectConfig(ctx, s.config.ConnConfig.Copy())
	if err != nil {
		return nil, s.told("following the shared model", err)
	}
	l := &listener{c, s}
	if _, err = c.Exec(ctx, session+"; LISTEN assent_model", pgx.QueryExecModeSimpleProtocol); err != nil {
		l.close()
		return nil, s.told("following the shared model", err)
	}
	return l, nil
}

func (l *listener) close() {
	ctx, end := context.WithTimeout(context.Background(), time.Second)
	defer end()
	_ = l.Close(ctx) // it is over, one way or the other
}

// next reads what is after a place. Nothing: the place is the head.
func (l *listener) next(ctx context.Context, at position) ([]logged, error) {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	page, err := readEvents(ctx, l, at.seq)
	if err != nil || len(page) > 0 {
		return page, l.store.told("following the shared model", err)
	}
	return nil, l.check(ctx, at)
}

// check finds out whether the log still is the one that the place is in: another
// database, or one that was put back to an older state, is not.
func (l *listener) check(ctx context.Context, at position) error {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	var id, writer string
	var head, tail, batch int64
	err := l.QueryRow(ctx, `SELECT g.id, g.head, g.tail, coalesce(e.writer, ''), coalesce(e.batch, 0)
		FROM assent_log g LEFT JOIN assent_event e ON e.seq = $1`, at.seq).Scan(&id, &head, &tail, &writer, &batch)
	switch {
	case err != nil:
	case id != at.log || head < at.seq || tail > at.seq:
		err = errLost
	case writer != "" && at.writer != "" && (writer != at.writer || batch != at.batch):
		err = errLost
	}
	return l.store.told("following the shared model", err)
}

// wait returns at the next append, or after a while.
func (l *listener) wait(ctx context.Context, most time.Duration) error {
	one, end := context.WithTimeout(ctx, most)
	defer end()
	_, err := l.WaitForNotification(one)
	if err != nil && (pgconn.Timeout(err) || one.Err() != nil) && !l.IsClosed() {
		return ctx.Err()
	}
	return l.store.told("following the shared model", err)
}
