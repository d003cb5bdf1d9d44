package capture

import (
	"fmt"
	"net"
	"os"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The addresses from which the command calls: nobody's (RFC 5737, RFC 4193), and
// only so that the kernel has a way to send a packet before it is redirected.
var (
	own4 = net.IPNet{IP: net.IPv4(192, 0, 2, 1).To4(), Mask: net.CIDRMask(32, 32)}
	own6 = net.IPNet{IP: net.IP{0xfd, 0, 0xa5, 0x5e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, Mask: net.CIDRMask(128, 128)}
)

// loopback brings the one interface up and leads everything into it. It reports
// whether there is IPv6.
func loopback() (six bool, err error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return false, err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return false, err
	}
	lead := func(own net.IPNet, everywhere net.IPNet) error {
		if err := netlink.AddrAdd(lo, &netlink.Addr{IPNet: &own, Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("adding %s: %w", own.IP, err)
		}
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: &everywhere, Src: own.IP}); err != nil {
			return fmt.Errorf("leading %s to loopback: %w", &everywhere, err)
		}
		return nil
	}
	if err := lead(own4, net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}); err != nil {
		return false, err
	}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		return false, nil // a kernel without IPv6: nobody can use it
	}
	if err := lead(own6, net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}); err != nil {
		return false, nil // turned off: nothing has a way out over it
	}
	return true, nil
}

// opened are the sockets of the doors, and the ports to which calls are led.
type opened struct {
	fds       []int
	dns       uint16
	redirects uint16
	six       bool
}

func openDoors(six bool) (o opened, err error) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return o, err
	}
	defer packets.Close()
	o.dns = uint16(packets.LocalAddr().(*net.UDPAddr).Port)
	stream, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.dns))
	if err != nil {
		return o, err
	}
	defer stream.Close()
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return o, err
	}
	defer proxy.Close()
	gateway, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return o, err
	}
	defer gateway.Close()
	all, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return o, err
	}
	defer all.Close()
	o.redirects = uint16(all.Addr().(*net.TCPAddr).Port)
	sockets := []any{packets, stream, proxy, gateway, all}
	if six {
		all6, err := net.Listen("tcp", fmt.Sprintf("[::1]:%d", o.redirects))
		if err != nil {
			return o, err
		}
		defer all6.Close()
		sockets = append(sockets, all6)
		o.six = true
	}
	for _, s := range sockets {
		f, err := s.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			return o, err
		}
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 10)
		f.Close()
		if err != nil {
			return o, err
		}
		o.fds = append(o.fds, fd)
	}
	return o, nil
}

// The header offsets of IPv4 (RFC 791), IPv6 (RFC 8200), TCP and UDP.
const (
	daddr4, daddr6, dport = 16, 24, 2
)

// redirect leads every connection to the doors, and refuses the rest at once.
func redirect(o opened) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "assent"})
	nat := c.AddChain(&nftables.Chain{Name: "redirected", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest})
	refuse := nftables.ChainPolicyDrop
	out := c.AddChain(&nftables.Chain{Name: "left", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter, Policy: &refuse})
	rule := func(chain *nftables.Chain, parts ...[]expr.Any) {
		r := &nftables.Rule{Table: table, Chain: chain}
		for _, p := range parts {
			r.Exprs = append(r.Exprs, p...)
		}
		c.AddRule(r)
	}
	// DNS first: resolv.conf may name a resolver on loopback.
	for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
		rule(nat, ipv4(), transport(protocol), toPort(53), redirectTo(o.dns))
	}
	rule(nat, ipv6(), transport(unix.IPPROTO_TCP), toPort(53), []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}})
	for _, chain := range []*nftables.Chain{nat, out} {
		rule(chain, toNetwork4(net.IPNet{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}), accept())
		rule(chain, toNetwork4(own4), accept())
		if o.six {
			rule(chain, toAddress6(net.IPv6loopback), accept())
			rule(chain, toAddress6(own6.IP), accept())
		}
	}
	rule(nat, transport(unix.IPPROTO_TCP), redirectTo(o.redirects))
	rule(out, []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH}})
	return c.Flush()
}

func accept() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

func equal(value ...byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value}
}

func ipv4() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal(unix.NFPROTO_IPV4)}
}

func ipv6() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal(unix.NFPROTO_IPV6)}
}

func transport(protocol byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal(protocol)}
}

func toPort(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: dport, Len: 2},
		equal(binaryutil.BigEndian.PutUint16(port)...),
	}
}

func toNetwork4(n net.IPNet) []expr.Any {
	return append(ipv4(),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: daddr4, Len: net.IPv4len},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: net.IPv4len, Mask: n.Mask, Xor: make([]byte, net.IPv4len)},
		equal(n.IP...))
}

func toAddress6(ip net.IP) []expr.Any {
	return append(ipv6(),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: daddr6, Len: net.IPv6len},
		equal(ip.To16()...))
}

func redirectTo(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: 1},
	}
}
