package e2e

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// outside is a machine's own address with servers on it that nobody may reach.
type outside struct {
	ip       string
	tcp, udp string
	reached  atomic.Int64
}

func startOutside(t *testing.T) *outside {
	t.Helper()
	o := new(outside)
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			o.ip = n.IP.String()
		}
	}
	if o.ip == "" {
		missing(t, "an address that is not loopback")
	}
	l, err := net.Listen("tcp", o.ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { o.reached.Add(1) })}
	go server.Serve(l)
	packets, err := net.ListenPacket("udp", o.ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 1024)
		for {
			if _, _, err := packets.ReadFrom(buf); err != nil {
				return
			}
			o.reached.Add(1)
		}
	}()
	t.Cleanup(func() { server.Close(); packets.Close() })
	_, o.tcp, _ = net.SplitHostPort(l.Addr().String())
	_, o.udp, _ = net.SplitHostPort(packets.LocalAddr().String())
	return o
}

var bucketName = regexp.MustCompile(`^arn:aws:s3:::(acme-[a-z0-9-]+)$`)

// Whatever a captured command tries: it lands in assent, where it is judged and in
// the ledger, or it fails.
func TestACapturedCommandHasNoOtherWayOut(t *testing.T) {
	w, e, o := newWorld(t), startEndpoint(t), startOutside(t)
	for _, name := range []string{"curl", "node", "java", "python3", "nsenter", "unshare"} {
		tool(t, name)
	}
	runtimeDir := filepath.Join(w.home, "run")
	if err := os.Mkdir(runtimeDir, 0o700); err != nil {
		t.Fatal(err)
	}
	bus, err := net.Listen("unix", filepath.Join(runtimeDir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	go http.Serve(bus, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { o.reached.Add(1) }))

	w.env["AUTH"], w.env["TRIES"], w.env["XDG_RUNTIME_DIR"] = anyCredential, testdata(t, "capture"), runtimeDir
	w.env["OUTSIDE"], w.env["OUTSIDE_TCP"], w.env["OUTSIDE_UDP"] = o.ip, o.tcp, o.udp
	w.write("assent.yaml", "egress: deny\nupstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+e.URL+"\"}\n")
	r := w.assent("run", "--capture", "--enforce", "--as", "deploy-agent", "--", "sh", filepath.Join(w.env["TRIES"], "tries.sh"))
	if r.code != 0 {
		t.Fatalf("%v", r)
	}
	contains(t, "stderr", r.errOut, "assent is the only way out")

	var got []string
	for _, d := range w.decisions() {
		for _, target := range d.Action.Targets {
			if m := bucketName.FindStringSubmatch(target.URN); m != nil && d.Verdict == "deny" && d.Action.Actor.ID == "deploy-agent" {
				got = append(got, m[1])
			}
		}
	}
	slices.Sort(got)
	want := []string{"acme-address", "acme-address6", "acme-curl", "acme-http", "acme-java-client-direct", "acme-java-client-properties",
		"acme-java-url-direct", "acme-java-url-properties", "acme-node-fetch", "acme-node-https", "acme-node-sdk", "acme-python"}
	if !slices.Equal(got, want) {
		t.Errorf("judged and in the ledger:\n%v\nwant\n%v", got, want)
	}
	if n := strings.Count(r.out, "AssentDenied"); n < len(want) {
		t.Errorf("only %d of %d were told why", n, len(want))
	}
	if n := e.came.Load() + o.reached.Load(); n != 0 {
		t.Errorf("%d got out", n)
	}
	section := func(what string) string {
		_, rest, ok := strings.Cut(r.out, "== "+what+"\n")
		if !ok {
			t.Errorf("%s was not tried", what)
		}
		text, _, _ := strings.Cut("\n"+rest, "\n== ")
		return strings.TrimSpace(text)
	}
	for what, says := range map[string]string{
		"UDP 443": "error", "UDP": "error", "DNS tunnel": "rcode 5", "DNS": "198.18", "escapes": "",
		"metadata 169.254.169.254": "assent refused", "metadata 169.254.170.2": "assent refused", "metadata [fd00:ec2::254]": "assent refused",
	} {
		if text := section(what); !strings.Contains(text, says) || says == "" && text != "" {
			t.Errorf("%s: %q, want %q", what, text, says)
		}
	}
	if text := section("TCP"); strings.Contains(text, "200 OK") || !strings.Contains(text, "egress: deny") {
		t.Errorf("TCP: %q", text)
	}
	if t.Failed() {
		t.Logf("%v", r)
	}
}

// Metadata services are out of reach also where every host may be passed to, and
// under whatever name.
func TestACapturedCommandReachesNoMetadata(t *testing.T) {
	w := newWorld(t)
	r := w.assent("run", "--capture", "--", "sh", "-c", `for a in 169.254.169.254 169.254.170.2 '[fd00:ec2::254]'; do
env -i PATH="$PATH" `+tool(t, "curl")+` -sS -m 5 "http://$a/latest/meta-data/"; done`)
	if n := strings.Count(r.out, "not one that assent connects to"); n != 3 {
		t.Errorf("%d of 3 were refused: %v", n, r)
	}
}

// A captured kubectl reaches a cluster on this machine's loopback: through the proxy,
// and through the gateway.
func TestACapturedKubectlReachesItsCluster(t *testing.T) {
	w, kubectl := newWorld(t), tool(t, "kubectl")
	var came atomic.Int64
	cluster := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.Add(1)
		fmt.Fprintf(w, "%s with %s\n", r.URL.Path, r.Header.Get("Authorization"))
	}))
	defer cluster.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw})
	w.env["KUBECONFIG"] = w.write("kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c,
clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}],
users: [{name: u, user: {token: its-own}}], contexts: [{name: c, context: {cluster: c, user: u}}]}`, cluster.URL, base64.StdEncoding.EncodeToString(ca)))
	for path, flags := range map[string][]string{"/version": {}, "/k8s/c/version": {"--gateway"}} { // --raw takes the whole path
		came.Store(0)
		r := w.assent(slices.Concat([]string{"run", "--capture"}, flags, []string{"--", kubectl, "get", "--raw", path})...)
		if came.Load() == 0 || r.code != 0 || r.out != "/version with Bearer its-own\n" {
			t.Errorf("%v: %v", flags, r)
		}
	}
}

// What is declared passes, with a captured command's own exit code and output.
func TestACapturedCommandIsItself(t *testing.T) {
	w, e := newWorld(t), startEndpoint(t)
	w.write("assent.yaml", "upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+e.URL+"\"}\n")
	r := w.assent("run", "--capture", "--", "sh", "-c",
		`cat; env -i PATH="$PATH" `+tool(t, "curl")+` -sS -k https://sts.us-east-1.amazonaws.com/; id -u; pwd; exit 7`)
	if r.code != 7 || r.out != fmt.Sprintf("from the endpoint\n%d\n%s\n", os.Getuid(), w.dir) || e.came.Load() != 1 {
		t.Errorf("%d calls arrived: %v", e.came.Load(), r)
	}
	for code, args := range map[int][]string{
		143: {"sh", "-c", "kill -TERM $$"}, 126: {w.write("no-interpreter", "\x7fELF")}, 127: {"no-such-command-anywhere"},
	} {
		if code == 126 {
			os.Chmod(args[0], 0o755)
		}
		if r := w.assent(append([]string{"run", "--capture", "--"}, args...)...); r.code != code {
			t.Errorf("%v: want exit code %d: %v", args, code, r)
		}
	}
}

// If assent is killed the command is too: nothing goes on unseen.
func TestACapturedCommandDiesWithAssent(t *testing.T) {
	w := newWorld(t)
	cmd := exec.Command(binary, "run", "--capture", "--", "sh", "-c", "echo $$; exec sleep 600")
	cmd.Dir, cmd.Env = w.dir, w.environ()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		cmd.Process.Kill()
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, out) // ends when the command does
	cmd.Wait()
	waitFor(t, "the command's end", func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(state), ") Z ")
	})
}

// Whoever may not make namespaces is told so, and nothing is run.
func TestCaptureSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	ran := filepath.Join(w.dir, "ran")
	r := w.run(tool(t, "unshare"), "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces; exec "+binary+" run --capture -- touch "+ran)
	if r.code != 125 {
		t.Errorf("%v", r)
	}
	contains(t, "stderr", r.errOut, "assent: error: capture: making a user and network namespace", "assent: repair:", "sudo assent run --capture", "max_user_namespaces")
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command was run all the same")
	}
}

// A user without privilege captures too, where users may make namespaces.
func TestAnOrdinaryUserCaptures(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("this user is one: the other tests show it")
	}
	w, e := newWorld(t), startEndpoint(t)
	w.write("assent.yaml", "upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+e.URL+"\"}\n")
	const nobody = 65534
	for path := w.home; strings.HasPrefix(path, os.TempDir()+"/"); path = filepath.Dir(path) {
		os.Chmod(path, 0o755)
	}
	os.Chmod(filepath.Dir(binary), 0o755)
	os.Chown(w.home, nobody, nobody)
	cmd := exec.Command(binary, "run", "--capture", "--", "sh", "-c", `id -u; env -i PATH="$PATH" `+tool(t, "curl")+` -sS -k https://sts.us-east-1.amazonaws.com/`)
	cmd.Dir, cmd.Env = w.dir, w.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.Output()
	if err != nil || string(out) != "65534\nfrom the endpoint\n" {
		var errOut []byte
		if exit, ok := err.(*exec.ExitError); ok {
			errOut = exit.Stderr
		}
		t.Errorf("%v\n%s\n%s", err, out, errOut)
	}
}
