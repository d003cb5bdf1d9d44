package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

const (
	// pageSize is how many objects one page has: the number that every client of
	// Kubernetes uses.
	pageSize = 500
	// maxStarts bounds how often a list whose pages were compacted away is begun again.
	maxStarts = 3
	// watchTime is how long one watch is asked to go on; the next one takes over.
	watchTime = 8 * time.Minute
	// maxBatch bounds how many changes become one version of the model.
	maxBatch = 500
	// rediscover is how soon a kind is noticed that was not served before.
	rediscover = 30 * time.Second
)

// A watch that has stalled is left in time: this does not compile otherwise.
const _ = uint(collect.MaxStall - watchTime - askPatience)

// Collector reads one cluster.
type Collector struct {
	cluster string
	server  *Server
	known   func(model.URN) (model.Resource, bool)

	mu    sync.Mutex // guards kinds
	kinds map[string]kube.Kind
}

var (
	_ collect.Collector = (*Collector)(nil)
	_ collect.Watcher   = (*Collector)(nil)
	_ collect.Getter    = (*Collector)(nil)
)

// NewCollector reads the named cluster. known is what the model has; an object that
// it knows at the same version, perhaps better, is not told again. It may be nil.
func NewCollector(cluster string, s *Server, known func(model.URN) (model.Resource, bool)) *Collector {
	if known == nil {
		known = func(model.URN) (model.Resource, bool) { return model.Resource{}, false }
	}
	return &Collector{cluster: cluster, server: s, known: known, kinds: map[string]kube.Kind{}}
}

// Name is kubernetes/CLUSTER.
func (c *Collector) Name() string { return kube.Name + "/" + c.cluster }

// Rediscover is how often Scopes is worth asking: it costs two requests.
func (c *Collector) Rediscover() time.Duration { return rediscover }

// Scopes is every kind that can be listed.
func (c *Collector) Scopes(ctx context.Context) ([]collect.Scope, []collect.Gap, error) {
	served, err := c.server.Kinds(ctx)
	if err != nil {
		return nil, nil, looked(err)
	}
	kinds := map[string]kube.Kind{}
	var scopes []collect.Scope
	for _, k := range served.Kinds {
		kinds[k.Type()] = k
		scopes = append(scopes, c.scope(k))
	}
	var gaps []collect.Gap
	for _, group := range served.Silent {
		gaps = append(gaps, collect.Gap{Scope: collect.Scope{Platform: kube.Name, Account: c.cluster, Type: group + "/*"},
			State: collect.Failed, Why: "the server of the API group does not answer"})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds = kinds
	return scopes, gaps, nil
}

func (c *Collector) scope(k kube.Kind) collect.Scope {
	return collect.Scope{Platform: kube.Name, Account: c.cluster, Type: k.Type()}
}

func (c *Collector) kind(s collect.Scope) (kube.Kind, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.kinds[s.Type]
	if !ok || s.Account != c.cluster {
		return k, fmt.Errorf("%s is nothing that %s serves", s, c.Name())
	}
	return k, nil
}

// Kinds are those that the last look for scopes has found; nil: nobody looked.
func (c *Collector) Kinds() []kube.Kind {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []kube.Kind
	for _, k := range c.kinds {
		out = append(out, k)
	}
	return out
}

// looked says in the words of model/collect how a question went.
func looked(err error) error {
	switch status(err) {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: %w", collect.ErrDenied, err)
	case http.StatusGone:
		return fmt.Errorf("%w: %w", collect.ErrLost, err)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %w", collect.ErrAbsent, err)
	}
	return err
}

// List reads all objects of a kind.
func (c *Collector) List(ctx context.Context, s collect.Scope, page func([]model.Observation) error) (string, error) {
	k, err := c.kind(s)
	if err != nil {
		return "", err
	}
	return c.server.list(ctx, c.cluster, k, s.Region, nil, func(seen []model.Observation) error {
		return page(c.news(seen))
	})
}

// All hands on all objects of a kind in a namespace, or in all, that a query selects,
// as a collector keeps them. Only nil means that they were all.
func (s *Server) All(ctx context.Context, cluster string, k kube.Kind, namespace string, query url.Values, page func([]model.Observation) error) error {
	_, err := s.list(ctx, cluster, k, namespace, query, page)
	return err
}

// list reads the objects of a kind in a namespace, or in all, page by page.
func (s *Server) list(ctx context.Context, cluster string, k kube.Kind, namespace string, query url.Values, page func([]model.Observation) error) (string, error) {
	next, version := "", ""
	for start := 1; ; {
		q := url.Values{"limit": {strconv.Itoa(pageSize)}}
		for key, values := range query {
			q[key] = values
		}
		if next != "" {
			q.Set("continue", next)
		}
		body, err := s.get(ctx, k.Path(namespace), q, k.Accept(false))
		if err = looked(err); errors.Is(err, collect.ErrLost) && next != "" && start < maxStarts {
			start, next, version = start+1, "", "" // the pages that were read are read again
			continue
		}
		if err != nil {
			return "", err
		}
		l, err := kube.ReadList(cluster, k, body)
		if err != nil {
			return "", err
		}
		if version == "" {
			version = l.Version
		}
		if err := page(l.Seen); err != nil {
			return "", err
		}
		if next = l.Continue; next == "" {
			return version, nil
		}
	}
}

// Watch follows the changes of a kind.
func (c *Collector) Watch(ctx context.Context, s collect.Scope, mark string, opened func(), change func([]model.Observation) error) (string, error) {
	k, err := c.kind(s)
	if err != nil {
		return mark, err
	}
	q := url.Values{"watch": {"1"}, "allowWatchBookmarks": {"true"}, "resourceVersion": {mark}, "timeoutSeconds": {strconv.Itoa(int(watchTime.Seconds()))}}
	ctx, cancel := context.WithTimeout(ctx, watchTime+askPatience) // a server that forgets it is left
	defer cancel()
	resp, err := c.server.open(ctx, k.Path(s.Region), q, k.Accept(true))
	if err != nil {
		return mark, looked(err)
	}
	defer resp.Body.Close()
	opened()
	events := kube.Events{Cluster: c.cluster, Kind: k}
	var batch []model.Observation
	err = lines(resp.Body, func(line []byte, more bool) error {
		e, err := events.Read(line)
		switch {
		case err != nil:
			return err
		case e.Lost:
			return collect.ErrLost
		case e.Failed != "":
			return fmt.Errorf("the watch of %s failed: %s", s, e.Failed)
		}
		batch = append(batch, c.news(e.Seen)...)
		if len(batch) > 0 && (!more || len(batch) >= maxBatch) {
			if err := change(batch); err != nil {
				return err
			}
			batch = nil
		}
		if e.Version != "" && len(batch) == 0 {
			mark = e.Version
		}
		return nil
	})
	return mark, err
}

// news leaves out what the model knows as well already: of that nothing is said but
// that it is there.
func (c *Collector) news(seen []model.Observation) []model.Observation {
	for i, o := range seen {
		if !o.Gone && !New(o, c.known) {
			seen[i] = model.Observation{Resource: model.Resource{URN: o.Resource.URN}}
		}
	}
	return seen
}

// New reports whether a record is of a later version than what is known.
func New(o model.Observation, known func(model.URN) (model.Resource, bool)) bool {
	r, ok := known(o.Resource.URN)
	return !ok || r.URN != o.Resource.URN || newer(kube.VersionOf(o.Resource), kube.VersionOf(r))
}

// newer compares resource versions: numbers, in every server there is.
func newer(a, b string) bool {
	x, err1 := strconv.ParseUint(a, 10, 64)
	y, err2 := strconv.ParseUint(b, 10, 64)
	return err1 != nil || err2 != nil || x > y
}

// Holds reports whether an object is of the cluster.
func (c *Collector) Holds(urn model.URN) bool {
	id := kube.ParseURN(urn)
	return id.Cluster == c.cluster && id.Name != "" && !strings.Contains(string(urn), "*")
}

// Get reads one object.
func (c *Collector) Get(ctx context.Context, urn model.URN) ([]model.Observation, error) {
	id := kube.ParseURN(urn)
	k, err := c.kind(collect.Scope{Platform: kube.Name, Account: id.Cluster, Type: id.Group + "/" + id.Kind})
	if err != nil {
		return nil, err
	}
	var out []model.Observation
	_, err = c.server.list(ctx, c.cluster, k, id.Namespace, url.Values{"fieldSelector": {"metadata.name=" + id.Name}}, func(seen []model.Observation) error {
		out = append(out, c.news(seen)...)
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%s: %w", urn, collect.ErrAbsent)
	}
	return out, err
}
