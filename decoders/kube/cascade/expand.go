package cascade

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/live"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

const (
	// askPatience bounds all that is asked for one delete: its caller waits.
	askPatience = 5 * time.Second
	// askAtOnce and maxAsked bound the lists that are read for one delete, and maxRead
	// the objects in them.
	askAtOnce = 16
	maxAsked  = 250
	maxRead   = 20_000
	// servedFor is how long it is believed what a cluster serves.
	servedFor = 30 * time.Second
	// maxClusters bounds those of which that is remembered.
	maxClusters = 1024
	// maxListed bounds the objects that an action names as going along.
	maxListed = 10_000
)

// Config says what an Expander works with.
type Config struct {
	Snapshot func() model.Snapshot
	// Fresh reports whether the model has all objects of a type in a namespace ("" of a
	// type that is in none, "*" for all), as they are now; nil: never.
	Fresh func(cluster, kind, namespace string) bool
	// Served are the kinds that somebody has found a cluster to serve, lately; nil:
	// nobody has.
	Served func(cluster string) []kube.Kind
	// Server asks a cluster as the caller whose identity is given; nil: nobody can.
	Server func(cluster string, as http.Header) (*live.Server, error)
	// Learn takes in what was read.
	Learn func([]model.Observation)
	Now   func() time.Time
}

// Expander tells what deletes take along. It is safe for concurrent use.
type Expander struct {
	cfg Config

	mu     sync.Mutex          // guards served
	served map[string]servedAt // by cluster
}

// place is a kind in a namespace of a cluster.
type place struct{ cluster, kind, namespace string }

// found is what is at a place; nil where nobody could look.
type found map[model.URN]bool

type servedAt struct {
	at    time.Time
	kinds []kube.Kind
}

var _ kube.Consequences = (*Expander)(nil)

// New makes an Expander.
func New(cfg Config) (*Expander, error) {
	if cfg.Snapshot == nil || cfg.Learn == nil || cfg.Now == nil {
		return nil, errors.New("expanding deletes: no model or no clock")
	}
	if cfg.Fresh == nil {
		cfg.Fresh = func(string, string, string) bool { return false }
	}
	if cfg.Served == nil {
		cfg.Served = func(string) []kube.Kind { return nil }
	}
	return &Expander{cfg: cfg, served: map[string]servedAt{}}, nil
}

// look is one delete being looked at.
type look struct {
	*Expander
	d     kube.Deletion
	as    *live.Server // nil: nobody can be asked
	kinds []kube.Kind
	why   []string

	mu    sync.Mutex // guards what follows
	found map[place]found
	left  int // objects that may still be read
	asked bool
}

// Affected implements kube.Consequences.
func (e *Expander) Affected(ctx context.Context, d kube.Deletion) *model.Affected {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	l := &look{Expander: e, d: d, found: map[place]found{}, left: maxRead}
	if e.cfg.Server != nil {
		s, err := e.cfg.Server(d.Cluster, d.As)
		if err != nil {
			l.why = append(l.why, err.Error())
		}
		l.as = s
	}
	l.kinds = l.serves(ctx)
	ask := Ask{Target: d.URN, Labels: d.Labels, Fields: d.Fields, Policy: d.Policy, Orphan: d.Orphan, Kinds: l.kinds, Listed: l.listed, There: l.there}
	if d.Collection() {
		ask.Target, ask.Selected = l.collection(ctx)
	} else if i := slices.IndexFunc(l.kinds, func(k kube.Kind) bool { return k.Group == d.Group && k.Resource == d.Resource }); i >= 0 {
		namespace := d.Namespace
		if !l.kinds[i].Namespaced {
			namespace = ""
		}
		ask.Target = kube.URN(d.Cluster, d.Group, l.kinds[i].Kind, namespace, d.Name)
	}
	var set Set
	// What goes decides what has to be known; each turn reads what the last one lacked.
	for range 4 {
		l.need(ctx, l.wanted(ask))
		set = Of(e.cfg.Snapshot(), ask)
		if set.Complete || !l.more(set) {
			break
		}
	}
	return l.answer(ask, set)
}

// serves are the kinds that the cluster serves; nil: nobody knows. A definition that is
// newer than what is known of that makes it asked again.
func (l *look) serves(ctx context.Context) []kube.Kind {
	kinds := l.cfg.Served(l.d.Cluster)
	if kinds != nil && !l.newKind(kinds) {
		return kinds
	}
	l.Expander.mu.Lock()
	known := l.served[l.d.Cluster]
	l.Expander.mu.Unlock()
	if known.kinds != nil && l.cfg.Now().Sub(known.at) < servedFor && !l.newKind(known.kinds) {
		return known.kinds
	}
	if l.as == nil {
		return nil
	}
	served, err := l.as.Kinds(ctx)
	if err != nil {
		l.why = append(l.why, err.Error())
		return nil
	}
	for _, group := range served.Silent {
		l.why = append(l.why, "the server of the API group "+group+" does not answer")
	}
	l.Expander.mu.Lock()
	defer l.Expander.mu.Unlock()
	if len(l.served) >= maxClusters {
		clear(l.served)
	}
	l.served[l.d.Cluster] = servedAt{l.cfg.Now(), served.Kinds}
	return served.Kinds
}

// newKind: a definition in the model makes a kind that is not among these.
func (l *look) newKind(kinds []kube.Kind) bool {
	p := &prediction{cluster: l.d.Cluster}
	var ok bool
	if p.s, ok = l.cfg.Snapshot().(model.Topology); !ok {
		return false
	}
	news := false
	eachOf(p.s, "apiextensions.k8s.io/CustomResourceDefinition", func(u model.URN) {
		if kube.ParseURN(u).Cluster != l.d.Cluster {
			return
		}
		plural, group, _ := cutDot(kube.ParseURN(u).Name)
		news = news || !slices.ContainsFunc(kinds, func(k kube.Kind) bool { return k.Group == group && k.Resource == plural })
	})
	return news
}

// listed reports whether all of a kind in a namespace is known.
func (l *look) listed(group, kind, namespace string) bool {
	typ := group + "/" + kind
	if l.cfg.Fresh(l.d.Cluster, typ, namespace) {
		return true
	}
	for _, p := range []place{{l.d.Cluster, typ, namespace}, {l.d.Cluster, typ, "*"}} {
		if f, _ := l.at(p); f != nil {
			return true
		}
	}
	return false
}

// at is what was read at a place; looked is false where that was not even tried.
func (l *look) at(p place) (f found, looked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, looked = l.found[p]
	return f, looked
}

// there reports whether something remembered is still there: it is unless its place was
// just read without it.
func (l *look) there(u model.URN) bool {
	id := kube.ParseURN(u)
	typ := id.Group + "/" + id.Kind
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ns := range []string{id.Namespace, "*"} {
		if f := l.found[place{l.d.Cluster, typ, ns}]; f != nil {
			return f[u]
		}
	}
	return true
}

// wanted are the places that a delete needs to be known, as far as can be told from
// what is known now.
func (l *look) wanted(ask Ask) []place {
	set := Of(l.cfg.Snapshot(), ask)
	target := kube.ParseURN(ask.Target)
	spaces := map[string]bool{target.Namespace: true}
	var out []place
	add := func(k kube.Kind, namespace string) {
		p := place{l.d.Cluster, k.Type(), namespace}
		if !k.Namespaced {
			p.namespace = ""
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	wide := target.Namespace == "" && target.Kind != "Namespace" && target.Kind != "PersistentVolume"
	if target.Kind == "Namespace" && target.Group == "core" {
		spaces = map[string]bool{target.Name: true}
	}
	services, claims := false, false
	for _, u := range set.Deleted {
		id := kube.ParseURN(u)
		if id.Namespace != "" {
			spaces[id.Namespace] = true
		}
		services = services || id.Kind == "Service" && id.Group == "core"
		claims = claims || id.Kind == "PersistentVolumeClaim" && id.Group == "core"
	}
	for _, k := range l.kinds {
		switch {
		case k.Resource == target.Kind || k.Kind == target.Kind && k.Type() == target.Group+"/"+target.Kind:
			if k.Namespaced {
				add(k, target.Namespace)
			} else {
				add(k, "")
			}
		case !k.Namespaced && (wide || services && k.Kind == "IPAddress" || claims && k.Kind == "PersistentVolume"):
			add(k, "")
		}
		if !k.Namespaced {
			continue
		}
		if wide || spaces["*"] {
			add(k, "*")
			continue
		}
		for ns := range spaces {
			if ns != "" {
				add(k, ns)
			}
		}
	}
	return out
}

// more: something is lacking that another turn could read.
func (l *look) more(set Set) bool {
	if l.as == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	again := l.asked
	l.asked = false
	return again && len(set.Why) > 0
}

// need reads, as the caller, the places that are not known.
func (l *look) need(ctx context.Context, places []place) {
	if l.as == nil {
		return
	}
	var missing []place
	for _, p := range places {
		_, looked := l.at(p)
		everywhere, _ := l.at(place{p.cluster, p.kind, "*"})
		if looked || everywhere != nil || l.cfg.Fresh(p.cluster, p.kind, p.namespace) {
			continue
		}
		missing = append(missing, p)
	}
	if len(missing) > maxAsked {
		l.why = append(l.why, fmt.Sprintf("%d kinds would have to be listed; the bound is %d", len(missing), maxAsked))
		missing = missing[:maxAsked]
	}
	room := make(chan struct{}, askAtOnce)
	var all sync.WaitGroup
	for _, p := range missing {
		l.asked = true
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			l.readPlace(ctx, p)
		})
	}
	all.Wait()
}

func (l *look) kind(typ string) (kube.Kind, bool) {
	for _, k := range l.kinds {
		if k.Type() == typ {
			return k, true
		}
	}
	return kube.Kind{}, false
}

var errTooMany = errors.New("more objects than are read for one delete")

// readPlace lists one kind. What it learns is in the model at once.
func (l *look) readPlace(ctx context.Context, p place) {
	k, ok := l.kind(p.kind)
	if !ok {
		return
	}
	namespace := p.namespace
	if namespace == "*" {
		namespace = ""
	}
	f := found{}
	err := l.as.All(ctx, p.cluster, k, namespace, nil, func(seen []model.Observation) error {
		l.mu.Lock()
		l.left -= len(seen)
		over := l.left < 0
		l.mu.Unlock()
		if over {
			return errTooMany
		}
		for _, o := range seen {
			f[o.Resource.URN] = true
		}
		l.learn(seen)
		return nil
	})
	switch {
	case errors.Is(err, collect.ErrAbsent): // it is not served any more: there is nothing
		f, err = found{}, nil
	case err != nil:
		f = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found[p] = f
	if err != nil && !errors.Is(err, collect.ErrDenied) && len(l.why) < maxWhy {
		l.why = append(l.why, k.Resource+": "+err.Error())
	}
}

// learn takes in what is not known as well already: a record is less than an object.
func (l *look) learn(seen []model.Observation) {
	known := l.cfg.Snapshot().Resource
	var news []model.Observation
	for _, o := range seen {
		if live.New(o, known) {
			news = append(news, o)
		}
	}
	l.cfg.Learn(news)
}

// collection is the target of a collection, with the kind as the model spells it, and
// what the server itself selects where the model could not tell.
func (l *look) collection(ctx context.Context) (target model.URN, selected []model.URN) {
	i := slices.IndexFunc(l.kinds, func(k kube.Kind) bool { return k.Group == l.d.Group && k.Resource == l.d.Resource })
	namespace := l.d.Namespace
	if namespace == "" {
		namespace = "*"
	}
	if i < 0 {
		return l.d.URN, nil
	}
	k := l.kinds[i]
	if !k.Namespaced {
		namespace = ""
	}
	target = kube.URN(l.d.Cluster, k.Group, k.Kind, namespace, "*")
	if l.d.Fields == "" || Plain(l.d.Fields) || l.as == nil {
		return target, nil
	}
	selected = []model.URN{}
	q := url.Values{"fieldSelector": {l.d.Fields}}
	if l.d.Labels != "" {
		q.Set("labelSelector", l.d.Labels)
	}
	err := l.as.All(ctx, l.d.Cluster, k, l.d.Namespace, q, func(seen []model.Observation) error {
		if len(selected)+len(seen) > maxRead {
			return errTooMany
		}
		for _, o := range seen {
			selected = append(selected, o.Resource.URN)
		}
		l.learn(seen)
		return nil
	})
	if err != nil {
		return target, nil // then the selector is held against the model, which says what it lacks
	}
	return target, selected
}

// answer puts a set into an action's words.
func (l *look) answer(ask Ask, set Set) *model.Affected {
	a := &model.Affected{Complete: set.Complete, Source: "model"}
	if len(l.found) > 0 {
		a.Source = "caller"
	}
	for _, why := range slices.Concat(set.Why, l.why) {
		if !slices.Contains(a.Why, why) && len(a.Why) < maxWhy {
			a.Why = append(a.Why, why)
		}
	}
	a.Complete = a.Complete && len(a.Why) == 0
	if len(l.why) > 0 && set.Complete { // what could not be asked was not needed
		a.Complete, a.Why = true, nil
	}
	target, _ := l.cfg.Snapshot().Resolve(string(ask.Target))
	group := func(verb model.Verb, all []model.URN, data bool) {
		byType := map[string]*model.Along{}
		var order []string
		for _, u := range all {
			if u == target || u == ask.Target || !data && slices.Contains(set.Volumes, u) {
				continue
			}
			a.Count++
			if a.Count > maxListed {
				a.Complete = false
				continue
			}
			one := kube.Along(verb, u)
			g := byType[one.Type]
			if g == nil {
				g = &one
				g.Data = data
				byType[one.Type] = g
				order = append(order, one.Type)
			}
			g.Targets = append(g.Targets, u)
		}
		for _, t := range order {
			a.Groups = append(a.Groups, *byType[t])
		}
	}
	group(model.Delete, set.Deleted, false)
	group(model.Delete, set.Volumes, true)
	group(model.Update, set.Orphaned, false)
	if a.Count > maxListed {
		a.Why = append(a.Why, "more objects than are named")
	}
	return a
}

// eachOf calls f for every resource of a type.
func eachOf(s model.Topology, kind string, f func(model.URN)) {
	if t, ok := s.(interface {
		EachOf(kind string, f func(model.URN))
	}); ok {
		t.EachOf(kind, f)
		return
	}
	for n := range uint32(s.Size()) {
		if u, k := s.At(n); k == kind {
			f(u)
		}
	}
}

// cutDot splits the name of a definition: widgets.example.com.
func cutDot(name string) (plural, group string, ok bool) {
	for i := range name {
		if name[i] == '.' {
			return name[:i], name[i+1:], true
		}
	}
	return name, "", false
}
