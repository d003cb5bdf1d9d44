package decide

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestALimitIsOverAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &limit{Context: t.Context(), until: time.Now().Add(time.Second)}
		defer l.end()
		if at, ok := l.Deadline(); !ok || !at.Equal(l.until) || l.Err() != nil {
			t.Errorf("%v %v %v", at, ok, l.Err())
		}
		inner, cancel := context.WithCancel(l) // as whoever evaluates a rule makes one
		defer cancel()
		select {
		case <-l.Done():
			t.Error("it is over before its time")
		default:
		}
		<-inner.Done()
		if !errors.Is(l.Err(), context.DeadlineExceeded) || inner.Err() == nil {
			t.Errorf("%v %v", l.Err(), inner.Err())
		}
	})
}

func TestALimitIsOverWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := &limit{Context: ctx, until: time.Now().Add(time.Hour)}
	defer l.end()
	cancel()
	<-l.Done()
	if !errors.Is(l.Err(), context.Canceled) {
		t.Error(l.Err())
	}
}
