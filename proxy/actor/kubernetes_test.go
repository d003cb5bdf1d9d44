package actor

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/proxy"
)

const shopARN = "arn:aws:eks:eu-west-1:111122223333:cluster/shop"

// apiServer answers reviews: the token user-NAME is NAME's.
func apiServer(t *testing.T, keys *Keys, now func() time.Time, ask bool) (*Kubernetes, *atomic.Int64) {
	t.Helper()
	asked := new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer user-")
		switch {
		case r.URL.Path != "/prefix/apis/authentication.k8s.io/v1/selfsubjectreviews" || r.Method != http.MethodPost || r.Header.Get("Impersonate-User") != "":
			w.WriteHeader(http.StatusNotFound)
		case name == "broken":
			w.WriteHeader(http.StatusInternalServerError)
		case !ok:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"status":{"userInfo":{"username":%q}}}`, name)
		}
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL + "/prefix")
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKubernetes([]KubeCluster{
		{Name: shopARN, Host: "shop.test", URL: u, EKS: EKSName(shopARN), Ask: ask, Transport: http.DefaultTransport},
		{Name: "other", Host: "other.test", URL: u, Ask: ask, Transport: http.DefaultTransport},
	}, keys, now)
	if err != nil {
		t.Fatal(err)
	}
	return k, asked
}

func bearer(host, token string) proxy.Carried {
	h := http.Header{"Impersonate-User": {"root"}, "X-Remote-User": {"root"}}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return proxy.Carried{Call: decoders.Call{Method: "POST", Host: host, URL: &url.URL{Path: "/"}, Header: h}, Authority: host, Target: "/"}
}

// The cluster says who calls it, by the caller's own token; what a header says is not
// passed on, and nobody's.
func TestTheClusterSaysWhoCallsIt(t *testing.T) {
	now := noon
	k, asked := apiServer(t, nil, func() time.Time { return now }, true)
	prove := func(token string) (string, bool, error) {
		p, ok, err := k.Prove(context.Background(), bearer("shop.test", token))
		if ok && (p.Actor.Authn != AuthnKubernetes || p.Renew != nil) {
			t.Errorf("%+v", p)
		}
		return p.Actor.ID, ok, err
	}
	for range 3 {
		if id, ok, err := prove("user-system:serviceaccount:shop:deployer"); id != "system:serviceaccount:shop:deployer" || !ok || err != nil {
			t.Fatal(id, ok, err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	now = now.Add(wordHolds)
	if _, ok, _ := prove("user-system:serviceaccount:shop:deployer"); !ok || asked.Load() != 2 {
		t.Errorf("after its word has ended: %v, asked %d times", ok, asked.Load())
	}
	for range 10 {
		if id, ok, err := prove("stranger"); ok || err == nil || strings.Contains(err.Error(), "stranger") {
			t.Error(id, ok, err)
		}
	}
	if asked.Load() != 3 {
		t.Errorf("a stranger makes us ask %d times", asked.Load()-2)
	}
	for range 2 { // a failure to ask is no word of the cluster's
		if _, ok, err := prove("user-broken"); ok || err == nil {
			t.Error(ok, err)
		}
	}
	if asked.Load() != 5 {
		t.Errorf("a failure is remembered: asked %d times", asked.Load()-3)
	}
	if id, ok, err := prove("user-system:anonymous"); ok || err == nil {
		t.Error(id, ok, err)
	}
	if id, ok, err := prove(""); ok || err != nil {
		t.Errorf("no token: %s %v %v", id, ok, err)
	}
	known := bearer("shop.test", "user-x")
	known.Known = "deploy-agent"
	if _, ok, err := k.Prove(context.Background(), known); ok || err != nil {
		t.Error("somebody who is known is asked about")
	}
}

func TestWordsAreBounded(t *testing.T) {
	k, _ := apiServer(t, nil, func() time.Time { return noon }, true)
	for i := range wordsKept + 10 {
		k.remember(&word{key: [32]byte{byte(i), byte(i >> 8)}, till: noon.Add(time.Hour)})
	}
	if k.order.Len() != wordsKept || len(k.by) != wordsKept {
		t.Errorf("%d are kept", k.order.Len())
	}
}

// eksToken is what `aws eks get-token` prints, with a pair and for a cluster.
func eksToken(t *testing.T, p Pair, cluster, action string) string {
	t.Helper()
	r := &http.Request{Method: "GET", Host: "sts.eu-west-1.amazonaws.com", Header: http.Header{eksHeader: {cluster}},
		URL: &url.URL{Scheme: "https", Host: "sts.eu-west-1.amazonaws.com", Path: "/", RawQuery: "Action=" + action + "&Version=2011-06-15&X-Amz-Expires=60"}}
	u, _, err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableHeaderHoisting = true }).PresignHTTP(context.Background(), aws.Credentials{AccessKeyID: p.ID, SecretAccessKey: p.Secret}, r, hash(nil), "sts", "eu-west-1", noon)
	if err != nil {
		t.Fatal(err)
	}
	return eksPrefix + base64.RawURLEncoding.EncodeToString([]byte(u))
}

// A token of EKS that was made with a placeholder key tells who calls, and a real one
// goes out in its place.
func TestAnEKSTokenOfAPlaceholderIsMintedAnew(t *testing.T) {
	keys, pair := keysOf(t)
	k, asked := apiServer(t, keys, func() time.Time { return noon.Add(30 * time.Second) }, false)
	c := bearer("shop.test", eksToken(t, pair, "shop", "GetCallerIdentity"))
	p, ok, err := k.Prove(context.Background(), c)
	if err != nil || !ok || p.Actor.ID != "deploy-agent" || p.Actor.Authn != AuthnKey {
		t.Fatal(p, ok, err)
	}
	h := c.Header.Clone()
	r, err := p.Renew(context.Background(), h)
	if err != nil || h.Get("Authorization") != "Bearer k8s-aws-v1.real-shop-eu-west-1" || r.Signed.Instead != pair.ID || strings.Join(r.Signed.Changed, " ") != "Authorization" {
		t.Errorf("%v %+v %v", h, r, err)
	}
	for name, c := range map[string]struct {
		call proxy.Carried
		says string
	}{
		"for another cluster":   {bearer("shop.test", eksToken(t, pair, "other", "GetCallerIdentity")), "does not match"},
		"with another secret":   {bearer("shop.test", eksToken(t, Pair{pair.ID, "x"}, "shop", "GetCallerIdentity")), "does not match"},
		"of another call":       {bearer("shop.test", eksToken(t, pair, "shop", "AssumeRole")), "none of EKS"},
		"for no cluster of EKS": {bearer("other.test", eksToken(t, pair, "other", "GetCallerIdentity")), "has to be its ARN"},
	} {
		if p, ok, err := k.Prove(context.Background(), c.call); ok || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("a token %s: %+v %v %v", name, p, ok, err)
		}
	}
	for name, token := range map[string]string{"of a real key": eksToken(t, Pair{"AKIAREAL", "x"}, "shop", "GetCallerIdentity"), "of another kind": "user-x", "that is junk": eksPrefix + "!!"} {
		if p, ok, err := k.Prove(context.Background(), bearer("shop.test", token)); ok || err != nil {
			t.Errorf("a token %s: %+v %v %v", name, p, ok, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("the cluster was asked who its callers are")
	}
}

func TestAnARNNamesAClusterOfEKS(t *testing.T) {
	for name, want := range map[string]string{shopARN: "shop", "arn:aws-cn:eks:cn-north-1:111122223333:cluster/a-b_c": "a-b_c", "shop": "", "arn:aws:ecs:eu-west-1:1:cluster/shop": "",
		"arn:aws:eks:eu-west-1:1:nodegroup/shop": "", "arn:aws:eks:eu-west-1:1:cluster/a/b": ""} {
		if got := EKSName(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
