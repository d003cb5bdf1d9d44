package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// keeper is a machine whose ledger others record in.
type keeper struct {
	*world
	cmd     *exec.Cmd
	said    *lockedBuffer
	address string
	vkey    string
}

// client makes what a ledger for others needs: a certificate, which it returns, and the
// token of a client.
func (w *world) client(name string) (certificate, token string) {
	w.t.Helper()
	der, private := loopbackCertificate(w.t)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		w.t.Fatal(err)
	}
	certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	w.write("tls.crt", certificate)
	w.write("tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	return certificate, strings.TrimSpace(w.must(binary, "ledger", "client", name, "--clients", "clients").out)
}

// keep starts assent ledger serve, over TLS.
func (w *world) keep(address string) *keeper {
	w.t.Helper()
	k := &keeper{world: w, said: &lockedBuffer{}, address: address}
	k.cmd = exec.Command(binary, "ledger", "serve", "--clients", "clients", "--listen", address, "--cert", "tls.crt", "--key", "tls.key")
	k.cmd.Dir, k.cmd.Env, k.cmd.Stderr = w.dir, w.environ(), k.said
	if err := k.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { k.cmd.Process.Kill(); k.cmd.Wait() })
	waitFor(w.t, "the ledger", func() bool { return strings.Contains(k.said.String(), "its key is ") })
	_, vkey, _ := strings.Cut(k.said.String(), "its key is ")
	k.vkey = strings.TrimSpace(strings.SplitN(vkey, "\n", 2)[0])
	return k
}

// A pipeline's sidecar has no disk that outlives it: what it decides is recorded
// elsewhere, under its name, before it acts; and where nothing answers, it does not act.
func TestTheEvidenceOfASidecarIsKeptElsewhere(t *testing.T) {
	cloud := startCloud(t, -1)
	other, w := newWorld(t), newWorld(t)
	certificate, token := other.client("ci")
	if r := other.assent("ledger", "client", "ci", "--clients", "clients"); r.code == 0 || !strings.Contains(r.errOut, "twice") {
		t.Errorf("a client twice: %v", r)
	}
	k := other.keep("127.0.0.1:" + freePort(t))

	w.write("ledger.pem", certificate)
	w.behind(cloud, fmt.Sprintf("ledger_server: {url: \"https://%s\", key: %s, token_env: LEDGER_TOKEN, ca_file: ledger.pem}\n", k.address, k.vkey))
	make := func(bucket string) result {
		return w.assent("run", "--", "aws", "s3api", "create-bucket", "--bucket", bucket)
	}
	if r := make("early"); r.code == 0 || !strings.Contains(r.errOut, "LEDGER_TOKEN") {
		t.Errorf("without a token: %v", r)
	}
	w.env["LEDGER_TOKEN"] = token
	contains(t, "run", make("first").errOut, "evidence: at https://"+k.address)
	w.env["LEDGER_TOKEN"] = token + "x"
	if r := make("stolen"); r.code == 0 || strings.Contains(r.errOut, token) || !strings.Contains(r.errOut, "the token is nobody's") {
		t.Errorf("with a wrong token: %v", r)
	}
	w.env["LEDGER_TOKEN"] = token

	decisions := other.decisions()
	if len(decisions) != 1 || decisions[0].name() != "s3:CreateBucket" || decisions[0].Enforcer != "ci" {
		t.Errorf("recorded: %+v", decisions)
	}
	contains(t, "verify", other.must(binary, "ledger", "verify").out, "ok")
	if _, err := os.Stat(filepath.Join(w.home, "state", "assent", "ledger")); !os.IsNotExist(err) {
		t.Errorf("there is a ledger at the sidecar: %v", err)
	}
	if r := w.assent("ledger", "tail"); r.code == 0 || !strings.Contains(r.errOut, k.address) {
		t.Errorf("what is read there: %v", r)
	}

	// In the middle of a run, nothing answers any more.
	script := fmt.Sprintf("aws s3api list-buckets >/dev/null && kill -9 %d && ! aws s3api create-bucket --bucket unheard", k.cmd.Process.Pid)
	if r := w.assent("run", "--", "sh", "-c", script); !strings.Contains(r.errOut, "the ledger does not answer") {
		t.Errorf("the ledger is gone: %v", r)
	}
	if strings.Contains(cloud.state(), "unheard") {
		t.Error("a change went through that nobody recorded")
	}
	if r := make("unheard"); r.code == 0 || strings.Contains(cloud.state(), "unheard") {
		t.Errorf("a run began without a ledger: %v", r)
	}
	k.cmd.Wait()
	k = other.keep(k.address)
	make("again")
	contains(t, "the state", cloud.state(), "first", "again")
	if err := k.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Wait(); err != nil {
		t.Errorf("its end: %v: %s", err, k.said)
	}
	contains(t, "verify", other.must(binary, "ledger", "verify").out, "ok")
	contains(t, "what is published", other.must(binary, "ledger", "verify", "--json").out, `"kind"`)
}
