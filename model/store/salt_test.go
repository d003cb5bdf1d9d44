package store

import (
	"path/filepath"
	"testing"
)

func TestAModelHasOneSaltForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.db")
	for _, fresh := range []string{"first", "second"} {
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if salt, err := s.Salt(t.Context(), []byte(fresh)); err != nil || string(salt) != "first" {
			t.Errorf("%q, %v", salt, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
