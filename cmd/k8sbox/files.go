package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: RequestResponse # what assent sends in its callers' names
  users: [system:serviceaccount:assent-system:assent]
- level: None
  userGroups: [system:serviceaccounts]
- level: None
  users: [system:apiserver, system:kube-controller-manager]
- level: RequestResponse
`

const kubeconfig = `apiVersion: v1
kind: Config
current-context: k8sbox
clusters:
- name: k8sbox
  cluster: {server: %q, certificate-authority: %q}
users:
- name: %q
  user: {token: %q}
contexts:
- name: k8sbox
  context: {cluster: k8sbox, user: %q}
`

// writeFiles makes the keys, the users and the configuration, and fills them
// into box.
func (c *cluster) writeFiles(box *Box) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	if err := c.writeKeys(); err != nil {
		return fmt.Errorf("making keys: %w", err)
	}
	if err := os.WriteFile(c.path("audit.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	box.Token, box.Kubeconfig = map[string]string{}, map[string]string{}
	var tokens string
	for _, user := range []struct{ name, groups string }{
		{"admin", "system:masters"}, {"alice", "people"}, {"agent-1", "agents"},
		{nodeUser, "system:masters"},
	} {
		var secret [16]byte
		if _, err := rand.Read(secret[:]); err != nil {
			return err
		}
		token := hex.EncodeToString(secret[:])
		tokens += fmt.Sprintf("%s,%s,uid-%s,%q\n", token, user.name, user.name, user.groups)
		file := c.path(user.name + ".kubeconfig")
		text := fmt.Sprintf(kubeconfig, box.Server, box.CA, user.name, token, user.name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		box.Token[user.name], box.Kubeconfig[user.name] = token, file
	}
	return os.WriteFile(c.path("tokens.csv"), []byte(tokens), 0o600)
}

// writeKeys makes a CA, the server's certificate and the service account key.
func (c *cluster) writeKeys() error {
	now := time.Now()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "k8sbox"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(240 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(240 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	// The API server shows this to the kubelet, which listens to nobody else.
	toKubelet := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "kube-apiserver-kubelet-client"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(240 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	toKubeletDER, err := x509.CreateCertificate(rand.Reader, toKubelet, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	saKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	saDER, err := x509.MarshalECPrivateKey(saKey)
	if err != nil {
		return err
	}
	saPub, err := x509.MarshalPKIXPublicKey(&saKey.PublicKey)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name, kind string
		der        []byte
	}{
		{"ca.crt", "CERTIFICATE", caDER}, {"server.crt", "CERTIFICATE", leafDER}, {"server.key", "EC PRIVATE KEY", keyDER},
		{"kubelet-client.crt", "CERTIFICATE", toKubeletDER}, {"kubelet-client.key", "EC PRIVATE KEY", keyDER},
		{"sa.key", "EC PRIVATE KEY", saDER}, {"sa.pub", "PUBLIC KEY", saPub},
	} {
		if err := os.WriteFile(c.path(f.name), pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func httpClient(caFile string) (*http.Client, error) {
	data, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	return &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	}, nil
}
