package intent

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Blueprint is how things of a kind are built, on every platform: what they have
// to be, and what they must never be.
type Blueprint struct {
	Pos     Pos        `yaml:"-" json:"-"`
	Name    string     `yaml:"-" json:"name"`
	Owner   string     `yaml:"-" json:"owner,omitempty"`
	Purpose string     `yaml:"purpose,required" json:"purpose"`
	For     For        `yaml:"for,required" json:"for"`
	Require Conditions `yaml:"require" json:"require,omitempty"`
	Forbid  Conditions `yaml:"forbid" json:"forbid,omitempty"`
	// Zones are parts of the estate that its topology rules can name.
	Zones    map[string]Zone `yaml:"zones" json:"zones,omitempty"`
	Topology []Topology      `yaml:"topology" json:"topology,omitempty"`
	// Ratchet true: what was otherwise before, and does not get worse, is let pass.
	Ratchet     *bool       `yaml:"ratchet" json:"ratchet,omitempty"`
	OnViolation OnViolation `yaml:"onViolation" json:"onViolation,omitempty"` // empty: deny
	Waivable    *Waivable   `yaml:"waivable" json:"waivable,omitempty"`       // empty: by its owner, for 30 days
	Controls    Words       `yaml:"controls" json:"controls,omitempty"`       // what it answers to: PCI-DSS-4.0/3.5.1
}

// OnViolation is what becomes of a change that violates a blueprint.
type OnViolation string

// Warn says it, and lets it pass.
const Warn OnViolation = "warn"

func (OnViolation) choices() []string { return []string{"deny", "warn"} }

// Waivable says who may grant exceptions, and for how long.
type Waivable struct {
	By      string `yaml:"by" json:"by,omitempty"`           // owner:NAME
	MaxDays *int   `yaml:"maxDays" json:"maxDays,omitempty"` // 0: never
}

// defaultWaiver is for how many days an exception may hold if nothing says so.
const defaultWaiver = 30

// Exception lets a named thing be otherwise, for a while. It waives and never
// grants.
type Exception struct {
	Pos        Pos    `yaml:"-" json:"-"`
	Name       string `yaml:"-" json:"name"`
	Owner      string `yaml:"-" json:"owner,omitempty"`
	Waives     Waives `yaml:"waives,required" json:"waives"`
	For        Exempt `yaml:"for,required" json:"for"`
	Reason     string `yaml:"reason,required" json:"reason"`
	From       Day    `yaml:"from,required" json:"from"`
	Until      Day    `yaml:"until,required" json:"until"` // the last day
	ApprovedBy string `yaml:"approvedBy,required" json:"approvedBy"`
}

// Waives names what is waived: properties of a blueprint, a never clause, or the
// quarantine of a declared resource.
type Waives struct {
	Blueprint string `yaml:"blueprint" json:"blueprint,omitempty"`
	Require   Words  `yaml:"require" json:"require,omitempty"`
	Forbid    Words  `yaml:"forbid" json:"forbid,omitempty"`
	Topology  Words  `yaml:"topology" json:"topology,omitempty"` // ids of topology rules
	Never     string `yaml:"never" json:"never,omitempty"`       // INTENT/CLAUSE
	Resource  string `yaml:"resource" json:"resource,omitempty"` // what a Resource declares: what builds on it is let through
}

// Exempt is what an exception is for.
type Exempt struct {
	Resource Words `yaml:"resource,required" json:"resource"` // patterns, as in what.resource
	Who      Words `yaml:"who" json:"who,omitempty"`
}

// Day is a date in UTC, as 2026-09-30.
type Day string

// Start returns the moment at which the day begins.
func (d Day) Start() time.Time {
	at, _ := time.Parse(time.DateOnly, string(d)) // reading it has checked the form
	return at
}

// Holds reports whether an exception is in force.
func (e *Exception) Holds(at time.Time) bool {
	return !at.Before(e.From.Start()) && at.Before(e.Until.Start().AddDate(0, 0, 1))
}

// checkBlueprints finds what is wrong between blueprints, exceptions and the rest.
func (s *Set) checkBlueprints(p *problems, owner func(Pos, string), in, who func(Pos, Words)) {
	for _, b := range s.Blueprints {
		owner(b.Pos, b.Owner)
		in(b.Pos, b.For.In)
		b.checkTopology(p, owner, in)
		if len(b.Require)+len(b.Forbid)+len(b.Topology) == 0 {
			p.add(b.Pos, CodeMissing, "add require:, forbid: or topology:", "Blueprint %s asks for nothing", b.Name)
		}
		if b.Waivable != nil && b.Waivable.By != "" {
			name, ok := strings.CutPrefix(b.Waivable.By, "owner:")
			if !ok {
				p.add(b.Pos, CodeValue, "write owner:NAME", "waivable.by of Blueprint %s cannot be %q", b.Name, b.Waivable.By)
			} else {
				owner(b.Pos, name)
			}
		}
	}
	for _, e := range s.Exceptions {
		owner(e.Pos, e.Owner)
		who(e.Pos, e.For.Who)
		if !person.MatchString(e.ApprovedBy) {
			p.add(e.Pos, CodeValue, "write human:NAME", "approvedBy of Exception %s is %q, and has to be one person", e.Name, e.ApprovedBy)
		}
		if e.Until.Start().Before(e.From.Start()) {
			p.add(e.Pos, CodeValue, "", "Exception %s ends before it begins", e.Name)
		}
		switch {
		case count(e.Waives.Blueprint, e.Waives.Never, e.Waives.Resource) != 1:
			p.add(e.Pos, CodeValue, "name a blueprint, a never clause or a resource", "Exception %s has to waive exactly one thing", e.Name)
		case e.Waives.Blueprint != "":
			s.checkWaiver(p, e)
		case e.Waives.Resource != "":
			s.checkResourceWaiver(p, e)
		default:
			s.checkNeverWaiver(p, e)
		}
	}
}

// checkWaiver checks an exception from a blueprint: what it waives, who said so,
// and for how long.
func (s *Set) checkWaiver(p *problems, e *Exception) {
	i := slices.IndexFunc(s.Blueprints, func(b *Blueprint) bool { return b.Name == e.Waives.Blueprint })
	if i < 0 {
		var names []string
		for _, b := range s.Blueprints {
			names = append(names, b.Name)
		}
		p.add(e.Pos, CodeReference, didYouMean(e.Waives.Blueprint, names), "Blueprint %s is not declared", e.Waives.Blueprint)
		return
	}
	b := s.Blueprints[i]
	if len(e.Waives.Require)+len(e.Waives.Forbid)+len(e.Waives.Topology) == 0 {
		p.add(e.Pos, CodeMissing, "add require: [PROPERTY], forbid: [PROPERTY] or topology: [ID]", "Exception %s waives nothing of %s", e.Name, b.Name)
	}
	for _, part := range []struct {
		what  string
		names Words
		of    Conditions
	}{{"require", e.Waives.Require, b.Require}, {"forbid", e.Waives.Forbid, b.Forbid}} {
		for _, name := range part.names {
			if !slices.ContainsFunc(part.of, func(c Condition) bool { return c.Property == name }) {
				p.add(e.Pos, CodeReference, "", "Blueprint %s does not %s %s", b.Name, part.what, name)
			}
		}
	}
	for _, id := range e.Waives.Topology {
		if !slices.ContainsFunc(b.Topology, func(t Topology) bool { return t.ID == id }) {
			p.add(e.Pos, CodeReference, "", "Blueprint %s has no topology rule %s", b.Name, id)
		}
	}
	days, by := defaultWaiver, b.Owner
	if w := b.Waivable; w != nil {
		if w.MaxDays != nil {
			days = *w.MaxDays
		}
		if w.By != "" {
			by = strings.TrimPrefix(w.By, "owner:")
		}
	}
	if e.Until.Start().AddDate(0, 0, 1).Sub(e.From.Start()) > time.Duration(days)*24*time.Hour {
		p.add(e.Pos, CodeValue, "end it earlier", "Exception %s holds for longer than the %d days that Blueprint %s allows", e.Name, days, b.Name)
	}
	s.checkWaiverBy(p, e, by)
}

// checkNeverWaiver checks an exception from a never clause, which the owner of its
// intent grants.
func (s *Set) checkNeverWaiver(p *problems, e *Exception) {
	doc, clause, _ := strings.Cut(e.Waives.Never, "/")
	for _, i := range s.Intents {
		for _, n := range i.Never {
			if i.Name != doc || n.ID != clause {
				continue
			}
			if n.Waivable != nil && !*n.Waivable {
				p.add(e.Pos, CodeValue, "", "%s says waivable: false", e.Waives.Never)
			}
			if e.Until.Start().AddDate(0, 0, 1).Sub(e.From.Start()) > defaultWaiver*24*time.Hour {
				p.add(e.Pos, CodeValue, "end it earlier", "Exception %s holds for longer than %d days", e.Name, defaultWaiver)
			}
			s.checkWaiverBy(p, e, i.Owner)
			return
		}
	}
	p.add(e.Pos, CodeReference, "", "there is no never clause %s", e.Waives.Never)
}

// checkWaiverBy asks that whoever approved an exception belongs to the owner.
func (s *Set) checkWaiverBy(p *problems, e *Exception, by string) {
	for _, o := range s.Owners {
		if o.Name == by && e.ApprovedBy != o.Accountable && !slices.Contains(o.Members, e.ApprovedBy) {
			p.add(e.Pos, CodeValue, "let "+o.Accountable+" approve it", "%s is not of %s, who may waive it", e.ApprovedBy, by)
		}
	}
}

// ConditionName names one condition of a blueprint; says is require or forbid.
func ConditionName(blueprint, says string, i int) string {
	return blueprint + "/" + says + "/" + strconv.Itoa(i)
}
