package checks

import (
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// ownership finds who answers for a resource: the nearest of a URN, a tag, a
// namespace, an account, and at last what everybody inherits from.
type ownership struct {
	index    [4]claims
	fallback *intent.Owner
	names    map[string]*intent.Owner // those that own or are inherited from
	said     map[*intent.Owner]policy.Accountable
	tagged   []string                   // those that own by tags, sorted
	untagged map[*intent.Owner][]string // of them, all but one
}

// claim is one selector of one owner.
type claim struct {
	owner *intent.Owner
	sel   intent.Selector
	from  string // said
	place int    // among those of its rank
}

// claims are those of one rank by what they name in full: a URN, a tag, a
// namespace, an account. Those with patterns are in the rest.
type claims struct {
	all   []*claim
	exact map[literally][]*claim
	rest  []*claim
}

func (c *claims) put(one *claim) {
	c.all = append(c.all, one)
	k := one.key()
	if strings.Contains(k.value, "*") {
		c.rest = append(c.rest, one)
		return
	}
	if c.exact == nil {
		c.exact = map[literally][]*claim{}
	}
	c.exact[k] = append(c.exact[k], one)
}

func newOwnership(set *intent.Set) ownership {
	var o ownership
	byName, roots := map[string]*intent.Owner{}, map[*intent.Owner]bool{}
	for _, doc := range set.Owners {
		byName[doc.Name] = doc
		for _, sel := range doc.Owns {
			rank := ByAccount
			switch {
			case sel.URN != "":
				rank = ByURN
			case sel.Tag != nil:
				rank = ByTag
			case sel.Kubernetes != nil:
				rank = ByNamespace
			}
			o.index[rank].put(&claim{doc, sel, describe(sel), len(o.index[rank].all)})
			if rank == ByTag && !slices.Contains(o.tagged, doc.Name) {
				o.tagged = append(o.tagged, doc.Name)
			}
		}
	}
	slices.Sort(o.tagged)
	for _, doc := range set.Owners {
		if up := byName[doc.Inherits]; up != nil && up.Inherits == "" {
			roots[up] = true
		}
	}
	if len(roots) == 1 { // two roots leave it open, and open is nobody
		for up := range roots {
			o.fallback = up
		}
	}
	o.names, o.said, o.untagged = map[string]*intent.Owner{}, map[*intent.Owner]policy.Accountable{}, map[*intent.Owner][]string{}
	for _, doc := range o.all() {
		if o.names[doc.Name] == nil {
			o.names[doc.Name] = doc
		}
		o.said[doc] = accountable(doc, "")
		if _, done := o.untagged[doc]; !done {
			o.untagged[doc] = slices.DeleteFunc(slices.Clone(o.tagged), func(name string) bool { return name == doc.Name })
		}
	}
	return o
}

// accountable says it in the words of a decision.
func (o *ownership) accountable(doc *intent.Owner, from string) policy.Accountable {
	a := o.said[doc]
	a.From = from
	return a
}

// literally is what a claim is looked up by: its value, and for a tag its key.
type literally struct{ key, value string }

func (c *claim) key() literally {
	switch {
	case c.sel.URN != "":
		return literally{"", c.sel.URN}
	case c.sel.Tag != nil:
		best := literally{"", "*"}
		for k, v := range c.sel.Tag {
			if !strings.Contains(v, "*") && (best.value == "*" || k < best.key) {
				best = literally{k, v}
			}
		}
		return best
	case c.sel.Kubernetes != nil:
		return literally{"", c.sel.Kubernetes.Namespace}
	case c.sel.AWS != nil:
		return literally{"", c.sel.AWS.Account}
	}
	return literally{"", "*"}
}

// nearest are the claims of one rank that hold a thing: the last of one owner, and
// whether another owner has one.
type nearest struct {
	best  *claim
	rival bool
}

// nearest looks through one rank.
func (o *ownership) nearest(rank By, t *thing) (n nearest) {
	var room [fewClaims]*claim
	for _, c := range o.holding(rank, t, room[:0]) {
		if n.best != nil && n.best.owner.Name != c.owner.Name {
			n.rival = true
		}
		n.best = c
	}
	return n
}

// fewClaims is how many usually hold a thing.
const fewClaims = 8

// holding lists the claims of one rank that hold a thing, in their order. It writes
// into room.
func (o *ownership) holding(rank By, t *thing, room []*claim) []*claim {
	x, held := &o.index[rank], room
	if len(x.exact) > 0 {
		switch rank {
		case ByURN:
			held = append(held, x.exact[literally{"", string(t.urn)}]...)
			if t.canon != t.urn {
				held = append(held, x.exact[literally{"", string(t.canon)}]...)
			}
		case ByTag:
			for k, v := range t.tags {
				held = append(held, x.exact[literally{k, v}]...)
			}
		case ByNamespace:
			held = append(held, x.exact[literally{"", t.place.Namespace}]...)
		case ByAccount:
			held = append(held, x.exact[literally{"", t.place.Account}]...)
		}
	}
	held = slices.DeleteFunc(held, func(c *claim) bool { return !c.holds(t) })
	for _, c := range x.rest {
		if c.holds(t) {
			held = append(held, c)
		}
	}
	if len(held) > 1 {
		slices.SortFunc(held, func(a, b *claim) int { return a.place - b.place })
	}
	return held
}

// holds reports whether a selector is about a thing.
func (c *claim) holds(t *thing) bool {
	switch {
	case c.sel.URN != "":
		return intent.Match(c.sel.URN, string(t.urn)) || intent.Match(c.sel.URN, string(t.canon))
	case c.sel.Tag != nil:
		for k, v := range c.sel.Tag {
			if got, ok := t.tags[k]; !ok || !intent.Match(v, got) {
				return false
			}
		}
		return true
	case c.sel.Kubernetes != nil:
		k := c.sel.Kubernetes
		return t.place.Platform == "kubernetes" && t.place.Namespace != "" && intent.Match(k.Namespace, t.place.Namespace) &&
			(k.Cluster == "" || intent.Match(k.Cluster, t.place.Cluster))
	case c.sel.AWS != nil:
		return t.place.Platform == "aws" && intent.Match(c.sel.AWS.Account, t.place.Account)
	}
	return false
}

// of returns the owner of a thing and how it was found. rivals is set when two
// are equally near: then it is neither.
func (o *ownership) of(t *thing) (owner *intent.Owner, from string, by By, rivals []string) {
	for rank := range ByEnvironment {
		found := o.nearest(rank, t)
		if found.best == nil {
			continue
		}
		if !found.rival {
			return found.best.owner, found.best.from, rank, nil
		}
		for _, c := range o.holding(rank, t, nil) {
			if !slices.Contains(rivals, c.owner.Name) {
				rivals = append(rivals, c.owner.Name)
			}
		}
		slices.Sort(rivals)
		return nil, "", 0, rivals
	}
	if t.env != nil && t.env.Owner != "" {
		if doc := o.names[t.env.Owner]; doc != nil {
			return doc, "environment " + t.env.Name, ByEnvironment, nil
		}
	}
	if o.fallback != nil {
		return o.fallback, "inherits", ByInheritance, nil
	}
	return nil, "", 0, nil
}

// unread returns who else may own a thing that exists and whose tags nobody has
// read: a tag is nearer than a namespace or an account.
func (o *ownership) unread(t *thing) []string {
	if t.known || t.role == model.RoleCreated || len(o.tagged) == 0 {
		return nil
	}
	if o.nearest(ByURN, t).best != nil {
		return nil
	}
	if t.owner == nil {
		return o.tagged
	}
	return o.untagged[t.owner]
}

// all returns every owner that owns or is inherited from.
func (o *ownership) all() []*intent.Owner {
	var out []*intent.Owner
	for _, claims := range o.index {
		for _, c := range claims.all {
			out = append(out, c.owner)
		}
	}
	if o.fallback != nil {
		out = append(out, o.fallback)
	}
	return out
}

func describe(sel intent.Selector) string {
	switch {
	case sel.URN != "":
		return "urn " + sel.URN
	case sel.Tag != nil:
		keys := make([]string, 0, len(sel.Tag))
		for k := range sel.Tag {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		out := "tag"
		for _, k := range keys {
			out += " " + k + "=" + sel.Tag[k]
		}
		return out
	case sel.Kubernetes != nil:
		return "namespace " + sel.Kubernetes.Namespace
	case sel.AWS != nil:
		return "account " + sel.AWS.Account
	}
	return "account"
}

// accountable says it in the words of a decision.
func accountable(o *intent.Owner, from string) policy.Accountable {
	a := policy.Accountable{Owner: o.Name, Person: o.Accountable, From: from}
	keys := make([]string, 0, len(o.Contact))
	for k := range o.Contact {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if a.Contact != "" {
			a.Contact += ", "
		}
		a.Contact += k + " " + o.Contact[k]
	}
	return a
}
