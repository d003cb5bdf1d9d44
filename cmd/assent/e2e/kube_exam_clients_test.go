package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// client is one of the exam: a real program, sent through a door.
type client struct {
	name  string // in the report, and the namespace it works in
	agent string // what its User-Agent begins with
	least int    // requests of it that have to be seen, or it did not really run
	// streams: it needs a kubelet, which writes to etcd too.
	streams bool
	run     func(e *exam, kubeconfig string)
}

// clients are all of them. The kubectl of the cluster's own version does everything
// that kubectl can; those of other versions the parts that versions differ in.
func clients(t *testing.T, v k8sboxtest.Version) []client {
	t.Helper()
	for _, name := range []string{"helm", "python3", "curl"} {
		tool(t, name)
	}
	installed(t, "kube-python")
	all := []client{
		{"typed-protobuf", "k8sbox-typed", 40, false, typedClient("application/vnd.kubernetes.protobuf")},
		{"typed-cbor", "k8sbox-typed", 40, false, typedClient("application/cbor")},
		{"helm", "Helm/", 30, false, helmClient(nil)},
		{"helm-client-side", "Helm/", 30, false, helmClient([]string{"--server-side=false"})},
		{"python", "OpenAPI-Generator/", 15, false, pythonProgram},
		{"curl", "curl/", 40, false, curlClient},
	}
	for _, other := range k8sboxtest.Versions {
		if other == v {
			all = append(all, client{"kubectl-same", "kubectl/" + other.Release(t), 100, false, kubectlClient(other.Kubectl(t), kubectlAll)})
		} else {
			all = append(all, client{"kubectl-other", "kubectl/" + other.Release(t), 40, false, kubectlClient(other.Kubectl(t), kubectlDiffers)})
		}
	}
	if old := spdyKubectl(); old != "" {
		all = append(all, client{"kubectl-old", "kubectl", 10, false, kubectlClient(old, kubectlDiffers)})
	}
	return append(all,
		client{"kubectl-websockets", "kubectl", 15, true, streamingClient("true")},
		client{"kubectl-spdy", "kubectl", 15, true, streamingClient("false")})
}

// spdyKubectl is the newest kubectl of this machine that is older than WebSockets:
// it execs with POST, over SPDY. Not every machine has one.
func spdyKubectl() string {
	for _, path := range beside() {
		for _, version := range []string{"1.29", "1.28", "1.27"} {
			if filepath.Base(path) == "kubectl."+version {
				return path
			}
		}
	}
	return ""
}

// kubectlAll is a script of commands, with FILES for the folder of manifests and NS
// for a namespace that the first commands make. Some of them fail, for want of a
// kubelet: what counts is what the server says was asked.
const kubectlAll = kubectlDiffers + `
version
api-resources
auth can-i delete pods
auth whoami
get namespaces
create namespace tmp --dry-run=server
-n NS get deployments
-n NS get deployment web -o yaml
-n NS get pods -A
-n NS describe deployment web
-n NS rollout history deployment web
-n NS annotate configmap settings c=d
-n NS patch configmap settings --type json -p [{"op":"add","path":"/data/size","value":"1"}]
-n NS patch configmap settings --type merge -p {"data":{"size":"2"}}
-n NS create secret generic s --from-literal=k=hunter2-secret
-n NS get secret s
-n NS get secrets -o json
-n NS create serviceaccount robot
-n NS create token robot
-n NS create role r --verb=get --resource=pods
-n NS create rolebinding rb --role=r --serviceaccount=NS:robot
-n NS autoscale deployment web --min=1 --max=3
-n NS expose deployment web --port 80
-n NS create ingress i --rule=web.example/*=web:80
-n NS create deployment two --image=registry.example/two --port=80 --replicas=2
-n NS create configmap more --from-literal=a=b
-n NS create job j --image=registry.example/j
-n NS create cronjob cj --image=registry.example/j --schedule=@daily
-n NS create job again --from=cronjob/cj
-n NS create service nodeport np --tcp=80:8080
-n NS create pdb p --selector=app=web --min-available=50%
-n NS create quota q --hard=services=9,requests.storage=1Gi
create clusterrole cr --verb=get --resource=pods
create priorityclass pc --value=7
-n NS get pod one --watch-only --request-timeout=1s
-n NS taint node no-such-node a=b:NoSchedule
-n NS set env deployment/web COLOUR=red
-n NS set resources deployment/web --limits=cpu=200m
-n NS replace --force -f FILES/widget.yaml
-n NS get widgets
-n NS get widget w -o json
-n NS delete widget w
create clusterrolebinding alice --clusterrole=cluster-admin --user=alice
-n NS get configmaps --as alice
-n NS create configmap hers --as alice
get --raw /api/v1/namespaces/NS/configmaps?limit=1
get --raw /healthz
-n NS delete ingress,hpa --all
-n NS delete deployment web --cascade=orphan --wait=false
-n NS delete job j --cascade=foreground --wait=false
-n NS delete configmaps -l team=checkout
delete namespace NS --wait=false
`

// kubectlDiffers is what kubectls of different versions do differently.
const kubectlDiffers = `
create namespace NS
-n NS create serviceaccount default
-n NS apply -f FILES/app.yaml
-n NS apply -f FILES/app.yaml
-n NS diff -f FILES/app.yaml
-n NS apply --server-side --force-conflicts -f FILES/app.yaml
-n NS scale deployment web --replicas 3
-n NS set image deployment/web app=registry.example/web:2
-n NS rollout restart deployment web
-n NS label configmap settings a=b
-n NS run one --image=registry.example/one
-n NS exec one -- id
-n NS attach one
-n NS logs one
-n NS port-forward one 1:1
-n NS debug one --image=registry.example/debug --profile=general
-n NS get pods --watch --request-timeout=1s
create -f FILES/crd.yaml
wait --for=condition=Established crd/widgets.example.com --timeout=20s
-n NS apply -f FILES/widget.yaml
-n NS delete configmap settings --dry-run=server
-n NS get configmap settings
-n NS delete pod one --force --grace-period=0
`

const kubectlApp = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {team: checkout}}
data: {colour: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example/web:1
        envFrom: [{configMapRef: {name: settings}}]
`

const kubectlCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

func kubectlClient(program, script string) func(*exam, string) {
	return func(e *exam, kubeconfig string) {
		files := filepath.Dir(e.write("manifests/app.yaml", kubectlApp))
		e.write("manifests/crd.yaml", kubectlCRD)
		e.write("manifests/widget.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 1}\n")
		for line := range strings.Lines(strings.NewReplacer("NS", e.namespace, "FILES", files).Replace(script)) {
			if line = strings.TrimSpace(line); line != "" {
				e.tried(e.run(program, append([]string{"--kubeconfig", kubeconfig}, strings.Fields(line)...)...), "kubectl "+line)
			}
		}
	}
}

// kubectlStreams is what holds a connection open, in a pod that is a process of this
// machine.
const kubectlStreams = `
create namespace NS
-n NS create serviceaccount default
-n NS run box --image=registry.example/box
-n NS wait --for=condition=Ready pod/box --timeout=30s
-n NS exec box -- id
-n NS exec box -- false
-n NS cp FILES/app.yaml box:app.yaml
-n NS cp box:app.yaml FILES/back.yaml
-n NS logs box
-n NS run talker --image=registry.example/talker --restart=Never --command -- sleep 3
-n NS wait --for=condition=Ready pod/talker --timeout=30s
-n NS attach talker
`

// streamingClient is the cluster's own kubectl, over WebSockets or over SPDY.
func streamingClient(websockets string) func(*exam, string) {
	return func(e *exam, kubeconfig string) {
		e.env["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"], e.env["KUBECTL_PORT_FORWARD_WEBSOCKETS"] = websockets, websockets
		defer func() {
			delete(e.env, "KUBECTL_REMOTE_COMMAND_WEBSOCKETS")
			delete(e.env, "KUBECTL_PORT_FORWARD_WEBSOCKETS")
		}()
		kubectlClient(e.cluster.Kubectl, kubectlStreams)(e, kubeconfig)
		e.forward(kubeconfig)
	}
}

// forward sends a line through kubectl port-forward to a port of this machine.
func (e *exam) forward(kubeconfig string) {
	e.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = io.WriteString(conn, "through\n")
			conn.Close()
		}
	}()
	port := freePort(e.t)
	cmd := exec.Command(e.cluster.Kubectl, "--kubeconfig", kubeconfig, "-n", e.namespace, "port-forward", "pod/box", fmt.Sprintf("%s:%d", port, l.Addr().(*net.TCPAddr).Port))
	cmd.Dir, cmd.Env = e.dir, e.environ()
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }()
	waitFor(e.t, "kubectl port-forward", func() bool { return strings.Contains(out.String(), "Forwarding from") })
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		e.t.Error(err)
		return
	}
	defer conn.Close()
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "through\n" {
		e.t.Errorf("port-forward: %q, %v: %s", line, err, out.String())
	}
}

// startKubelet gives the cluster its node, once. It is the last to come: it writes
// whenever it likes.
func (e *exam) startKubelet() {
	if e.kubelet {
		return
	}
	e.kubelet = true
	cmd := exec.Command(e.cluster.Box, "kubelet", "--kubeconfig", e.cluster.Kubeconfig["system:kube-scheduler"], "--dir", filepath.Dir(e.cluster.CA), "--port", freePort(e.t))
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || e.t.Failed() {
			e.t.Logf("kubelet: %v\n%s", err, out.String())
		}
	})
}

// typedClient is k8sbox typed, which is client-go of the cluster's version.
func typedClient(content string) func(*exam, string) {
	return func(e *exam, kubeconfig string) {
		e.namespaced(kubeconfig)
		e.must(e.cluster.Box, "typed", "--kubeconfig", kubeconfig, "--namespace", e.namespace, "--content", content)
	}
}

// helmClient installs a chart and does with it what helm can.
func helmClient(more []string) func(*exam, string) {
	return func(e *exam, kubeconfig string) {
		helm := tool(e.t, "helm")
		e.write("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
		e.write("chart/values.yaml", "colour: blue\n")
		e.write("chart/templates/all.yaml", `
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-settings"}
data: {colour: "{{ .Values.colour }}"}
---
apiVersion: v1
kind: Secret
metadata: {name: "{{ .Release.Name }}-db"}
stringData: {password: helm-hunter2}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: 1
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec: {containers: [{name: app, image: "registry.example/{{ .Values.colour }}"}]}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: "{{ .Release.Name }}-hook"
  annotations: {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": before-hook-creation}
`)
		chart := filepath.Join(e.dir, "chart")
		flags := append([]string{"--kubeconfig", kubeconfig, "--namespace", e.namespace}, more...)
		plain := flags[:4]
		e.must(helm, append([]string{"install", "shop", chart, "--create-namespace"}, flags...)...)
		e.must(helm, append([]string{"upgrade", "shop", chart, "--set", "colour=red"}, flags...)...)
		e.must(helm, append([]string{"upgrade", "shop", chart, "--set", "colour=green", "--dry-run=server"}, flags...)...)
		e.must(helm, append([]string{"rollback", "shop", "1"}, flags...)...)
		e.must(helm, append([]string{"list"}, plain...)...)
		e.must(helm, append([]string{"history", "shop"}, plain...)...)
		e.must(helm, append([]string{"get", "manifest", "shop"}, plain...)...)
		e.must(helm, append([]string{"uninstall", "shop"}, plain...)...)
	}
}

// python is a program written with the official client.
const python = `
import base64, sys
from kubernetes import client, config, dynamic, watch
config.load_kube_config(config_file=sys.argv[1])
ns = sys.argv[2]
core, apps, auth = client.CoreV1Api(), client.AppsV1Api(), client.AuthorizationV1Api()
core.create_namespace({"metadata": {"name": ns}})
m = core.create_namespaced_config_map(ns, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="python"), data={"a": "b"}))
core.create_namespaced_config_map(ns, {"metadata": {"name": "dry"}}, dry_run="All")
core.create_namespaced_config_map(ns, {"metadata": {"generateName": "made-", "labels": {"set": "one"}}})
m.data["a"] = "c"
core.replace_namespaced_config_map("python", ns, m)
core.patch_namespaced_config_map("python", ns, {"data": {"d": "e"}})
core.patch_namespaced_config_map("python", ns, [{"op": "remove", "path": "/data/d"}])
core.patch_namespaced_config_map("applied", ns, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}},
                                 field_manager="python", force=True, _content_type="application/apply-patch+yaml")
core.read_namespaced_config_map("python", ns)
core.list_namespaced_config_map(ns, label_selector="set=one", limit=1)
for event in watch.Watch().stream(core.list_namespaced_config_map, ns, timeout_seconds=1):
    pass
core.create_namespaced_secret(ns, {"metadata": {"name": "python"}, "data": {"p": base64.b64encode(b"python-hunter2").decode()}})
core.read_namespaced_secret("python", ns)
apps.create_namespaced_deployment(ns, {"metadata": {"name": "python"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "p"}},
    "template": {"metadata": {"labels": {"app": "p"}}, "spec": {"containers": [{"name": "c", "image": "registry.example/p"}]}}}})
apps.patch_namespaced_deployment_scale("python", ns, {"spec": {"replicas": 3}})
apps.patch_namespaced_deployment_status("python", ns, {"status": {"replicas": 1}})
auth.create_self_subject_access_review({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}})
core.create_namespaced_service_account(ns, {"metadata": {"name": "python"}})
core.create_namespaced_service_account_token("python", ns, {"spec": {"expirationSeconds": 600}})
maps = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")
maps.server_side_apply(name="dynamic", namespace=ns, field_manager="python", body={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}})
maps.delete(name="dynamic", namespace=ns)
core.delete_namespaced_config_map("python", ns, dry_run="All")
core.delete_namespaced_config_map("python", ns, body=client.V1DeleteOptions(propagation_policy="Background"))
core.delete_collection_namespaced_config_map(ns, label_selector="set=one")
apps.delete_namespaced_deployment("python", ns, propagation_policy="Foreground")
`

func pythonProgram(e *exam, kubeconfig string) {
	interpreter := tool(e.t, "python3")
	e.env["PYTHONPATH"] = installed(e.t, "kube-python")
	defer delete(e.env, "PYTHONPATH")
	e.must(interpreter, "-c", python, kubeconfig, e.namespace)
}

// installed is a folder that .ci/tools.sh makes.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "..", ".tools", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		missing(t, name+" is not installed (make k8sbox)")
	}
	return path
}

// namespaced makes the client's namespace, and the account that its pods have.
func (e *exam) namespaced(kubeconfig string) {
	for _, args := range [][]string{{"create", "namespace", e.namespace}, {"-n", e.namespace, "create", "serviceaccount", "default"}} {
		e.must(e.cluster.Kubectl, append([]string{"--kubeconfig", kubeconfig}, args...)...)
	}
}

// tried notes a command that may fail.
func (e *exam) tried(r result, what string) {
	if r.code != 0 && os.Getenv("ASSENT_EXAM") != "" {
		e.t.Logf("%s: %s", what, tailOf(fmt.Sprint(r.errOut), 300))
	}
}
