package actor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/sigv4"
	"github.com/assent-iom/assent/proxy"
)

// eksPrefix is how a token of `aws eks get-token` begins: a presigned URL of STS
// follows, in base64. Whoever may call that URL is who the URL was signed by.
const eksPrefix = "k8s-aws-v1."

// eksHeader is the signed header that binds the token to one cluster.
const eksHeader = "X-K8s-Aws-Id"

// placeholder knows an EKS token that was made with a placeholder key pair, which EKS
// would not believe. One of a real key is the cluster's to judge.
func (k *Kubernetes) placeholder(c proxy.Carried, cluster KubeCluster, token string) (proxy.Proof, bool, error) {
	raw, ok := strings.CutPrefix(token, eksPrefix)
	if !ok || k.keys == nil {
		return proxy.Proof{}, false, nil
	}
	text, err := rawURL(raw)
	if err != nil {
		return proxy.Proof{}, false, nil
	}
	u, err := url.Parse(string(text))
	if err != nil {
		return proxy.Proof{}, false, nil
	}
	r := sigv4.Request{Method: http.MethodGet, Host: u.Host, Target: u.RequestURI(), Header: http.Header{eksHeader: {cluster.EKS}}}
	s, err := sigv4.Parse(r)
	if err != nil {
		return proxy.Proof{}, false, nil
	}
	holder, ok := k.keys.find(s.Key)
	if !ok {
		return proxy.Proof{}, false, nil
	}
	switch {
	case cluster.EKS == "":
		return proxy.Proof{}, false, fmt.Errorf("its token is one of EKS, made with the placeholder key of %s, and assent does not know cluster %s as one of EKS: its name in the kubeconfig has to be its ARN", holder.actor.ID, cluster.Name)
	case !strings.HasPrefix(u.Host, "sts.") || u.Query().Get("Action") != "GetCallerIdentity":
		return proxy.Proof{}, false, errors.New("its token is signed with a placeholder key, and is none of EKS")
	}
	checked, err := sigv4.Check(r, s, holder.secret, k.now())
	if err != nil {
		return proxy.Proof{}, false, fmt.Errorf("its token of EKS is made with the placeholder key of %s, and %w", holder.actor.ID, err)
	}
	return proxy.Proof{Actor: holder.actor, Run: holder.run, Renew: func(ctx context.Context, h http.Header) (proxy.Renewed, error) {
		minted, used, err := holder.signer.Bearer(ctx, cluster.EKS, checked.Region)
		if err != nil {
			return proxy.Renewed{}, err
		}
		h.Set("Authorization", "Bearer "+minted)
		used.Instead, used.Changed = s.Key, []string{"Authorization"}
		return proxy.Renewed{Signed: used}, nil
	}}, true, nil
}

// EKSName is a cluster's name at AWS, if what a kubeconfig calls it is its ARN, as
// `aws eks update-kubeconfig` writes it.
func EKSName(cluster string) string {
	p := strings.SplitN(cluster, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] != "eks" {
		return ""
	}
	name, ok := strings.CutPrefix(p[5], "cluster/")
	if !ok || strings.ContainsAny(name, "/:") {
		return ""
	}
	return name
}
