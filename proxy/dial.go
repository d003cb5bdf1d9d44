package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
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

// pinned marks a context whose call goes to one address, a netip.AddrPort, and no
// other: what the client connected to is what is dialled.
type pinned struct{}

// dialer resolves, checks and dials. What was checked is what is dialled: the
// name is resolved once, so that a second answer cannot differ from the first.
type dialer struct {
	cfg *Config
	own func(netip.AddrPort) bool // is this our own listener?
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (c net.Conn, err error) {
	defer contained(&err)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var addrs []netip.Addr
	if pin, ok := ctx.Value(pinned{}).(netip.AddrPort); ok {
		addrs, port = []netip.Addr{pin.Addr()}, strconv.Itoa(int(pin.Port()))
	} else {
		addrs, err = d.resolve(ctx, host)
	}
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
	for _, ip := range faces(ip) {
		if ap, err := netip.ParseAddrPort(net.JoinHostPort(ip.String(), port)); err == nil && d.own(ap) {
			return fmt.Errorf("%s is assent itself: %w", host, errForbiddenAddress)
		}
		if ctx.Value(namedUpstream{}) != nil {
			continue
		}
		why := forbidden(ip)
		if why == "" || (why == loopback || why == carrierNAT) && d.cfg.AllowLoopback(host) {
			continue
		}
		return fmt.Errorf("%s resolves to %s (%s): %w", host, ip, why, errForbiddenAddress)
	}
	return nil
}

// What forbidden says of addresses that a host may be allowed to have.
const (
	loopback   = "loopback"
	carrierNAT = "carrier-grade NAT" // RFC 6598: overlay networks, and clouds' internal services
)

// forbidden says why an address is never dialled for a client. Private ranges
// are not: private endpoints and clusters live there.
func forbidden(ip netip.Addr) string {
	for _, m := range metadataAddresses() {
		if ip == m {
			return "instance metadata"
		}
	}
	switch {
	case !ip.IsValid() || ip.IsUnspecified():
		return "unspecified"
	case ip.IsLoopback():
		return loopback
	case ip.IsLinkLocalUnicast(): // 169.254.169.254, 169.254.170.2 and the rest
		return "link-local"
	case ip.IsMulticast() || within(ip, "255.255.255.255/32"):
		return "multicast"
	case within(ip, "100.64.0.0/10"):
		return carrierNAT
	case within(ip, "0.0.0.0/8"), within(ip, "192.0.0.0/24"), within(ip, "198.18.0.0/15"), within(ip, "240.0.0.0/4"), within(ip, "fec0::/10"), within(ip, "100::/64"):
		return "reserved" // RFC 6890: no service on a network has one
	}
	return ""
}

func within(ip netip.Addr, prefix string) bool { return netip.MustParsePrefix(prefix).Contains(ip) }

// metadataAddresses hand out credentials and are not link-local.
func metadataAddresses() []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom16([16]byte{0xfd, 0x00, 0x0e, 0xc2, 14: 0x02, 15: 0x54}), // AWS, fd00:ec2::254
		netip.AddrFrom16([16]byte{0xfd, 0x00, 0x0e, 0xc2, 15: 0x23}),           // AWS EKS pod identity, fd00:ec2::23
		netip.AddrFrom16([16]byte{0xfd, 0x20, 0x00, 0xce, 14: 0x02, 15: 0x54}), // GCP, fd20:ce::254
		netip.AddrFrom4([4]byte{100, 100, 100, 200}),                           // Alibaba
		netip.AddrFrom4([4]byte{168, 63, 129, 16}),                             // Azure wire server
		netip.AddrFrom4([4]byte{192, 0, 0, 192}),                               // Oracle
	}
}

// faces returns what an address may stand for: itself, or the IPv4 addresses inside
// an IPv6 one, so that a forbidden address cannot be dressed up. They are the mapped
// and the deprecated compatible form, SIIT, NAT64 (RFC 6052; the length
// of its local prefix shows in what is zero), 6to4, Teredo and ISATAP.
func faces(ip netip.Addr) []netip.Addr {
	ip = ip.Unmap().WithZone("")
	if !ip.Is6() || ip.IsLoopback() || ip.IsUnspecified() {
		return []netip.Addr{ip}
	}
	b := ip.As16()
	v4 := func(bytes ...byte) netip.Addr { return netip.AddrFrom4([4]byte(bytes)) }
	last := v4(b[12:]...)
	switch {
	case within(ip, "64:ff9b::/96"), within(ip, "::/96"), within(ip, "::ffff:0:0:0/96"):
		return []netip.Addr{last}
	case within(ip, "64:ff9b:1::/48"):
		switch { // what follows the address is zero
		case [5]byte(b[11:]) == [5]byte{}:
			return []netip.Addr{v4(b[6], b[7], b[9], b[10])}
		case [4]byte(b[12:]) == [4]byte{}:
			return []netip.Addr{v4(b[7], b[9], b[10], b[11])}
		case [3]byte(b[13:]) == [3]byte{}:
			return []netip.Addr{v4(b[9:13]...)}
		}
		return []netip.Addr{last}
	case within(ip, "2002::/16"):
		return []netip.Addr{v4(b[2:6]...)}
	case within(ip, "2001::/32"): // Teredo: the client's address, inverted
		return []netip.Addr{v4(^b[12], ^b[13], ^b[14], ^b[15])}
	case b[8]&^0x03 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP
		return []netip.Addr{ip, last}
	}
	return []netip.Addr{ip}
}
