package proxy

import (
	"fmt"
	"io"
)

// net/http dials, and reads the bodies that it sends, on goroutines of its own,
// where nobody recovers: a panic there would end the process. What we give it to run
// there contains its panics.

// contained turns a panic of a function into its error.
func contained(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("a fault inside assent: %v", p)
	}
}

// containedBody is a body whose reading cannot panic.
type containedBody struct{ io.ReadCloser }

func (b containedBody) Read(p []byte) (n int, err error) {
	defer contained(&err)
	return b.ReadCloser.Read(p)
}
