package actor

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

// AuthnKubernetes is the evidence of a bearer token that a cluster believes: the
// actor's id is the user name that it says.
const AuthnKubernetes = "kubernetes"

const (
	// wordHolds is how long a cluster's word on a token holds: one that is taken back
	// proves something until then.
	wordHolds = 30 * time.Second
	// noHolds is how long its no holds: a stranger does not make us ask for each call.
	noHolds = 5 * time.Second
	// wordsKept bounds what is remembered, some hundred bytes each.
	wordsKept = 4096
	// reviewPatience and reviewCap bound one question and its answer.
	reviewPatience = 10 * time.Second
	reviewCap      = 1 << 20
)

// KubeCluster is a cluster whose word on its callers counts.
type KubeCluster struct {
	Name string
	Host string // as in decoders.Call.Host
	URL  *url.URL
	// EKS is the cluster's name at AWS, for tokens that a placeholder key pair has
	// signed; empty: it is none of EKS.
	EKS string
	// Ask: the cluster is asked about every caller; otherwise only tokens that were
	// made with a placeholder are known.
	Ask bool
	// Transport reaches and verifies the API server, and shows it no credential.
	Transport http.RoundTripper
}

// Kubernetes knows actors by the bearer tokens with which they call a cluster: the
// cluster is asked who they are, with their own token (SelfSubjectReview). It is safe
// for concurrent use.
type Kubernetes struct {
	now      func() time.Time
	keys     *Keys // whose signatures EKS tokens may carry; nil: nobody's
	clusters map[string]KubeCluster

	mu    sync.Mutex // guards all below
	order *list.List // of *word, newest in front
	by    map[[sha256.Size]byte]*list.Element
}

// word is what a cluster said of a token.
type word struct {
	key  [sha256.Size]byte
	user string
	err  error
	till time.Time
}

// NewKubernetes checks its clusters.
func NewKubernetes(clusters []KubeCluster, keys *Keys, now func() time.Time) (*Kubernetes, error) {
	if now == nil {
		return nil, errors.New("kubernetes: no clock")
	}
	k := &Kubernetes{now: now, keys: keys, clusters: map[string]KubeCluster{}, order: list.New(), by: map[[sha256.Size]byte]*list.Element{}}
	for _, c := range clusters {
		if c.URL == nil || c.Host == "" || c.Transport == nil {
			return nil, fmt.Errorf("kubernetes: cluster %s lacks an address or a way to it", c.Name)
		}
		k.clusters[c.Host] = c
	}
	return k, nil
}

func (k *Kubernetes) knows(host string) bool {
	_, ok := k.clusters[host]
	return ok
}

// opens: its callers can prove themselves by their calls.
func (k *Kubernetes) opens(host string) bool {
	c, ok := k.clusters[host]
	return ok && (c.Ask || k.keys != nil && !k.keys.empty())
}

// Prove knows whoever calls a cluster with a bearer token that it believes.
func (k *Kubernetes) Prove(ctx context.Context, c proxy.Carried) (proxy.Proof, bool, error) {
	cluster, ok := k.clusters[c.Host]
	if !ok {
		return proxy.Proof{}, false, nil
	}
	values := c.Header["Authorization"]
	if len(values) != 1 {
		return proxy.Proof{}, false, nil // none; two are the API server's to refuse
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "bearer") || token == "" || len(token) > maxToken {
		return proxy.Proof{}, false, nil
	}
	if p, ours, err := k.placeholder(c, cluster, token); ours || err != nil {
		return p, ours, err
	}
	if c.Known != "" || !cluster.Ask {
		return proxy.Proof{}, false, nil // a user of the cluster's is not asked for where somebody is known
	}
	user, err := k.ask(ctx, cluster, token)
	if err != nil {
		return proxy.Proof{}, false, err
	}
	return proxy.Proof{Actor: model.Actor{ID: user, Authn: AuthnKubernetes}}, true, nil
}

// ask returns the user that a token is of.
func (k *Kubernetes) ask(ctx context.Context, c KubeCluster, token string) (string, error) {
	key := sha256.Sum256([]byte(c.Host + "\n" + token))
	if w, ok := k.remembered(key); ok {
		return w.user, w.err
	}
	ctx, cancel := context.WithTimeout(ctx, reviewPatience)
	defer cancel()
	user, err := review(ctx, c, token)
	w := &word{key: key, user: user, err: err, till: k.now().Add(wordHolds)}
	if err != nil {
		w.till = k.now().Add(noHolds)
		if !errors.Is(err, errUnknownToken) {
			return "", err // it could not be asked: that is no word of its
		}
	}
	k.remember(w)
	return user, err
}

var errUnknownToken = errors.New("the cluster does not know its token")

// review is a SelfSubjectReview with the caller's own token.
func review(ctx context.Context, c KubeCluster, token string) (string, error) {
	at := *c.URL
	at.Path = strings.TrimSuffix(at.Path, "/") + "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	const question = `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader([]byte(question)))
	if err != nil {
		return "", fmt.Errorf("asking cluster %s who calls: %w", c.Name, err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Accept": {"application/json"}}
	resp, err := c.Transport.RoundTrip(r)
	if err != nil {
		return "", fmt.Errorf("asking cluster %s who calls: %w", c.Name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, reviewCap))
	var said struct {
		Status struct {
			UserInfo struct {
				Username string `json:"username"`
			} `json:"userInfo"`
		} `json:"status"`
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("asking cluster %s who calls: %w", c.Name, err)
	case resp.StatusCode == http.StatusUnauthorized:
		return "", fmt.Errorf("%w (%s)", errUnknownToken, c.Name)
	case resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("asking cluster %s who calls: %s", c.Name, resp.Status)
	case json.Unmarshal(body, &said) != nil || said.Status.UserInfo.Username == "":
		return "", fmt.Errorf("asking cluster %s who calls: the answer names nobody", c.Name)
	case said.Status.UserInfo.Username == "system:anonymous":
		return "", fmt.Errorf("%w (%s)", errUnknownToken, c.Name)
	}
	return said.Status.UserInfo.Username, nil
}

func (k *Kubernetes) remembered(key [sha256.Size]byte) (*word, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.by[key]
	if !ok {
		return nil, false
	}
	w := e.Value.(*word)
	if !k.now().Before(w.till) {
		k.order.Remove(e)
		delete(k.by, key)
		return nil, false
	}
	return w, true
}

func (k *Kubernetes) remember(w *word) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e, ok := k.by[w.key]; ok {
		k.order.Remove(e)
	}
	k.by[w.key] = k.order.PushFront(w)
	if k.order.Len() > wordsKept {
		last := k.order.Back()
		delete(k.by, k.order.Remove(last).(*word).key)
	}
}
