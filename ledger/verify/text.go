package verify

import (
	"bufio"
	"fmt"
	"io"
)

// Text writes the report for a person.
func (r Report) Text(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "log %s\n", r.Origin)
	fmt.Fprintf(b, "verified %d of %d entries, %d checkpoints; %d decisions, %d outcomes, %d open\n",
		r.Verified, r.Entries, r.Checkpoints, r.Decisions, r.Outcomes, r.Open)
	if r.HashesOnly {
		fmt.Fprintf(b, "hashes only: no entry was read, and no signature but the checkpoints' was checked\n")
	}
	if r.Tiles > 0 {
		fmt.Fprintf(b, "%d published files compared\n", r.Tiles)
	}
	if r.Cosigned > 0 {
		fmt.Fprintf(b, "cosigned by %d witnesses\n", r.Cosigned)
	}
	if r.Root != "" {
		fmt.Fprintf(b, "root %s\n", r.Root)
	}
	for _, p := range r.Problems {
		if p.Index == NoIndex {
			fmt.Fprintf(b, "%s: %s\n", p.Kind, p.What)
		} else {
			fmt.Fprintf(b, "%s: entry %d: %s\n", p.Kind, p.Index, p.What)
		}
	}
	if r.More > 0 {
		fmt.Fprintf(b, "and %d more problems\n", r.More)
	}
	if !r.Pinned {
		fmt.Fprintf(b, "note: the key was taken from beside the log; pin the one you were given with --vkey\n")
	}
	fmt.Fprintf(b, "%s\n", r.Kind)
	return b.Flush()
}
