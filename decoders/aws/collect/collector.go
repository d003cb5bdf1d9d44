package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

// platform is the decoder's name.
const platform = "aws"

// Decoder understands calls and their answers: decoders/aws.
type Decoder interface {
	Decode(context.Context, decoders.Call) (model.Action, error)
	Learn(decoders.Call, *decoders.Response) []model.Observation
	Table() *table.Table
}

// Config configures a Collector.
type Config struct {
	Decoder Decoder
	// Login says as whom the account is read. It is done when the account is first
	// looked at, and again until it works.
	Login Login
	// Regions are read; none: the one of the login; AllRegions: all that the account
	// has opened.
	Regions []string
	// Events is the ARN of an SQS queue to which EventBridge sends what CloudTrail has
	// of the account; empty: none.
	Events string
	// Send sends one call; it MUST NOT follow redirects.
	Send http.RoundTripper
	Now  func() time.Time
	// Sleep waits; nil: by the clock.
	Sleep func(context.Context, time.Duration) error
}

// AllRegions stands for every region that an account has opened.
const AllRegions = "all"

// Collector reads one account.
type Collector struct {
	cfg      Config
	listings []*listing
	signer   *v4.Signer
	retry    *retry.Standard

	calls, retries atomic.Int64
	account        atomic.Pointer[account] // nil until somebody has logged in

	login sync.Mutex // held while logging in

	mu      sync.Mutex
	buckets map[string]*bucket // guarded by mu
}

// account is who was logged in as.
type account struct {
	id          string
	credentials aws.CredentialsProvider
	partition   *table.Partition
	regions     []string
}

var (
	_ collect.Collector = (*Collector)(nil)
	_ collect.Getter    = (*Collector)(nil)
)

// New makes a collector of an account. It asks nobody anything yet.
func New(cfg Config) (*Collector, error) {
	if cfg.Decoder == nil || cfg.Send == nil || cfg.Now == nil {
		return nil, errors.New("collecting from AWS: no decoder, clock or way to send")
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	t := cfg.Decoder.Table()
	for _, region := range cfg.Regions {
		if _, ok := t.PartitionOfRegion(region); !ok && region != AllRegions {
			return nil, fmt.Errorf("collecting from AWS: %q is no region", region)
		}
	}
	if cfg.Events != "" {
		if _, err := queueOf(cfg.Events); err != nil {
			return nil, err
		}
	}
	rows, err := readListings(t, listingsYAML)
	return &Collector{cfg: cfg, listings: rows, signer: v4.NewSigner(), buckets: map[string]*bucket{},
		retry: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, maxWait })}, err
}

// Name is aws/ACCOUNT for a role, aws/PROFILE for a profile, aws/default otherwise.
func (c *Collector) Name() string { return platform + "/" + c.cfg.Login.name() }

// Counts is how many calls were sent, and how many of them again.
func (c *Collector) Counts() (calls, again int64) { return c.calls.Load(), c.retries.Load() }

// open logs in, if nobody has.
func (c *Collector) open(ctx context.Context) (*account, error) {
	c.login.Lock()
	defer c.login.Unlock()
	if a := c.account.Load(); a != nil {
		return a, nil
	}
	who, err := c.cfg.Login.in(ctx, c.cfg.Send)
	if err != nil {
		return nil, err
	}
	t := c.cfg.Decoder.Table()
	a := &account{id: who.account, credentials: who.credentials, regions: c.cfg.Regions}
	var ok bool
	if a.partition, ok = t.PartitionOfRegion(who.region); !ok {
		return nil, fmt.Errorf("%q is no region", who.region)
	}
	if len(a.regions) == 0 {
		a.regions = []string{who.region}
	}
	if slices.Contains(a.regions, AllRegions) {
		if a.regions, err = c.opened(ctx, a, who.region); err != nil {
			return nil, err
		}
	}
	for _, region := range a.regions {
		if p, ok := t.PartitionOfRegion(region); !ok || p.Name != a.partition.Name {
			return nil, fmt.Errorf("region %s is in another partition than %s, where the credentials are from", region, who.region)
		}
	}
	c.account.Store(a)
	return a, nil
}

// opened are the regions that an account may use.
func (c *Collector) opened(ctx context.Context, a *account, region string) ([]string, error) {
	op, err := operation(c.cfg.Decoder.Table(), "ec2:DescribeRegions")
	if err != nil {
		return nil, err
	}
	got, err := c.ask(ctx, a, op, region, false, map[string]any{})
	if err != nil {
		return nil, err
	}
	names, ok := at(got.answer, "Regions.RegionName")
	var all []string
	for _, name := range names {
		if s, isText := name.(string); isText {
			all = append(all, s)
		}
	}
	if slices.Sort(all); !ok || len(all) == 0 {
		return nil, errors.New("ec2:DescribeRegions names no region")
	}
	return all, nil
}

// Scopes are every type in every region; what AWS keeps once for all regions is
// asked for once.
func (c *Collector) Scopes(ctx context.Context) ([]collect.Scope, []collect.Gap, error) {
	a, err := c.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	var all []collect.Scope
	for _, l := range c.listings {
		regions := a.regions
		if l.Global {
			regions = []string{""}
		}
		for _, region := range regions {
			all = append(all, collect.Scope{Platform: platform, Account: a.id, Region: region, Type: l.Type})
		}
	}
	return all, nil, nil
}

// List reads every resource of one type.
func (c *Collector) List(ctx context.Context, s collect.Scope, page func([]model.Observation) error) (string, error) {
	l := c.of(s.Type)
	if l == nil {
		return "", fmt.Errorf("nobody knows how to list %s", s.Type)
	}
	a, err := c.open(ctx)
	if err != nil {
		return "", err
	}
	region := s.Region
	if l.Global {
		region = a.partition.Global
	}
	r := &reading{c: c, account: a, l: l, region: region, page: page}
	return "", errors.Join(r.list(ctx), r.short)
}

func (c *Collector) of(kind string) *listing {
	i := slices.IndexFunc(c.listings, func(l *listing) bool { return l.Type == kind })
	if i < 0 {
		return nil
	}
	return c.listings[i]
}

// endpoint is the host that answers for a service, and the region to sign for.
func endpoint(s *table.Service, p *table.Partition, region string, global bool) (host, signed string) {
	switch {
	case !global || s.Name == "s3":
		return s.EndpointPrefix + "." + region + "." + p.DNS, region
	case p.Name == "aws":
		return s.EndpointPrefix + "." + p.DNS, p.Global
	case p.Name == "aws-us-gov":
		return s.EndpointPrefix + ".us-gov." + p.DNS, p.Global
	}
	return s.EndpointPrefix + "." + p.Global + "." + p.DNS, p.Global
}

func (c *Collector) bucket(name string) *bucket {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.buckets[name]
	if !ok {
		b = newBucket(c.cfg.Now())
		c.buckets[name] = b
	}
	return b
}

// signing are the ways in which S3 signs otherwise: its paths are not escaped twice.
func signing(s *table.Service) func(*v4.SignerOptions) {
	return func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.SigningName == "s3" }
}
