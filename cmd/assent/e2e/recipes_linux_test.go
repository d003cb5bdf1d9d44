package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// ownNetwork gives this test, and the programs that it starts, a network of its
// own. Its thread ends with it.
func ownNetwork(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "root, who loads firewall rules")
	}
	runtime.LockOSThread() // and is never unlocked: nobody else gets this thread
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		missing(t, "a network namespace: "+err.Error())
	}
	up(t, nil, "lo")
}

func handle(h *netlink.Handle) *netlink.Handle {
	if h == nil {
		return &netlink.Handle{}
	}
	return h
}

// up gives an interface addresses and turns it on; what is not on its networks goes
// to the machines named via.
func up(t *testing.T, h *netlink.Handle, name string, addresses ...string) netlink.Link {
	t.Helper()
	link, err := handle(h).LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			t.Fatal(err)
		}
		addr.Flags = unix.IFA_F_NODAD
		if err := handle(h).AddrAdd(link, addr); err != nil {
			t.Fatal(err)
		}
	}
	if err := handle(h).LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	return link
}

func pair(t *testing.T, a, b string) {
	t.Helper()
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: a}, PeerName: b}); err != nil {
		t.Fatal(err)
	}
}

func route(t *testing.T, h *netlink.Handle, link netlink.Link, via ...string) {
	t.Helper()
	for _, gw := range via {
		dst := &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
		if strings.Contains(gw, ":") {
			dst = &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		}
		if err := handle(h).RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst, Gw: net.ParseIP(gw)}); err != nil {
			t.Fatal(err)
		}
	}
}

// recipe loads one of deploy/capture, with lines of it replaced.
func recipe(t *testing.T, name string, replace ...string) {
	t.Helper()
	nft := tool(t, "nft")
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "capture", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !bytes.Contains(text, []byte(replace[i])) {
			t.Fatalf("%s has no %q", name, replace[i])
		}
		text = bytes.ReplaceAll(text, []byte(replace[i]), []byte(replace[i+1]))
	}
	for range 2 { // a second time takes the place of the first
		cmd := exec.Command(nft, "-f", "-")
		cmd.Stdin = bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
}

// as runs a program as a user.
func (w *world) as(uid uint32, name string, args ...string) result {
	w.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = "/", w.environ()
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("%s: %v", name, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

const bucketURL = "https://acme-%s.s3.us-east-1.amazonaws.com"

// putBucket is a curl that has resolved the name by itself.
func putBucket(name, address string) []string {
	return []string{"-sS", "-k", "-m", "10", "-X", "PUT", "-H", "Authorization: " + anyCredential,
		"--resolve", fmt.Sprintf("acme-%s.s3.us-east-1.amazonaws.com:443:%s", name, address), fmt.Sprintf(bucketURL, name) + "/"}
}

// sendDatagram says what became of a packet to somebody else.
const sendDatagram = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.send(b"anything"); s.recv(10); print("answered")
except OSError as e:
    print("refused", e)
`

// In the sidecar's network nobody but assent's own user gets out, except through it.
func TestTheSidecarRecipeLeavesNoWayOut(t *testing.T) {
	ownNetwork(t)
	curl, python := "/usr/bin/curl", "/usr/bin/python3" // those that another user can run
	for _, p := range []string{curl, python} {
		if _, err := os.Stat(p); err != nil {
			missing(t, p)
		}
	}
	pair(t, "eth0", "cable")
	up(t, nil, "cable")
	route(t, nil, up(t, nil, "eth0", "192.0.2.1/24", "fd00:20::1/64"), "192.0.2.254", "fd00:20::254")
	w, e := newWorld(t), startEndpoint(t)
	w.write("assent.yaml", "mode: enforce\nlisten: [{transparent: \"127.0.0.1:15001\", actor: deploy-agent}, {transparent: \"[::1]:15001\", actor: deploy-agent}]\n"+
		"upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+e.URL+"\"}\n")
	recipe(t, "sidecar.nft", "define assent   = 10015 ", "define assent = 0 ")
	w.serve()

	const actor = 65534
	for name, address := range map[string]string{"four": "203.0.113.5", "six": "[2001:db8::5]"} {
		contains(t, name, w.as(actor, curl, putBucket(name, address)...).out, "AssentDenied")
	}
	for what, r := range map[string]result{
		"UDP 443":  w.as(actor, python, "-c", sendDatagram, "203.0.113.5", "443"),
		"resolver": w.as(actor, python, "-c", sendDatagram, "203.0.113.53", "53"),
	} {
		if !strings.HasPrefix(r.out, "refused") {
			t.Errorf("%s: %v", what, r)
		}
	}
	contains(t, "metadata", w.as(actor, curl, "-sS", "-m", "10", "http://169.254.169.254/").out, "not one that assent connects to")
	contains(t, "the listener itself", w.as(actor, curl, "-sS", "-m", "10", "http://127.0.0.1:15001/").out, "no redirect brought this connection here")
	if e.came.Load() != 0 {
		t.Errorf("%d calls arrived", e.came.Load())
	}
	inLedger(t, w, "acme-four", "acme-six")
}

// inLedger wants each bucket refused to deploy-agent.
func inLedger(t *testing.T, w *world, buckets ...string) {
	t.Helper()
	got := map[string]bool{}
	for _, d := range w.decisions() {
		if d.Verdict == "deny" && d.Action.Actor.ID == "deploy-agent" {
			for _, target := range d.Action.Targets {
				got[strings.TrimPrefix(target.URN, "arn:aws:s3:::")] = true
			}
		}
	}
	for _, b := range buckets {
		if !got[b] {
			t.Errorf("%s is not in the ledger: %v", b, got)
		}
	}
}

// What a client sends through the gateway comes to assent; nothing of it is routed.
func TestTheGatewayRecipeLeavesNoWayOut(t *testing.T) {
	ownNetwork(t)
	curl, python, nsenter := tool(t, "curl"), tool(t, "python3"), tool(t, "nsenter")
	sleeper := exec.Command(tool(t, "sleep"), "600")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sleeper.Process.Kill(); sleeper.Wait() })
	pair(t, "clients", "eth0")
	theirs, err := netlink.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetNsPid(theirs, sleeper.Process.Pid); err != nil {
		t.Fatal(err)
	}
	up(t, nil, "clients", "10.20.0.1/16", "fd00:20::1/64")
	there, err := netns.GetFromPid(sleeper.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	h, err := netlink.NewHandleAt(there)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	up(t, h, "lo")
	route(t, h, up(t, h, "eth0", "10.20.0.2/16", "fd00:20::2/64"), "10.20.0.1", "fd00:20::1")
	for _, forward := range []string{"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"} {
		if err := os.WriteFile(forward, []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w, e := newWorld(t), startEndpoint(t)
	w.write("assent.yaml", "mode: enforce\negress: deny\nlisten: [{transparent: \"[::]:15001\", actor: deploy-agent}]\n"+
		"upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+e.URL+"\"}\n")
	recipe(t, "gateway.nft")
	w.serve()

	client := func(name string, args ...string) result {
		return w.as(0, nsenter, append([]string{"-t", fmt.Sprint(sleeper.Process.Pid), "-n", name}, args...)...)
	}
	for name, address := range map[string]string{"four": "203.0.113.5", "six": "[2001:db8::5]"} {
		r := client(curl, putBucket(name, address)...)
		contains(t, name+r.errOut, r.out, "AssentDenied")
	}
	if r := client(python, "-c", sendDatagram, "203.0.113.5", "443"); !strings.HasPrefix(r.out, "refused") {
		t.Errorf("UDP 443: %v", r)
	}
	contains(t, "an ungoverned host", client(curl, "-sS", "-m", "10", "http://203.0.113.9/").out, "egress: deny")
	_, port, _ := net.SplitHostPort(e.Listener.Addr().String())
	if r := client(curl, "-sS", "-m", "10", "http://10.20.0.1:"+port+"/"); r.out == "from the endpoint\n" {
		t.Errorf("a service of the gateway's own machine was reached: %v", r)
	}
	if e.came.Load() != 0 {
		t.Errorf("%d calls arrived", e.came.Load())
	}
	inLedger(t, w, "acme-four", "acme-six")
}
