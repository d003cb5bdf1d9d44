package radius

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/store/postgres/pgtest"
)

// recursive is the walk in SQL: by the same table of propagation, without pools, which
// change how badly something breaks and not, in this account, who does.
const recursive = `
WITH RECURSIVE broken (n, effect, ends) AS (
  SELECT $1::int, $2::smallint, false
  UNION
  SELECT e.dependent, p.becomes, p.ends
  FROM broken b JOIN edge e ON e.dependency = b.n JOIN propagation p ON p.relation = e.relation AND p.effect = b.effect
  WHERE NOT b.ends)
SELECT DISTINCT n FROM broken WHERE n <> $1`

// inSQL copies the relations of a graph, and the table, into a database.
func inSQL(b *testing.B, s model.Topology) *pgx.Conn {
	b.Helper()
	ctx := b.Context()
	c, err := pgx.Connect(ctx, pgtest.Start(b).Database(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close(ctx) })
	exec := func(statement string) {
		b.Helper()
		if _, err := c.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			b.Fatal(err)
		}
	}
	put := func(table string, columns []string, rows [][]any) {
		b.Helper()
		if _, err := c.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows)); err != nil {
			b.Fatal(err)
		}
	}
	exec(`CREATE TABLE edge (dependent int NOT NULL, dependency int NOT NULL, relation smallint NOT NULL);
		CREATE TABLE propagation (relation smallint, effect smallint, becomes smallint NOT NULL, ends boolean NOT NULL, PRIMARY KEY (relation, effect))`)
	var edges, cells [][]any
	for n := range uint32(s.Size()) {
		if urn, _ := s.At(n); urn == "" {
			continue // nobody's number
		}
		s.Dependency(n, func(on uint32, relation uint16) { edges = append(edges, []any{int32(n), int32(on), int16(relation)}) })
	}
	for relation, name := range s.Types() {
		row := loaded().relations[name]
		if row == nil {
			row = loaded().relations[model.References]
		}
		for effect, c := range row {
			if c.effect != None {
				cells = append(cells, []any{int16(relation), int16(effect), int16(c.effect), c.last})
			}
		}
	}
	put("edge", []string{"dependent", "dependency", "relation"}, edges)
	put("propagation", []string{"relation", "effect", "becomes", "ends"}, cells)
	exec("CREATE INDEX ON edge (dependency, relation, dependent)")
	exec("VACUUM ANALYZE edge, propagation")
	return c
}

// BenchmarkRecursiveSQL is BenchmarkAvailability beside a recursive query of PostgreSQL
// on the same graph, which must find the same. Beside them is an empty question: the
// way there and back.
func BenchmarkRecursiveSQL(b *testing.B) {
	g := graph.New(graph.Config{})
	g.Apply(account(100_000))
	s := g.Snapshot().(model.Topology)
	c := inSQL(b, s)
	ask := func(n uint32) (found []uint32) {
		rows, err := c.Query(b.Context(), recursive, int32(n), int16(Destroy))
		if err != nil {
			b.Fatal(err)
		}
		if found, err = pgx.CollectRows(rows, pgx.RowTo[uint32]); err != nil {
			b.Fatal(err)
		}
		return found
	}
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			var ours, theirs, empty []time.Duration
			affected := 0
			for b.Loop() {
				for _, urn := range kind.urns() {
					n, ok := s.Number(string(urn))
					if !ok {
						b.Fatal(urn)
					}
					began := time.Now()
					r := Availability(s, []Change{{URN: urn, Effect: Destroy}}, Budget{})
					ours = append(ours, time.Since(began))
					began = time.Now()
					found := ask(n)
					theirs = append(theirs, time.Since(began))
					began = time.Now()
					if _, err := c.Exec(b.Context(), "SELECT 1"); err != nil {
						b.Fatal(err)
					}
					empty = append(empty, time.Since(began))
					var mine []uint32
					for _, e := range r.entries {
						if !e.replaced && e.via >= 0 {
							mine = append(mine, e.n)
						}
					}
					slices.Sort(mine)
					slices.Sort(found)
					if affected = r.Count; !slices.Equal(mine, found) || affected != len(found) {
						b.Fatalf("%s: %d are affected, and %d by SQL", urn, r.Count, len(found))
					}
				}
			}
			b.ReportMetric(at(ours, 50), "p50-µs")
			b.ReportMetric(at(ours, 99), "p99-µs")
			b.ReportMetric(at(theirs, 50), "sql-p50-µs")
			b.ReportMetric(at(theirs, 99), "sql-p99-µs")
			b.ReportMetric(at(empty, 50), "sql-empty-p50-µs")
			b.ReportMetric(at(theirs, 50)/at(ours, 50), "ratio")
			b.ReportMetric(float64(affected), "affected")
			b.ReportMetric(0, "ns/op")
		})
	}
}
