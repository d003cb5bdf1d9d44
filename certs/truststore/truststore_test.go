package truststore

import (
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/assent-iom/assent/certs"
)

func authority(t *testing.T) *certs.Authority {
	t.Helper()
	a, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEncodeKeepsEveryRoot(t *testing.T) {
	one, two := authority(t), authority(t) // same subject: the aliases must differ
	store, err := Encode(rand.Reader, append(one.PEM(), two.PEM()...), Password)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pkcs12.DecodeTrustStore(store, Password)
	if err != nil || len(got) != 2 {
		t.Fatalf("read back %d roots: %v", len(got), err)
	}
	if _, err := Encode(rand.Reader, nil, Password); err == nil {
		t.Error("an empty store was written")
	}
}

const javaClient = `
import java.io.*; import java.net.*;
public class Get { public static void main(String[] a) throws Exception {
  try (InputStream in = new URL(a[0]).openStream()) { System.out.write(in.readAllBytes()); System.out.flush(); } } }
`

func TestJavaAcceptsOurCertificates(t *testing.T) {
	a := authority(t)
	bundle, err := certs.Bundle(certs.SystemBundles(), nil, a.PEM())
	if err != nil {
		t.Fatal(err)
	}
	store, err := Encode(rand.Reader, bundle, Password)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "trust.p12")
	if err := os.WriteFile(path, store, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("keytool", func(t *testing.T) {
		keytool, err := exec.LookPath("keytool")
		if err != nil {
			t.Skip("NOT RUN: keytool is not installed")
		}
		out, err := exec.Command(keytool, "-list", "-keystore", path, "-storepass", Password).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "trustedCertEntry") {
			t.Errorf("keytool: %v\n%s", err, out)
		}
	})
	t.Run("TLS", func(t *testing.T) {
		java, err := exec.LookPath("java")
		if err != nil {
			t.Skip("NOT RUN: java is not installed")
		}
		if _, err := exec.LookPath("javac"); err != nil {
			t.Skip("NOT RUN: java is here without a compiler")
		}
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("trusted")) }))
		leaf, err := a.Leaf("localhost") // Java sends no SNI for a name without a dot
		if err != nil {
			t.Fatal(err)
		}
		srv.TLS = &tls.Config{Certificates: []tls.Certificate{*leaf}, MinVersion: tls.VersionTLS12}
		srv.StartTLS()
		defer srv.Close()
		source := filepath.Join(dir, "Get.java")
		if err := os.WriteFile(source, []byte(javaClient), 0o600); err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
		out, err := exec.Command(java, "-Djavax.net.ssl.trustStore="+path, "-Djavax.net.ssl.trustStorePassword="+Password,
			source, "https://localhost:"+port+"/").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "trusted") {
			t.Errorf("java: %v\n%s", err, out)
		}
	})
}
