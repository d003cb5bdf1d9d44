//go:build !linux

package proxy

import (
	"errors"
	"net"
	"net/netip"
)

// originalDestination needs a kernel that keeps it.
func originalDestination(net.Conn) (netip.AddrPort, error) {
	return netip.AddrPort{}, errors.New("transparent listeners need Linux")
}
