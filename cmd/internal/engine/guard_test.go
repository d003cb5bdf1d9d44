package engine

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders/kube"
)

// The caller gets no rights of assent's. API servers believe a client certificate
// before any token: on connections that show assent's own, the answer to who the caller
// is would be assent, and reads would be assent's.
func TestAGuardedClusterIsReachedWithATokenAndNoCertificate(t *testing.T) {
	token := func() (string, error) { return "assent's", nil }
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	shows := trust.Clone()
	shows.Certificates = []tls.Certificate{{Certificate: [][]byte{{1}}}}
	for name, c := range map[string]struct {
		tls   *tls.Config
		token func() (string, error)
		good  bool
	}{
		"a token":                   {trust, token, true},
		"neither":                   {trust, nil, false},
		"a certificate":             {shows, nil, false},
		"a token and a certificate": {shows, token, false},
	} {
		e := &Engine{cfg: Config{Now: time.Now, Clusters: []Cluster{{Cluster: kube.Cluster{Name: "prod", Host: "prod.example:6443"}, TLS: c.tls, Token: c.token, Guarded: true}}}}
		if v, err := e.voucher(); (err == nil) != c.good || (v != nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
