package proxy

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// soOriginalDst is SO_ORIGINAL_DST (linux/netfilter_ipv4.h) and
// IP6T_SO_ORIGINAL_DST (linux/netfilter_ipv6/ip6_tables.h).
const soOriginalDst = 80

// originalDestination is where a redirected connection was going.
func originalDestination(c net.Conn) (to netip.AddrPort, err error) {
	tcp, ok := c.(syscall.Conn)
	if !ok {
		return to, errors.New("not a TCP connection")
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return to, err
	}
	local, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return to, errors.New("not a TCP connection")
	}
	var asked error
	err = raw.Control(func(fd uintptr) {
		if local.IP.To4() != nil {
			var sa *unix.IPv6Mreq // 20 bytes, of which a sockaddr_in takes 16
			if sa, asked = unix.GetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IP, soOriginalDst); asked == nil {
				to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(sa.Multiaddr[4:8])), binary.BigEndian.Uint16(sa.Multiaddr[2:4]))
			}
			return
		}
		var sa *unix.IPv6MTUInfo // begins with a sockaddr_in6
		if sa, asked = unix.GetsockoptIPv6MTUInfo(int(fd), unix.IPPROTO_IPV6, soOriginalDst); asked == nil {
			// The port is in network order, in memory as in the struct.
			var port [2]byte
			binary.NativeEndian.PutUint16(port[:], sa.Addr.Port)
			to = netip.AddrPortFrom(netip.AddrFrom16(sa.Addr.Addr), binary.BigEndian.Uint16(port[:]))
		}
	})
	return to, errors.Join(err, asked)
}
