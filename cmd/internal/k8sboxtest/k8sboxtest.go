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
	"strings"
	"testing"
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
	Kubectl    string            `json:"-"`          // the program, of the server's version
}

// Folder returns the folder that holds k8sbox and kubectl, or ends the test.
func Folder(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no caller")
	}
	script := filepath.Join(filepath.Dir(file), "..", "..", "k8sbox", "build.sh")
	out, err := exec.Command(script, "--where").Output()
	if err != nil {
		const what = "k8sbox is not built (make k8sbox builds it, in about ten minutes)"
		if os.Getenv("CI") != "" {
			t.Fatalf("NOT RUN: %s; in CI nothing may be skipped", what)
		}
		t.Skipf("NOT RUN: %s", what)
	}
	return strings.TrimSpace(string(out))
}

// Start runs a cluster until the test ends; it takes 3 to 10 seconds. args are
// those of `k8sbox up`: --controllers=false leaves the controllers out, --kubelet
// adds a node.
func Start(t testing.TB, args ...string) *Cluster {
	t.Helper()
	folder := Folder(t)
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
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("k8sbox up: %v", err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("k8sbox up ended before it was ready: %v", err)
	}
	c := &Cluster{Kubectl: filepath.Join(folder, "kubectl")}
	if err := json.Unmarshal(line, c); err != nil {
		t.Fatalf("reading what k8sbox up says: %v", err)
	}
	return c
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
