package actor

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/identify"
	"github.com/assent-iom/assent/decoders/aws/sigv4"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// signer is a broker with a fixed credential.
type signer struct{ creds aws.Credentials }

func (s signer) Sign(ctx context.Context, c sigv4.Checked) (sigv4.Signed, ledger.Signed, error) {
	if s.creds.AccessKeyID == "" {
		return sigv4.Signed{}, ledger.Signed{}, errors.New("no credential")
	}
	signed, err := c.Again(ctx, s.creds, noon)
	return signed, ledger.Signed{Key: s.creds.AccessKeyID, As: "test"}, err
}

func (s signer) Bearer(_ context.Context, cluster, region string) (string, ledger.Signed, error) {
	return "k8s-aws-v1.real-" + cluster + "-" + region, ledger.Signed{Key: s.creds.AccessKeyID}, nil
}

var held = signer{aws.Credentials{AccessKeyID: "ASIAREAL", SecretAccessKey: "the real secret", SessionToken: "the real token"}}

// signedCall is a call as a client with a pair makes it.
func signedCall(t *testing.T, p Pair, change func(*http.Request)) proxy.Carried {
	t.Helper()
	body := []byte(`{"FunctionName":"x"}`)
	r, err := http.NewRequest("POST", "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions?Marker=a%2Fb", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: p.ID, SecretAccessKey: p.Secret}, r, hash(body), "lambda", "eu-west-1", noon); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	r.Header.Set("Content-Length", "20")
	return proxy.Carried{
		Call:      decoders.Call{Method: r.Method, Scheme: "https", Host: r.Host, URL: r.URL, Header: r.Header, Body: body},
		Authority: r.Host, Target: r.URL.RequestURI(),
	}
}

func keysOf(t *testing.T) (*Keys, Pair) {
	t.Helper()
	p, err := NewPair(rand.Reader, "111122223333")
	if err != nil {
		t.Fatal(err)
	}
	k := &Keys{Now: func() time.Time { return noon.Add(time.Minute) }}
	if err := k.Add(p, model.Actor{ID: "deploy-agent", Kind: model.Agent, For: []string{"human:dana"}}, "run_1", held); err != nil {
		t.Fatal(err)
	}
	return k, p
}

func TestAPlaceholderLooksLikeAKeyOfItsAccount(t *testing.T) {
	_, p := keysOf(t)
	if account, ok := identify.Account(p.ID); !ok || account != "111122223333" || len(p.ID) != 20 || len(p.Secret) != 40 {
		t.Errorf("%s, %q, a secret of %d", p.ID, account, len(p.Secret))
	}
	master := bytes.Repeat([]byte("m"), 32)
	a, _ := DerivePair(master, "a", "000000000000")
	again, _ := DerivePair(master, "a", "000000000000")
	b, _ := DerivePair(master, "b", "000000000000")
	none, _ := DerivePair(master, "a", "")
	if a != again || a.ID == b.ID || a.Secret == b.Secret || none.Secret == a.Secret {
		t.Errorf("%v %v %v %v", a, again, b, none)
	}
	if account, ok := identify.Account(none.ID); ok {
		t.Errorf("a key of no account is of %s", account)
	}
	for _, bad := range []string{"1", "1111222233334", "11112222333x"} {
		if p, err := DerivePair(master, "a", bad); err == nil {
			t.Errorf("account %q gives %v", bad, p)
		}
	}
	if _, err := DerivePair(master[:31], "a", ""); err == nil {
		t.Error("a short master secret is taken")
	}
}

// The signature of a placeholder key tells who calls, and what goes out is signed with
// the real one.
func TestASignatureTellsWhoCalls(t *testing.T) {
	k, p := keysOf(t)
	c := signedCall(t, p, nil)
	proof, ok, err := k.Prove(context.Background(), c)
	if err != nil || !ok || proof.Actor.ID != "deploy-agent" || proof.Actor.Authn != AuthnKey || proof.Run != "run_1" || len(proof.Actor.For) != 1 {
		t.Fatalf("%+v %v %v", proof, ok, err)
	}
	h := c.Header.Clone()
	r, err := proof.Renew(context.Background(), h)
	if err != nil || r.Signed.Key != "ASIAREAL" || r.Signed.Instead != p.ID {
		t.Fatalf("%+v %v", r, err)
	}
	if !strings.Contains(h.Get("Authorization"), "Credential=ASIAREAL/") || h.Get("X-Amz-Security-Token") != "the real token" || strings.Contains(h.Get("Authorization"), p.ID) {
		t.Errorf("%v", h)
	}
	for name, values := range c.Header {
		if name != "Authorization" && h.Get(name) != values[0] {
			t.Errorf("header %s became %q", name, h.Get(name))
		}
	}
}

func TestASignatureThatDoesNotHoldIsNobodys(t *testing.T) {
	k, p := keysOf(t)
	for name, c := range map[string]struct {
		call proxy.Carried
		says string
	}{
		"another secret": {signedCall(t, Pair{p.ID, "not the secret of this pair"}, nil), "does not match"},
		"another body":   {func() proxy.Carried { c := signedCall(t, p, nil); c.Body = []byte("{}"); return c }(), "does not match"},
		"another target": {func() proxy.Carried { c := signedCall(t, p, nil); c.Target += "&x=y"; return c }(), "does not match"},
		"another host":   {func() proxy.Carried { c := signedCall(t, p, nil); c.Authority = "iam.amazonaws.com"; return c }(), "does not match"},
		"another method": {func() proxy.Carried { c := signedCall(t, p, nil); c.Method = "DELETE"; return c }(), "does not match"},
		"yesterday's":    {signedCall(t, p, func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261128T120000Z") }), "another time"},
		"SigV4A": {signedCall(t, p, func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-ECDSA-P256-SHA256 Credential="+p.ID+"/20261129/lambda/aws4_request, SignedHeaders=host, Signature=00")
		}), "SigV4A"},
		"version 2": {signedCall(t, p, func(r *http.Request) { r.Header.Set("Authorization", "AWS "+p.ID+":c2ln") }), "not signed as assent can check"},
		"version 2 in URL": {func() proxy.Carried {
			c := signedCall(t, p, func(r *http.Request) { r.Header.Del("Authorization") })
			c.Target += "&AWSAccessKeyId=" + p.ID + "&Signature=x"
			return c
		}(), "not signed as assent can check"},
	} {
		proof, ok, err := k.Prove(context.Background(), c.call)
		if ok || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v %v %v", name, proof, ok, err)
		} else if strings.Contains(err.Error(), p.Secret) || strings.Contains(err.Error(), "Signature=") {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
	}
}

// What is not meant for assent is left to AWS.
func TestAKeyThatIsNotOursProvesNothing(t *testing.T) {
	k, _ := keysOf(t)
	for name, c := range map[string]proxy.Carried{
		"a real key": signedCall(t, Pair{"AKIAIOSFODNN7EXAMPLE", "secret"}, nil),
		"unsigned":   {Call: decoders.Call{Method: "GET", URL: &url.URL{Path: "/"}, Header: http.Header{}}, Target: "/"},
		"junk":       {Call: decoders.Call{Method: "GET", URL: &url.URL{Path: "/"}, Header: http.Header{"Authorization": {"AWS4-HMAC-SHA256 junk"}}}, Target: "/"},
	} {
		if proof, ok, err := k.Prove(context.Background(), c); ok || err != nil {
			t.Errorf("%s: %+v %v %v", name, proof, ok, err)
		}
	}
}

// A chunk-signed upload is checked and signed anew as it streams.
func TestAnUploadInChunksIsSignedAnew(t *testing.T) {
	k, p := keysOf(t)
	c := signedCall(t, p, nil)
	c.Streamed, c.Body = true, nil
	c.Target = "/bucket/key"
	r := &http.Request{Method: "PUT", Host: "s3.amazonaws.com", URL: &url.URL{Host: "s3.amazonaws.com", Path: "/bucket/key"}, Header: http.Header{"X-Amz-Content-Sha256": {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}}}
	if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: p.ID, SecretAccessKey: p.Secret}, r, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "s3", "us-east-1", noon); err != nil {
		t.Fatal(err)
	}
	c.Method, c.Authority, c.Header = "PUT", r.Host, r.Header
	proof, ok, err := k.Prove(context.Background(), c)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	renewed, err := proof.Renew(context.Background(), c.Header.Clone())
	if err != nil || !strings.Contains(strings.Join(renewed.Signed.Changed, " "), "chunk-signature") {
		t.Fatalf("%+v %v", renewed, err)
	}
	if out, err := io.ReadAll(renewed.Body(strings.NewReader("5;chunk-signature=" + strings.Repeat("0", 64) + "\r\nhello\r\n"))); err == nil || len(out) > 0 {
		t.Errorf("a chunk that nobody signed left: %q", out)
	}
}

func TestKeysAreBoundedAndDistinct(t *testing.T) {
	k, p := keysOf(t)
	if err := k.Add(p, model.Actor{ID: "other"}, "", held); err == nil {
		t.Error("two actors have one key")
	}
	for name, err := range map[string]error{
		"no actor":  k.Add(Pair{strings.Repeat("A", 20), strings.Repeat("s", 40)}, model.Actor{}, "", held),
		"no secret": k.Add(Pair{strings.Repeat("A", 20), ""}, model.Actor{ID: "x"}, "", held),
		"no signer": k.Add(Pair{strings.Repeat("A", 20), strings.Repeat("s", 40)}, model.Actor{ID: "x"}, "", nil),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func hash(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
