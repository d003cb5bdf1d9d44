// Command k8sbox is a real Kubernetes control plane in one program: etcd,
// kube-apiserver, kube-controller-manager and kubectl, exactly as released,
// built from their Go modules. The tests of Assent run against it.
//
// It is a module of its own, so that none of it becomes part of the product.
// build.sh builds it once into a cache. newer/ is the same program on a newer
// Kubernetes: links to the sources, and streaming.go for what has moved.
//
//	k8sbox etcd|kube-apiserver|kube-controller-manager|kubectl [ARGS]
//	k8sbox up --dir DIR      a cluster on loopback, until SIGTERM or end of stdin
//	k8sbox typed [ARGS]      what programs written with client-go do
//
// With --kubelet it has a node too, whose pods are processes of this machine in
// a folder each: exec, attach, cp, port-forward and logs work. There is no
// isolation whatever; a pod runs as whoever runs the box.
//
// A link called kubectl (etcd, …) to the program is that program.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	_ "time/tzdata" // CronJob time zones

	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if !part(name) {
		if len(os.Args) < 2 {
			usage()
		}
		name = os.Args[1]
		os.Args = append([]string{name}, os.Args[2:]...)
	}
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	case "kubectl":
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
	case "kubelet":
		if err := runKubelet(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "kubelet: error:", err)
			os.Exit(1)
		}
	case "typed":
		if err := runTyped(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "typed: error:", err)
			os.Exit(1)
		}
	case "up":
		if err := up(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "k8sbox: error:", err)
			os.Exit(1)
		}
	default:
		usage()
	}
}

// part reports whether name is one of the programs in the box.
func part(name string) bool {
	switch name {
	case "etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "kubelet":
		return true
	}
	return false
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: k8sbox etcd|kube-apiserver|kube-controller-manager|kubectl [ARGS]\n       k8sbox up --dir DIR")
	os.Exit(2)
}
