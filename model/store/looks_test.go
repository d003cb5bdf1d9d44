package store

import (
	"path/filepath"
	"testing"
)

func TestLooksAreKeptByCollector(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.db")
	open := func() *Store {
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	for _, l := range [][]Look{{{"b", []byte(`{"x":1}`)}, {"a", []byte(`[]`)}}, {{"b", []byte(`{"x":2}`)}}} {
		if err := s.Looked(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer s.Close()
	all, err := s.Looks(t.Context())
	if err != nil || len(all) != 2 || all[0].Collector != "a" || string(all[1].Body) != `{"x":2}` {
		t.Errorf("%+v, %v", all, err)
	}
}
