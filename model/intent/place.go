package intent

import (
	"slices"
	"strings"
)

// Place is where a resource is. An unknown part is "*".
type Place struct {
	Platform  string // aws, kubernetes; anything else is told apart by Host
	Account   string // aws
	Region    string // aws; empty: a global resource
	Global    bool   // aws: it has no region of its own, and Region is where its calls go
	Cluster   string // kubernetes
	Namespace string // kubernetes; empty: a cluster-scoped object
	Host      string // other platforms
}

// String says it the way people do.
func (p Place) String() string {
	switch p.Platform {
	case "aws":
		region := p.Region
		if region == "" {
			region = "global"
		}
		return "account " + p.Account + ", region " + region
	case "kubernetes":
		if p.Namespace == "" {
			return "cluster " + p.Cluster + ", cluster-scoped"
		}
		return "cluster " + p.Cluster + ", namespace " + p.Namespace
	}
	return "host " + p.Host
}

// truth is a Kleene value: unknown parts make an answer a maybe.
type truth uint8

const (
	no truth = iota
	maybe
	yes
)

// fit is how an entry of a scope holds a place: whether, and how specifically.
type fit struct {
	truth truth
	score [2]int
}

func (f fit) over(g fit) bool {
	return f.score[0] > g.score[0] || f.score[0] == g.score[0] && f.score[1] > g.score[1]
}

// weight is how specific a pattern is: its literal letters, and a literal word
// beats every pattern.
func weight(pattern string) int {
	stars := strings.Count(pattern, "*")
	if stars == 0 {
		return 1<<16 + len(pattern)
	}
	return len(pattern) - stars
}

// claimed is over the weight of every word: who lists "global" has what is global
// before those who list the region that its calls go to.
const claimed = 1 << 17

// hold returns how the words hold a text, and the weight of the heaviest one
// that does.
func hold(words Words, text string) (truth, int) {
	t, heaviest := no, -1
	for _, w := range words {
		this := no
		if Match(w, text) {
			this = yes
		} else if Overlaps(w, text) {
			this = maybe
		}
		if this == no {
			continue
		}
		t, heaviest = max(t, this), max(heaviest, weight(w))
	}
	return t, heaviest
}

// fits returns how a scope holds a place.
func (s Scope) fits(p Place) fit {
	switch {
	case s.AWS != nil && p.Platform == "aws":
		t, account := hold(s.AWS.Accounts, p.Account)
		if len(s.AWS.Regions) == 0 {
			return fit{t, [2]int{account, 0}}
		}
		if p.Global || p.Region == "" {
			if u, weight := hold(s.AWS.Regions, "global"); u == yes || p.Region == "" {
				return fit{min(t, u), [2]int{account, claimed + weight}}
			}
		}
		u, weight := hold(s.AWS.Regions, p.Region)
		return fit{min(t, u), [2]int{account, weight}}
	case s.Kubernetes != nil && p.Platform == "kubernetes":
		k := s.Kubernetes
		t, cluster := hold(k.Clusters, p.Cluster)
		if p.Namespace == "" {
			scoped := len(k.Namespaces) == 0
			if k.ClusterScoped != nil {
				scoped = *k.ClusterScoped
			}
			if !scoped {
				return fit{}
			}
			return fit{t, [2]int{cluster, 0}}
		}
		if len(k.Namespaces) == 0 {
			return fit{t, [2]int{cluster, 0}}
		}
		u, namespace := hold(k.Namespaces, p.Namespace)
		return fit{min(t, u), [2]int{cluster, namespace}}
	case len(s.Hosts) > 0 && p.Platform != "aws" && p.Platform != "kubernetes":
		t, host := hold(s.Hosts, p.Host)
		return fit{t, [2]int{host, 0}}
	}
	return fit{}
}

// Locate returns the one environment that a place belongs to: the most specific
// one. If unknown parts of the place leave that open, it is nil, and possible
// lists the environments that it may be in.
func (s *Set) Locate(p Place) (env *Environment, possible []*Environment) {
	return locate(s.Environments, p, nil)
}

// locate looks among environments, in the order of their names. It writes into room.
func locate(all []*Environment, p Place, room []*Environment) (env *Environment, possible []*Environment) {
	var best, rival fit
	possible = room[:0]
	for _, e := range all {
		var sure, open fit
		for _, scope := range e.Scope {
			switch f := scope.fits(p); {
			case f.truth == yes && (sure.truth == no || f.over(sure)):
				sure = f
			case f.truth == maybe && (open.truth == no || f.over(open)):
				open = f
			}
		}
		if sure.truth == no && open.truth == no {
			continue
		}
		possible = append(possible, e)
		if sure.truth == yes {
			switch {
			case best.truth == no || sure.over(best):
				if best.truth != no && (rival.truth == no || best.over(rival)) {
					rival = best
				}
				env, best = e, sure
			case rival.truth == no || sure.over(rival):
				rival = sure
			}
		}
		if open.truth == maybe && env != e && (rival.truth == no || open.over(rival)) {
			rival = open
		}
	}
	if env == nil || rival.truth != no && !best.over(rival) {
		return nil, possible
	}
	return env, append(room[:0], env)
}

// Map is the environments of a set, by the accounts, clusters and hosts that their
// scopes name in full: Locate asks those alone that can be meant.
type Map struct {
	all  []*Environment
	by   [3]map[string][]*Environment // by platform; an entry has those of open too
	open [3][]*Environment            // whose scopes have patterns there
}

// platform numbers the parts of a place that tell environments apart first.
func (p Place) platform() (n int, part string) {
	switch p.Platform {
	case "aws":
		return 0, p.Account
	case "kubernetes":
		return 1, p.Cluster
	}
	return 2, p.Host
}

// first are the words of a scope for that part, by platform.
func (s Scope) first() (words [3]Words) {
	if s.AWS != nil {
		words[0] = s.AWS.Accounts
	}
	if s.Kubernetes != nil {
		words[1] = s.Kubernetes.Clusters
	}
	words[2] = s.Hosts
	return words
}

// Map makes the map of a set, which MUST NOT change any more.
func (s *Set) Map() *Map {
	m := &Map{all: s.Environments, by: [3]map[string][]*Environment{{}, {}, {}}}
	patterns := func(e *Environment, n int) bool {
		return slices.ContainsFunc(e.Scope, func(s Scope) bool {
			return slices.ContainsFunc(s.first()[n], func(w string) bool { return strings.Contains(w, "*") })
		})
	}
	for _, e := range s.Environments {
		for _, scope := range e.Scope {
			for n, words := range scope.first() {
				for _, w := range words {
					m.by[n][w] = nil
				}
			}
		}
	}
	for _, e := range s.Environments {
		for n := range m.by {
			if patterns(e, n) {
				m.open[n] = append(m.open[n], e)
				for w := range m.by[n] {
					m.by[n][w] = append(m.by[n][w], e)
				}
				continue
			}
			for _, scope := range e.Scope {
				for _, w := range scope.first()[n] {
					if at := m.by[n][w]; len(at) == 0 || at[len(at)-1] != e {
						m.by[n][w] = append(at, e)
					}
				}
			}
		}
	}
	return m
}

// Locate answers as Set.Locate does. It writes what is possible into room.
func (m *Map) Locate(p Place, room []*Environment) (env *Environment, possible []*Environment) {
	n, part := p.platform()
	if strings.Contains(part, "*") {
		return locate(m.all, p, room)
	}
	if some, ok := m.by[n][part]; ok {
		return locate(some, p, room)
	}
	return locate(m.open[n], p, room)
}

// tie returns whether two scopes can hold one place equally specifically.
func tie(a, b Scope) bool {
	both := func(x, y Words) bool {
		for _, v := range x {
			for _, w := range y {
				if weight(v) == weight(w) && Overlaps(v, w) {
					return true
				}
			}
		}
		return false
	}
	or := func(x, y Words) bool { return len(x)+len(y) == 0 || len(x) > 0 && len(y) > 0 && both(x, y) }
	switch {
	case a.AWS != nil && b.AWS != nil:
		return both(a.AWS.Accounts, b.AWS.Accounts) && or(a.AWS.Regions, b.AWS.Regions)
	case a.Kubernetes != nil && b.Kubernetes != nil:
		if !both(a.Kubernetes.Clusters, b.Kubernetes.Clusters) {
			return false
		}
		scoped := func(k *KubernetesScope) bool {
			return k.ClusterScoped != nil && *k.ClusterScoped || k.ClusterScoped == nil && len(k.Namespaces) == 0
		}
		return scoped(a.Kubernetes) && scoped(b.Kubernetes) || or(a.Kubernetes.Namespaces, b.Kubernetes.Namespaces)
	}
	return len(a.Hosts) > 0 && len(b.Hosts) > 0 && both(a.Hosts, b.Hosts)
}
