package certs

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// serveLeaf starts an HTTPS server with a leaf for localhost and writes the CA
// to a file.
func serveLeaf(t *testing.T) (port, ca string) {
	t.Helper()
	a := newTestAuthority(t, time.Now)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("trusted")) }))
	srv.TLS = &tls.Config{GetCertificate: a.GetCertificate, MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, a.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, ca
}

// run runs a client that MUST print "trusted"; a missing tool is skipped loudly.
func run(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT RUN: %s is not installed", name)
	}
	if exec.Command(path, "--version").Run() != nil { // a version manager's shim for nothing
		t.Skipf("NOT RUN: %s does not start", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("trusted")) {
		t.Errorf("%s does not accept our certificates: %v\n%s", name, err, out)
	}
}

func TestClientsAcceptOurCertificates(t *testing.T) {
	port, ca := serveLeaf(t)
	url := "https://localhost:" + port + "/"
	t.Run("curl", func(t *testing.T) { run(t, nil, "curl", "-sS", "--noproxy", "*", "--cacert", ca, url) })
	t.Run("node", func(t *testing.T) {
		run(t, []string{"NODE_EXTRA_CA_CERTS=" + ca}, "node", "-e",
			`require("https").get("`+url+`",r=>r.pipe(process.stdout)).on("error",e=>{console.log(e);process.exit(1)})`)
	})
	python := `
import socket, ssl, sys
ctx = ssl.create_default_context(cafile=sys.argv[1])
ctx.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
with socket.create_connection(("localhost", int(sys.argv[2]))) as raw:
    with ctx.wrap_socket(raw, server_hostname="localhost") as s:
        print("trusted", s.version())
`
	for _, py := range []string{"python3", "python3.13"} {
		t.Run(py+" strict", func(t *testing.T) { run(t, nil, py, "-c", python, ca, port) })
	}
}

func TestOpenSSLVerifiesStrictly(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("NOT RUN: openssl is not installed; in CI nothing may be skipped")
		}
		t.Skip("NOT RUN: openssl is not installed")
	}
	a := newTestAuthority(t, time.Now)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, a.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"ec2.eu-central-1.amazonaws.com", "192.0.2.1"} {
		c, err := a.Leaf(host)
		if err != nil {
			t.Fatal(err)
		}
		leaf := filepath.Join(dir, "leaf.pem")
		if err := os.WriteFile(leaf, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca, leaf).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", host, err, out)
		}
	}
}
