package identify

import (
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// rest settles a call by its route.
func (c *call) rest() error {
	if c.cands == nil {
		c.res.Why = "neither host nor signature says which service this is"
		return nil
	}
	path := c.URL.EscapedPath()
	has := func(name string) bool { // version 2 presigning moves headers into the URL
		return c.Header.Get(name) != "" || c.scope.Kind == "presigned-v2" && c.q.has(strings.ToLower(name))
	}
	best, s3, s3Service, err := c.routes(path, has, false)
	if err != nil {
		return err
	}
	if len(best) == 0 && s3 == nil { // what is newer always wins
		if best, _, _, err = c.routes(path, has, true); err != nil {
			return err
		}
	}
	// S3 takes any path. Its control plane says so in a header or by its host.
	if s3 != nil && !c.place.AWS && len(best) > 0 && best[0].service.Name == "s3control" && !has("X-Amz-Account-Id") {
		c.res.Protocol = restProtocol(s3Service)
		c.res.Why = "may be s3control:" + best[0].op.Name + " or an object of a bucket of that name"
		return nil
	}
	if s3 != nil && (len(best) == 0 || best[0].service.Name != "s3outposts" && !c.place.S3.Control && !has("X-Amz-Account-Id")) {
		return c.restS3(s3, s3Service, path, has)
	}
	var ops []*table.Operation
	for _, f := range best {
		ops = append(ops, f.op)
	}
	c.choose(tieBreak(ops, c.q))
	for _, f := range best {
		if f.op == c.res.Operation {
			c.res.Labels = map[string]string{}
			f.into(c.res.Labels)
			if f.version != "" {
				c.res.APIVersion = f.version
			}
			if c.place.AWS { // elsewhere the host's labels are its own
				hostLabels(f.op.HostPrefix, c.Host, c.res.Labels)
			}
			c.res.Protocol = restProtocol(f.service)
		}
	}
	if c.res.Operation == nil && len(c.cands) == 1 {
		c.res.Protocol = restProtocol(&c.cands[0].Service)
	}
	return nil
}

// found is a route that fits, of one of the candidates.
type found struct {
	match
	service *table.Service
	score   int
}

// routes finds the best routes among the candidates, and S3's router if it is one
// of them. old looks at what only older API versions have.
func (c *call) routes(path string, has func(string) bool, old bool) (best []found, s3 *router, service *table.Service, err error) {
	for _, info := range c.cands {
		if !info.Speaks("rest-json") && !info.Speaks("rest-xml") {
			continue
		}
		r, s, err := c.id.router(info)
		if err != nil {
			return nil, nil, nil, err
		}
		if r.s3 {
			if err := c.signsWhatDecides(r); err != nil {
				return nil, nil, nil, err
			}
			s3, service = r, s
			continue
		}
		today := r.known
		if old {
			if r = r.old; r == nil {
				continue
			}
		}
		method, q := c.binding(info.Name)
		matches := r.find(method, path, q)
		for _, base := range info.BasePaths {
			if rest, ok := strings.CutPrefix(path, base+"/"); ok && len(matches) == 0 {
				matches = r.find(method, "/"+rest, q)
			}
		}
		for _, m := range matches {
			if !m.keysKnown(q, r.known) || !m.keysKnown(q, today) {
				continue
			}
			f := found{m, s, m.score(q, has)}
			if c.place.Partition != nil && (m.op.HostPrefix != "") == hostPrefixFits(m.op.HostPrefix, c.Host) && m.op.HostPrefix != "" {
				f.score += 10
			}
			switch {
			case len(best) == 0 || f.score > best[0].score:
				best = []found{f}
			case f.score == best[0].score:
				best = append(best, f)
			}
		}
	}
	return best, s3, service, nil
}

func restProtocol(s *table.Service) string {
	for _, p := range s.Protocols {
		if strings.HasPrefix(p, "rest-") {
			return p
		}
	}
	return ""
}

// tieBreak lets x-id choose among operations that fit equally well. It can never
// choose one that the route excludes: anybody may write it.
func tieBreak(ops []*table.Operation, q query) []*table.Operation {
	if len(ops) < 2 {
		return ops
	}
	want, ok := q.get("x-id")
	if !ok {
		return ops
	}
	for _, op := range ops {
		if op.Name == want {
			return []*table.Operation{op}
		}
	}
	return ops
}

// hostPrefixFits reports whether a host starts the way a prefix says.
func hostPrefixFits(prefix, host string) bool {
	return prefix != "" && hostLabels(prefix, host, map[string]string{})
}

// hostLabels reads the labels of a host prefix ("{AccountId}.data-") from a host.
func hostLabels(prefix, host string, into map[string]string) bool {
	for prefix != "" {
		open := strings.IndexByte(prefix, '{')
		if open < 0 {
			return strings.HasPrefix(host, prefix)
		}
		end := strings.IndexByte(prefix, '}')
		if end < open || !strings.HasPrefix(host, prefix[:open]) {
			return false
		}
		name := prefix[open+1 : end]
		host, prefix = host[open:], prefix[end+1:]
		next := strings.IndexByte(host, '.')
		if next <= 0 {
			return false
		}
		if name == "AccountId" && !isAccount(host[:next]) {
			return false // s3-outposts.REGION, where an account may stand
		}
		into[name], host = host[:next], host[next:]
	}
	return true
}

// restS3 settles an S3 call. The bucket may stand in the host; then the path is
// rewritten to the models' /{Bucket}/{Key+}.
func (c *call) restS3(r *router, s *table.Service, path string, has func(string) bool) error {
	h := c.place.S3
	c.res.Protocol = "rest-xml"
	if h.Lambda && c.Method == "POST" && path == "/WriteGetObjectResponse" {
		op, _ := s.Operation("WriteGetObjectResponse")
		c.choose([]*table.Operation{op})
		c.res.Labels = map[string]string{}
		hostLabels(op.HostPrefix, c.Host, c.res.Labels)
		return nil
	}
	pathStyle, pathLabels := c.s3Match(r, path, has)
	if h.Bucket == "" {
		if !h.Control && pathStyle != nil && pathStyle.Name == "ListDirectoryBuckets" {
			pathStyle, _ = s.Operation("ListBuckets")
		}
		if h.Control && pathStyle != nil && pathStyle.Name == "ListBuckets" {
			pathStyle, _ = s.Operation("ListDirectoryBuckets")
		}
		c.chooseS3(pathStyle, pathLabels)
		return nil
	}
	rewritten := "/x"
	if path != "/" && path != "" {
		rewritten += path
	}
	virtual, labels := c.s3Match(r, rewritten, has)
	if virtual != nil {
		labels["Bucket"] = h.Bucket
	}
	if !h.Maybe {
		c.chooseS3(virtual, labels)
		return nil
	}
	switch { // the bucket may stand in the host or in the path
	case virtual == pathStyle && virtual != nil:
		c.chooseS3(virtual, map[string]string{})
		c.res.Why = "the custom endpoint's name does not say whether it holds the bucket"
	case virtual == nil:
		c.chooseS3(pathStyle, pathLabels)
	case pathStyle == nil:
		c.chooseS3(virtual, labels)
	default:
		c.choose([]*table.Operation{virtual, pathStyle})
	}
	return nil
}

func (c *call) chooseS3(op *table.Operation, labels map[string]string) {
	if op == nil {
		c.choose(nil)
		return
	}
	c.choose([]*table.Operation{op})
	c.res.Labels = labels
}

// s3Match finds the S3 operation of a path. Every query key that selects an
// operation has to be one that the found operation is selected by, and a bare
// key that no operation knows means an operation that is newer than the table.
func (c *call) s3Match(r *router, path string, has func(string) bool) (*table.Operation, map[string]string) {
	found := r.find(c.Method, path, c.q)
	var best []match
	score := 0
	for _, m := range found {
		n := m.score(c.q, has)
		if len(best) == 0 || n > score {
			best, score = []match{m}, n
		} else if n == score {
			best = append(best, m)
		}
	}
	if len(best) == 0 {
		return nil, nil
	}
	chosen := best[0]
	if len(best) > 1 {
		var ops []*table.Operation
		for _, m := range best {
			ops = append(ops, m.op)
		}
		ops = canonical(tieBreak(ops, c.q))
		if len(ops) != 1 {
			return nil, nil
		}
		for _, m := range best {
			if m.op == ops[0] {
				chosen = m
			}
		}
	}
	for _, name := range chosen.query { // POST /bucket/key without an uploadId is nothing
		if !c.q.has(name) {
			return nil, nil
		}
	}
	if !c.s3KeysKnown(r, chosen) {
		return nil, nil
	}
	labels := map[string]string{}
	chosen.into(labels)
	return chosen.op, labels
}

func (c *call) s3KeysKnown(r *router, m match) bool {
	ok := true
	c.q.each(func(k, _ string, bare bool) bool {
		if r.headers[strings.ToLower(k)] && c.scope.Kind != "presigned-v2" {
			ok = false // x-amz-copy-source in the URL makes it a copy, if S3 looks there
			return false
		}
		if k == "x-id" || strings.HasPrefix(k, "X-Amz-") || strings.HasPrefix(k, "x-amz-") {
			return true
		}
		for _, l := range m.literals {
			if l.key == k {
				return true
			}
		}
		if m.op.Input != nil {
			for i := range m.op.Input.Members {
				member := &m.op.Input.Members[i]
				if member.Location == table.InQuery && member.WireName == k {
					return true
				}
			}
		}
		switch k {
		case "AWSAccessKeyId", "Signature", "Expires":
			return true
		}
		if bare || r.known[k] {
			ok = false
		}
		return ok
	})
	return ok
}
