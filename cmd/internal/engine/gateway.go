package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
)

// gatewayRoot is where the gateway keeps the clusters.
const gatewayRoot = "/k8s/"

// GatewayPath is the path of a cluster at the gateway: /k8s/NAME. A name that
// does not fit into a path as it is (an ARN) is spelt with dashes, and told apart
// from others that would be spelt so by the beginning of its hash.
func GatewayPath(cluster string) string {
	fits := true
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		fits = false
		return '-'
	}, cluster)
	if fits && strings.Trim(plain, ".") != "" {
		return gatewayRoot + plain
	}
	sum := sha256.Sum256([]byte(cluster))
	return gatewayRoot + plain + "-" + hex.EncodeToString(sum[:4])
}

// url is where the API server is.
func (c Cluster) url() *url.URL {
	u := &url.URL{Scheme: "https", Host: c.Host, Path: c.PathPrefix}
	if c.TLS == nil {
		u.Scheme = "http"
	}
	return u
}
