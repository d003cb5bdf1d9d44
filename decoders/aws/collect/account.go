package collect

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Login says as whom an account is read.
type Login struct {
	// Profile is one of the AWS configuration files; empty: the default chain, as
	// every AWS tool has it.
	Profile string
	// Role is assumed from there; empty: none. External is the id that the role's
	// trust may ask for.
	Role     string
	External string
	// Region is asked for who it is; empty: the chain's, or us-east-1.
	Region string
}

// sessionName tells assent apart in CloudTrail.
const sessionName = "assent-collect"

// name tells logins apart.
func (l Login) name() string {
	if parts := strings.SplitN(l.Role, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return cmp.Or(l.Profile, "default")
}

// identity is whose credentials they are.
type identity struct {
	account     string
	region      string // of the login
	credentials aws.CredentialsProvider
}

// in finds credentials and asks whose they are.
func (l Login) in(ctx context.Context, send http.RoundTripper) (identity, error) {
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(&http.Client{Transport: send, Timeout: time.Minute}),
		config.WithRetryMaxAttempts(maxAttempts),
	}
	if l.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(l.Profile))
	}
	if l.Region != "" {
		options = append(options, config.WithRegion(l.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return identity{}, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if l.Role != "" {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), l.Role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = sessionName
			if l.External != "" {
				o.ExternalID = aws.String(l.External)
			}
		}))
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return identity{}, fmt.Errorf("asking AWS whose credentials these are: %w", err)
	}
	return identity{account: aws.ToString(who.Account), region: cfg.Region, credentials: cfg.Credentials}, nil
}
