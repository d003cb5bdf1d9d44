package broker

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/assent-iom/assent/decoders/aws/sigv4"
	"github.com/assent-iom/assent/ledger"
)

const (
	// renewAhead is how long before its end a credential is replaced: a call that is
	// signed now may take that long to arrive.
	renewAhead = 2 * time.Minute
	// credentialPatience bounds how long a call waits for a credential.
	credentialPatience = 20 * time.Second
	// bearerLife is what `aws eks get-token` asks for, in seconds: the token of EKS is
	// believed for 15 minutes from when it was made.
	bearerLife = "60"
)

// AWS signs with an AWS credential that its callers never see. It is safe for
// concurrent use: many calls wait for one and the same credential.
type AWS struct {
	cache *aws.CredentialsCache
	as    string
	now   func() time.Time
}

// NewAWS makes a signer. as is what the ledger calls the credential: a role's ARN,
// the name of a profile.
func NewAWS(provider aws.CredentialsProvider, as string, now func() time.Time) (*AWS, error) {
	if provider == nil || now == nil {
		return nil, errors.New("broker: no credentials or no clock")
	}
	return &AWS{cache: aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewAhead }), as: as, now: now}, nil
}

// Key returns the id of the access key in use.
func (a *AWS) Key(ctx context.Context) (string, error) {
	creds, err := a.credentials(ctx)
	return creds.AccessKeyID, err
}

func (a *AWS) credentials(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, credentialPatience)
	defer cancel()
	creds, err := a.cache.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("getting the AWS credential (%s): %w", a.as, err)
	}
	return creds, nil
}

// Sign signs with the real credential what was checked with a placeholder.
func (a *AWS) Sign(ctx context.Context, c sigv4.Checked) (sigv4.Signed, ledger.Signed, error) {
	creds, err := a.credentials(ctx)
	if err != nil {
		return sigv4.Signed{}, ledger.Signed{}, err
	}
	signed, err := c.Again(ctx, creds, a.now())
	return signed, ledger.Signed{Key: creds.AccessKeyID, As: a.as}, err
}

// Bearer makes the token with which a cluster of EKS is called: a URL of STS that says
// who calls, signed for that cluster.
func (a *AWS) Bearer(ctx context.Context, cluster, region string) (string, ledger.Signed, error) {
	creds, err := a.credentials(ctx)
	if err != nil {
		return "", ledger.Signed{}, err
	}
	host := "sts." + region + ".amazonaws.com"
	r := &http.Request{
		Method: http.MethodGet, Host: host, Header: http.Header{"X-K8s-Aws-Id": {cluster}},
		URL: &url.URL{Scheme: "https", Host: host, Path: "/", RawQuery: url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}, "X-Amz-Expires": {bearerLife}}.Encode()},
	}
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of an empty body
	signed, _, err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableHeaderHoisting = true }).PresignHTTP(ctx, creds, r, nothing, "sts", region, a.now())
	if err != nil {
		return "", ledger.Signed{}, fmt.Errorf("making a token for cluster %s: %w", cluster, err)
	}
	return bearerPrefix + base64.RawURLEncoding.EncodeToString([]byte(signed)), ledger.Signed{Key: creds.AccessKeyID, As: a.as}, nil
}

// bearerPrefix is how a token of EKS begins.
const bearerPrefix = "k8s-aws-v1."
