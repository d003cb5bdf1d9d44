package peer

import (
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
)

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0
   1: 0100007F:C350 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     7        0 2 1 0 100 0 0 10 0
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 3 1 0 100 0 0 10 0
   3: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 4 1 0
`

func TestTheUserOfAConnectionIsFound(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the table is a little-endian machine's")
	}
	to := netip.MustParseAddrPort("127.0.0.1:8080")
	for from, want := range map[string]int{"127.0.0.1:50000": 1000, "127.0.0.1:50001": 1001, "127.0.0.1:50002": -1} {
		uid, ok := find(strings.NewReader(table), netip.MustParseAddrPort(from), to)
		if ok != (want >= 0) || ok && uid != want {
			t.Errorf("%s: %d %v, want %d", from, uid, ok, want)
		}
	}
}

func TestAConnectionOfOursIsOurs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	for _, on := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", on)
		if err != nil {
			t.Logf("%s: %v", on, err)
			continue
		}
		defer l.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		local, remote := netip.MustParseAddrPort(c.RemoteAddr().String()), netip.MustParseAddrPort(c.LocalAddr().String())
		if !Ours(local, remote) {
			t.Errorf("%s is not ours", remote)
		}
		if Ours(local, netip.AddrPortFrom(remote.Addr(), 1)) || Ours(netip.MustParseAddrPort("192.0.2.1:80"), remote) {
			t.Error("a connection that there is not is ours")
		}
	}
}

// FuzzFind: a table that nobody wrote does not end the program.
func FuzzFind(f *testing.F) {
	f.Add(table)
	f.Fuzz(func(t *testing.T, s string) {
		find(strings.NewReader(s), netip.MustParseAddrPort("127.0.0.1:50000"), netip.MustParseAddrPort("127.0.0.1:8080"))
	})
}
