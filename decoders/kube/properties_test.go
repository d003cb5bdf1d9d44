package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// carriers wrap a pod's spec in each kind that runs pods.
var carriers = map[string]string{
	"/api/v1/namespaces/shop/pods":                   `{"spec":POD}`,
	"/api/v1/namespaces/shop/podtemplates":           `{"template":{"spec":POD}}`,
	"/api/v1/namespaces/shop/replicationcontrollers": `{"spec":{"template":{"spec":POD}}}`,
	"/apis/apps/v1/namespaces/shop/deployments":      `{"spec":{"template":{"spec":POD}}}`,
	"/apis/apps/v1/namespaces/shop/statefulsets":     `{"spec":{"template":{"spec":POD}}}`,
	"/apis/apps/v1/namespaces/shop/daemonsets":       `{"spec":{"template":{"spec":POD}}}`,
	"/apis/apps/v1/namespaces/shop/replicasets":      `{"spec":{"template":{"spec":POD}}}`,
	"/apis/batch/v1/namespaces/shop/jobs":            `{"spec":{"template":{"spec":POD}}}`,
	"/apis/batch/v1/namespaces/shop/cronjobs":        `{"spec":{"jobTemplate":{"spec":{"template":{"spec":POD}}}}}`,
}

const hardened = `{"serviceAccountName":"robot","securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},"nodeSelector":{"x/capacity":"spot"},
 "topologySpreadConstraints":[{"topologyKey":"topology.kubernetes.io/zone"}],
 "containers":[{"name":"a","image":"r.example:5000/shop/web:1.2","securityContext":{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true},
 "resources":{"limits":{"cpu":"500m","memory":"1Gi","nvidia.com/gpu":"2"}},"env":[{"name":"COLOUR","value":"blue"}]}]}`

const dangerous = `{"hostNetwork":true,"hostPID":true,"volumes":[{"name":"h","hostPath":{"path":"/"}}],
 "initContainers":[{"name":"i","image":"busybox","securityContext":{"capabilities":{"add":["SYS_ADMIN","NET_RAW"]}}}],
 "containers":[{"name":"a","image":"web@sha256:00","command":["sh","-c","x"],"securityContext":{"privileged":true,"runAsUser":0},"env":[{"name":"DB_PASSWORD","value":"hunter2"}]}]}`

func propsOf(t *testing.T, request, contentType, body string) string {
	t.Helper()
	a, err := testDecoder(t).Decode(context.Background(), callOf(t, request, contentType, body))
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	return spelled(a.Props)
}

func spelled(props []model.Property) string {
	var out []string
	for _, p := range props {
		value := "?"
		if p.Known {
			data, _ := json.Marshal(p.Value)
			value = string(data)
		}
		out = append(out, p.Name+"="+value)
	}
	return strings.Join(out, " ")
}

// holds reports the wanted properties that are not among those said.
func holds(said, want string) []string {
	all := " " + said + " "
	var missing []string
	for _, w := range strings.Fields(want) {
		if !strings.Contains(all, " "+w+" ") {
			missing = append(missing, w)
		}
	}
	return missing
}

func TestEveryPodsPropertiesByWhoeverMakesIt(t *testing.T) {
	for path, wrap := range carriers {
		for pod, want := range map[string]string{
			hardened: `container.privileged=false container.privilegeEscalation=false container.readOnlyRoot=true container.runAsNonRoot=true container.seccomp="RuntimeDefault"
				container.hostNamespaces=[] container.hostPaths=[] container.capabilities=[] container.limits=true compute.size={"gpu":2,"memGiB":1,"vcpu":0.5} compute.gpu={"count":2}
				compute.spot=true identity.runsAs="robot" availability.multiZone=true secret.inline=false engine.version=["1.2"] image.signed=? network.segment="shop"
				image.ref=[{"registry":"r.example:5000","repo":"shop/web","tag":"1.2"}]`,
			dangerous: `container.privileged=true container.privilegeEscalation=true container.readOnlyRoot=false container.runAsNonRoot=false container.seccomp="Unconfined"
				container.hostNamespaces=["net","pid"] container.hostPaths=["/"] container.capabilities=["NET_RAW","SYS_ADMIN"] container.limits=false compute.size=? compute.gpu={"count":0}
				compute.spot=? identity.runsAs="default" availability.multiZone=false secret.inline=true engine.version=["latest"]
				image.ref=[{"digest":"sha256:00","registry":"docker.io","repo":"library/web"},{"registry":"docker.io","repo":"library/busybox","tag":"latest"}]`,
		} {
			said := propsOf(t, "POST "+path, "", strings.Replace(wrap, "POD", pod, 1))
			if missing := holds(said, want); missing != nil {
				t.Errorf("%s: want %s\nin %s", path, missing, said)
			}
			if hasScript := strings.Contains(said, `instance.bootScript="sha256:`); hasScript != (pod == dangerous) {
				t.Errorf("%s: %s", path, said)
			}
		}
	}
}

// propertyCases are one good and one bad object for each property of every kind
// that is no pod.
var propertyCases = []struct{ path, body, want string }{
	{"/api/v1/namespaces", `{"metadata":{"name":"n","labels":{"team":"checkout","data-classification":"restricted","pod-security.kubernetes.io/enforce":"restricted"}}}`, `owner="checkout" data.classification="restricted" identity.boundary="restricted"`},
	{"/api/v1/namespaces", `{"metadata":{"name":"n"}}`, `identity.boundary="privileged"`},
	{"/api/v1/persistentvolumes", `{"spec":{"persistentVolumeReclaimPolicy":"Delete","nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"topology.kubernetes.io/region","operator":"In","values":["eu-1"]}]}]}}}}`, `lifecycle.deletionProtection=false location.region=["eu-1"]`},
	{"/api/v1/persistentvolumes", `{"spec":{}}`, `lifecycle.deletionProtection=true location.region=?`},
	{"/api/v1/namespaces/shop/persistentvolumeclaims", `{"spec":{"resources":{"requests":{"storage":"1Ti"}}}}`, `cost.monthly=?`},
	{"/apis/storage.k8s.io/v1/storageclasses", `{"reclaimPolicy":"Retain","parameters":{"encrypted":"true"}}`, `lifecycle.diskDeletedWithInstance=false encryption.atRest=true`},
	{"/apis/storage.k8s.io/v1/storageclasses", `{"parameters":{"encrypted":"false"}}`, `lifecycle.diskDeletedWithInstance=true encryption.atRest=false`},
	{"/apis/storage.k8s.io/v1/storageclasses", `{}`, `encryption.atRest=?`},
	{"/apis/apps/v1/namespaces/shop/statefulsets", `{"spec":{"replicas":3,"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Delete"}}}`, `scale.min=3 lifecycle.diskDeletedWithInstance=true`},
	{"/apis/apps/v1/namespaces/shop/statefulsets", `{"spec":{}}`, `scale.min=1 lifecycle.diskDeletedWithInstance=false`},
	{"/apis/apps/v1/namespaces/shop/deployments", `{"spec":{"replicas":0,"paused":true,"strategy":{"type":"Recreate"}}}`, `scale.min=0 change.immediate=false availability.disruptionBudget=false`},
	{"/apis/apps/v1/namespaces/shop/deployments", `{"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":"100%"}}}}`, `scale.min=1 change.immediate=true availability.disruptionBudget=false`},
	{"/apis/apps/v1/namespaces/shop/deployments", `{"spec":{}}`, `availability.disruptionBudget=true`},
	{"/apis/batch/v1/namespaces/shop/jobs", `{"spec":{"parallelism":50}}`, `scale.max=50`},
	{"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers", `{"spec":{"minReplicas":2,"maxReplicas":9}}`, `scale.min=2 scale.max=9`},
	{"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers", `{"spec":{"maxReplicas":9}}`, `scale.min=1 scale.max=9`},
	{"/api/v1/namespaces/shop/resourcequotas", `{"spec":{"hard":{"pods":"10"}}}`, `scale.max=10`},
	{"/api/v1/namespaces/shop/resourcequotas", `{"spec":{"hard":{"services":"10"}}}`, `scale.max=?`},
	{"/api/v1/namespaces/shop/limitranges", `{"spec":{"limits":[{"type":"Container","default":{"cpu":"1","memory":"1Gi"}}]}}`, `container.limits=true`},
	{"/api/v1/namespaces/shop/limitranges", `{"spec":{"limits":[{"type":"Pod"}]}}`, `container.limits=false`},
	{"/apis/policy/v1/namespaces/shop/poddisruptionbudgets", `{"spec":{"minAvailable":1}}`, `availability.disruptionBudget=true`},
	{"/apis/policy/v1/namespaces/shop/poddisruptionbudgets", `{"spec":{"maxUnavailable":"100%"}}`, `availability.disruptionBudget=false`},
	{"/apis/resource.k8s.io/v1/namespaces/shop/resourceclaims", `{"spec":{"devices":{"requests":[{"name":"g","exactly":{"deviceClassName":"gpu","count":2}}]}}}`, `compute.gpu={"count":2}`},
	{"/apis/resource.k8s.io/v1/namespaces/shop/resourceclaims", `{"spec":{"devices":{"requests":[{"name":"g","exactly":{"allocationMode":"All"}}]}}}`, `compute.gpu=?`},
	{"/api/v1/namespaces/shop/services", `{"spec":{"type":"LoadBalancer","ports":[{"port":443}]}}`, `network.public=true network.public.allowedSources=["0.0.0.0/0","::/0"] network.listener.protocol=["https"]`},
	{"/api/v1/namespaces/shop/services", `{"spec":{"type":"LoadBalancer","loadBalancerSourceRanges":["10.0.0.0/8"],"ports":[{"port":80}]}}`, `network.public=true network.public.allowedSources=["10.0.0.0/8"] network.listener.protocol=["http"]`},
	{"/api/v1/namespaces/shop/services", `{"metadata":{"annotations":{"networking.gke.io/load-balancer-type":"Internal"}},"spec":{"type":"LoadBalancer"}}`, `network.public=false`},
	{"/api/v1/namespaces/shop/services", `{"spec":{"externalIPs":["192.0.2.1"]}}`, `network.public=true`},
	{"/api/v1/namespaces/shop/services", `{"spec":{"ports":[{"port":5432,"protocol":"UDP"}]}}`, `network.public=false network.listener.protocol=["udp"]`},
	{"/apis/networking.k8s.io/v1/namespaces/shop/ingresses", `{"metadata":{"annotations":{"nginx.ingress.kubernetes.io/ssl-protocols":"TLSv1.2 TLSv1.3"}},"spec":{"tls":[{"hosts":["a.example"]}],"rules":[{"host":"a.example"}]}}`, `network.public=true encryption.inTransit=true network.listener.protocol=["https"] dns.record=[{"name":"a.example"}] tls.minVersion="1.2"`},
	{"/apis/networking.k8s.io/v1/namespaces/shop/ingresses", `{"metadata":{"annotations":{"nginx.ingress.kubernetes.io/ssl-protocols":"TLSv1 TLSv1.2"}},"spec":{"tls":[{"hosts":["a.example"]}],"rules":[{"host":"a.example"},{"host":"b.example"}]}}`, `encryption.inTransit=false network.listener.protocol=["http"] tls.minVersion="1.0"`},
	{"/apis/networking.k8s.io/v1/namespaces/shop/ingresses", `{"metadata":{"annotations":{"alb.ingress.kubernetes.io/scheme":"internal"}},"spec":{"rules":[]}}`, `network.public=false tls.minVersion=?`},
	{"/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies", `{"spec":{"podSelector":{},"policyTypes":["Ingress","Egress"]}}`, `network.defaultDeny=true network.ingress=[] network.egress=[] instance.metadataHardened=true`},
	{"/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies", `{"spec":{"podSelector":{},"ingress":[{}],"egress":[{"to":[{"ipBlock":{"cidr":"0.0.0.0/0"}}]}]}}`, `network.defaultDeny=false network.ingress=[{"cidr":"0.0.0.0/0","proto":"-1"},{"cidr":"::/0","proto":"-1"}] instance.metadataHardened=false`},
	{"/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies", `{"spec":{"podSelector":{},"policyTypes":["Egress"],"egress":[{"to":[{"ipBlock":{"cidr":"0.0.0.0/0","except":["169.254.0.0/16"]}}],"ports":[{"protocol":"TCP","port":443}]}]}}`, `network.egress=[{"cidr":"0.0.0.0/0","except":["169.254.0.0/16"],"from":443,"proto":"tcp","to":443}] instance.metadataHardened=true`},
	{"/api/v1/namespaces/shop/configmaps", `{"data":{"colour":"blue"}}`, `secret.inline=false`},
	{"/api/v1/namespaces/shop/configmaps", `{"data":{"db_password":"hunter2"}}`, `secret.inline=true`},
	{"/api/v1/namespaces/shop/secrets", `{"type":"kubernetes.io/service-account-token"}`, `identity.longLivedCredential=true`},
	{"/api/v1/namespaces/shop/secrets", `{"type":"Opaque"}`, `identity.longLivedCredential=false`},
	{"/api/v1/namespaces/shop/serviceaccounts", `{"metadata":{"annotations":{"eks.amazonaws.com/role-arn":"arn:aws:iam::1:role/r"}}}`, `identity.trust=["arn:aws:iam::1:role/r"]`},
	{"/api/v1/namespaces/shop/serviceaccounts", `{}`, `identity.trust=[]`},
	{"/apis/rbac.authorization.k8s.io/v1/clusterroles", `{"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}`, `identity.privilege="read"`},
	{"/apis/rbac.authorization.k8s.io/v1/clusterroles", `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`, `identity.privilege="escalate"`},
	{"/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles", `{"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["create"]}]}`, `identity.privilege="write"`},
	{"/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles", `{"rules":[{"apiGroups":[""],"resources":["pods/exec"],"verbs":["get"]}]}`, `identity.privilege="admin"`},
	{"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", `{"roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"Group","name":"system:unauthenticated"}]}`, `identity.privilege="escalate" access.publicRead=true access.anonymous=true`},
	{"/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings", `{"roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","name":"alice"}]}`, `identity.privilege="read" access.publicRead=false access.anonymous=false`},
	{"/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings", `{"roleRef":{"kind":"Role","name":"mine"},"subjects":[]}`, `identity.privilege=?`},
	{"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", `{"webhooks":[{"name":"w","failurePolicy":"Ignore"}]}`, `org.guardrail=["w:Ignore"]`},
	{"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings", `{"spec":{"validationActions":["Deny"]}}`, `org.guardrail=["Deny"]`},
}

func TestPropertiesOfEveryKind(t *testing.T) {
	for _, c := range propertyCases {
		said := propsOf(t, "POST "+c.path, "", c.body)
		if missing := holds(said, c.want); missing != nil {
			t.Errorf("%s %s: want %s\nin %s", c.path, c.body, missing, said)
		}
	}
	if said := propsOf(t, "GET "+ns+"/pods/web/exec?command=id", "", ""); said != "remote.exec=true" {
		t.Errorf("exec: %s", said)
	}
	if said := propsOf(t, "PATCH "+apps+"/deployments/web/scale", merge, `{"spec":{"replicas":7}}`); said != "scale.min=7" {
		t.Errorf("scale: %s", said)
	}
}

// vocabulary is every portable property that Kubernetes has words for.
const vocabulary = `owner data.classification location.region lifecycle.deletionProtection lifecycle.diskDeletedWithInstance network.public network.public.allowedSources
	network.ingress network.egress network.defaultDeny network.segment network.listener.protocol dns.record encryption.atRest encryption.inTransit tls.minVersion access.publicRead
	access.anonymous availability.multiZone scale.min scale.max availability.disruptionBudget compute.size compute.gpu compute.spot cost.monthly image.ref image.signed
	instance.metadataHardened instance.bootScript remote.exec secret.inline container.privileged container.hostNamespaces container.hostPaths container.capabilities
	container.runAsNonRoot container.privilegeEscalation container.readOnlyRoot container.seccomp container.limits identity.runsAs identity.privilege identity.trust
	identity.longLivedCredential identity.boundary org.guardrail engine.version change.immediate
	container.dropsCapabilities container.hostPorts container.probedHosts container.sysctls container.unconfined container.volumes`

func TestEveryRowOfTheVocabularyIsSaid(t *testing.T) {
	said := map[string]bool{"remote.exec": true} // TestPropertiesOfEveryKind
	add := func(text string) {
		for _, p := range strings.Fields(text) {
			name, _, _ := strings.Cut(p, "=")
			said[name] = true
		}
	}
	for _, c := range propertyCases {
		add(c.want)
	}
	for _, pod := range []string{hardened, dangerous} {
		add(propsOf(t, "POST /api/v1/namespaces/shop/pods", "", fmt.Sprintf(`{"spec":%s}`, pod)))
	}
	for _, name := range strings.Fields(vocabulary) {
		if !said[name] {
			t.Errorf("nothing says %s", name)
		}
	}
	for name := range said {
		if !slices.Contains(strings.Fields(vocabulary), name) {
			t.Errorf("%s is no word of the vocabulary", name)
		}
	}
}

// objects is a Current of fixed objects by URN.
type objects map[model.URN]string

func (o objects) Current(_ context.Context, ref Ref) (map[string]any, bool) {
	text, known := o[ref.URN]
	if !known {
		return nil, false
	}
	var v map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, false
	}
	return v, true
}

func TestAPatchIsJudgedByWhatItMakes(t *testing.T) {
	d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "c.example:6443"}}, Current: objects{
		"k8s://c/apps/Deployment/shop/web": `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"team":"checkout"},
			"managedFields":[{"manager":"k","operation":"Apply","apiVersion":"apps/v1","fieldsV1":{"f:metadata":{"f:labels":{"f:team":{}}}}}]},
			"spec":{"replicas":3,"template":{"spec":{"hostNetwork":true,"containers":[{"name":"a","image":"web:1","securityContext":{"privileged":true}}]}}}}`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, contentType, body, want string }{
		{"web", strategic, `{"spec":{"template":{"spec":{"containers":[{"name":"b","image":"side:2"}]}}}}`, `scale.min=3 container.privileged=true container.hostNamespaces=["net"] owner="checkout"`},
		{"web", strategic, `{"spec":{"template":{"spec":{"hostNetwork":null,"containers":[{"name":"a","securityContext":{"privileged":false}}]}}}}`, `container.privileged=false container.hostNamespaces=[]`},
		{"web", merge, `{"spec":{"replicas":null}}`, `scale.min=1 container.privileged=true`},
		{"web", jsonPatch, `[{"op":"replace","path":"/spec/replicas","value":0}]`, `scale.min=0 container.privileged=true`},
		{"web", apply, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"paused":true}}`, `change.immediate=false scale.min=3`},
		{"web", jsonPatch, `[{"op":"test","path":"/spec/replicas","value":9}]`, `container.privileged=? scale.min=?`},
		{"other", strategic, `{"spec":{"replicas":5}}`, `scale.min=5 container.privileged=? container.runAsNonRoot=? container.hostNamespaces=? identity.runsAs=? change.immediate=?`},
		{"other", jsonPatch, `[{"op":"replace","path":"/spec/replicas","value":5}]`, `scale.min=5 container.privileged=?`},
	} {
		request := "PATCH " + apps + "/deployments/" + c.name + "?fieldManager=k&force=true"
		a, err := d.Decode(context.Background(), callOf(t, request, c.contentType, c.body))
		if err != nil {
			t.Fatal(err)
		}
		said := spelled(a.Props)
		if missing := holds(said, c.want); missing != nil {
			t.Errorf("%s %s: want %s\nin %s", c.name, c.body, missing, said)
		}
		if partial := c.name == "other" || strings.Contains(c.body, "test"); partial != (a.Fidelity == model.Partial) {
			t.Errorf("%s %s: %s, %v", c.name, c.body, a.Fidelity, a.Unknown)
		}
	}
	a, _ := d.Decode(context.Background(), callOf(t, "PATCH "+apps+"/deployments/web?fieldManager=k", merge, `{"spec":{"replicas":4}}`))
	if !strings.Contains(string(a.Params), `"changes":["/spec/replicas"]`) {
		t.Errorf("params %s", a.Params)
	}
	a, _ = d.Decode(context.Background(), callOf(t, "PATCH "+apps+"/deployments/web?fieldManager=k", apply, `{"metadata":{"name":"web"},"spec":{"replicas":4}}`))
	if strings.Contains(spelled(a.Props), "owner=") {
		t.Errorf("what a manager no longer applies stays: %s", spelled(a.Props))
	}
}

func TestWhatTheModelRemembersIsWhatAPatchStartsFrom(t *testing.T) {
	seen := learn(t, "GET "+apps+"/deployments/web", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","resourceVersion":"1"},"spec":{"replicas":3}}`)
	if len(seen) != 1 {
		t.Fatalf("%d seen", len(seen))
	}
	current := FromModel(func() model.Snapshot { return snapshotOf{seen[0].Resource} }, nil)
	d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "c.example:6443"}}, Current: current})
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]string{
		"PATCH " + apps + "/deployments/web":                                  "scale.min=3",
		"PATCH " + apps + "/deployments/other":                                "scale.min=?",
		"PATCH /apis/apps/v1beta1/namespaces/shop/deployments/web?dryRun=All": "scale.min=?", // of another version
	} {
		a, err := d.Decode(context.Background(), callOf(t, request, merge, `{"spec":{"paused":true}}`))
		if err != nil || holds(spelled(a.Props), want) != nil {
			t.Errorf("%s: %s, %v", request, spelled(a.Props), err)
		}
	}
}

// snapshotOf is a model of one resource.
type snapshotOf struct{ only model.Resource }

func (s snapshotOf) Version() model.Version                      { return model.Version{} }
func (s snapshotOf) Resolve(string) (model.URN, bool)            { return "", false }
func (s snapshotOf) Dependents([]model.URN, int) model.Reach     { return model.Reach{} }
func (s snapshotOf) Dependencies(model.URN) []model.Relation     { return nil }
func (s snapshotOf) Each(func(model.Resource) bool)              {}
func (s snapshotOf) Resource(u model.URN) (model.Resource, bool) { return s.only, u == s.only.URN }
