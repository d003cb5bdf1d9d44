package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

// Holds reports whether a resource is in the account, as far as it is known whose
// account it is, and of a type that can be read.
func (c *Collector) Holds(urn model.URN) bool {
	parts := strings.SplitN(string(urn), ":", 6)
	a := c.account.Load()
	return len(parts) == 6 && parts[0] == "arn" && a != nil && (parts[4] == a.id || parts[4] == "") && !strings.Contains(string(urn), "*") && c.listingOf(urn) != nil
}

// listingOf is the row that reads a resource; nil: there is none.
func (c *Collector) listingOf(urn model.URN) *listing {
	i := slices.IndexFunc(c.listings, func(l *listing) bool { return aws.TypeOf(string(urn), l.op.Service) == l.Type })
	if i < 0 {
		return nil
	}
	return c.listings[i]
}

// Get reads one resource: by a call that asks for it alone where there is one, else
// out of the listing of its type.
func (c *Collector) Get(ctx context.Context, urn model.URN) ([]model.Observation, error) {
	parts := strings.SplitN(string(urn), ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return nil, fmt.Errorf("%s is no ARN", urn)
	}
	l := c.listingOf(urn)
	if l == nil {
		return nil, fmt.Errorf("nobody knows how to read %s", urn)
	}
	a, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	region := parts[3]
	if l.Global || region == "" {
		region = a.partition.Global
	}
	var found []model.Observation
	r := &reading{c: c, account: a, l: l, region: region, page: func(seen []model.Observation) error {
		for _, o := range seen {
			if o.Resource.URN == urn {
				found = append(found, o)
			}
		}
		return nil
	}}
	if len(l.One) > 0 {
		params, ok := fill(l.One, map[string]any{"arn": string(urn), "id": ending(urn)}, nil)
		if r.only, _ = params.(map[string]any); !ok {
			return nil, fmt.Errorf("%s does not say what %s asks for", urn, l.List)
		}
	}
	err = r.list(ctx)
	var no *refused
	if errors.As(err, &no) && len(l.One) > 0 && no.absent() {
		err = nil
	}
	if err == nil {
		err = r.short
	}
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s: %w", urn, collect.ErrAbsent)
	}
	return found, err
}

// absent reports an answer that says that there is no such thing.
func (r *refused) absent() bool {
	return r.status < 500 && (strings.Contains(r.code, "NotFound") || strings.Contains(r.code, "NoSuch"))
}
