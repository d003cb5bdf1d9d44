package term

import (
	"fmt"
	"io"
	"sync"
)

// queueBound bounds the lines that wait for a slow terminal. What does not fit is
// counted and said: calls never wait for a screen.
const queueBound = 1024

// Printer writes lines from any goroutine, in order, without ever making the
// caller wait. One goroutine owns the writer; Close waits for it.
type Printer struct {
	w       io.Writer
	Colours bool
	lines   chan string
	done    chan struct{}

	mu     sync.Mutex // guards closed and lost
	closed bool
	lost   int
}

// NewPrinter starts a printer on w. Close it.
func NewPrinter(w io.Writer, colours bool) *Printer {
	p := &Printer{w: w, Colours: colours, lines: make(chan string, queueBound), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for line := range p.lines {
			io.WriteString(p.w, line+"\n")
		}
	}()
	return p
}

// Print queues one whole line.
func (p *Printer) Print(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	select {
	case p.lines <- line:
	default:
		p.lost++
	}
}

// Say queues a line of ours.
func (p *Printer) Say(format string, args ...any) {
	p.Print("assent: " + Plain(fmt.Sprintf(format, args...)))
}

// Error queues what is wrong, and what to do about it.
func (p *Printer) Error(what, repair string) {
	p.Print("assent: " + style(p.Colours).paint("31", "error:") + " " + Plain(what))
	if repair != "" {
		p.Print("assent: repair: " + Plain(repair))
	}
}

// Close writes what is queued, says what was lost, and stops.
func (p *Printer) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	lost := p.lost
	close(p.lines)
	p.mu.Unlock()
	<-p.done
	if lost > 0 {
		fmt.Fprintf(p.w, "assent: %d lines not shown: the terminal was too slow; all are in the ledger\n", lost)
	}
}
