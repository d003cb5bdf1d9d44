package term

import (
	"fmt"
	"io"
	"time"
)

// progressEvery is how often a progress line is drawn again: slower than the eye
// needs, so that the work and not its telling takes the time.
const progressEvery = 200 * time.Millisecond

// Progress is one line about long work, drawn over and over on a terminal, and
// nowhere else. It serves one goroutine.
type Progress struct {
	w     io.Writer // nil: there is no terminal to draw on
	now   func() time.Time
	what  string
	of    uint64
	drawn time.Time
	shown bool
}

// NewProgress begins a line; of is how much there is to do, 0 if nobody knows.
func NewProgress(w io.Writer, what string, of uint64, now func() time.Time) *Progress {
	p := &Progress{now: now, what: what, of: of}
	if IsTerminal(w) {
		p.w = w
	}
	return p
}

// At says how much is done.
func (p *Progress) At(done uint64) {
	if p.w == nil {
		return
	}
	at := p.now()
	if at.Sub(p.drawn) < progressEvery {
		return
	}
	p.drawn, p.shown = at, true
	if p.of > 0 {
		fmt.Fprintf(p.w, "\rassent: %s: %d of %d (%d %%)\x1b[K", p.what, done, p.of, 100*done/p.of)
	} else {
		fmt.Fprintf(p.w, "\rassent: %s: %d\x1b[K", p.what, done)
	}
}

// End takes the line away. It may be called again.
func (p *Progress) End() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
