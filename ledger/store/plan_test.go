package store

import (
	"strings"
	"testing"
)

// Every look-up by key uses the index: an append must not cost more the longer
// the ledger is.
func TestLookupsByKeyUseTheIndex(t *testing.T) {
	s := open(t, t.TempDir())
	for _, query := range []string{
		`SELECT key FROM entries WHERE key <> '' AND kind = 'change-decision' AND key IN (?1, 'dec_2', 'dec_3')`,
		`SELECT count(*) FROM entries WHERE ` + byKey,
		selectEntry + `WHERE ` + byKey + ` ORDER BY idx`,
		selectEntry + lastByKey,
	} {
		rows, err := s.read.Query("EXPLAIN QUERY PLAN "+query, "dec_1")
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan += detail + "\n"
		}
		rows.Close()
		if !strings.Contains(plan, "entries_key") {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}
