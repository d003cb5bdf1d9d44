package e2e

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// forge is an OpenID provider that gives jobs their tokens, as GitHub Actions does.
type forge struct {
	*httptest.Server
	t     *testing.T
	key   *ecdsa.PrivateKey
	asked string // the last audience
}

const jobSecret = "the-secret-of-the-job"

func startForge(t *testing.T) *forge {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &forge{t: t, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": f.URL, "jwks_uri": f.URL + "/jwks"})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /job", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+jobSecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		f.asked = r.URL.Query().Get("audience")
		json.NewEncoder(w).Encode(map[string]string{"value": f.token(f.asked, cmp.Or(r.URL.Query().Get("environment"), "prod"))})
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

// token is that of a job in an environment.
func (f *forge) token(audience, environment string) string {
	f.t.Helper()
	return f.signed(map[string]any{"sub": "repo:acme/shop:environment:" + environment, "aud": audience,
		"repository": "acme/shop", "environment": environment, "ref": "refs/heads/main"})
}

// signed is a token of now with these claims.
func (f *forge) signed(claims map[string]any) string {
	f.t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: f.key}, (&jose.SignerOptions{}).WithHeader("kid", "k1"))
	if err != nil {
		f.t.Fatal(err)
	}
	now := time.Now()
	claims["iss"], claims["jti"], claims["iat"], claims["exp"] = f.URL, fmt.Sprint(now.UnixNano()), now.Unix(), now.Add(5*time.Minute).Unix()
	payload, err := json.Marshal(claims)
	if err != nil {
		f.t.Fatal(err)
	}
	object, err := s.Sign(payload)
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

// pipelines is an assent.yaml that believes the forge, and intent that lets the job of
// one environment make report buckets.
func (w *world) pipelines(f *forge, login string) {
	w.behind(&cloud{t: w.t, url: startVerifier(w.t, accessKey, w.env["AWS_SECRET_ACCESS_KEY"])},
		"mode: enforce\nintent: intent\nidentity:\n"+login+"  oidc: [{issuer: \""+f.URL+"\", audience: assent, kind: pipeline}]\n")
	w.write("intent/shop.yaml", strings.Replace(strings.ReplaceAll(shopIntent, "kind: agent", "kind: pipeline"),
		"identify: [{run: deploy-agent}]", `identify: [{oidc: {issuer: "`+f.URL+`", subject: "repo:acme/shop:*", claims: {repository: acme/shop, environment: prod}}}]`, 1))
}

// A job proves who it is by its token, once, and is judged by what the token says.
func TestAPipelineLogsInWithItsOwnToken(t *testing.T) {
	w, f, aws := newWorld(t), startForge(t), tool(t, "aws")
	port, login := freePort(t), freePort(t)
	w.pipelines(f, "  login: 127.0.0.1:"+login+"\n")
	w.write("assent.yaml", "listen: 127.0.0.1:"+port+"\n"+w.read("assent.yaml"))
	d := w.serve()
	w.env["AWS_CA_BUNDLE"] = d.caFile
	door := []string{"login", "--server", "https://127.0.0.1:" + login, "--ca", d.caFile}
	bucket := []string{"s3api", "create-bucket", "--bucket", "acme-reports-ci"}

	if r := w.assent(door...); r.code == 0 || !strings.Contains(r.errOut, "assent: repair: GitHub: permissions: {id-token: write}") {
		t.Errorf("without a token: %v", r)
	}
	w.env["ACTIONS_ID_TOKEN_REQUEST_URL"], w.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = f.URL+"/job?api-version=2", jobSecret
	for _, tc := range []struct {
		name    string
		allowed bool
		args    []string
	}{
		{"the job of prod, asked of GitHub Actions", true, nil},
		{"the job of another environment", false, []string{"--token-file", w.write("staging.jwt", f.token("assent", "staging"))}},
	} {
		r := w.assent(append(door, tc.args...)...)
		if r.code != 0 {
			t.Fatalf("%s: %v", tc.name, r)
		}
		proxy := ""
		for _, line := range strings.Split(r.out, "\n") {
			if v, ok := strings.CutPrefix(line, "export HTTPS_PROXY="); ok {
				proxy = v
			}
		}
		w.env["HTTPS_PROXY"] = proxy
		r = w.run(aws, bucket...)
		if (r.code == 0) != tc.allowed || !tc.allowed && !strings.Contains(r.errOut, "AssentDenied") {
			t.Errorf("%s, through %s: %v", tc.name, proxy, r)
		}
		delete(w.env, "HTTPS_PROXY")
	}
	if f.asked != "assent" {
		t.Errorf("GitHub was asked for a token for %q", f.asked)
	}
	last := w.must(binary, "ledger", "tail", "--json", "--all").out
	contains(t, "the ledger", last, `"authn":"oidc"`, `"environment":"prod"`, f.URL+"#repo:acme/shop:environment:prod")

	used := w.write("used.jwt", f.token("assent", "prod"))
	w.must(binary, append(door, "--token-file", used)...)
	for name, tc := range map[string]struct{ file, says string }{
		"a token that was used": {used, "used before"},
		"a token for others":    {w.write("aws.jwt", f.token("sts.amazonaws.com", "prod")), "does not hold"},
		"no token":              {w.write("no.jwt", "x"), "no signed JWT"},
	} {
		if r := w.assent(append(door, "--token-file", tc.file)...); r.code == 0 || !strings.Contains(r.errOut, tc.says) {
			t.Errorf("%s: %v", name, r)
		}
	}
	if r := w.assent("login", "--server", "https://127.0.0.1:"+login, "--token-file", used); r.code == 0 || !strings.Contains(r.errOut, "assent: repair: --ca") {
		t.Errorf("without the authority: %v", r)
	}
}

// assent run takes a job's token too, and then nobody's word for who runs.
func TestARunIsDoneAsWhomItsTokenNames(t *testing.T) {
	w, f, aws := newWorld(t), startForge(t), tool(t, "aws")
	w.pipelines(f, "")
	bucket := []string{"run", "--oidc", "--", aws, "s3api", "create-bucket", "--bucket", "acme-reports-ci"}
	w.env["ASSENT_ID_TOKEN"] = f.token("assent", "prod") // as GitLab CI gives it
	if r := w.assent(bucket...); r.code != 0 {
		t.Errorf("a declared job: %v", r)
	}
	w.env["ASSENT_ID_TOKEN"] = f.token("assent", "staging")
	if r := w.assent(bucket...); r.code == 0 || !strings.Contains(r.errOut, "AssentDenied") {
		t.Errorf("another job: %v", r)
	}
	w.env["ASSENT_ID_TOKEN"] = f.token("others", "prod")
	if r := w.assent(bucket...); r.code != 125 {
		t.Errorf("a token for others: %v", r)
	}
	if r := w.assent("run", "--oidc", "--as", "deploy-agent", "--", "true"); r.code != 2 && r.code != 1 {
		t.Errorf("a name beside a proof: %v", r)
	}
}

// An actor of assent serve is known by what it signs with a placeholder key pair, with
// no token in HTTPS_PROXY, and never holds the credential that its calls go out with.
func TestAnActorOfServeIsKnownByItsSignature(t *testing.T) {
	w, aws, curl := brokered(t, ""), tool(t, "aws"), tool(t, "curl")
	port := freePort(t)
	w.write("assent.yaml", "listen: 127.0.0.1:"+port+"\nmode: enforce\nintent: intent\nidentity: {aws: {deploy-agent: {account: \""+account+"\", kind: agent}}}\n"+w.read("assent.yaml"))
	w.write("intent/shop.yaml", shopIntent)
	d := w.serve()

	actor := newWorld(t)
	for _, line := range strings.Split(w.must(binary, "keys", "--as", "deploy-agent").out, "\n") {
		if name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "="); ok {
			actor.env[name] = value
		}
	}
	actor.env["HTTPS_PROXY"], actor.env["AWS_CA_BUNDLE"] = "http://127.0.0.1:"+port, d.caFile
	if r := actor.run(aws, "s3api", "create-bucket", "--bucket", "acme-reports-served"); r.code != 0 {
		t.Errorf("a declared change: %v", r)
	}
	if r := actor.run(aws, "s3api", "create-bucket", "--bucket", "acme-other"); r.code == 0 || !strings.Contains(r.errOut, "AssentDenied") {
		t.Errorf("an undeclared change: %v", r)
	}
	actor.env["AWS_SECRET_ACCESS_KEY"] = "not-the-secret-of-this-key"
	if r := actor.run(aws, "s3api", "create-bucket", "--bucket", "acme-reports-served"); r.code == 0 || !strings.Contains(r.errOut, "the signature does not match the call") {
		t.Errorf("a forged signature: %v", r)
	}
	for url, says := range map[string]string{"https://acme-reports-x.s3.us-east-1.amazonaws.com/": "assent does not know who this is", "https://elsewhere.example/": "407"} {
		r := actor.run(curl, "-sS", "--cacert", d.caFile, "-x", "http://127.0.0.1:"+port, "-X", "PUT", url)
		if !strings.Contains(r.out+r.errOut, says) {
			t.Errorf("a stranger at %s: %v", url, r)
		}
	}
	decisions := w.decisions()
	if len(decisions) != 2 || decisions[0].Verdict != "allow" || decisions[1].Verdict != "deny" {
		t.Errorf("decided was %+v", decisions)
	}
	for _, one := range decisions {
		if one.Action.Actor.ID != "deploy-agent" {
			t.Errorf("the actor is %s", one.Action.Actor.ID)
		}
	}
	secretsStay(t, w)
	if strings.Contains(d.out.String()+d.errOut.String(), realSecret) {
		t.Error("the log holds the secret")
	}
	if r := w.assent("keys", "--as", "nobody"); r.code == 0 || !strings.Contains(r.errOut, "--as one of deploy-agent") {
		t.Errorf("the keys of nobody: %v", r)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}
