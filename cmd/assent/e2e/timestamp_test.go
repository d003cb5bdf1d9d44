package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startAuthority is a time-stamping authority: openssl's. It returns its address, and
// writes its root to ca.pem.
func startAuthority(t *testing.T, w *world, name string) string {
	t.Helper()
	openssl := tool(t, "openssl")
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v: %s", args, err, out)
		}
	}
	write := func(file, text string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ext", "extendedKeyUsage = critical, timeStamping\nkeyUsage = critical, digitalSignature\n")
	write("serial", "01\n")
	write("tsa.cnf", "[tsa]\ndefault_tsa = t\n[t]\nserial = serial\ncrypto_device = builtin\nsigner_cert = tsa.crt\ncerts = ca.crt\nsigner_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\ndigests = sha256\naccuracy = secs:1\nordering = no\ntsa_name = no\ness_cert_id_chain = no\n")
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN="+name+" root", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt")
	run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN="+name, "-keyout", "tsa.key", "-out", "tsa.csr")
	run("x509", "-req", "-in", "tsa.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", "tsa.crt")
	root, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	w.write(name+".pem", string(root))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		query, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
			http.Error(rw, "no query", http.StatusBadRequest)
			return
		}
		write("q", string(query))
		run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q", "-out", "a")
		answer, err := os.ReadFile(filepath.Join(dir, "a"))
		if err != nil {
			t.Error(err)
		}
		rw.Header().Set("Content-Type", "application/timestamp-reply")
		rw.Write(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A time-stamping authority says when the ledger was as it is; openssl agrees, and what
// is changed shows.
func TestALedgerIsTimeStamped(t *testing.T) {
	w := newWorld(t)
	w.must(binary, "run", "--", "true")
	address := startAuthority(t, w, "authority")
	startAuthority(t, w, "stranger")
	w.must(binary, "ledger", "timestamp", "--tsa", address)
	w.must(binary, "ledger", "reconcile", "--cloudtrail", w.write("empty.json", `{"Records":[]}`))
	w.must(binary, "ledger", "timestamp", "--tsa", address)
	contains(t, "verify", w.must(binary, "ledger", "verify").out, "ok")
	r := w.must(binary, "ledger", "timestamp", "--check", "--ca", "authority.pem", "--out", "stamps")
	if strings.Count(r.out, ": ok\n") != 2 {
		t.Errorf("two heads are stamped: %s", r.out)
	}
	contains(t, "without its root", w.must(binary, "ledger", "timestamp", "--check").out, "was not checked")
	if r := w.assent("ledger", "timestamp", "--check", "--ca", "stranger.pem"); r.code != 1 || strings.Count(r.out, "PROBLEM") != 2 {
		t.Errorf("by another authority's root: %v", r)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "stamps", "*.tsr"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	for _, tsr := range files {
		head := strings.TrimSuffix(tsr, ".tsr") + ".checkpoint"
		contains(t, "openssl", w.must("openssl", "ts", "-verify", "-data", head, "-in", tsr, "-CAfile", "authority.pem").out, "Verification: OK")
	}
	swapped := w.run("openssl", "ts", "-verify", "-data", strings.TrimSuffix(files[0], ".tsr")+".checkpoint", "-in", files[1], "-CAfile", "authority.pem")
	if swapped.code == 0 {
		t.Error("one head's token is another's")
	}
	for name, at := range map[string]string{"nobody": "http://127.0.0.1:1/", "somebody else": httptest.NewServer(http.NotFoundHandler()).URL} {
		if r := w.assent("ledger", "timestamp", "--tsa", at); r.code == 0 {
			t.Errorf("%s stamps it: %v", name, r)
		}
	}
}
