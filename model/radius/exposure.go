package radius

import (
	_ "embed"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/assent-iom/assent/model"
)

// Exposure is what an action that lets more in makes reachable, and what can be
// used from there.
type Exposure struct {
	Complete  bool        `json:"complete"`
	Opened    []model.Hop `json:"opened"`    // can be reached: what was widened, is guarded by it, or behind it; depth 0 is itself widened
	Reachable []model.Hop `json:"reachable"` // what those can use, and act as
}

// Empty reports whether nothing is let in.
func (x Exposure) Empty() bool { return x.Complete && len(x.Opened)+len(x.Reachable) == 0 }

// Doors are what an action opens.
type Doors struct {
	Widened []model.URN // lets more in
	Ways    []model.URN // is a way in: what it forwards to can be reached, and it is none of that
	Named   []model.URN // can be reached by a way that the action makes
}

// None reports whether nothing is opened.
func (d Doors) None() bool { return len(d.Widened)+len(d.Ways)+len(d.Named) == 0 }

// Public is the property by which a decoder says that anybody can reach what is made
// or changed.
const Public = "network.public"

//go:embed exposure.tsv
var exposureText string

// exposureTable is exposure.tsv, read.
type exposureTable struct {
	guards []model.Pattern
	ways   []wayRow
}

// wayRow is one way row.
type wayRow struct {
	effectRow
	types []model.Pattern
}

var exposures = sync.OnceValue(func() *exposureTable {
	t, err := parseExposure(exposureText)
	if err != nil {
		panic(err) // a test reads the table
	}
	return t
})

func parseExposure(text string) (*exposureTable, error) {
	t := &exposureTable{}
	lower := func(s string) model.Pattern { return model.NewPattern(strings.ToLower(s)) }
	err := eachRow("exposure.tsv", text, 0, func(f []string) error {
		switch {
		case f[0] == "guard" && len(f) == 2:
			t.guards = append(t.guards, lower(f[1]))
		case f[0] == "way" && len(f) == 4:
			row := wayRow{effectRow: effectRow{operation: model.NewPattern(f[1])}}
			if f[2] != "*" {
				row.name, row.value, _ = strings.Cut(f[2], "=")
			}
			if f[3] != "-" {
				for _, kind := range strings.Split(f[3], ",") {
					row.types = append(row.types, lower(kind))
				}
			}
			t.ways = append(t.ways, row)
		default:
			return fmt.Errorf("no such row: %q", f)
		}
		return nil
	})
	return t, err
}

// guards reports whether a type lets in, and is not what is reached.
func (t *exposureTable) guarding(kind string) bool {
	kind = strings.ToLower(kind)
	return slices.ContainsFunc(t.guards, func(p model.Pattern) bool { return p.Fits(kind) })
}

// Opens derives from an action, and its parts, what it opens.
func Opens(a model.Action) (d Doors) {
	if len(a.Parts) == 0 || len(a.Targets) > 0 {
		d = opened(a)
	}
	for _, part := range a.Parts {
		more := Opens(part)
		d.Widened, d.Ways, d.Named = append(d.Widened, more.Widened...), append(d.Ways, more.Ways...), append(d.Named, more.Named...)
	}
	return d
}

// opened is what an action opens, its parts apart.
func opened(a model.Action) (d Doors) {
	if !a.Mutates() || a.Fidelity == model.Opaque {
		return d // what nobody understands is refused, or observed, as that
	}
	way, types := false, []model.Pattern(nil)
	for _, row := range exposures().ways {
		if row.operation.Fits(a.Name()) && row.given(a.Params) {
			way, types = true, row.types
			break
		}
	}
	effects := Effects(a)
	if len(effects) > 0 && !slices.ContainsFunc(effects, func(e Effect) bool { return e != Tag }) {
		return d
	}
	widens := slices.Contains(effects, Widen)
	public := a.Verb != model.Delete && slices.ContainsFunc(a.Props, func(p model.Property) bool {
		return p.Name == Public && (!p.Known || p.Value == true) // unknown never helps
	})
	for _, t := range a.Targets {
		switch {
		case t.Role == model.RoleDependency:
			kind := strings.ToLower(t.Type)
			if slices.ContainsFunc(types, func(p model.Pattern) bool { return p.Fits(kind) }) {
				d.Named = append(d.Named, t.URN)
			}
		case t.Role == model.RoleTarget && (widens || public):
			d.Widened = append(d.Widened, t.URN)
		case (way || public) && !strings.Contains(string(t.URN), "*"): // a new name of the cloud's leads nowhere that is known
			if t.Role != model.RoleCreated || a.Ties == nil || !a.Ties.Whole || !a.Ties.Complete {
				d.Ways = append(d.Ways, t.URN)
			}
			d.Named = append(d.Named, leadsTo(a.Ties, t.URN)...)
		}
	}
	return d
}

// leadsTo are those to which a way leads, by what the action says of it.
func leadsTo(ties *model.Ties, way model.URN) (out []model.URN) {
	if ties == nil {
		return nil
	}
	for _, r := range ties.Relations {
		if r.From == way && slices.Contains(leads, r.Type) {
			out = append(out, r.To)
		}
	}
	return out
}

// opens are the relations by which a widened resource opens its dependents: a
// group its instances, a policy its roles and whoever acts as them, a route its
// subnets.
var opens = []string{model.GuardedBy, model.Grants, model.Identity, model.RoutesVia, model.Contains}

// leads are the relations by which what can be reached lets others be reached: a load
// balancer its targets, a Service its pods.
var leads = []string{model.ForwardsTo}

// carries are the relations by which what is open leads on, to what it depends on: a
// function to its table, by its role's policies.
var carries = []string{model.ForwardsTo, model.Calls, model.Reads, model.Identity, model.Grants, model.RunsOn, model.Attached}

// Widening are the doors of changes that widen.
func Widening(changes []Change) (d Doors) {
	for _, c := range changes {
		if c.Effect == Widen {
			d.Widened = append(d.Widened, c.URN)
		}
	}
	return d
}

// Exposed follows what is opened: back to what it guards, forward to what that leads
// to, and from there to what all of them can use. Who is let in the action itself
// says, in its properties (network.ingress, access.anonymous).
func Exposed(s model.Snapshot, d Doors, b Budget) Exposure {
	out := Exposure{Complete: true, Opened: []model.Hop{}, Reachable: []model.Hop{}}
	if d.None() {
		return out
	}
	switch known := s.(type) {
	case *Witness:
		out = Exposed(known.Snapshot, d, b)
		known.exposed = &out
		return out
	case *recalled:
		return known.exposed()
	}
	if b.Nodes <= 0 {
		b.Nodes = DefaultNodes
	}
	t, ok := s.(model.Topology)
	if !ok || !t.Whole() {
		out.Complete = false
	}
	if !ok {
		return out
	}
	x := &exposing{t: t, left: b.Nodes, seen: map[uint32]bool{}, out: &out}
	widened, named := x.begin(d.Widened), x.begin(d.Named)
	ways := x.begin(d.Ways)
	var open []uint32
	for _, n := range append(slices.Clone(widened), named...) {
		if urn, kind := t.At(n); !exposures().guarding(kind) && x.left > 0 {
			x.left--
			out.Opened = append(out.Opened, model.Hop{URN: urn, Type: kind})
			open = append(open, n)
		}
	}
	open = append(open, x.spread(widened, opens, t.Dependent, &out.Opened)...)
	open = append(open, x.spread(append(slices.Clone(open), ways...), leads, t.Dependency, &out.Opened)...)
	x.spread(append(slices.Clone(widened), open...), carries, t.Dependency, &out.Reachable)
	out.Complete = out.Complete && x.left > 0
	return out
}

// exposing is one search for what is let in.
type exposing struct {
	t    model.Topology
	left int
	seen map[uint32]bool
	out  *Exposure
}

// begin finds where the search begins, by URN.
func (x *exposing) begin(urns []model.URN) (at []uint32) {
	urns = slices.Clone(urns)
	sort.Slice(urns, func(i, j int) bool { return urns[i] < urns[j] })
	for _, urn := range slices.Compact(urns) {
		n, known := x.t.Number(string(urn))
		if !known {
			x.out.Complete = false // who is behind it was never seen
		} else if !x.seen[n] {
			x.seen[n] = true
			at = append(at, n)
		}
	}
	return at
}

// spread walks some relations in one direction, nearest first and by URN, and
// returns whom it met.
func (x *exposing) spread(from []uint32, by []string, step func(uint32, func(uint32, uint16)), out *[]model.Hop) []uint32 {
	types := x.t.Types()
	var met []uint32
	for depth := 1; len(from) > 0 && x.left > 0; depth++ {
		best := map[uint32]model.Hop{}
		for _, n := range from {
			via, _ := x.t.At(n)
			step(n, func(on uint32, relation uint16) {
				if x.seen[on] || !slices.Contains(by, types[relation]) {
					return
				}
				urn, kind := x.t.At(on)
				h := model.Hop{URN: urn, Type: kind, Depth: depth, Via: via, Relation: types[relation]}
				if old, again := best[on]; !again || h.Via < old.Via || h.Via == old.Via && h.Relation < old.Relation {
					best[on] = h
				}
			})
		}
		next := make([]uint32, 0, len(best))
		for n := range best {
			x.seen[n] = true
			next = append(next, n)
		}
		slices.SortFunc(next, func(a, b uint32) int { return strings.Compare(string(best[a].URN), string(best[b].URN)) })
		for _, n := range next {
			if x.left--; x.left <= 0 {
				return met
			}
			*out = append(*out, best[n])
			met = append(met, n)
		}
		from = next
	}
	return met
}
