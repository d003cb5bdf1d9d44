package broker

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/assent-iom/assent/decoders/aws/sigv4"
)

// counting hands out a credential, and counts how often.
type counting struct {
	asked   atomic.Int64
	expires time.Time
	err     error
	hold    chan struct{} // nil: at once
}

func (c *counting) Retrieve(ctx context.Context) (aws.Credentials, error) {
	n := c.asked.Add(1)
	if c.hold != nil {
		select {
		case <-c.hold:
		case <-ctx.Done():
			return aws.Credentials{}, ctx.Err()
		}
	}
	return aws.Credentials{AccessKeyID: fmt.Sprintf("ASIA%d", n), SecretAccessKey: "secret", SessionToken: "token", CanExpire: true, Expires: c.expires}, c.err
}

// Many calls wait for one credential, and one that lasts is not asked for again.
func TestACredentialIsAskedForOnce(t *testing.T) {
	source := &counting{expires: time.Now().Add(time.Hour), hold: make(chan struct{})}
	a, err := NewAWS(source, "test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if key, err := a.Key(context.Background()); err != nil || key != "ASIA1" {
				t.Errorf("%s, %v", key, err)
			}
		})
	}
	close(source.hold)
	all.Wait()
	if n := source.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// One that is about to end is replaced before it does.
func TestACredentialIsReplacedBeforeItsEnd(t *testing.T) {
	source := &counting{expires: time.Now().Add(renewAhead - time.Second)}
	a, err := NewAWS(source, "test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for want := range 3 {
		if key, err := a.Key(context.Background()); err != nil || key != fmt.Sprintf("ASIA%d", want+1) {
			t.Errorf("%s, %v", key, err)
		}
	}
}

func TestACredentialThatCannotBeHadIsSaid(t *testing.T) {
	a, err := NewAWS(&counting{err: errors.New("the session has ended")}, "arn:aws:iam::1:role/x", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Sign(context.Background(), sigv4.Checked{}); err == nil || !strings.Contains(err.Error(), "role/x") || !strings.Contains(err.Error(), "has ended") {
		t.Error(err)
	}
}

// The token of EKS is what `aws eks get-token` makes: a URL of STS, signed for the
// cluster, that says who calls.
func TestTheTokenOfAClusterIsSignedForThatCluster(t *testing.T) {
	now := time.Now()
	a, err := NewAWS(&counting{expires: now.Add(time.Hour)}, "test", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := a.Bearer(context.Background(), "shop", "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	raw, ok := strings.CutPrefix(token, "k8s-aws-v1.")
	text, err := base64.RawURLEncoding.DecodeString(raw)
	if err != nil || !ok {
		t.Fatal(token, err)
	}
	u, err := url.Parse(string(text))
	if err != nil || u.Host != "sts.eu-west-1.amazonaws.com" {
		t.Fatal(u, err)
	}
	check := func(cluster string) error {
		r := sigv4.Request{Method: "GET", Host: u.Host, Target: u.RequestURI(), Header: http.Header{"X-K8s-Aws-Id": {cluster}}}
		s, err := sigv4.Parse(r)
		if err != nil {
			return err
		}
		_, err = sigv4.Check(r, s, "secret", now)
		return err
	}
	if err := check("shop"); err != nil {
		t.Errorf("for its own cluster: %v", err)
	}
	if err := check("other"); !errors.Is(err, sigv4.ErrWrong) {
		t.Errorf("for another cluster: %v", err)
	}
	if q := u.Query(); q.Get("Action") != "GetCallerIdentity" || q.Get("X-Amz-Expires") != "60" {
		t.Errorf("%s", u)
	}
}

// A role is assumed under the actor's name, with the credential of the default chain.
func TestARoleIsAssumedUnderTheActorsName(t *testing.T) {
	var form url.Values
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ = url.ParseQuery(string(body))
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>
<SecretAccessKey>role secret</SecretAccessKey><SessionToken>role token</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer sts.Close()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIABASE", "AWS_SECRET_ACCESS_KEY": "base", "AWS_ENDPOINT_URL_STS": sts.URL,
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_PROFILE": "", "AWS_CA_BUNDLE": ""} {
		t.Setenv(name, value)
	}
	c := Chain{Role: "arn:aws:iam::111122223333:role/deploy", Session: "human:dana@shop.example", Region: "eu-west-1", Client: &http.Client{}}
	provider, region, err := c.Provider(context.Background())
	if err != nil || region != "eu-west-1" {
		t.Fatal(region, err)
	}
	a, err := NewAWS(provider, c.Name(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := a.Key(context.Background()); err != nil || key != "ASIAROLE" {
		t.Errorf("%s, %v", key, err)
	}
	if form.Get("RoleArn") != c.Role || form.Get("RoleSessionName") != "assent-human-dana@shop.example" {
		t.Errorf("STS was asked %v", form)
	}
}
