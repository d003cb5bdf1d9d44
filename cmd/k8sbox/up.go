package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// readyTimeout bounds the start: it takes 3 to 5 s on two free cores, and tests
// run on busy ones.
const readyTimeout = 120 * time.Second

// Box is what `up` prints as one line of JSON when the cluster is ready.
type Box struct {
	Server     string            `json:"server"`     // https://127.0.0.1:PORT
	CA         string            `json:"ca"`         // file
	Kubeconfig map[string]string `json:"kubeconfig"` // by user: admin, alice, agent-1, system:kube-scheduler
	Token      map[string]string `json:"token"`
	Audit      string            `json:"audit"` // the audit log: JSON lines, level RequestResponse
	Etcd       string            `json:"etcd"`  // http://127.0.0.1:PORT
}

// up runs a cluster in --dir until it is told to stop, and leaves no process.
func up(args []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	dir := flags.String("dir", "", "folder for keys, logs and data; made if it is not there")
	stdin := flags.Bool("stdin", false, "stop at the end of stdin too: a parent that dies takes the cluster along")
	controllers := flags.Bool("controllers", true, "run kube-controller-manager")
	gates := flags.String("feature-gates", "", "of the API server")
	node := flags.Bool("kubelet", false, "have a node: every pod's command is run as a process of this machine")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return errors.New("--dir is missing")
	}
	// A child's death signal belongs to the thread that started it.
	runtime.LockOSThread()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *stdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	abs, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	c := &cluster{dir: abs, failed: make(chan error, 4)}
	defer c.stop()
	box, err := c.start(ctx, *controllers, *node, *gates)
	if err != nil {
		return err
	}
	line, err := json.Marshal(box)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.failed:
		return err
	}
}

// cluster owns the processes it started.
type cluster struct {
	dir    string
	failed chan error // a process that ended by itself
	parts  []*exec.Cmd
	wait   sync.WaitGroup
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) start(ctx context.Context, controllers, node bool, gates string) (Box, error) {
	ports, err := freePorts(5)
	if err != nil {
		return Box{}, err
	}
	box := Box{
		Server: fmt.Sprintf("https://127.0.0.1:%d", ports[0]), CA: c.path("ca.crt"),
		Etcd: fmt.Sprintf("http://127.0.0.1:%d", ports[1]), Audit: c.path("audit.log"),
	}
	if err := c.writeFiles(&box); err != nil {
		return box, err
	}
	peer := fmt.Sprintf("http://127.0.0.1:%d", ports[2])
	if err := c.run("etcd", "--data-dir", c.path("etcd"), "--log-level", "warn", "--unsafe-no-fsync",
		"--listen-client-urls", box.Etcd, "--advertise-client-urls", box.Etcd,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer); err != nil {
		return box, err
	}
	if err := c.run("kube-apiserver",
		"--etcd-servers", box.Etcd,
		"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", fmt.Sprint(ports[0]),
		"--endpoint-reconciler-type", "none", "--service-cluster-ip-range", "10.0.0.0/24",
		"--tls-cert-file", c.path("server.crt"), "--tls-private-key-file", c.path("server.key"),
		"--client-ca-file", c.path("ca.crt"), "--token-auth-file", c.path("tokens.csv"),
		"--requestheader-client-ca-file", c.path("ca.crt"), "--requestheader-allowed-names", "front-proxy", "--requestheader-username-headers", "X-Remote-User",
		"--requestheader-group-headers", "X-Remote-Group", "--requestheader-extra-headers-prefix", "X-Remote-Extra-",
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", c.path("sa.pub"), "--service-account-signing-key-file", c.path("sa.key"),
		"--authorization-mode", "RBAC",
		"--kubelet-client-certificate", c.path("kubelet-client.crt"), "--kubelet-client-key", c.path("kubelet-client.key"),
		"--audit-policy-file", c.path("audit.yaml"), "--audit-log-path", box.Audit, "--audit-log-mode", "blocking",
		"--feature-gates", gates,
	); err != nil {
		return box, err
	}
	client, err := httpClient(box.CA)
	if err != nil {
		return box, err
	}
	admin := apiClient{client: client, server: box.Server, token: box.Token["admin"]}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := c.until(ctx, func() error { return admin.get(ctx, "/readyz") }); err != nil {
		return box, fmt.Errorf("waiting for the API server (its log is %s): %w", c.path("kube-apiserver.log"), err)
	}
	if err := admin.bind(ctx); err != nil {
		return box, err
	}
	if node {
		if err := c.run("kubelet", "--kubeconfig", box.Kubeconfig[nodeUser], "--dir", c.dir, "--port", fmt.Sprint(ports[4])); err != nil {
			return box, err
		}
		if err := c.until(ctx, func() error { return admin.get(ctx, "/api/v1/nodes/"+nodeName) }); err != nil {
			return box, fmt.Errorf("waiting for the node (its log is %s): %w", c.path("kubelet.log"), err)
		}
	}
	if !controllers {
		return box, nil
	}
	if err := c.run("kube-controller-manager", "--kubeconfig", box.Kubeconfig["admin"], "--leader-elect=false",
		"--service-account-private-key-file", c.path("sa.key"), "--root-ca-file", c.path("ca.crt"),
		"--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(ports[3]), "--use-service-account-credentials",
		"--concurrent-deployment-syncs", "2"); err != nil {
		return box, err
	}
	err = c.until(ctx, func() error { return admin.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default") })
	if err != nil {
		return box, fmt.Errorf("waiting for the controllers (their log is %s): %w", c.path("kube-controller-manager.log"), err)
	}
	return box, nil
}

// run starts this program again as one of its parts.
func (c *cluster) run(part string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(c.path(part + ".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := &exec.Cmd{Path: self, Args: append([]string{part}, args...), Stdout: log, Stderr: log, Dir: c.dir, SysProcAttr: diesWithParent()}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", part, err)
	}
	c.parts = append(c.parts, cmd)
	c.wait.Add(1)
	go func() {
		defer c.wait.Done()
		err := cmd.Wait()
		c.failed <- fmt.Errorf("%s ended (its log is %s): %v", part, c.path(part+".log"), err)
	}()
	return nil
}

// stop ends the parts, last started first, and waits for them. Nothing in them
// is worth a graceful end but the kubelet, which has processes of its own.
func (c *cluster) stop() {
	for i := len(c.parts) - 1; i >= 0; i-- {
		if part := c.parts[i]; part.Args[0] == "kubelet" {
			_ = part.Process.Signal(syscall.SIGTERM)
			kill := time.AfterFunc(5*time.Second, func() { _ = part.Process.Kill() })
			defer kill.Stop()
			continue
		}
		_ = c.parts[i].Process.Kill()
	}
	c.wait.Wait()
	_ = os.RemoveAll(c.path("etcd"))
}

// until asks every 50 ms until the answer is no error, a part ends or ctx does.
func (c *cluster) until(ctx context.Context, ask func() error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case err := <-c.failed:
			return err
		case <-tick.C:
		}
	}
}

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all at once, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// apiClient is as much of a client as the start needs.
type apiClient struct {
	client        *http.Client
	server, token string
}

func (a apiClient) get(ctx context.Context, path string) error {
	return a.do(ctx, http.MethodGet, path, "")
}

func (a apiClient) do(ctx context.Context, method, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, a.server+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode > 299 {
		first, _ := bufio.NewReader(io.LimitReader(resp.Body, 500)).ReadString('\n')
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, first)
	}
	return nil
}

// bind lets alice and agent-1 do what editors may, in every namespace.
func (a apiClient) bind(ctx context.Context) error {
	return a.do(ctx, http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", `{
		"metadata": {"name": "k8sbox-editors"},
		"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
		"subjects": [
			{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"},
			{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "agent-1"}]}`)
}
