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
	Decoder     Decoder
	Credentials aws.CredentialsProvider
	Account     string
	Regions     []string
	// Send sends one call; it MUST NOT follow redirects.
	Send http.RoundTripper
	Now  func() time.Time
	// Sleep waits; nil: by the clock.
	Sleep func(context.Context, time.Duration) error
}

// Collector reads one account.
type Collector struct {
	cfg       Config
	partition *table.Partition
	listings  []*listing
	signer    *v4.Signer
	retry     *retry.Standard

	calls, retries atomic.Int64

	mu      sync.Mutex
	buckets map[string]*bucket // guarded by mu
}

var (
	_ collect.Collector = (*Collector)(nil)
	_ collect.Getter    = (*Collector)(nil)
)

// New makes a collector of an account.
func New(cfg Config) (*Collector, error) {
	if cfg.Decoder == nil || cfg.Credentials == nil || cfg.Send == nil || cfg.Now == nil || cfg.Account == "" || len(cfg.Regions) == 0 {
		return nil, errors.New("collecting from AWS: no decoder, credentials, account, regions, clock or way to send")
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	t := cfg.Decoder.Table()
	c := &Collector{cfg: cfg, signer: v4.NewSigner(), buckets: map[string]*bucket{},
		retry: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, maxWait })}
	for _, region := range cfg.Regions {
		p, ok := t.PartitionOfRegion(region)
		if !ok || c.partition != nil && c.partition.Name != p.Name {
			return nil, fmt.Errorf("collecting from AWS: region %q is in no partition, or in another than the first", region)
		}
		c.partition = p
	}
	var err error
	c.listings, err = readListings(t, listingsYAML)
	return c, err
}

// Name is aws/ACCOUNT.
func (c *Collector) Name() string { return platform + "/" + c.cfg.Account }

// Counts is how many calls were sent, and how many of them again.
func (c *Collector) Counts() (calls, again int64) { return c.calls.Load(), c.retries.Load() }

// Scopes are every type in every region; what AWS keeps once for all regions is
// asked for once.
func (c *Collector) Scopes(context.Context) ([]collect.Scope, []collect.Gap, error) {
	var all []collect.Scope
	for _, l := range c.listings {
		if l.Global {
			all = append(all, c.scope(l, ""))
			continue
		}
		for _, region := range c.cfg.Regions {
			all = append(all, c.scope(l, region))
		}
	}
	return all, nil, nil
}

func (c *Collector) scope(l *listing, region string) collect.Scope {
	return collect.Scope{Platform: platform, Account: c.cfg.Account, Region: region, Type: l.Type}
}

// List reads every resource of one type.
func (c *Collector) List(ctx context.Context, s collect.Scope, page func([]model.Observation) error) (string, error) {
	l := c.of(s.Type)
	if l == nil {
		return "", fmt.Errorf("nobody knows how to list %s", s.Type)
	}
	region := s.Region
	if l.Global {
		region = c.partition.Global
	}
	r := &reading{c: c, l: l, region: region, page: page}
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
func (c *Collector) endpoint(s *table.Service, region string, global bool) (host, signed string) {
	p := c.partition
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
