package setup

import (
	"net/netip"
	"slices"
	"strings"
)

// CloudDomains returns the domains under which clouds serve their APIs, for which
// NO_PROXY entries are common and would be a way past us.
func CloudDomains() []string {
	return []string{"amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws", "api.amazonwebservices.com.cn",
		"amazonaws.eu", "c2s.ic.gov", "sc2s.sgov.gov", "csp.hci.ic.gov", "cloud.adc-e.uk"}
}

// noProxy merges both spellings and takes out what covers, or lies within, a
// governed host.
func noProxy(upper, lower string, governed []string) (kept string, taken []string) {
	var keep []string
	for _, entry := range strings.FieldsFunc(upper+","+lower, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		switch {
		case slices.Contains(keep, entry) || slices.Contains(taken, entry):
		case bypasses(entry, governed):
			taken = append(taken, entry)
		default:
			keep = append(keep, entry)
		}
	}
	return strings.Join(keep, ","), taken
}

// Bypassing returns the entries of NO_PROXY that would lead governed calls past
// an engine: what Environ takes out.
func Bypassing(value string, governed []string) []string {
	_, taken := noProxy(value, "", append(CloudDomains(), governed...))
	return taken
}

func bypasses(entry string, governed []string) bool {
	entry = strings.ToLower(entry)
	if entry == "*" {
		return true
	}
	network, isNetwork := prefix(entry)
	name := strings.TrimPrefix(strings.TrimPrefix(withoutPort(entry), "*"), ".")
	for _, g := range governed {
		g = withoutPort(strings.ToLower(g))
		if isNetwork {
			if a, err := netip.ParseAddr(strings.Trim(g, "[]")); err == nil && network.Contains(a) {
				return true
			}
			continue
		}
		// What stands right of the last * is fixed; the rest could be anything.
		g = strings.TrimPrefix(g[strings.LastIndex(g, "*")+1:], ".")
		if g == "" || name == "" {
			continue
		}
		if name == g || strings.HasSuffix(g, "."+name) || strings.HasSuffix(name, "."+g) {
			return true
		}
	}
	return false
}

func prefix(entry string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(entry); err == nil {
		return p, true
	}
	if a, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	return netip.Prefix{}, false
}

// withoutPort keeps a bare IPv6 address whole.
func withoutPort(host string) string {
	if name, _, ok := strings.Cut(host, ":"); ok && strings.Count(host, ":") == 1 {
		return name
	}
	if i := strings.LastIndex(host, "]:"); i >= 0 {
		return host[:i+1]
	}
	return host
}
