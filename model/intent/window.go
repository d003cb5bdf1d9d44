package intent

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is a time of the week at which clauses that ask for it hold. One that ends
// before it begins goes on past midnight, and belongs to the day on which it begins.
type Window struct {
	Pos  Pos    `yaml:"-" json:"-"`
	Name string `yaml:"name,required" json:"name"`
	Days Days   `yaml:"days,required" json:"days"`
	From Clock  `yaml:"from,required" json:"from"`
	To   Clock  `yaml:"to,required" json:"to"`
	Zone string `yaml:"zone" json:"zone,omitempty"` // a place of the IANA time zone database; empty: UTC
}

// Freeze is a length of time in which nothing is changed.
type Freeze struct {
	Pos    Pos    `yaml:"-" json:"-"`
	Name   string `yaml:"name,required" json:"name"`
	From   Moment `yaml:"from,required" json:"from"`
	To     Moment `yaml:"to,required" json:"to"`          // no longer frozen at this moment
	Except Words  `yaml:"except" json:"except,omitempty"` // whom it does not hold, as in who
	Reason string `yaml:"reason" json:"reason,omitempty"` // what its callers are told
}

// When is the time at which a clause holds.
type When struct {
	Pos    Pos   `yaml:"-" json:"-"`
	Window Words `yaml:"window" json:"window,omitempty"` // of the environment: any of them
	// Ticket holds patterns for the change ticket that the run was started for.
	Ticket Words `yaml:"ticket" json:"ticket,omitempty"`
	// Evidence holds a pattern for each claim that the actor's proof has to have.
	Evidence map[string]string `yaml:"evidence" json:"evidence,omitempty"`
}

// Days are days of the week: mon-fri, or a list of days and spans.
type Days []string

// Clock is a time of day, as 08:00.
type Clock string

// Moment is a day, which begins at midnight UTC, or a time with its zone.
type Moment string

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// of returns the days as a set; ok is false for a word that is none.
func (d Days) of() (set [7]bool, ok bool) {
	for _, word := range d {
		from, to, span := strings.Cut(word, "-")
		if !span {
			to = from
		}
		a, b := slices.Index(weekdays, from), slices.Index(weekdays, to)
		if a < 0 || b < 0 {
			return set, false
		}
		for i := a; ; i = (i + 1) % 7 {
			set[i] = true
			if i == b {
				break
			}
		}
	}
	return set, true
}

// minutes returns the minutes since midnight; ok is false for what is no time.
func (c Clock) minutes() (int, bool) {
	if c == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", string(c))
	return t.Hour()*60 + t.Minute(), err == nil
}

// Time returns the moment; ok is false for what is none.
func (m Moment) Time() (at time.Time, ok bool) {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if at, err := time.Parse(layout, string(m)); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func (w Window) zone() *time.Location {
	if zone, err := time.LoadLocation(w.Zone); err == nil { // "" is UTC
		return zone
	}
	return time.UTC
}

// span returns the window that begins on the day of a time, if it does.
func (w Window) span(day time.Time) (begin, end time.Time, ok bool) {
	days, _ := w.Days.of()
	if !days[day.Weekday()] {
		return begin, end, false
	}
	from, _ := w.From.minutes()
	to, _ := w.To.minutes()
	if to <= from {
		to += 24 * 60
	}
	y, m, d := day.Date()
	clock := func(minutes int) time.Time { return time.Date(y, m, d, 0, minutes, 0, 0, day.Location()) }
	return clock(from), clock(to), true
}

// Open reports whether a time is in the window.
func (w Window) Open(at time.Time) bool {
	at = at.In(w.zone())
	for _, day := range []time.Time{at, at.AddDate(0, 0, -1)} {
		if begin, end, ok := w.span(day); ok && !at.Before(begin) && at.Before(end) {
			return true
		}
	}
	return false
}

// Next returns when the window opens after a time.
func (w Window) Next(at time.Time) time.Time {
	at = at.In(w.zone())
	for i := range 8 {
		if begin, _, ok := w.span(at.AddDate(0, 0, i)); ok && begin.After(at) {
			return begin
		}
	}
	return time.Time{}
}

// String writes a window for people.
func (w Window) String() string {
	zone := w.Zone
	if zone == "" {
		zone = "UTC"
	}
	return fmt.Sprintf("%s (%s %s to %s %s)", w.Name, strings.Join(w.Days, ", "), w.From, w.To, zone)
}

// Holds reports whether everything is frozen at a time.
func (f Freeze) Holds(at time.Time) bool {
	from, _ := f.From.Time()
	to, _ := f.To.Time()
	return !at.Before(from) && at.Before(to)
}

// Window returns a window of an environment by its name.
func (e *Environment) Window(name string) (Window, bool) {
	for _, w := range e.Windows {
		if w.Name == name {
			return w, true
		}
	}
	return Window{}, false
}

// Opens tells whether any window that a clause asks for is open in an environment,
// and otherwise the next one to open; a window that the environment does not have
// is never open.
func (w *When) Opens(e *Environment, at time.Time) (open bool, next Window, when time.Time) {
	for _, name := range w.Window {
		window, known := e.Window(name)
		if !known {
			continue
		}
		if window.Open(at) {
			return true, window, time.Time{}
		}
		if opens := window.Next(at); when.IsZero() || opens.Before(when) {
			next, when = window, opens
		}
	}
	return false, next, when
}

// checkTimes checks the windows and freezes of an environment.
func (s *Set) checkTimes(p *problems, e *Environment, who func(Pos, Words)) {
	names := map[string]bool{}
	for _, w := range e.Windows {
		if names[w.Name] {
			p.add(w.Pos, CodeDuplicate, "", "Environment %s has two windows %s", e.Name, w.Name)
		}
		names[w.Name] = true
		if _, ok := w.Days.of(); !ok || len(w.Days) == 0 {
			p.add(w.Pos, CodeValue, "write mon-fri, or [mon, wed]", "window %s: %v are no days", w.Name, []string(w.Days))
		}
		from, okFrom := w.From.minutes()
		to, okTo := w.To.minutes()
		if !okFrom || !okTo || from == to {
			p.add(w.Pos, CodeValue, `write from: "08:00", to: "17:00"`, "window %s: %q to %q is no time of the day", w.Name, w.From, w.To)
		}
		if _, err := time.LoadLocation(w.Zone); err != nil || w.Zone == "Local" {
			p.add(w.Pos, CodeValue, "write a place such as Europe/Berlin, or leave it out for UTC", "window %s: %q is no time zone", w.Name, w.Zone)
		}
	}
	for _, f := range e.Freezes {
		if names["freeze "+f.Name] {
			p.add(f.Pos, CodeDuplicate, "", "Environment %s has two freezes %s", e.Name, f.Name)
		}
		names["freeze "+f.Name] = true
		from, okFrom := f.From.Time()
		to, okTo := f.To.Time()
		if !okFrom || !okTo || !from.Before(to) {
			p.add(f.Pos, CodeValue, `write a day, "2026-12-20", or a time with its zone, "2026-12-20T18:00+01:00"`, "freeze %s: %q to %q is no length of time", f.Name, f.From, f.To)
		}
		who(f.Pos, f.Except)
	}
}

// checkWhen asks that each window of a clause is one of an environment that it is
// for.
func (s *Set) checkWhen(p *problems, c Allow) {
	if c.When == nil {
		return
	}
	if len(c.When.Window)+len(c.When.Ticket)+len(c.When.Evidence) == 0 {
		p.add(c.When.Pos, CodeMissing, "add window:, ticket: or evidence:", "when of clause %s asks for nothing", c.ID)
	}
	for _, name := range c.When.Window {
		known, has := []string{}, false
		for _, e := range s.Environments {
			if !slices.ContainsFunc(c.In, e.Names) {
				continue
			}
			for _, w := range e.Windows {
				known = append(known, w.Name)
				has = has || w.Name == name
			}
		}
		if !has {
			p.add(c.When.Pos, CodeReference, didYouMean(name, known), "no environment of the clause has a window %s", name)
		}
	}
}
