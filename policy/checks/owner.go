package checks

import (
	"slices"
	"sort"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// ownership finds who answers for a resource: the nearest of a URN, a tag, a
// namespace, an account, and at last what everybody inherits from.
type ownership struct {
	by       [4][]claim
	fallback *intent.Owner
}

// claim is one selector of one owner.
type claim struct {
	owner *intent.Owner
	sel   intent.Selector
}

func newOwnership(set *intent.Set) ownership {
	var o ownership
	byName, roots := map[string]*intent.Owner{}, map[*intent.Owner]bool{}
	for _, doc := range set.Owners {
		byName[doc.Name] = doc
		for _, sel := range doc.Owns {
			rank := 3
			switch {
			case sel.URN != "":
				rank = 0
			case sel.Tag != nil:
				rank = 1
			case sel.Kubernetes != nil:
				rank = 2
			}
			o.by[rank] = append(o.by[rank], claim{doc, sel})
		}
	}
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
	return o
}

// holds reports whether a selector is about a thing.
func (c claim) holds(t *thing) bool {
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

var ranks = [4]string{"urn", "tag", "namespace", "account"}

// of returns the owner of a thing and how it was found. rivals is set when two
// are equally near: then it is neither.
func (o ownership) of(t *thing) (owner *intent.Owner, from string, by By, rivals []string) {
	for rank, claims := range o.by {
		found := map[string]claim{}
		for _, c := range claims {
			if c.holds(t) {
				found[c.owner.Name] = c
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			for _, c := range found {
				return c.owner, describe(rank, c.sel), By(rank), nil
			}
		}
		for name := range found {
			rivals = append(rivals, name)
		}
		sort.Strings(rivals)
		return nil, "", 0, rivals
	}
	if t.env != nil && t.env.Owner != "" {
		for _, doc := range o.all() {
			if doc.Name == t.env.Owner {
				return doc, "environment " + t.env.Name, ByEnvironment, nil
			}
		}
	}
	if o.fallback != nil {
		return o.fallback, "inherits", ByInheritance, nil
	}
	return nil, "", 0, nil
}

// unread returns who else may own a thing that exists and whose tags nobody has
// read: a tag is nearer than a namespace or an account.
func (o ownership) unread(t *thing) []string {
	if t.known || t.role == model.RoleCreated || len(o.by[1]) == 0 {
		return nil
	}
	for _, c := range o.by[0] {
		if c.holds(t) {
			return nil
		}
	}
	var names []string
	for _, c := range o.by[1] {
		if (t.owner == nil || c.owner.Name != t.owner.Name) && !slices.Contains(names, c.owner.Name) {
			names = append(names, c.owner.Name)
		}
	}
	sort.Strings(names)
	return names
}

// all returns every owner that owns or is inherited from.
func (o ownership) all() []*intent.Owner {
	var out []*intent.Owner
	for _, claims := range o.by {
		for _, c := range claims {
			out = append(out, c.owner)
		}
	}
	if o.fallback != nil {
		out = append(out, o.fallback)
	}
	return out
}

func describe(rank int, sel intent.Selector) string {
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
	return ranks[rank]
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
