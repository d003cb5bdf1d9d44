package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// nodeName is the one node of the box.
	nodeName = "k8sbox"
	// nodeUser is whom the API server knows it as: it schedules, too, and is a part of
	// the control plane to whoever tells those by their names.
	nodeUser = "system:kube-scheduler"
)

// kubelet stands in for scheduler and kubelet: it takes every pod that nobody
// has, runs its first container's command as a process of this machine in a
// folder of its own, and serves exec, attach, port-forward and logs. There is no
// image, no isolation and no network: it is for tests that trust what they run.
type kubelet struct {
	client kubernetes.Interface
	dir    string

	mu   sync.Mutex // guards pods
	pods map[string]*pod
}

func runKubelet(args []string) error {
	flags := flag.NewFlagSet("kubelet", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	dir := flags.String("dir", "", "the box's folder: keys, and one folder a pod")
	port := flags.Int("port", 0, "where to serve, on loopback")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 200, 200
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	k := &kubelet{client: client, dir: filepath.Join(*dir, "pods"), pods: map[string]*pod{}}
	defer k.stopAll()
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(*port)))
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- k.serve(listener, *dir) }()
	if err := k.register(ctx, int32(*port)); err != nil {
		return fmt.Errorf("registering the node: %w", err)
	}
	k.watch(ctx)
	select {
	case <-ctx.Done():
		return nil
	case err := <-served:
		return err
	}
}

// register makes the node, ready and with room for everything.
func (k *kubelet) register(ctx context.Context, port int32) error {
	node := &core.Node{ObjectMeta: meta.ObjectMeta{Name: nodeName, Labels: map[string]string{"kubernetes.io/hostname": nodeName}}}
	node, err := k.client.CoreV1().Nodes().Create(ctx, node, meta.CreateOptions{})
	if err != nil {
		return err
	}
	now := meta.Now()
	node.Status = core.NodeStatus{
		Addresses:       []core.NodeAddress{{Type: core.NodeInternalIP, Address: "127.0.0.1"}}, // no name: the API server would look it up
		DaemonEndpoints: core.NodeDaemonEndpoints{KubeletEndpoint: core.DaemonEndpoint{Port: port}},
		Conditions:      []core.NodeCondition{{Type: core.NodeReady, Status: core.ConditionTrue, Reason: "K8sbox", LastHeartbeatTime: now, LastTransitionTime: now}},
	}
	if _, err = k.client.CoreV1().Nodes().UpdateStatus(ctx, node, meta.UpdateOptions{}); err != nil {
		return err
	}
	// The controllers may have tainted it before it was ready.
	_, err = k.client.CoreV1().Nodes().Patch(ctx, nodeName, "application/merge-patch+json", []byte(`{"spec":{"taints":null}}`), meta.PatchOptions{})
	return err
}

// watch follows every pod until ctx ends.
func (k *kubelet) watch(ctx context.Context) {
	source := cache.NewListWatchFromClient(k.client.CoreV1().RESTClient(), "pods", meta.NamespaceAll, fields.Everything())
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: source, ObjectType: &core.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { k.sync(ctx, o.(*core.Pod)) },
			UpdateFunc: func(_, o any) { k.sync(ctx, o.(*core.Pod)) },
			DeleteFunc: func(o any) {
				if p, ok := o.(*core.Pod); ok {
					k.forget(key(p.Namespace, p.Name))
				}
			},
		},
	})
	go informer.RunWithContext(ctx)
}

func key(namespace, name string) string { return namespace + "_" + name }

// sync moves one pod one step on. What fails is tried again at the pod's next
// change; a conflict is one.
func (k *kubelet) sync(ctx context.Context, p *core.Pod) {
	pods := k.client.CoreV1().Pods(p.Namespace)
	var err error
	switch {
	case p.DeletionTimestamp != nil && p.Spec.NodeName == nodeName:
		k.forget(key(p.Namespace, p.Name))
		now := int64(0)
		err = pods.Delete(ctx, p.Name, meta.DeleteOptions{GracePeriodSeconds: &now, Preconditions: meta.NewUIDPreconditions(string(p.UID))})
	case p.DeletionTimestamp != nil:
	case p.Spec.NodeName == "":
		err = pods.Bind(ctx, &core.Binding{
			ObjectMeta: meta.ObjectMeta{Name: p.Name, Namespace: p.Namespace, UID: p.UID},
			Target:     core.ObjectReference{Kind: "Node", Name: nodeName},
		}, meta.CreateOptions{})
	case p.Spec.NodeName == nodeName && p.Status.Phase == core.PodPending:
		if err = k.start(p); err == nil {
			_, err = pods.UpdateStatus(ctx, running(p), meta.UpdateOptions{})
		}
	}
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && !errors.Is(err, context.Canceled) {
		fmt.Printf("pod %s/%s: %v\n", p.Namespace, p.Name, err)
	}
}

// running is the pod as it is when all its containers are up.
func running(p *core.Pod) *core.Pod {
	p = p.DeepCopy()
	now := meta.NewTime(time.Now())
	p.Status.Phase, p.Status.StartTime = core.PodRunning, &now
	p.Status.HostIP, p.Status.PodIP = "127.0.0.1", "127.0.0.1"
	p.Status.PodIPs, p.Status.HostIPs = []core.PodIP{{IP: "127.0.0.1"}}, []core.HostIP{{IP: "127.0.0.1"}}
	p.Status.Conditions = nil
	for _, c := range []core.PodConditionType{core.PodScheduled, core.PodInitialized, core.ContainersReady, core.PodReady} {
		p.Status.Conditions = append(p.Status.Conditions, core.PodCondition{Type: c, Status: core.ConditionTrue, LastTransitionTime: now})
	}
	p.Status.ContainerStatuses = nil
	yes := true
	for _, c := range p.Spec.Containers {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, core.ContainerStatus{
			Name: c.Name, Image: c.Image, Ready: true, Started: &yes, ContainerID: "k8sbox://" + string(p.UID) + "-" + c.Name,
			State: core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: now}},
		})
	}
	return p
}

// start starts a pod's process, once.
func (k *kubelet) start(p *core.Pod) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := key(p.Namespace, p.Name)
	if k.pods[id] != nil {
		return nil
	}
	c := p.Spec.Containers[0]
	started, err := startPod(filepath.Join(k.dir, id), append(append([]string(nil), c.Command...), c.Args...), c.Stdin)
	if err != nil {
		return err
	}
	k.pods[id] = started
	return nil
}

func (k *kubelet) find(namespace, name string) *pod {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pods[key(namespace, name)]
}

func (k *kubelet) forget(id string) {
	k.mu.Lock()
	p := k.pods[id]
	delete(k.pods, id)
	k.mu.Unlock()
	if p != nil {
		p.stop()
	}
}

func (k *kubelet) stopAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.pods {
		p.stop()
	}
}
