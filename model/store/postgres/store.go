package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assent-iom/assent/model"
)

const (
	// connectTime bounds one attempt to connect, askTime one short question: a network
	// that swallows everything is noticed by nothing else.
	connectTime = 5 * time.Second
	askTime     = 10 * time.Second
	// loadTime bounds the reading of everything.
	loadTime = 10 * time.Minute
	// conns bounds the connections of one proxy: a follower, a writer, leases, what was
	// built; and a compaction now and then.
	conns = 5
)

// session is set on every connection: a program that is stopped in the middle of a
// transaction MUST NOT hold a lock for ever.
const session = "SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '10s'"

// Graph is where the log becomes a model: a graph.Graph.
type Graph interface {
	Apply([]model.Observation) model.Version
	Load([]model.Resource, []model.Relation) model.Version
	Export() ([]model.Resource, []model.Relation)
	Snapshot() model.Snapshot
}

// Config configures a Store.
type Config struct {
	// URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…, or what else libpq
	// reads. What it leaves out is taken from PGPASSWORD, PGPASSFILE and the like.
	URL string
	// NewGraph makes an empty graph, to fold the log with.
	NewGraph func() Graph
}

// Store is the model in a database. Its methods may be called from anywhere.
type Store struct {
	pool    *pgxpool.Pool
	config  *pgxpool.Config
	secrets []string // in no error
	graph   func() Graph
}

// New reads the URL and connects to nobody.
func New(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.NewGraph == nil {
		return nil, errors.New("opening the shared model: nothing makes graphs")
	}
	s := &Store{graph: cfg.NewGraph, secrets: secretsOf(cfg.URL)}
	config, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("the URL of the shared model is not one of PostgreSQL's (postgres://USER@HOST:5432/DATABASE): %s", s.scrub(reasonOf(err)))
	}
	if p := config.ConnConfig.Password; p != "" {
		s.secrets = append(s.secrets, p)
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "assent"
	}
	config.MaxConns = conns
	config.ConnConfig.ConnectTimeout = connectTime
	// Statements without a name: they pass through a pooler as well.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, session, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	s.config = config
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, s.told("opening the shared model", err)
	}
	return s, nil
}

// Open is New, and makes or checks the tables.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s, err := New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := s.Prepare(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Prepare makes the tables, or brings them to this program's format. An error that
// Away does not hold for is one that does not end by waiting.
func (s *Store) Prepare(ctx context.Context) error {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	return s.told("opening the shared model", s.prepare(ctx))
}

// Close closes the connections.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// Place is where the database is, for people: host:port/database.
func (s *Store) Place() string { return place(s.config.ConnConfig) }

func place(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") {
		return c.Host + "/" + c.Database
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database
}

// Head is the number of the last event.
func (s *Store) Head(ctx context.Context) (head int64, err error) {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	err = s.pool.QueryRow(ctx, "SELECT head FROM assent_log").Scan(&head)
	return head, s.told("reading the log's head", err)
}

// told makes an error that can be shown to anybody.
func (s *Store) told(what string, err error) error {
	if err == nil {
		return nil
	}
	return &failure{what: what, at: s.Place(), text: s.scrub(reasonOf(err)), err: err}
}

// failure is an error without secrets. What it wraps may be asked what it is, and
// MUST NOT be printed.
type failure struct {
	what, at, text string
	err            error
}

// Error is free of secrets.
func (f *failure) Error() string { return f.what + " (" + f.at + "): " + f.text }

// Is looks through.
func (f *failure) Is(target error) bool { return errors.Is(f.err, target) }

// reasonOf is an error's own words; of those of connecting, the first is enough.
func reasonOf(err error) string {
	var refused *pgconn.PgError
	var f *failure
	switch {
	case errors.As(err, &f):
		return f.text
	case errors.As(err, &refused):
		text := refused.Message + " (SQLSTATE " + refused.Code + ")"
		if repair := repairs[refused.Code]; repair != "" {
			text += "; " + repair
		}
		return text
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// repairs are for what an operator can mend.
var repairs = map[string]string{
	"28P01": "give the right password, in PGPASSWORD or a PGPASSFILE",
	"28000": "let the role in: pg_hba.conf",
	"3D000": "make the database: createdb",
	"42501": "let the role make tables, once: GRANT CREATE, USAGE ON SCHEMA public TO the role",
	"25006": "it is a standby: name the primary, or add target_session_attrs=read-write",
}

// Missing reports whether an error is that there are no tables yet.
func Missing(err error) bool {
	var f *failure
	var refused *pgconn.PgError
	return errors.As(err, &f) && errors.As(f.err, &refused) && refused.Code == "42P01"
}

// Away reports whether an error may end by waiting: nobody answered, or somebody who
// is starting, stopping or too busy. What is refused for good is not away.
func Away(err error) bool {
	var f *failure
	if errors.As(err, &f) {
		err = f.err
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		class := refused.Code[:min(2, len(refused.Code))]
		return class == "57" || class == "53" || class == "08" || class == "40" || class == "55" || class == "58" || class == "25"
	}
	return err != nil && !errors.Is(err, ErrFormat)
}

// secretsOf lists what of a URL may be shown to nobody, however it is written.
func secretsOf(text string) []string {
	var all []string
	if _, rest, ok := strings.Cut(text, "://"); ok {
		if at := strings.LastIndex(rest, "@"); at >= 0 {
			if _, password, ok := strings.Cut(rest[:at], ":"); ok && password != "" {
				all = append(all, password)
				if plain, err := url.PathUnescape(password); err == nil {
					all = append(all, plain)
				}
			}
		}
	}
	for _, word := range []string{"password=", "sslpassword="} {
		for rest := text; ; {
			_, after, ok := strings.Cut(rest, word)
			if !ok {
				break
			}
			rest = after
			value, ends := after, " \t\r\n"
			if quoted, ok := strings.CutPrefix(after, "'"); ok {
				value, ends = quoted, "'"
			}
			if strings.HasPrefix(text, "postgres") { // a URL
				value, ends = after, "&#"
			}
			if end := strings.IndexAny(value, ends); end >= 0 && !strings.Contains(value[:end], `\`) {
				value = value[:end] // with a backslash the rest may be of it too
			}
			if value == "" {
				continue
			}
			all = append(all, value)
			if plain, err := url.QueryUnescape(value); err == nil {
				all = append(all, plain)
			}
		}
	}
	return all
}

func (s *Store) scrub(text string) string { return scrub(text, s.secrets) }

func scrub(text string, secrets []string) string {
	secrets = slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return len(b) - len(a) }) // one may be in another
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "xxxxx")
		}
	}
	return text
}

// Redacted is a URL, or what else libpq reads, without its passwords.
func Redacted(text string) string { return scrub(text, secretsOf(text)) }

// name makes a name that no other process has.
func name() string {
	var b [12]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
