package identify

import (
	"net/url"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// route is one operation as a REST route.
type route struct {
	op       *table.Operation
	version  string   // of the older API that binds it so; empty: today's
	labels   []string // names of the labels, in order
	suffix   []string // literal segments after a greedy label
	greedy   bool
	literals []literal // query literals: ?acl, ?list-type=2
	query    []string  // required query members
	header   []string  // required header members
}

type literal struct{ key, value string }

// node is one position in a path: literal before label before greedy.
type node struct {
	lits   map[string]*node
	label  *node
	routes []*route // that end here
	greedy []*route // whose greedy label starts here
}

// router finds the operations of one service by method and escaped path.
type router struct {
	byMethod map[string]*node
	known    map[string]bool // S3: query keys that select an operation
	headers  map[string]bool // headers that select one, in lower case
	s3       bool
	// old has the paths and operations that only older API versions have; nil:
	// none. It is apart so that it can never hide one of today's.
	old *router
}

func newRouter(s *table.Service) *router {
	r, old := emptyRouter(s), emptyRouter(s)
	for _, op := range s.Operations {
		today := table.Binding{Method: op.Method, URI: op.URI}
		if op.Retired {
			old.add(op, today)
		} else {
			r.add(op, today)
		}
		for _, b := range op.Older {
			old.add(op, b)
		}
	}
	if len(old.byMethod) > 0 {
		r.old = old
	}
	return r
}

func emptyRouter(s *table.Service) *router {
	return &router{byMethod: map[string]*node{}, s3: s.Name == "s3", known: map[string]bool{}, headers: map[string]bool{}}
}

func (r *router) add(op *table.Operation, b table.Binding) {
	rt := &route{op: op, version: b.Version}
	path, rawQuery, _ := strings.Cut(b.URI, "?")
	query(rawQuery).each(func(k, v string, _ bool) bool {
		rt.literals = append(rt.literals, literal{k, v})
		r.known[k] = true
		return true
	})
	if op.Input != nil {
		for _, m := range op.Input.Members {
			if !m.Required {
				continue
			}
			switch m.Location {
			case table.InQuery:
				rt.query = append(rt.query, m.WireName)
				r.known[m.WireName] = true
			case table.InHeader:
				rt.header = append(rt.header, m.WireName)
				r.headers[strings.ToLower(m.WireName)] = true
			}
		}
	}
	at := r.byMethod[b.Method]
	if at == nil {
		at = &node{}
		r.byMethod[b.Method] = at
	}
	segments := split(path)
	for i, seg := range segments {
		if !strings.HasPrefix(seg, "{") {
			if at.lits == nil {
				at.lits = map[string]*node{}
			}
			if at.lits[seg] == nil {
				at.lits[seg] = &node{}
			}
			at = at.lits[seg]
			continue
		}
		name := strings.Trim(seg, "{}")
		if n, ok := strings.CutSuffix(name, "+"); ok {
			rt.labels = append(rt.labels, n)
			rt.greedy, rt.suffix = true, segments[i+1:]
			at.greedy = append(at.greedy, rt)
			return
		}
		rt.labels = append(rt.labels, name)
		if at.label == nil {
			at.label = &node{}
		}
		at = at.label
	}
	at.routes = append(at.routes, rt)
}

// split cuts a path into segments; one trailing slash does not count.
func split(path string) []string {
	path = strings.TrimPrefix(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(path, "/"), "/")
}

// match is a route that fits, with the escaped values of its labels.
type match struct {
	*route
	values []string
}

// find returns the matches at the first position, literal before label before
// greedy, where any route fits the query.
func (r *router) find(method, path string, q query) []match {
	root := r.byMethod[method]
	if root == nil {
		return nil
	}
	segments := split(path)
	if r.s3 && len(segments) > 1 && strings.HasSuffix(path, "/") {
		segments = append(segments, "") // folder/ is an object's key
	} else if r.s3 && len(segments) == 1 && strings.HasSuffix(path, "//") {
		segments = append(segments, "")
	}
	var out []match
	root.walk(segments, nil, func(rt *route, values []string) bool {
		if !rt.fits(q) {
			return false
		}
		out = append(out, match{rt, append([]string(nil), values...)})
		return true
	})
	return out
}

// walk visits the routes of one path. visit says whether a route fits; once one
// has at a position, less literal positions are not looked at.
func (n *node) walk(rest, values []string, visit func(*route, []string) bool) bool {
	if len(rest) == 0 {
		found := false
		for _, rt := range n.routes {
			found = visit(rt, values) || found
		}
		return found
	}
	if next := n.lits[rest[0]]; next != nil && next.walk(rest[1:], values, visit) {
		return true
	}
	if n.label != nil && rest[0] != "" && n.label.walk(rest[1:], append(values, rest[0]), visit) {
		return true
	}
	found := false
	for _, longest := range []bool{true, false} { // a literal suffix is more telling than none
		for _, rt := range n.greedy {
			if (len(rt.suffix) > 0) != longest || len(rest) <= len(rt.suffix) {
				continue
			}
			cut := len(rest) - len(rt.suffix)
			fits := true
			for i, s := range rt.suffix {
				fits = fits && rest[cut+i] == s
			}
			if fits {
				found = visit(rt, append(values, strings.Join(rest[:cut], "/"))) || found
			}
		}
		if found {
			return true
		}
	}
	return found
}

// fits checks the query literals.
func (rt *route) fits(q query) bool {
	for _, l := range rt.literals {
		v, ok := q.get(l.key)
		if !ok || (l.value != "" && v != l.value) {
			return false
		}
	}
	return true
}

// score ranks routes that fit the same path: more literals, then all required
// members present, then more of them.
func (m match) score(q query, header func(string) bool) int {
	n := len(m.literals) * 1000
	for _, name := range m.query {
		if q.has(name) {
			n += 100
		} else {
			n -= 500
		}
	}
	for _, name := range m.header {
		if header(name) {
			n += 50
		} else {
			n -= 200
		}
	}
	return n
}

// keysKnown refuses a route for a call whose URL may say that it is another: with
// a bare key, a key that selects among the service's operations, or an x-amz- key,
// none of which the operation has. A newer service may have put one there; every
// other new key is a parameter.
func (m match) keysKnown(q query, selecting map[string]bool) bool {
	ok := true
	q.each(func(k, _ string, bare bool) bool {
		lower := strings.ToLower(k)
		amz := strings.HasPrefix(lower, "x-amz-")
		if (bare || amz || selecting[k]) && k != "x-id" && !presigning[lower] && !m.has(k, lower) {
			ok = false
		}
		return ok
	})
	return ok
}

// presigning are the keys that sign a URL, in lower case.
var presigning = map[string]bool{
	"x-amz-algorithm": true, "x-amz-credential": true, "x-amz-date": true, "x-amz-expires": true, "x-amz-signedheaders": true,
	"x-amz-signature": true, "x-amz-security-token": true, "x-amz-content-sha256": true, "x-amz-region-set": true, "x-amz-user-agent": true,
	"awsaccesskeyid": true, "signature": true, "expires": true,
}

// has reports whether the operation has a query key, or a header that signing
// moved into the URL.
func (rt *route) has(key, lower string) bool {
	for _, l := range rt.literals {
		if l.key == key {
			return true
		}
	}
	if rt.op.Input == nil {
		return false
	}
	for i := range rt.op.Input.Members {
		m := &rt.op.Input.Members[i]
		switch {
		case m.Location == table.InQuery && (m.WireName == key || m.Shape.Kind == table.Map),
			m.Location == table.InHeader && strings.EqualFold(m.WireName, lower):
			return true
		}
	}
	return false
}

// into adds the decoded labels to a map.
func (m match) into(labels map[string]string) {
	for i, name := range m.labels {
		v, err := url.PathUnescape(m.values[i])
		if err != nil {
			v = m.values[i]
		}
		labels[name] = v
	}
}
