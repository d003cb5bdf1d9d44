package e2e

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The recipes of deploy/pipelines, as they stand.
const recipes = "../../../deploy/pipelines"

// step is what a job runs in a shell of its own.
type step struct{ Run string }

// job is a job of a pipeline, as its runner reads it.
type job struct {
	runner string
	steps  []step
}

// jobs are those of both recipes.
func jobs(t *testing.T) map[string]job {
	t.Helper()
	read := func(name string, into any) {
		data, err := os.ReadFile(filepath.Join(recipes, name))
		if err == nil {
			err = yaml.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var github struct {
		Jobs map[string]struct{ Steps []step }
	}
	read("github-actions.yml", &github)
	var gitlab map[string]struct{ Script []string }
	read("gitlab-ci.yml", &gitlab)
	all := map[string]job{}
	for name, j := range github.Jobs {
		all["github/"+name] = job{"github", j.Steps}
	}
	for name, j := range gitlab {
		all["gitlab/"+name] = job{"gitlab", []step{{strings.Join(j.Script, "\n")}}} // one shell
	}
	if len(all) != 4 {
		t.Fatalf("%d jobs", len(all))
	}
	return all
}

// do runs a job as its runner does: GitHub's steps each in a shell of their own, with
// what those before have written into $GITHUB_ENV, until one fails.
func (w *world) do(j job) (all result) {
	for _, s := range j.steps {
		if s.Run == "" { // uses:
			continue
		}
		r := w.run("bash", "-eo", "pipefail", "-c", s.Run)
		if all = (result{r.code, all.out + r.out, all.errOut + r.errOut}); r.code != 0 {
			break
		}
		for _, line := range strings.Split(w.read("github.env"), "\n") {
			if name, value, ok := strings.Cut(line, "="); ok {
				w.env[name] = value
			}
		}
	}
	return all
}

// authority is the certificate that a daemon's clients have to trust.
func (w *world) authority(d *daemon) string {
	w.t.Helper()
	data, err := os.ReadFile(d.caFile)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// A job does what is declared for its pipeline, and what is not is refused in its own
// log; a job that cannot come in does not go on.
func TestThePipelinesOfTheRecipes(t *testing.T) {
	c, f := startCloud(t, -1), startForge(t)
	tool(t, "aws")
	keep := newWorld(t)
	certificate, ledgerToken := keep.client("ci")
	elsewhere := keep.keep("127.0.0.1:" + freePort(t))

	recipe := func(name string, replaced ...string) string {
		data, err := os.ReadFile(filepath.Join(recipes, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer(append(replaced, "https://token.actions.githubusercontent.com", f.URL, "https://gitlab.com", f.URL)...).Replace(string(data))
	}
	gate, proxy, login := newWorld(t), freePort(t), freePort(t)
	gate.behind(c, "listen: 127.0.0.1:"+proxy+"\nmode: enforce\nintent: intent\nidentity:\n  login: 127.0.0.1:"+login+"\n  oidc: [{issuer: \""+f.URL+"\", audience: assent, kind: pipeline}]\n")
	gate.write("intent/shop.yaml", recipe("intent/shop.yaml"))
	authority := gate.authority(gate.serve())

	for name, j := range jobs(t) {
		t.Run(name, func(t *testing.T) {
			for i, s := range j.steps {
				j.steps[i].Run = strings.ReplaceAll(s.Run, "https://assent.example:8444", "https://127.0.0.1:"+login)
			}
			begin := func(environment string) *world {
				w := newWorld(t)
				w.write("github.env", "")
				w.write("assent.pem", authority)
				w.write("ledger.pem", certificate)
				w.write("intent/shop.yaml", recipe("intent/shop.yaml"))
				// Both issuers are the forge here, and one issuer is declared once.
				config := recipe("assent.yaml", "    - {issuer: https://gitlab.com, audience: assent, kind: pipeline}\n", "",
					"https://ledger.example:8431", "https://"+elsewhere.address, "NAME+HASH+KEY", elsewhere.vkey, "token_env: ASSENT_LEDGER_TOKEN", "token_env: ASSENT_LEDGER_TOKEN, ca_file: ledger.pem")
				w.behind(c, config)
				w.env["PATH"] = filepath.Dir(binary) + ":" + w.env["PATH"]
				w.env["ASSENT_LEDGER_TOKEN"] = ledgerToken
				switch j.runner {
				case "github":
					w.env["GITHUB_ACTIONS"], w.env["GITHUB_ENV"] = "true", filepath.Join(w.dir, "github.env")
					w.env["ACTIONS_ID_TOKEN_REQUEST_URL"], w.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = f.URL+"/job?environment="+environment, jobSecret
				case "gitlab":
					w.env["ASSENT_ID_TOKEN"] = f.signed(map[string]any{"sub": "project_path:acme/shop:ref_type:branch:ref:main", "aud": "assent",
						"project_path": "acme/shop", "environment": environment, "ref_protected": "true"})
				}
				return w
			}
			deploy := func(w *world, script string) result {
				w.write("deploy.sh", "#!/bin/sh -e\n"+script+"\n")
				if err := os.Chmod(filepath.Join(w.dir, "deploy.sh"), 0o700); err != nil {
					t.Fatal(err)
				}
				return w.do(j)
			}
			bucket := "acme-reports-" + strings.ReplaceAll(name, "/", "-")
			w := begin("prod")
			r := deploy(w, "aws s3api create-bucket --bucket "+bucket)
			if r.code != 0 || !strings.Contains(c.state(), bucket) {
				t.Errorf("what is declared: %v", r)
			}
			if at, err := url.Parse(w.env["HTTPS_PROXY"]); err == nil && at.User != nil { // GitHub shows each step's variables
				secret, _ := at.User.Password()
				contains(t, "what GitHub's log is to hide", r.out, "::add-mask::"+secret)
			}
			if r := deploy(begin("prod"), "aws s3api delete-bucket --bucket "+bucket); r.code == 0 || !strings.Contains(r.errOut, "AssentDenied") || !strings.Contains(c.state(), bucket) {
				t.Errorf("what is not: %v", r)
			}
			if r := deploy(begin("staging"), "aws s3api create-bucket --bucket "+bucket+"-2"); r.code == 0 || strings.Contains(c.state(), bucket+"-2") {
				t.Errorf("a job of another environment: %v", r)
			}
			out := begin("prod")
			out.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], out.env["ASSENT_ID_TOKEN"] = "", ""
			if r := deploy(out, "touch went-on"); r.code == 0 {
				t.Errorf("a job without a token: %v", r)
			}
			if _, err := os.Stat(filepath.Join(out.dir, "went-on")); err == nil {
				t.Error("a job went on without the gate")
			}
		})
	}
	for _, at := range []*world{gate, keep} {
		who := at.must(binary, "ledger", "tail", "--json", "--all").out
		contains(t, "the evidence", who, `"authn":"oidc"`, f.URL+"#repo:acme/shop:environment:prod", f.URL+"#project_path:acme/shop:ref_type:branch:ref:main")
	}
}

// What eval makes of a login that fails is a failure.
func TestAScriptDoesNotGoOnWithoutItsLogin(t *testing.T) {
	w := newWorld(t)
	if r := w.run("sh", "-ec", `eval "$(`+binary+` login --server https://127.0.0.1:1)"; echo went on`); r.code == 0 || strings.Contains(r.out, "went on") {
		t.Errorf("it went on: %v", r)
	}
}
