package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// dialsTried bounds how many of a name's addresses are tried.
	dialsTried = 4
)

// errForbiddenAddress marks an address that the proxy never dials for a client.
var errForbiddenAddress = errors.New("the address is not one that assent connects to")

// namedUpstream marks a context whose call goes where the configuration says: the
// address was chosen by the operator, not by the client.
type namedUpstream struct{}

// dialer resolves, checks and dials. What was checked is what is dialled: the
// name is resolved once, so that a second answer cannot differ from the first.
type dialer struct {
	cfg *Config
	own func(netip.AddrPort) bool // is this our own listener?
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", host, err)
	}
	var errs error
	for i, ip := range addrs {
		if i == dialsTried {
			break
		}
		if err := d.check(ctx, host, ip, port); err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		c, err := d.cfg.DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
		if err == nil {
			return c, nil
		}
		errs = errors.Join(errs, err)
	}
	if errs == nil {
		errs = fmt.Errorf("%s has no address", host)
	}
	return nil, errs
}

func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	return d.cfg.LookupNetIP(ctx, "ip", host)
}

func (d *dialer) check(ctx context.Context, host string, ip netip.Addr, port string) error {
	ip = embedded(ip)
	if ap, err := netip.ParseAddrPort(net.JoinHostPort(ip.String(), port)); err == nil && d.own(ap) {
		return fmt.Errorf("%s is assent itself: %w", host, errForbiddenAddress)
	}
	if ctx.Value(namedUpstream{}) != nil {
		return nil
	}
	if ip.IsLoopback() && d.cfg.AllowLoopback(host) {
		return nil
	}
	if why := forbidden(ip); why != "" {
		return fmt.Errorf("%s resolves to %s (%s): %w", host, ip, why, errForbiddenAddress)
	}
	return nil
}

// forbidden says why an address is never dialled for a client. Private ranges
// are not: private endpoints and clusters live there.
func forbidden(ip netip.Addr) string {
	switch {
	case !ip.IsValid() || ip.IsUnspecified():
		return "unspecified"
	case ip.IsLoopback():
		return "loopback"
	case ip.IsLinkLocalUnicast(): // 169.254.169.254, 169.254.170.2 and the rest
		return "link-local"
	case ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "multicast"
	}
	for _, m := range metadataAddresses() {
		if ip == m {
			return "instance metadata"
		}
	}
	return ""
}

// metadataAddresses hand out credentials and are not link-local.
func metadataAddresses() []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom16([16]byte{0xfd, 0x00, 0x0e, 0xc2, 14: 0x02, 15: 0x54}), // AWS, fd00:ec2::254
		netip.AddrFrom16([16]byte{0xfd, 0x00, 0x0e, 0xc2, 15: 0x23}),           // AWS EKS pod identity, fd00:ec2::23
		netip.AddrFrom4([4]byte{100, 100, 100, 200}),                           // Alibaba
		netip.AddrFrom4([4]byte{168, 63, 129, 16}),                             // Azure wire server
		netip.AddrFrom4([4]byte{192, 0, 0, 192}),                               // Oracle
	}
}

// embedded returns the IPv4 address inside an IPv6 one (mapped, NAT64, 6to4), so
// that a forbidden address cannot be dressed up.
func embedded(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip
	}
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return ip
}
