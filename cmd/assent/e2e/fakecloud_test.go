package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeCloud is the cloud of verifier.py over TLS, with HTTP/2: it stores nothing and
// computes each signature anew from what arrived. It shares no code with assent, which
// checks and makes signatures too.
type fakeCloud struct {
	key, secret, token string
	server             *httptest.Server

	mu         sync.Mutex // guards all below
	seen       map[string]int
	mismatches []string
}

// startFakeCloud starts it over HTTP/1.1 alone, or with HTTP/2. ca is the file that
// whoever calls it has to trust.
func startFakeCloud(t *testing.T, h2 bool, key, secret, token string) (c *fakeCloud, ca string) {
	t.Helper()
	c = &fakeCloud{key: key, secret: secret, token: token, seen: map[string]int{}}
	der, private := loopbackCertificate(t)
	c.server = httptest.NewUnstartedServer(c)
	c.server.EnableHTTP2 = h2
	c.server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
	c.server.StartTLS()
	t.Cleanup(c.server.Close)
	ca = filepath.Join(t.TempDir(), "cloud.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return c, ca
}

// loopbackCertificate is one of 127.0.0.1 that is its own authority.
func loopbackCertificate(t *testing.T) (der []byte, private *ecdsa.PrivateKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private); err != nil {
		t.Fatal(err)
	}
	return der, private
}

func (c *fakeCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	why := "the body was cut off"
	if err == nil {
		why = c.verdict(r, body)
	}
	c.mu.Lock()
	c.seen[r.Proto]++
	if why != "" {
		c.mismatches = append(c.mismatches, r.Method+" "+r.RequestURI+": "+why)
	}
	c.mu.Unlock()
	status, text := http.StatusOK, ""
	w.Header().Set("ETag", `"0"`)
	switch {
	case why != "":
		status, text = http.StatusForbidden, "<Error><Code>SignatureDoesNotMatch</Code><Message>"+why+"</Message></Error>"
	case r.Header.Get("Smithy-Protocol") != "":
		w.Header().Set("Smithy-Protocol", r.Header.Get("Smithy-Protocol"))
		text = "\xa0"
	case r.Header.Get("X-Amz-Target") != "":
		text = "{}"
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, text)
	}
}

// verdict says why a request is not what its key signed.
func (c *fakeCloud) verdict(r *http.Request, body []byte) string {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	fields := map[string]string{}
	presigned := strings.Contains(query, "X-Amz-Signature=")
	if presigned {
		q, _ := url.ParseQuery(query)
		fields = map[string]string{"Credential": q.Get("X-Amz-Credential"), "SignedHeaders": q.Get("X-Amz-SignedHeaders"), "Signature": q.Get("X-Amz-Signature"), "date": q.Get("X-Amz-Date"), "token": q.Get("X-Amz-Security-Token")}
	} else {
		for _, part := range strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ",") {
			k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
			fields[k] = v
		}
		fields["date"], fields["token"] = r.Header.Get("X-Amz-Date"), r.Header.Get("X-Amz-Security-Token")
	}
	scope := strings.Split(fields["Credential"], "/")
	signed := strings.Split(fields["SignedHeaders"], ";")
	switch {
	case len(scope) != 5 || scope[0] != c.key:
		return "signed with the key " + scope[0]
	case fields["token"] != c.token:
		return "another session token"
	case c.token != "" && !presigned && !slices.Contains(signed, "x-amz-security-token"):
		return "the session token is not signed"
	}
	var pairs []string
	for _, p := range strings.Split(query, "&") {
		if p == "" || strings.HasPrefix(p, "X-Amz-Signature=") {
			continue
		}
		k, v, _ := strings.Cut(p, "=")
		pairs = append(pairs, strict(k)+"="+strict(v))
	}
	sort.Strings(pairs)
	var headers strings.Builder
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	if named := r.Header.Get("X-Amz-Content-Sha256"); named != "" {
		if len(named) == 64 && named != payload {
			return "X-Amz-Content-Sha256 is not the body's"
		}
		payload = named
	} else if presigned && scope[3] == "s3" {
		payload = "UNSIGNED-PAYLOAD"
	}
	if scope[3] != "s3" {
		path = (&url.URL{Path: path}).EscapedPath() // once more than it is written
		path = strings.ReplaceAll(path, ":", "%3A")
	}
	text := strings.Join([]string{r.Method, path, strings.Join(pairs, "&"), headers.String(), fields["SignedHeaders"], payload}, "\n")
	hashed := sha256.Sum256([]byte(text))
	key := []byte("AWS4" + c.secret)
	for _, part := range scope[1:] {
		key = keyed(key, part)
	}
	want := hex.EncodeToString(keyed(key, strings.Join([]string{"AWS4-HMAC-SHA256", fields["date"], strings.Join(scope[1:], "/"), hex.EncodeToString(hashed[:])}, "\n")))
	if want != fields["Signature"] {
		return "not the bytes that were signed"
	}
	if payload == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" {
		return chunksVerdict(key, fields["date"], strings.Join(scope[1:], "/"), want, body)
	}
	return ""
}

// chunksVerdict checks a body in chunks, each with its own signature.
func chunksVerdict(key []byte, date, scope, previous string, body []byte) string {
	empty := sha256.Sum256(nil)
	for rest := body; ; {
		line, after, ok := strings.Cut(string(rest), "\r\n")
		var size int
		var got string
		if _, err := fmt.Sscanf(strings.Replace(line, ";chunk-signature=", " ", 1), "%x %s", &size, &got); err != nil || !ok || len(after) < size+2 {
			return "a chunk that cannot be read"
		}
		hash := sha256.Sum256([]byte(after[:size]))
		previous = hex.EncodeToString(keyed(key, strings.Join([]string{"AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, hex.EncodeToString(empty[:]), hex.EncodeToString(hash[:])}, "\n")))
		if previous != got {
			return "a chunk that was not signed"
		}
		if rest = []byte(after[size+2:]); size == 0 {
			return ""
		}
	}
}

func keyed(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func strict(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// took returns what arrived since the last time.
func (c *fakeCloud) took() (seen map[string]int, mismatches []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, mismatches = c.seen, c.mismatches
	c.seen, c.mismatches = map[string]int{}, nil
	return seen, mismatches
}
