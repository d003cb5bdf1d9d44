// Package k8sboxtest gives tests a real Kubernetes cluster: etcd, kube-apiserver
// and kube-controller-manager on loopback, from the program that
// cmd/k8sbox/build.sh builds. Nothing of Kubernetes is imported.
//
//	c := k8sboxtest.Start(t)
//	out, err := c.Run("alice", "get", "namespaces")
//
// The cluster ends with the test, and with the test's process however that ends.
// Without --kubelet pods are scheduled nowhere and run nothing; with it each is a
// process of this machine, without isolation.
//
// A machine without the program is told so loudly; with CI set the test fails.
package k8sboxtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Cluster is a running control plane. Its users are admin (may do anything),
// alice and agent-1 (edit in every namespace).
type Cluster struct {
	Server     string            `json:"server"`     // https://127.0.0.1:PORT
	CA         string            `json:"ca"`         // file
	Kubeconfig map[string]string `json:"kubeconfig"` // file, by user
	Token      map[string]string `json:"token"`      // by user
	Audit      string            `json:"audit"`      // the audit log, JSON lines at level RequestResponse
	Etcd       string            `json:"etcd"`       // http://127.0.0.1:PORT
	Release    string            `json:"-"`          // v1.34.4
	Box        string            `json:"-"`          // the program k8sbox
	Kubectl    string            `json:"-"`          // the program, of the server's version

	controllers bool
}

// Version is one of the Kubernetes that the box is built with.
type Version string

// The pinned versions. Tests that ask for none run on Older.
const (
	Older Version = ""      // cmd/k8sbox/go.mod
	Newer Version = "newer" // cmd/k8sbox/newer/go.mod
)

// Versions are all of them: what is held against a server is held against each.
var Versions = []Version{Older, Newer}

// String names the version as a test's name.
func (v Version) String() string {
	if v == Older {
		return "older"
	}
	return string(v)
}

// Kubectl is the program kubectl of the version.
func (v Version) Kubectl(t testing.TB) string {
	t.Helper()
	return filepath.Join(v.Folder(t), "kubectl")
}

// Release is the release's name: v1.34.4.
func (v Version) Release(t testing.TB) string {
	t.Helper()
	name, _, _ := strings.Cut(filepath.Base(v.Folder(t)), "-")
	return name
}

// Folder returns the folder that holds k8sbox and kubectl, or ends the test.
func (v Version) Folder(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no caller")
	}
	script := filepath.Join(filepath.Dir(file), "..", "..", "k8sbox", "build.sh")
	args := []string{"--where"}
	if v != Older {
		args = append(args, string(v))
	}
	out, err := exec.Command(script, args...).Output()
	if err != nil {
		what := "k8sbox (" + v.String() + ") is not built (make k8sbox builds it, in minutes)"
		if os.Getenv("CI") != "" {
			t.Fatalf("NOT RUN: %s; in CI nothing may be skipped", what)
		}
		t.Skipf("NOT RUN: %s", what)
	}
	return strings.TrimSpace(string(out))
}

// Start runs a cluster of the older version until the test ends; see Version.Start.
func Start(t testing.TB, args ...string) *Cluster {
	t.Helper()
	return Older.Start(t, args...)
}

// Start runs a cluster until the test ends; it takes 3 to 10 seconds. args are
// those of `k8sbox up`: --controllers=false leaves the controllers out, --kubelet
// adds a node.
func (v Version) Start(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c, stop := v.start(t, args...)
	t.Cleanup(func() { stop() })
	if c.controllers = !slices.Contains(args, "--controllers=false"); c.controllers {
		c.editors(t)
		c.Settled(t, "default")
	}
	return c
}

// Settled waits until the controllers have put into a namespace what they put into
// every one. They try again for as long as it takes, also when a webhook that came
// meanwhile refuses them.
func (c *Cluster) Settled(t testing.TB, namespace string) {
	t.Helper()
	if !c.controllers {
		return
	}
	c.until(t, "what every namespace has, in "+namespace, func() (string, bool) {
		out, err := c.Run("admin", "-n", namespace, "get", "configmap/kube-root-ca.crt", "serviceaccount/default")
		return string(out), err == nil
	})
}

// editors waits until a controller has put together what editors may do: before
// that, alice and agent-1 may do nothing.
func (c *Cluster) editors(t testing.TB) {
	t.Helper()
	c.until(t, "the role of editors", func() (string, bool) {
		out, err := c.Run("admin", "get", "clusterrole", "edit", "-o", "jsonpath={.rules}")
		return string(out), err == nil && strings.Contains(string(out), "configmaps")
	})
}

// until asks again and again: another process cannot be waited on.
func (c *Cluster) until(t testing.TB, what string, so func() (string, bool)) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		said, ok := so()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not there: %s", what, said)
		}
	}
}

// start runs a cluster until stop is called, which tells how much processor time it
// took.
func (v Version) start(t testing.TB, args ...string) (c *Cluster, stop func() time.Duration) {
	t.Helper()
	folder := v.Folder(t)
	cmd := exec.Command(filepath.Join(folder, "k8sbox"), append([]string{"up", "--stdin", "--dir", t.TempDir()}, args...)...)
	stdin, err := cmd.StdinPipe() // its end is the cluster's end
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() time.Duration {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("k8sbox up: %v", err)
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		stop()
		t.Fatalf("k8sbox up ended before it was ready: %v", err)
	}
	c = &Cluster{Release: v.Release(t), Box: filepath.Join(folder, "k8sbox"), Kubectl: filepath.Join(folder, "kubectl")}
	if err := json.Unmarshal(line, c); err != nil {
		stop()
		t.Fatalf("reading what k8sbox up says: %v", err)
	}
	return c, stop
}

// Run runs kubectl as a user, straight to the server, and returns all it says.
func (c *Cluster) Run(user string, args ...string) (string, error) {
	cmd := exec.Command(c.Kubectl, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig[user])
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w", strings.Join(args, " "), err)
	}
	return string(out), err
}
