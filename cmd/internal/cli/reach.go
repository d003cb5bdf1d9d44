package cli

import (
	"fmt"
	"net"
	"net/netip"
)

// reachable refuses to serve others than this machine without knowing who they
// are: whoever reached the port could go anywhere through it, as nobody.
func reachable(listen string, tokens int) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", listen, err)
	}
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.Unmap().IsLoopback() || tokens > 0 {
		return nil
	}
	return repaired{fmt.Errorf("listening on %s, which others can reach, without tokens: everybody would be let in, as nobody", listen),
		"declare who may use it, under tokens: in assent.yaml, or listen: 127.0.0.1:8080"}
}
