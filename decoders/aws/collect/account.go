package collect

import (
	"context"
	"fmt"
	"net/http"
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

// Identity is an account that can be read.
type Identity struct {
	Account     string
	Region      string // the chain's own region
	Credentials aws.CredentialsProvider
}

// LogIn finds credentials and asks whose they are.
func LogIn(ctx context.Context, l Login, send http.RoundTripper) (Identity, error) {
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
		return Identity{}, fmt.Errorf("reading the AWS configuration: %w", err)
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
		return Identity{}, fmt.Errorf("asking AWS whose credentials these are: %w", err)
	}
	return Identity{Account: aws.ToString(who.Account), Region: cfg.Region, Credentials: cfg.Credentials}, nil
}
