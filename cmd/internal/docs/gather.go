package docs

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/model/reconcile"
)

// The kinds of pages, in the order of the index, with the word for each.
var kinds = []struct{ kind, title string }{
	{"application", "Applications"}, {"environment", "Environments"}, {"account", "Accounts"}, {"cluster", "Clusters"}, {"owner", "Owners"},
}

// applicationTags are the tags and labels that name an application, nearest first.
var applicationTags = []string{"app.kubernetes.io/part-of", "application", "service", "app", "app.kubernetes.io/name"}

// nobody is the page of what nobody is declared to own.
const nobody = "nobody"

// subject is what one page is about.
type subject struct {
	kind, name string
	note       string // one line for people
	members    []model.Resource
}

func (s subject) path() string {
	if s.kind == "owner" && s.name == nobody {
		return "owner/nobody.md"
	}
	return s.kind + "/" + slug(s.name) + ".md"
}

// atlas is everything that pages are made from, gathered once.
type atlas struct {
	in         Input
	owner      map[model.URN]Owner
	dependents map[model.URN][]model.Relation
	drift      map[model.URN]reconcile.Status
	decided    map[model.URN][]int // into Input.Decisions
	falls      map[model.URN]radius.Summary
	subjects   []subject
	left       int // pages that there was no room for
}

func gather(in Input) *atlas {
	a := &atlas{in: in, owner: map[model.URN]Owner{}, dependents: map[model.URN][]model.Relation{}, drift: map[model.URN]reconcile.Status{},
		decided: map[model.URN][]int{}, falls: map[model.URN]radius.Summary{}}
	by := map[[2]string]*subject{}
	add := func(kind, name, note string, r model.Resource) {
		if name == "" {
			return
		}
		key := [2]string{kind, name}
		if by[key] == nil {
			by[key] = &subject{kind: kind, name: name, note: note}
		}
		by[key].members = append(by[key].members, r)
	}
	in.Snapshot.Each(func(r model.Resource) bool {
		for _, d := range in.Snapshot.Dependencies(r.URN) {
			a.dependents[d.To] = append(a.dependents[d.To], d)
		}
		o := in.Owner(r)
		a.owner[r.URN] = o
		add("owner", cmp.Or(o.Name, nobody), cmp.Or(o.Person, "nobody is declared"), r)
		name, tier := in.Environment(r)
		add("environment", name, tier, r)
		add("application", application(r), "", r)
		switch r.Platform {
		case "kubernetes":
			add("cluster", r.Account, "", r)
		default:
			if r.Account != "" {
				add("account", r.Platform+" "+r.Account, "", r)
			}
		}
		return true
	})
	for _, s := range in.Drift {
		a.drift[s.URN] = s
	}
	for i, d := range in.Decisions {
		for _, t := range d.Targets {
			urn := t
			if known, ok := in.Snapshot.Resolve(string(t)); ok {
				urn = known
			}
			a.decided[urn] = append(a.decided[urn], i)
		}
	}
	for _, k := range kinds {
		for _, key := range slices.SortedFunc(maps.Keys(by), func(x, y [2]string) int { return cmp.Compare(x[1], y[1]) }) {
			if key[0] == k.kind {
				if len(a.subjects) == maxPages {
					a.left++
					continue
				}
				a.subjects = append(a.subjects, *by[key])
			}
		}
	}
	return a
}

// application is what the tags of a resource name.
func application(r model.Resource) string {
	for _, want := range applicationTags {
		best := ""
		for key, value := range r.Tags { // two keys that differ in case alone: the lesser value
			if strings.EqualFold(key, want) && value != "" && (best == "" || value < best) {
				best = value
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// fall is what breaks if a resource is deleted.
func (a *atlas) fall(r model.Resource) radius.Summary {
	if s, ok := a.falls[r.URN]; ok {
		return s
	}
	reach := radius.Availability(a.in.Snapshot, []radius.Change{{URN: r.URN, Type: r.Type, Effect: radius.Destroy}}, radius.Budget{})
	s := reach.Summarise(a.in.Snapshot, maxRows, 1, func(r model.Resource) radius.Standing {
		_, tier := a.in.Environment(r)
		return radius.Standing{Owner: a.owner[r.URN].Name, Production: tier == "production"}
	})
	a.falls[r.URN] = s
	return s
}
