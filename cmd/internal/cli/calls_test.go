package cli

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

// Input that cannot be read ends the reading, with its own error; a line that is too
// long is that line's error alone.
func TestInputThatCannotBeReadEndsTheReading(t *testing.T) {
	broken, calls := errors.New("is a directory"), 0
	err := eachLine(iotest.ErrReader(broken), func(_ request, bad error) error {
		if calls++; calls > 3 {
			return errors.New("it is read again and again")
		}
		return nil
	})
	if !errors.Is(err, broken) || calls > 0 {
		t.Errorf("after %d lines: %v; want none, and %v", calls, err, broken)
	}
	var got []error
	long := strings.Repeat("x", maxLine+1) + "\n" + `{"url":"https://s3.amazonaws.com/"}` + "\n"
	if err := eachLine(strings.NewReader(long), func(_ request, bad error) error { got = append(got, bad); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !errors.Is(got[0], errLineTooLong) || got[1] != nil {
		t.Errorf("a long line and a short one are %v", got)
	}
}
