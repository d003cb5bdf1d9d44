package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"time"

	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	autoscaling "k8s.io/api/autoscaling/v1"
	certificates "k8s.io/api/certificates/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
)

// typed is what programs written with client-go do: one call of each kind, in one
// content type. It stops at the first that fails.
//
//	k8sbox typed --kubeconfig FILE --namespace NS --content application/vnd.kubernetes.protobuf
//
// With application/cbor the patches of apply and the dynamic client are CBOR too.
type typed struct {
	ctx  context.Context
	all  kubernetes.Interface
	any  dynamic.Interface
	ns   string
	errs []error
}

func runTyped(args []string) error {
	flags := flag.NewFlagSet("typed", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	namespace := flags.String("namespace", "default", "where; it has to be there")
	content := flags.String("content", "application/vnd.kubernetes.protobuf", "the content type of what is sent")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *content == runtime.ContentTypeCBOR {
		// Beside a server in one program, the client's gates are the server's.
		if err := utilfeature.DefaultMutableFeatureGate.Set("ClientsAllowCBOR=true,ClientsPreferCBOR=true"); err != nil {
			return err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 200, 200
	config.UserAgent = "k8sbox-typed"
	anything, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	config.ContentType = *content
	config.AcceptContentTypes = *content + ",application/json"
	all, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := &typed{ctx: ctx, all: all, any: anything, ns: *namespace}
	c.configMaps()
	c.secrets()
	c.workloads()
	c.pods()
	c.identities()
	c.clusterWide()
	c.custom()
	return errors.Join(c.errs...)
}

// do keeps what fails.
func (c *typed) do(what string, err error) {
	if err != nil {
		c.errs = append(c.errs, fmt.Errorf("%s: %w", what, err))
	}
}

func named(name string) meta.ObjectMeta { return meta.ObjectMeta{Name: name} }

func (c *typed) configMaps() {
	maps := c.all.CoreV1().ConfigMaps(c.ns)
	m := &core.ConfigMap{ObjectMeta: named("typed"), Data: map[string]string{"a": "b"}, BinaryData: map[string][]byte{"c": {0, 1, 255}}}
	m, err := maps.Create(c.ctx, m, meta.CreateOptions{FieldManager: "typed"})
	c.do("create", err)
	_, err = maps.Create(c.ctx, &core.ConfigMap{ObjectMeta: named("dry")}, meta.CreateOptions{DryRun: []string{meta.DryRunAll}})
	c.do("create, dry", err)
	_, err = maps.Create(c.ctx, &core.ConfigMap{ObjectMeta: meta.ObjectMeta{GenerateName: "made-", Labels: map[string]string{"set": "one"}}}, meta.CreateOptions{})
	c.do("create, generated", err)
	_, err = maps.Get(c.ctx, "typed", meta.GetOptions{})
	c.do("get", err)
	_, err = maps.List(c.ctx, meta.ListOptions{Limit: 1, FieldSelector: "metadata.name=typed"})
	c.do("list", err)
	w, err := maps.Watch(c.ctx, meta.ListOptions{TimeoutSeconds: ptr.To[int64](1)})
	c.do("watch", err)
	if err == nil {
		for range w.ResultChan() {
			_ = 0
		}
	}
	if m != nil && m.Name != "" {
		m.Data["a"] = "c"
		_, err = maps.Update(c.ctx, m, meta.UpdateOptions{})
		c.do("update", err)
	}
	for _, p := range []struct {
		kind types.PatchType
		body string
	}{
		{types.MergePatchType, `{"data":{"d":"e"}}`},
		{types.StrategicMergePatchType, `{"metadata":{"labels":{"x":"y"}}}`},
		{types.JSONPatchType, `[{"op":"remove","path":"/data/d"}]`},
	} {
		_, err = maps.Patch(c.ctx, "typed", p.kind, []byte(p.body), meta.PatchOptions{})
		c.do("patch "+string(p.kind), err)
	}
	_, err = maps.Apply(c.ctx, applycore.ConfigMap("applied", c.ns).WithData(map[string]string{"k": "v"}), meta.ApplyOptions{FieldManager: "typed", Force: true})
	c.do("apply", err)
	_, err = maps.Apply(c.ctx, applycore.ConfigMap("applied", c.ns).WithData(map[string]string{"k": "w"}), meta.ApplyOptions{FieldManager: "typed", DryRun: []string{meta.DryRunAll}})
	c.do("apply, dry", err)
	c.do("delete, dry", maps.Delete(c.ctx, "typed", meta.DeleteOptions{DryRun: []string{meta.DryRunAll}}))
	policy := meta.DeletePropagationForeground
	c.do("delete", maps.Delete(c.ctx, "typed", meta.DeleteOptions{PropagationPolicy: &policy, GracePeriodSeconds: ptr.To[int64](0)}))
	c.do("delete the set, dry", maps.DeleteCollection(c.ctx, meta.DeleteOptions{DryRun: []string{meta.DryRunAll}}, meta.ListOptions{LabelSelector: "set=one"}))
	c.do("delete the set", maps.DeleteCollection(c.ctx, meta.DeleteOptions{}, meta.ListOptions{LabelSelector: "set=one"}))
}

func (c *typed) secrets() {
	secrets := c.all.CoreV1().Secrets(c.ns)
	_, err := secrets.Create(c.ctx, &core.Secret{ObjectMeta: named("typed"), Data: map[string][]byte{"p": []byte("typed-hunter2")}}, meta.CreateOptions{})
	c.do("create secret", err)
	_, err = secrets.Get(c.ctx, "typed", meta.GetOptions{})
	c.do("get secret", err)
	_, err = secrets.Apply(c.ctx, applycore.Secret("typed", c.ns).WithStringData(map[string]string{"q": "typed-hunter3"}), meta.ApplyOptions{FieldManager: "typed", Force: true})
	c.do("apply secret", err)
	c.do("delete secret", secrets.Delete(c.ctx, "typed", meta.DeleteOptions{}))
}

func (c *typed) workloads() {
	deployments := c.all.AppsV1().Deployments(c.ns)
	labels := map[string]string{"app": "typed"}
	d, err := deployments.Create(c.ctx, &apps.Deployment{ObjectMeta: named("typed"), Spec: apps.DeploymentSpec{
		Replicas: ptr.To[int32](1), Selector: &meta.LabelSelector{MatchLabels: labels},
		Template: core.PodTemplateSpec{ObjectMeta: meta.ObjectMeta{Labels: labels}, Spec: core.PodSpec{Containers: []core.Container{{Name: "app", Image: "registry.example/typed:1"}}}},
	}}, meta.CreateOptions{})
	c.do("create deployment", err)
	if err == nil {
		d.Status.Replicas = 1
		_, err = deployments.UpdateStatus(c.ctx, d, meta.UpdateOptions{})
		c.do("update status", err)
	}
	_, err = deployments.GetScale(c.ctx, "typed", meta.GetOptions{})
	c.do("get scale", err)
	_, err = deployments.UpdateScale(c.ctx, "typed", &autoscaling.Scale{ObjectMeta: meta.ObjectMeta{Name: "typed", Namespace: c.ns}, Spec: autoscaling.ScaleSpec{Replicas: 2}}, meta.UpdateOptions{})
	c.do("update scale", err)
	_, err = deployments.Apply(c.ctx, applyapps.Deployment("typed", c.ns).WithSpec(applyapps.DeploymentSpec().
		WithSelector(applymeta.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(applycore.PodTemplateSpec().WithLabels(labels).WithSpec(applycore.PodSpec().WithContainers(
			applycore.Container().WithName("app").WithImage("registry.example/typed:2"))))), meta.ApplyOptions{FieldManager: "typed", Force: true})
	c.do("apply deployment", err)
	c.do("delete deployment", deployments.Delete(c.ctx, "typed", meta.DeleteOptions{}))
}

func (c *typed) pods() {
	pods := c.all.CoreV1().Pods(c.ns)
	p, err := pods.Create(c.ctx, &core.Pod{ObjectMeta: named("typed"), Spec: core.PodSpec{Containers: []core.Container{{Name: "app", Image: "registry.example/typed"}}}}, meta.CreateOptions{})
	c.do("create pod", err)
	if err == nil {
		p.Spec.EphemeralContainers = append(p.Spec.EphemeralContainers, core.EphemeralContainer{EphemeralContainerCommon: core.EphemeralContainerCommon{Name: "debug", Image: "registry.example/debug"}})
		_, err = pods.UpdateEphemeralContainers(c.ctx, "typed", p, meta.UpdateOptions{})
		c.do("update ephemeral containers", err)
	}
	_, err = pods.Patch(c.ctx, "typed", types.StrategicMergePatchType, []byte(`{"status":{"phase":"Running"}}`), meta.PatchOptions{}, "status")
	c.do("patch status", err)
	c.do("bind", pods.Bind(c.ctx, &core.Binding{ObjectMeta: named("typed"), Target: core.ObjectReference{Kind: "Node", Name: "no-such-node"}}, meta.CreateOptions{}))
	c.do("evict, dry", pods.EvictV1(c.ctx, &policy.Eviction{ObjectMeta: meta.ObjectMeta{Name: "typed", Namespace: c.ns}, DeleteOptions: &meta.DeleteOptions{DryRun: []string{meta.DryRunAll}}}))
	c.do("evict", pods.EvictV1(c.ctx, &policy.Eviction{ObjectMeta: meta.ObjectMeta{Name: "typed", Namespace: c.ns}, DeleteOptions: &meta.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}}))
}

func (c *typed) identities() {
	accounts := c.all.CoreV1().ServiceAccounts(c.ns)
	_, err := accounts.Create(c.ctx, &core.ServiceAccount{ObjectMeta: named("typed")}, meta.CreateOptions{})
	c.do("create account", err)
	_, err = accounts.CreateToken(c.ctx, "typed", &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](600)}}, meta.CreateOptions{})
	c.do("create token", err)
	_, err = c.all.AuthorizationV1().SelfSubjectAccessReviews().Create(c.ctx, &authorization.SelfSubjectAccessReview{Spec: authorization.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorization.ResourceAttributes{Verb: "get", Resource: "pods"}}}, meta.CreateOptions{})
	c.do("review", err)
	_, err = c.all.AuthenticationV1().TokenReviews().Create(c.ctx, &authentication.TokenReview{Spec: authentication.TokenReviewSpec{Token: "none"}}, meta.CreateOptions{})
	c.do("review token", err)
	leases := c.all.CoordinationV1().Leases(c.ns)
	l, err := leases.Create(c.ctx, &coordination.Lease{ObjectMeta: named("typed"), Spec: coordination.LeaseSpec{HolderIdentity: ptr.To("one")}}, meta.CreateOptions{})
	c.do("create lease", err)
	if err == nil {
		l.Spec.HolderIdentity = ptr.To("two")
		_, err = leases.Update(c.ctx, l, meta.UpdateOptions{})
		c.do("update lease", err)
	}
	_, err = c.all.CoreV1().Events(c.ns).Create(c.ctx, &core.Event{ObjectMeta: named("typed.1"), InvolvedObject: core.ObjectReference{Kind: "Pod", Name: "typed", Namespace: c.ns},
		Reason: "Tested", Message: "typed", Type: "Normal"}, meta.CreateOptions{})
	c.do("create event", err)
}

func (c *typed) clusterWide() {
	roles := c.all.RbacV1().ClusterRoles()
	_, err := roles.Create(c.ctx, &rbac.ClusterRole{ObjectMeta: named(c.ns + "-typed"), Rules: []rbac.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}}}}, meta.CreateOptions{})
	c.do("create role", err)
	c.do("delete role", roles.Delete(c.ctx, c.ns+"-typed", meta.DeleteOptions{}))
	namespaces := c.all.CoreV1().Namespaces()
	n, err := namespaces.Create(c.ctx, &core.Namespace{ObjectMeta: named(c.ns + "-typed"), Spec: core.NamespaceSpec{Finalizers: []core.FinalizerName{"kubernetes"}}}, meta.CreateOptions{})
	c.do("create namespace", err)
	c.do("delete namespace", namespaces.Delete(c.ctx, c.ns+"-typed", meta.DeleteOptions{}))
	if err == nil {
		n.Spec.Finalizers, n.ResourceVersion = nil, ""
		_, err = namespaces.Finalize(c.ctx, n, meta.UpdateOptions{})
		c.do("finalize", err)
	}
	nodes := c.all.CoreV1().Nodes()
	_, err = nodes.Create(c.ctx, &core.Node{ObjectMeta: named(c.ns + "-typed")}, meta.CreateOptions{})
	c.do("create node", err)
	_, err = nodes.Patch(c.ctx, c.ns+"-typed", types.StrategicMergePatchType, []byte(`{"spec":{"unschedulable":true}}`), meta.PatchOptions{})
	c.do("cordon", err)
	c.do("delete node", nodes.Delete(c.ctx, c.ns+"-typed", meta.DeleteOptions{}))
	c.approval()
}

// approval asks for a certificate and grants it.
func (c *typed) approval() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c.do("making a key", err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "mallory"}}, key)
	c.do("making a request", err)
	requests := c.all.CertificatesV1().CertificateSigningRequests()
	r, err := requests.Create(c.ctx, &certificates.CertificateSigningRequest{ObjectMeta: named(c.ns + "-typed"), Spec: certificates.CertificateSigningRequestSpec{
		Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), SignerName: "kubernetes.io/kube-apiserver-client", Usages: []certificates.KeyUsage{certificates.UsageClientAuth},
	}}, meta.CreateOptions{})
	c.do("create request", err)
	if err != nil {
		return
	}
	r.Status.Conditions = append(r.Status.Conditions, certificates.CertificateSigningRequestCondition{Type: certificates.CertificateApproved, Status: core.ConditionTrue, Reason: "Tested", Message: "typed"})
	_, err = requests.UpdateApproval(c.ctx, r.Name, r, meta.UpdateOptions{})
	c.do("approve", err)
	c.do("delete request", requests.Delete(c.ctx, r.Name, meta.DeleteOptions{}))
}

// custom is what has no Go type: the dynamic client and a resource of its own.
func (c *typed) custom() {
	crds := c.any.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	_, err := crds.List(c.ctx, meta.ListOptions{Limit: 1})
	c.do("list definitions", err)
	maps := c.any.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(c.ns)
	object := func(value string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "dynamic"}, "data": map[string]any{"a": value},
		}}
	}
	o, err := maps.Create(c.ctx, object("b"), meta.CreateOptions{})
	c.do("create, dynamic", err)
	if err == nil {
		_ = unstructured.SetNestedField(o.Object, "c", "data", "a")
		_, err = maps.Update(c.ctx, o, meta.UpdateOptions{})
		c.do("update, dynamic", err)
	}
	_, err = maps.Apply(c.ctx, "dynamic", object("d"), meta.ApplyOptions{FieldManager: "dynamic", Force: true})
	c.do("apply, dynamic", err)
	c.do("delete, dynamic", maps.Delete(c.ctx, "dynamic", meta.DeleteOptions{}))
}
