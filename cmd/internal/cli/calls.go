package cli

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
)

// maxLine bounds one request on stdin: a whole body of the proxy's cap, in
// base64, and a head.
const maxLine = 24 << 20

// request is one line of `assent decode` and `assent may`.
type request struct {
	Method  string               `json:"method"`
	URL     string               `json:"url"`
	Headers map[string]textOrAll `json:"headers"`
	BodyB64 string               `json:"body_b64"`
	Actor   actorOrName          `json:"actor"`
}

// textOrAll is a header's value, or all its values.
type textOrAll []string

func (t *textOrAll) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = textOrAll{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// actorOrName is an actor, or only the name of one.
type actorOrName model.Actor

func (a *actorOrName) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &a.ID) == nil {
		return nil
	}
	return json.Unmarshal(data, (*model.Actor)(a))
}

// call turns a request into the Call that the proxy would have made of it.
func (r request) call() (decoders.Call, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return decoders.Call{}, fmt.Errorf("reading url: %w", err)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return decoders.Call{}, fmt.Errorf("url %q: want https://HOST/…", r.URL)
	}
	body, err := base64.StdEncoding.DecodeString(r.BodyB64)
	if err != nil {
		return decoders.Call{}, fmt.Errorf("reading body_b64: %w", err)
	}
	c := decoders.Call{Method: strings.ToUpper(r.Method), Scheme: u.Scheme, Host: strings.ToLower(u.Host), URL: u, Header: http.Header{}, Body: body}
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	c.Host = strings.TrimSuffix(c.Host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	for name, values := range r.Headers {
		for _, v := range values {
			c.Header.Add(name, v)
		}
	}
	// What counts is the host that is called, as in a tunnel; a Host header that
	// says otherwise would have been refused at the door.
	if host := c.Header.Get("Host"); host != "" && !strings.EqualFold(host, u.Host) {
		return decoders.Call{}, fmt.Errorf("the Host header %q contradicts the url's %q", host, u.Host)
	}
	c.Header.Del("Host")
	return c, nil
}

// finder finds the decoder of a call. Where no decoder governs the host, a call
// that is unmistakably one platform's is given to it: a custom endpoint, an API
// server that no kubeconfig names. A gate MUST NOT do this; a reader may.
type finder struct {
	registry *decoders.Registry
	amazon   decoders.Decoder
	clusters map[string]decoders.Decoder // by host and prefix; bounded by maxGuessed
}

// maxGuessed bounds the clusters that are guessed in one run.
const maxGuessed = 1024

func newFinder(registry *decoders.Registry, amazon decoders.Decoder) *finder {
	return &finder{registry: registry, amazon: amazon, clusters: map[string]decoders.Decoder{}}
}

func (f *finder) find(c decoders.Call) (decoders.Decoder, error) {
	d, _, err := f.registry.Find(c)
	if d != nil || err != nil {
		return d, err
	}
	if signedForAWS(c) {
		return f.amazon, nil
	}
	if prefix, ok := forAPIServer(c); ok {
		name := c.Host + prefix
		if known, ok := f.clusters[name]; ok {
			return known, nil
		}
		d, err := kube.New(kube.Config{Clusters: []kube.Cluster{{Name: name, Host: c.Host, PathPrefix: prefix}}})
		if err != nil {
			return nil, err
		}
		if len(f.clusters) < maxGuessed {
			f.clusters[name] = d
		}
		return d, nil
	}
	return nil, fmt.Errorf("no decoder governs %s", c.Host)
}

func signedForAWS(c decoders.Call) bool {
	auth := c.Header.Get("Authorization")
	if strings.HasPrefix(auth, "AWS4-") || strings.HasPrefix(auth, "AWS ") || c.Header.Get("X-Amz-Target") != "" || c.Header.Get("X-Amz-Date") != "" {
		return true
	}
	return strings.Contains(c.URL.RawQuery, "X-Amz-Credential=") || strings.Contains(c.URL.RawQuery, "AWSAccessKeyId=")
}

// forAPIServer reports whether a call is shaped like one to an API server, at the
// host's root or below the path of a gateway with several clusters (Rancher's
// /k8s/clusters/ID, GKE Connect's …/gkeMemberships/ID).
func forAPIServer(c decoders.Call) (prefix string, ok bool) {
	first, _, _ := strings.Cut(strings.TrimPrefix(c.URL.Path, "/"), "/")
	switch first {
	case "api", "apis", "openapi", "version", "healthz", "livez", "readyz", "metrics":
		return "", true
	}
	for _, gateway := range []string{"/k8s/clusters/", "/gkeMemberships/"} {
		before, rest, found := strings.Cut(c.URL.Path, gateway)
		if !found {
			continue
		}
		id, path, _ := strings.Cut(rest, "/")
		if strings.HasPrefix(path, "api/") || strings.HasPrefix(path, "apis/") {
			return before + gateway + id, true
		}
	}
	return "", false
}

// eachLine calls f with every line of stdin, and with what is wrong with it: that does
// not end the reading. What f returns does, and so does input that cannot be read.
func eachLine(r io.Reader, f func(request, error) error) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if errors.Is(err, errLineTooLong) {
			if err := f(request{}, err); err != nil {
				return err
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading stdin: %w", err)
		}
		if len(strings.TrimSpace(string(line))) > 0 {
			var in request
			bad := json.Unmarshal(line, &in)
			if bad != nil {
				bad = fmt.Errorf("reading the line: %w", bad)
			}
			if err := f(in, bad); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

var errLineTooLong = fmt.Errorf("a line is longer than %d bytes", maxLine)

// readLine reads one line; one that is too long is read to its end and dropped.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if !long {
			line = append(line, part...)
			long = len(line) > maxLine
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case long:
			return nil, errLineTooLong
		default:
			return line, err
		}
	}
}
