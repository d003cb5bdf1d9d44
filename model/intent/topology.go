package intent

import (
	"net/netip"
	"reflect"
	"slices"

	"github.com/assent-iom/assent/model"
)

// Topology is one rule about what the things of a blueprint are connected with.
// Exactly one form is set. Each has one end; the thing itself is the other.
type Topology struct {
	Pos             Pos    `yaml:"-" json:"-"`
	ID              string `yaml:"id,required" json:"id"`
	NoEdge          *Edge  `yaml:"noEdge" json:"noEdge,omitempty"`                   // must not be connected
	MustHaveEdge    *Edge  `yaml:"mustHaveEdge" json:"mustHaveEdge,omitempty"`       // must be
	OnlyEdge        *Edge  `yaml:"onlyEdge" json:"onlyEdge,omitempty"`               // may be, and with nobody else
	NoPath          *Path  `yaml:"noPath" json:"noPath,omitempty"`                   // must not be, through others either
	Count           *Count `yaml:"count" json:"count,omitempty"`                     // with how many it may be
	SameEnvironment *Same  `yaml:"sameEnvironment" json:"sameEnvironment,omitempty"` // with nobody of another environment
	SameOwner       *Same  `yaml:"sameOwner" json:"sameOwner,omitempty"`             // with nobody whom another owns
	Spread          *Apart `yaml:"spread" json:"spread,omitempty"`                   // over how many places it has to be
}

// Edge is a direct connection: of the thing to another (to), or of another to it
// (from). No edges: of any kind.
type Edge struct {
	Pos   Pos   `yaml:"-" json:"-"`
	From  *End  `yaml:"from" json:"from,omitempty"`
	To    *End  `yaml:"to" json:"to,omitempty"`
	Edges Edges `yaml:"edges" json:"edges,omitempty"`
	Ports []int `yaml:"ports" json:"ports,omitempty"` // of ingress and egress: any of these; of onlyEdge: all of these
}

// Path is a connection through any number of others.
type Path struct {
	Pos       Pos   `yaml:"-" json:"-"`
	From      *End  `yaml:"from" json:"from,omitempty"`
	To        *End  `yaml:"to" json:"to,omitempty"`
	UnlessVia *End  `yaml:"unlessVia" json:"unlessVia,omitempty"` // it may lead through these
	Edges     Edges `yaml:"edges" json:"edges,omitempty"`
}

// Count is how many direct connections there may be.
type Count struct {
	Pos     Pos   `yaml:"-" json:"-"`
	From    *End  `yaml:"from" json:"from,omitempty"`
	To      *End  `yaml:"to" json:"to,omitempty"`
	Edges   Edges `yaml:"edges" json:"edges,omitempty"`
	AtMost  *int  `yaml:"atMost" json:"atMost,omitempty"`
	AtLeast *int  `yaml:"atLeast" json:"atLeast,omitempty"`
}

// Same names the connections that stay within.
type Same struct {
	Pos   Pos   `yaml:"-" json:"-"`
	Edges Edges `yaml:"edges,required" json:"edges"`
}

// Apart is over how many places the things that it is connected to have to be.
type Apart struct {
	Pos     Pos   `yaml:"-" json:"-"`
	Edges   Edges `yaml:"edges,required" json:"edges"`
	To      *End  `yaml:"to" json:"to,omitempty"`
	Over    Over  `yaml:"over,required" json:"over"`
	AtLeast *int  `yaml:"atLeast,required" json:"atLeast"`
}

// Over is what tells two places apart.
type Over string

// The places.
const (
	OverResource    Over = "resource" // each thing by itself: two subnets
	OverRegion      Over = "region"
	OverAccount     Over = "account"
	OverEnvironment Over = "environment"
)

func (Over) choices() []string {
	return []string{string(OverResource), string(OverRegion), string(OverAccount), string(OverEnvironment)}
}

// End says who the other one is; all that is set has to hold.
type End struct {
	Pos      Pos               `yaml:"-" json:"-"`
	Zone     string            `yaml:"zone" json:"zone,omitempty"` // one of the blueprint's zones
	Type     Words             `yaml:"type" json:"type,omitempty"`
	Resource Words             `yaml:"resource" json:"resource,omitempty"`
	Tag      map[string]string `yaml:"tag" json:"tag,omitempty"`
	Owner    string            `yaml:"owner" json:"owner,omitempty"`
	In       Words             `yaml:"in" json:"in,omitempty"`
}

// Zone is a part of the estate. Addresses are in it by cidrs; resources by all else
// that is set.
type Zone struct {
	Pos      Pos               `yaml:"-" json:"-"`
	CIDRs    Words             `yaml:"cidrs" json:"cidrs,omitempty"` // or internet
	Type     Words             `yaml:"type" json:"type,omitempty"`
	Resource Words             `yaml:"resource" json:"resource,omitempty"`
	Tag      map[string]string `yaml:"tag" json:"tag,omitempty"`
	Owner    string            `yaml:"owner" json:"owner,omitempty"`
	In       Words             `yaml:"in" json:"in,omitempty"`
}

// Holds reports whether a resource can be in the zone at all.
func (z Zone) Holds() bool {
	return len(z.Type)+len(z.Resource)+len(z.Tag)+len(z.In) > 0 || z.Owner != ""
}

// Edges are kinds of connections: the model's relations, and traffic by the rules
// of firewalls.
type Edges []string

// The traffic that rules of firewalls let in and out.
const (
	Ingress = "ingress"
	Egress  = "egress"
)

// EdgeKinds returns every kind of connection.
func EdgeKinds() []string { return append(model.RelationTypes(), Ingress, Egress) }

// traffic reports whether an edge is one of a firewall's rules.
func traffic(kind string) bool { return kind == Ingress || kind == Egress }

// Form returns the name of the form that is set, and its parts: who the other end is,
// whether the connection leads to it, and of which kinds it is.
func (t *Topology) Form() (name string, end *End, out bool, edges Edges) {
	either := func(from, to *End) (*End, bool) {
		if from != nil {
			return from, false
		}
		return to, true
	}
	switch {
	case t.NoEdge != nil:
		end, out = either(t.NoEdge.From, t.NoEdge.To)
		return "noEdge", end, out, t.NoEdge.Edges
	case t.MustHaveEdge != nil:
		end, out = either(t.MustHaveEdge.From, t.MustHaveEdge.To)
		return "mustHaveEdge", end, out, t.MustHaveEdge.Edges
	case t.OnlyEdge != nil:
		end, out = either(t.OnlyEdge.From, t.OnlyEdge.To)
		return "onlyEdge", end, out, t.OnlyEdge.Edges
	case t.NoPath != nil:
		end, out = either(t.NoPath.From, t.NoPath.To)
		return "noPath", end, out, t.NoPath.Edges
	case t.Count != nil:
		end, out = either(t.Count.From, t.Count.To)
		return "count", end, out, t.Count.Edges
	case t.SameEnvironment != nil:
		return "sameEnvironment", nil, true, t.SameEnvironment.Edges
	case t.SameOwner != nil:
		return "sameOwner", nil, true, t.SameOwner.Edges
	case t.Spread != nil:
		return "spread", t.Spread.To, true, t.Spread.Edges
	}
	return "", nil, false, nil
}

// forms counts how many are set.
func (t *Topology) forms() int {
	n, v := 0, reflect.ValueOf(*t)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			n++
		}
	}
	return n
}

// checkTopology finds what is wrong with a blueprint's zones and rules.
func (b *Blueprint) checkTopology(p *problems, owner func(Pos, string), in func(Pos, Words)) {
	var zones []string
	for name, z := range b.Zones {
		zones = append(zones, name)
		owner(z.Pos, z.Owner)
		in(z.Pos, z.In)
		if len(z.CIDRs) == 0 && !z.Holds() {
			p.add(z.Pos, CodeMissing, "say what is in it: cidrs, tag, type, resource, owner or in", "zone %s of Blueprint %s has nothing in it", name, b.Name)
		}
		for _, c := range z.CIDRs {
			if _, err := netip.ParsePrefix(c); err != nil && c != Internet {
				p.add(z.Pos, CodeValue, "internet, or a CIDR such as 10.0.0.0/8", "zone %s of Blueprint %s: %q is no range of addresses", name, b.Name, c)
			}
		}
	}
	slices.Sort(zones)
	seen := map[string]bool{}
	for i := range b.Topology {
		t := &b.Topology[i]
		if !nameForm.MatchString(t.ID) {
			p.add(t.Pos, CodeValue, "use lower-case letters, digits, dots and dashes", "the id %q of a topology rule cannot be a name", t.ID)
		}
		if seen[t.ID] {
			p.add(t.Pos, CodeDuplicate, "", "Blueprint %s has two topology rules %s", b.Name, t.ID)
		}
		seen[t.ID] = true
		if t.forms() != 1 {
			p.add(t.Pos, CodeValue, "exactly one of: noEdge, mustHaveEdge, onlyEdge, noPath, count, sameEnvironment, sameOwner, spread",
				"topology rule %s of Blueprint %s has %d forms", t.ID, b.Name, t.forms())
			continue
		}
		b.checkRule(p, t, zones, owner, in)
	}
}

// checkRule checks one rule whose form is clear.
func (b *Blueprint) checkRule(p *problems, t *Topology, zones []string, owner func(Pos, string), in func(Pos, Words)) {
	form, end, out, edges := t.Form()
	bad := func(code, suggestion, format string, args ...any) {
		p.add(t.Pos, code, suggestion, "topology rule "+t.ID+" of Blueprint "+b.Name+": "+format, args...)
	}
	rules, relations := 0, 0
	for _, e := range edges {
		switch {
		case !contains(EdgeKinds(), e):
			bad(CodeValue, didYouMean(e, EdgeKinds()), "there are no edges %q", e)
		case traffic(e):
			rules++
		default:
			relations++
		}
	}
	if rules > 0 && relations > 0 {
		bad(CodeValue, "write two rules", "rules of firewalls and relations are not mixed")
	}
	ends := []*End{end}
	switch form {
	case "noEdge", "mustHaveEdge", "onlyEdge", "noPath", "count":
		if both, none := bothEnds(t); both || none {
			bad(CodeValue, "give from: or to:; the thing itself is the other end", "it has %s ends", map[bool]string{true: "two", false: "no"}[both])
			return
		}
	case "sameEnvironment", "sameOwner", "spread":
		if rules > 0 {
			bad(CodeValue, "name relations: reads, identity, contains", "addresses have no environment and no owner")
		}
	}
	if e := edge(t); e != nil && len(e.Ports) > 0 && rules == 0 {
		bad(CodeValue, "edges: [ingress] or [egress]", "only the rules of firewalls have ports")
	} else if e != nil {
		for _, port := range e.Ports {
			if port > 65535 {
				bad(CodeValue, "numbers from 0 to 65535", "%d is no port", port)
			}
		}
	}
	if rules > 0 && (out && slices.Contains(edges, Ingress) || !out && slices.Contains(edges, Egress)) {
		bad(CodeValue, "ingress comes from:, egress goes to:", "the traffic does not go that way")
	}
	switch {
	case form == "noPath" && rules > 0:
		bad(CodeValue, "use noEdge for what a rule itself lets in", "paths lead over relations, and these are rules of firewalls")
	case form == "noPath":
		ends = append(ends, t.NoPath.UnlessVia)
	case form == "count" && t.Count.AtMost == nil && t.Count.AtLeast == nil:
		bad(CodeMissing, "add atMost: or atLeast:", "it counts, and bounds nothing")
	}
	for _, e := range ends {
		if e != nil {
			b.checkEnd(p, t, e, rules > 0, zones, owner, in)
		}
	}
}

func (b *Blueprint) checkEnd(p *problems, t *Topology, e *End, traffic bool, zones []string, owner func(Pos, string), in func(Pos, Words)) {
	owner(e.Pos, e.Owner)
	in(e.Pos, e.In)
	switch z, ok := b.Zones[e.Zone]; {
	case e.Zone == "":
	case !ok:
		p.add(e.Pos, CodeReference, didYouMean(e.Zone, zones), "Blueprint %s has no zone %s", b.Name, e.Zone)
	case !traffic && !z.Holds():
		p.add(e.Pos, CodeValue, "add to the zone what it holds: tag, type, resource, owner or in", "zone %s of Blueprint %s has addresses alone, and topology rule %s is about resources", e.Zone, b.Name, t.ID)
	}
}

// bothEnds reports whether a rule has two ends, or none.
func bothEnds(t *Topology) (both, none bool) {
	var from, to *End
	switch {
	case edge(t) != nil:
		from, to = edge(t).From, edge(t).To
	case t.NoPath != nil:
		from, to = t.NoPath.From, t.NoPath.To
	case t.Count != nil:
		from, to = t.Count.From, t.Count.To
	}
	return from != nil && to != nil, from == nil && to == nil
}

// edge returns the edge of the three forms that have one.
func edge(t *Topology) *Edge {
	for _, e := range []*Edge{t.NoEdge, t.MustHaveEdge, t.OnlyEdge} {
		if e != nil {
			return e
		}
	}
	return nil
}
