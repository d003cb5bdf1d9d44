package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Chain says where a real AWS credential comes from: where AWS's SDKs look for one,
// and from there to a role.
type Chain struct {
	Profile string // of ~/.aws/config; empty: the default chain
	Role    string // ARN of a role to assume; empty: none
	Region  string // of STS; empty: as the environment says
	Session string // what the role's session is called in AWS's own trail: the actor
	// Client reaches AWS; nil: the SDK's own.
	Client *http.Client
}

// Name is what the ledger calls it.
func (c Chain) Name() string {
	switch {
	case c.Role != "":
		return c.Role
	case c.Profile != "":
		return "profile " + c.Profile
	}
	return "default chain"
}

var notInSession = regexp.MustCompile(`[^\w+=,.@-]+`)

// sessionName fits an actor's id into what AWS takes as the name of a session.
func sessionName(actor string) string {
	name := strings.Trim(notInSession.ReplaceAllString(actor, "-"), "-")
	if len(name) > 57 {
		name = name[:57]
	}
	return "assent-" + name
}

// fallbackRegion is where STS is asked when nothing names a region.
const fallbackRegion = "us-east-1"

// Provider opens the chain, and returns the region that it is configured for.
func (c Chain) Provider(ctx context.Context) (aws.CredentialsProvider, string, error) {
	var options []func(*config.LoadOptions) error
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.Client != nil {
		options = append(options, config.WithHTTPClient(ready{c.Client}))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, "", fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if cfg.Credentials == nil {
		return nil, "", errors.New("the AWS configuration names no credentials")
	}
	if c.Role == "" {
		return cfg.Credentials, cfg.Region, nil
	}
	region := cfg.Region
	if cfg.Region == "" {
		cfg.Region = fallbackRegion
	}
	return stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), c.Role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName(c.Session)
	}), region, nil
}

// ready is a client whose trust is settled: the SDK adds AWS_CA_BUNDLE to one that it
// makes itself, and refuses others.
type ready struct{ *http.Client }

// WithTransportOptions is what the SDK asks for, for that bundle alone.
func (r ready) WithTransportOptions(...func(*http.Transport)) aws.HTTPClient { return r }
