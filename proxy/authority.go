package proxy

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// authority is whom a call is for: a lower-case name or an address, and a port.
type authority struct {
	name string
	port string
}

// parseAuthority reads "host" or "host:port". A trailing dot, which names the
// same host, is taken off, so that nobody leaves the governed hosts by adding it.
func parseAuthority(s, defaultPort string) (authority, error) {
	name, port := s, defaultPort
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		var err error
		if name, port, err = net.SplitHostPort(s); err != nil {
			return authority{}, fmt.Errorf("authority %.80q: %w", s, err)
		}
		if port == "" {
			port = defaultPort
		}
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return authority{}, fmt.Errorf("authority %.80q: %.10q is not a port", s, port)
	}
	a := authority{port: strconv.FormatUint(n, 10)}
	if ip, err := netip.ParseAddr(name); err == nil {
		if ip.Zone() != "" {
			return authority{}, fmt.Errorf("authority %.80q: an address with a zone", s)
		}
		a.name = ip.Unmap().String()
		return a, nil
	}
	a.name = strings.ToLower(strings.TrimSuffix(name, "."))
	if a.name == "" || len(a.name) > 253 {
		return authority{}, fmt.Errorf("authority %.80q: no host", s)
	}
	if strings.Contains("."+a.name+".", "..") {
		return authority{}, fmt.Errorf("authority %.80q: an empty label", s)
	}
	for _, c := range []byte(a.name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return authority{}, fmt.Errorf("authority %.80q: %q cannot be in a host", s, c)
		}
	}
	return a, nil
}

// hostPort is what is dialled.
func (a authority) hostPort() string { return net.JoinHostPort(a.name, a.port) }

// host is the form of decoders.Call: without the scheme's default port.
func (a authority) host(scheme string) string {
	if a.port == defaultPort(scheme) {
		if strings.Contains(a.name, ":") {
			return "[" + a.name + "]"
		}
		return a.name
	}
	return a.hostPort()
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// disagreement says why a request inside a tunnel is not for the tunnel's
// target, with the status to answer; "" means that everybody agrees.
func disagreement(r *http.Request, target authority, scheme, sni string) (why string, status int) {
	switch {
	case r.Method == http.MethodConnect:
		return "CONNECT inside a tunnel", http.StatusBadRequest
	case r.RequestURI == "*":
		return "the request target * (asks the server, not a resource)", http.StatusBadRequest
	case !strings.HasPrefix(r.RequestURI, "/"):
		return fmt.Sprintf("a request target that is not a path inside the tunnel to %s", target.hostPort()), http.StatusMisdirectedRequest
	case strings.Contains(r.RequestURI, "#"):
		return "a request target with a fragment", http.StatusBadRequest
	case !onALine(r.RequestURI):
		return "a request target with a space or a control character", http.StatusBadRequest
	}
	said, err := parseAuthority(r.Host, defaultPort(scheme))
	if err != nil || said != target {
		return fmt.Sprintf("Host %.80q inside the tunnel to %s", r.Host, target.hostPort()), http.StatusMisdirectedRequest
	}
	// Over h2 a Host header may stand beside :authority.
	for _, h := range r.Header.Values("Host") {
		if said, err := parseAuthority(h, defaultPort(scheme)); err != nil || said != target {
			return fmt.Sprintf("Host %.80q beside :authority %s", h, target.hostPort()), http.StatusMisdirectedRequest
		}
	}
	if sni != "" && !sameName(sni, target) {
		return fmt.Sprintf("TLS server name %.80q inside the tunnel to %s", sni, target.hostPort()), http.StatusMisdirectedRequest
	}
	return "", 0
}

func sameName(sni string, target authority) bool {
	return strings.EqualFold(strings.TrimSuffix(sni, "."), target.name)
}

// onALine reports whether a request target stays one word of a request line.
// HTTP/2 carries any byte in :path, and net/http writes a space of it as it is:
// over HTTP/1.1 the upstream would end the target there, and read the rest as
// something else than what was judged.
func onALine(target string) bool {
	for i := range len(target) {
		if target[i] <= ' ' || target[i] == 0x7f {
			return false
		}
	}
	return true
}
