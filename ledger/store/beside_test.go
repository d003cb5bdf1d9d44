package store

import (
	"errors"
	"testing"
)

// What is kept beside a log is handed to one at a time, and stays as it was when that fails.
func TestBesideALogOneAtATime(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	const each, times = 4, 5
	done := make(chan error, each)
	for range each {
		go func() {
			for range times {
				if err := s.Beside(t.Context(), "counted", func(was []byte) ([]byte, error) { return append(was, 'x'), nil }); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range each {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	no := errors.New("no")
	err := s.Beside(t.Context(), "counted", func(was []byte) ([]byte, error) {
		if len(was) != each*times {
			t.Errorf("%d of %d were counted", len(was), each*times)
		}
		return nil, no
	})
	if !errors.Is(err, no) {
		t.Error(err)
	}
	if err := s.Beside(t.Context(), "counted", func(was []byte) ([]byte, error) { return was, nil }); err != nil {
		t.Error(err)
	}
}
