// Package identify finds out which AWS operation an HTTP request is: from the
// host, the signature's scope, X-Amz-Target, Smithy-Protocol, Action and
// Version, or the REST route, over the table of all services. It follows what
// AWS's own front ends go by, and refuses to choose where they might choose
// otherwise.
//
// Identify returns an error for a call that contradicts itself; the caller MUST
// refuse it. A call that is only unknown is a Result without an Operation.
package identify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// Result is what a call was found to be. Fields that the call does not say are
// empty.
type Result struct {
	Service    *table.Service
	Operation  *table.Operation // nil: unknown
	Protocol   string           // as in table.Service.Protocols
	APIVersion string
	Partition  string
	Region     string
	Account    string // from the host or the access key id
	AccessKey  string
	Signing    string // how it is signed: sigv4, presigned, …; empty: not at all
	Labels     map[string]string
	Endpoint   string // aws, custom
	Name       string // the operation's name as the call gives it, known or not
	Why        string // why the operation is unknown
}

// Identifier identifies calls. It is safe for concurrent use.
type Identifier struct {
	table   *table.Table
	routers map[*table.Info]*lazyRouter
	s3      *table.Info
}

type lazyRouter struct {
	once sync.Once
	r    *router
	s    *table.Service
	err  error
}

// New makes an identifier over a table.
func New(t *table.Table) *Identifier {
	id := &Identifier{table: t, routers: map[*table.Info]*lazyRouter{}}
	for _, info := range t.Services() {
		id.routers[info] = &lazyRouter{}
	}
	id.s3, _ = t.Info("s3")
	return id
}

func (id *Identifier) router(info *table.Info) (*router, *table.Service, error) {
	l := id.routers[info]
	l.once.Do(func() {
		if l.s, l.err = info.Load(); l.err == nil {
			l.r = newRouter(l.s)
		}
	})
	return l.r, l.s, l.err
}

// call is one call with what was already read of it.
type call struct {
	decoders.Call
	id    *Identifier
	q     query
	scope scope
	place place
	cands []*table.Info // nil: nothing is known
	res   *Result
}

// Identify identifies a call. Only query calls need the body.
func (id *Identifier) Identify(dc decoders.Call) (Result, error) {
	c := &call{Call: dc, id: id, res: &Result{Endpoint: "custom"}}
	if dc.URL == nil {
		return Result{}, errors.New("the call has no URL")
	}
	c.q = query(dc.URL.RawQuery)
	var err error
	if c.scope, err = parseScope(dc, c.q); err != nil {
		return Result{}, err
	}
	c.place = id.place(dc.Host)
	if c.place.Front {
		c.where()
		c.res.Why = "the host is a front end whose calls are in no model"
		return *c.res, nil
	}
	if err := c.narrow(); err != nil {
		return Result{}, err
	}
	c.where()
	if err := c.dispatch(); err != nil {
		return Result{}, err
	}
	if a := c.Header.Get("X-Amz-Account-Id"); c.res.Operation != nil && c.res.Service.Name == "s3control" && isAccount(a) {
		c.res.Account = a
	}
	if c.res.Service == nil && len(c.cands) == 1 {
		if s, err := c.cands[0].Load(); err == nil {
			c.res.Service = s
		}
	}
	return *c.res, nil
}

// narrow intersects what the scope and the host say. Both known and nothing in
// common is a contradiction.
func (c *call) narrow() error {
	host := c.place.Services
	var signed []*table.Info
	if c.scope.Service != "" {
		signed = c.id.table.BySigningName(signingAlias(c.scope.Service))
	}
	switch {
	case host == nil:
		c.cands = signed
	case signed == nil:
		if c.scope.Service != "" {
			c.res.Why = "no service signs as " + c.scope.Service
			c.cands = nil
			return nil
		}
		c.cands = host
	default:
		for _, i := range host {
			if slices.Contains(signed, i) {
				c.cands = append(c.cands, i)
			}
		}
		if c.cands == nil {
			return fmt.Errorf("the call is signed for %q but sent to %s", c.scope.Service, c.Host)
		}
	}
	if c.scope.Region != "" && c.place.Region != "" && c.scope.Region != c.place.Region && !c.scope.Set {
		// Global services sign with their partition's own region, wherever they answer.
		p := c.place.Partition
		if p == nil || c.scope.Region != p.Global {
			return fmt.Errorf("the call is signed for region %q but sent to %s", c.scope.Region, c.Host)
		}
	}
	return nil
}

// signingAlias maps the signing names of parts of S3 to S3's own.
func signingAlias(name string) string {
	switch name {
	case "s3express", "s3-object-lambda":
		return "s3"
	}
	return name
}

func (c *call) where() {
	r := c.res
	r.AccessKey, r.Signing = c.scope.Key, c.scope.Kind
	r.Region = c.scope.Region
	if r.Region == "" || c.scope.Set && c.place.Region != "" || strings.ContainsAny(r.Region, "*,") {
		r.Region = c.place.Region // a signature for several regions holds in the one that it is sent to
	}
	if c.place.AWS {
		r.Endpoint = "aws"
	}
	r.Partition = "aws"
	if c.place.Partition != nil {
		r.Partition = c.place.Partition.Name
		// aws and aws-us-gov share their suffixes; the region tells them apart.
		if p, ok := c.id.table.PartitionOfRegion(r.Region); ok && p.DNS == c.place.Partition.DNS {
			r.Partition = p.Name
		}
		if r.Region == "" && len(c.cands) == 1 && c.cands[0].Name != "s3" {
			r.Region = c.place.Partition.Global
		}
	} else if p, ok := c.id.table.PartitionOfRegion(r.Region); ok {
		r.Partition = p.Name
	}
	r.Account = c.place.S3.Account
	if first, _, _ := strings.Cut(c.place.Head, "."); r.Account == "" && isAccount(first) {
		r.Account = first
	}
	if r.Account == "" {
		r.Account, _ = Account(c.scope.Key)
	}
}

// dispatch goes by what the call carries.
func (c *call) dispatch() error {
	targets := c.Header.Values("X-Amz-Target")
	if len(targets) > 1 {
		return errors.New("the call carries two X-Amz-Target headers")
	}
	if smithy := c.Header.Values("Smithy-Protocol"); len(smithy) > 0 {
		if len(smithy) > 1 || len(targets) > 0 {
			return errors.New("the call speaks two protocols at once")
		}
		return c.rpcV2(smithy[0])
	}
	if len(targets) == 1 {
		return c.json(targets[0])
	}
	if c.cands == nil && c.scope.Service != "" && c.place.Services == nil && c.res.Why == "" {
		c.res.Why = "no service signs as " + c.scope.Service
		return nil
	}
	if c.res.Why != "" {
		return nil
	}
	if c.cands == nil || slices.ContainsFunc(c.cands, speaksQuery) {
		f, err := readForm(c.Call, c.q)
		if err != nil {
			return err
		}
		if f.Present {
			return c.query(f)
		}
	}
	return c.rest()
}

func speaksQuery(i *table.Info) bool { return i.Speaks("query") || i.Speaks("ec2") }

// settle picks the one operation called name among the services that pass. Two
// that are not the same API under two names stay unknown.
func (c *call) settle(name, protocol string, pass []*table.Info) error {
	c.res.Name, c.res.Protocol = name, protocol
	var ops []*table.Operation
	for _, i := range pass {
		_, s, err := c.id.router(i)
		if err != nil {
			return err
		}
		if op, ok := s.Operation(name); ok {
			ops = append(ops, op)
		}
	}
	c.choose(ops)
	if len(ops) == 0 && len(pass) == 1 {
		c.cands = pass
	}
	return nil
}

func (c *call) choose(ops []*table.Operation) {
	ops = canonical(ops)
	switch len(ops) {
	case 0:
		c.res.Why = "no such operation is in the table"
	case 1:
		c.res.Operation, c.res.Service, c.res.Name = ops[0], ops[0].Service, ops[0].Name
		if c.res.APIVersion == "" {
			c.res.APIVersion = ops[0].Service.APIVersions[0]
		}
	default:
		var names []string
		for _, op := range ops {
			names = append(names, op.Service.Name+":"+op.Name)
		}
		c.res.Why = "may be any of " + strings.Join(names, ", ")
		if !c.place.AWS {
			c.res.Why += ": AWS's own host names say which"
		}
	}
}

// json settles a call by X-Amz-Target, cut at the last dot: three prefixes hold
// dots themselves.
func (c *call) json(target string) error {
	if ct := strings.ToLower(c.Header.Get("Content-Type")); ct != "" && !strings.Contains(ct, "json") {
		return fmt.Errorf("the call has an X-Amz-Target but its content type is %q", ct)
	}
	if c.q.has("Action") {
		return errors.New("the call has both an X-Amz-Target and an Action")
	}
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return fmt.Errorf("X-Amz-Target %q has no dot", target)
	}
	prefix, name := target[:dot], target[dot+1:]
	all := c.id.table.ByTarget(prefix)
	pass := all
	if c.cands != nil {
		pass = nil
		for _, i := range all {
			if slices.Contains(c.cands, i) {
				pass = append(pass, i)
			}
		}
		if pass == nil && len(all) > 0 {
			return fmt.Errorf("X-Amz-Target %q is not of the service that the call is sent to", target)
		}
	}
	if pass == nil {
		c.res.Name, c.res.Protocol, c.res.Why = name, "json", "no service has this X-Amz-Target"
		return nil
	}
	return c.settle(name, "json", pass)
}

// rpcV2 settles a call by /service/NAME/operation/NAME, which may follow a
// prefix of the endpoint's own.
func (c *call) rpcV2(protocol string) error {
	if protocol != "rpc-v2-cbor" && protocol != "rpc-v2-json" {
		c.res.Why = "unknown Smithy-Protocol " + protocol
		return nil
	}
	if c.q.has("Action") {
		return errors.New("the call has both a Smithy-Protocol and an Action")
	}
	if ct := strings.ToLower(c.Header.Get("Content-Type")); ct != "" && !strings.Contains(ct, strings.TrimPrefix(protocol, "rpc-v2-")) &&
		!strings.Contains(ct, "eventstream") {
		return fmt.Errorf("the call speaks %s but its content type is %q", protocol, ct)
	}
	seg := strings.Split(c.URL.EscapedPath(), "/")
	n := len(seg)
	if n < 4 || seg[n-2] != "operation" || seg[n-4] != "service" {
		return errors.New("the path of an rpc-v2 call is not /service/NAME/operation/NAME")
	}
	service, name := seg[n-3], seg[n-1]
	from := c.cands
	if from == nil {
		from = c.id.table.ByTarget(service)
	}
	var pass []*table.Info
	for _, i := range from {
		if (i.Speaks("smithy-rpc-v2-cbor") || i.Speaks("json")) && (i.TargetPrefix == "" || i.TargetPrefix == service) {
			pass = append(pass, i)
		}
	}
	if pass == nil && c.cands != nil && len(c.id.table.ByTarget(service)) > 0 {
		return fmt.Errorf("the call is for %s but not sent to it", service)
	}
	if protocol == "rpc-v2-cbor" {
		protocol = "smithy-rpc-v2-cbor" // as the models call it
	}
	return c.settle(name, protocol, pass)
}

// query settles a call by Version and Action.
func (c *call) query(f form) error {
	all := c.id.table.ByVersion(f.Version)
	if ct := c.Header.Get("Content-Type"); ct != "" && !isForm(ct) && len(c.Body) > 0 {
		return fmt.Errorf("the call has an Action but its content type is %q", ct)
	}
	pass := all
	if c.cands != nil {
		pass = nil
		for _, i := range c.cands {
			if slices.Contains(all, i) {
				pass = append(pass, i)
			}
		}
	}
	c.res.APIVersion = f.Version
	if pass == nil {
		c.res.Name, c.res.Protocol, c.res.Why = f.Action, "query", fmt.Sprintf("no version %q of the service is in the table", f.Version)
		return nil
	}
	protocol := "query"
	if pass[0].Speaks("ec2") {
		protocol = "ec2"
	}
	return c.settle(f.Action, protocol, pass)
}
