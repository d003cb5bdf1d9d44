package intent

import (
	"slices"
	"strings"
	"time"
)

// BreakGlass says who may, in an emergency, have what is refused here let through for a
// while. never clauses and rules hold also then.
type BreakGlass struct {
	Pos     Pos      `yaml:"-" json:"-"`
	By      []string `yaml:"by,required" json:"by"`            // human Actors, or owner:NAME for the people of an Owner
	Longest *Period  `yaml:"longest" json:"longest,omitempty"` // DefaultGlass if not given
	Review  *Period  `yaml:"review" json:"review,omitempty"`   // within how long another person reviews it; DefaultReview if not given
}

// The bounds of breaking the glass.
const (
	DefaultGlass  = Period(time.Hour)
	LongestGlass  = Period(24 * time.Hour)
	DefaultReview = Period(3 * 24 * time.Hour)
	LongestReview = Period(14 * 24 * time.Hour)
)

// Lasts is how long the glass may be broken at most.
func (b *BreakGlass) Lasts() time.Duration {
	if b.Longest != nil {
		return time.Duration(*b.Longest)
	}
	return time.Duration(DefaultGlass)
}

// Reviewed is within how long somebody else has to review it.
func (b *BreakGlass) Reviewed() time.Duration {
	if b.Review != nil {
		return time.Duration(*b.Review)
	}
	return time.Duration(DefaultReview)
}

// MayBreak reports whether an Actor may break the glass of an environment.
func (s *Set) MayBreak(e *Environment, a *Actor) bool {
	if e == nil || e.BreakGlass == nil || a == nil || a.Kind != "human" {
		return false
	}
	return slices.ContainsFunc(e.BreakGlass.By, func(by string) bool {
		name, ok := strings.CutPrefix(by, "owner:")
		if !ok {
			return by == a.Name
		}
		i := slices.IndexFunc(s.Owners, func(o *Owner) bool { return o.Name == name })
		return i >= 0 && a.Person != "" && (a.Person == s.Owners[i].Accountable || slices.Contains(s.Owners[i].Members, a.Person))
	})
}

// checkGlass checks who may break the glass of an environment.
func (s *Set) checkGlass(p *problems, e *Environment, ref func(Pos, string, string, []string), owners []string) {
	b := e.BreakGlass
	if b == nil {
		return
	}
	if len(b.By) == 0 {
		p.add(b.Pos, CodeMissing, "by: [owner:NAME], or a human Actor", "breakGlass of Environment %s names nobody", e.Name)
	}
	for _, by := range b.By {
		if name, isOwner := strings.CutPrefix(by, "owner:"); isOwner {
			ref(b.Pos, "Owner", name, owners)
		} else {
			ref(b.Pos, "human Actor", by, s.people())
		}
	}
	if b.Longest != nil && (*b.Longest <= 0 || *b.Longest > LongestGlass) {
		p.add(b.Pos, CodeValue, "at most "+LongestGlass.String(), "glass that is broken for %s is a standing permission", *b.Longest)
	}
	if b.Review != nil && (*b.Review <= 0 || *b.Review > LongestReview) {
		p.add(b.Pos, CodeValue, "at most "+LongestReview.String(), "nobody remembers after %s", *b.Review)
	}
}

// people are the names of the human Actors.
func (s *Set) people() (names []string) {
	for _, a := range s.Actors {
		if a.Kind == "human" {
			names = append(names, a.Name)
		}
	}
	return names
}
