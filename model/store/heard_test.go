package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func TestEventsAreKeptOnceAndNotForEver(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.db.Exec("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i < ?) INSERT INTO heard SELECT 'old-' || i, i, '{}' FROM n", maxHeard-2); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 5, time.UTC)
	for i := range 3 {
		for range 2 { // SQS may hand a message out twice
			if err := s.Heard(t.Context(), Heard{ID: fmt.Sprint("new-", i), At: at, Body: []byte(`{"a":1}`)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	all, err := s.AllHeard(t.Context())
	if err != nil || len(all) != maxHeard {
		t.Fatalf("%d are kept, %v", len(all), err)
	}
	if last := all[len(all)-1]; last.ID != "new-2" || !last.At.Equal(at) || string(last.Body) != `{"a":1}` || all[0].ID != "old-2" {
		t.Errorf("%+v … %+v", all[0], last)
	}
}
