// Package peer tells which user is at the other end of a connection on loopback.
//
// It is for programs that are given a proxy and cannot be made to send a secret
// along (the JVM). That the user is ours proves as much as the secret would: whoever
// runs as that user can read it out of the environment of the command.
package peer

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// established is a state in /proc/net/tcp (include/net/tcp_states.h).
const established = "01"

// find looks in a table of /proc/net/tcp or tcp6 for the socket that is connected
// from one address to another, and returns its user.
func find(table io.Reader, from, to netip.AddrPort) (uid int, ok bool) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || fields[3] != established {
			continue
		}
		local, ok1 := address(fields[1])
		remote, ok2 := address(fields[2])
		if !ok1 || !ok2 || local != from || remote != to {
			continue
		}
		uid, err := strconv.Atoi(fields[7])
		return uid, err == nil
	}
	return 0, false
}

// address reads HEX:PORT. The kernel prints each 32 bits in its own byte order.
func address(s string) (netip.AddrPort, bool) {
	digits, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(digits)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), ok
}
