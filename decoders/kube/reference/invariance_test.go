package reference

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model/vocab"
	"github.com/assent-iom/assent/policy"
)

// objects say the portable properties of Kubernetes, each kind in a few ways.
var objects = []string{
	`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"web","labels":{"team":"web"}},"spec":{"type":"LoadBalancer","selector":{"a":"a"},"ports":[{"port":443,"targetPort":8443}]}}`,
	`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"web"},"spec":{"type":"LoadBalancer","loadBalancerSourceRanges":["10.0.0.0/8"],"ports":[{"port":80}]}}`,
	`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"web"},"spec":{"externalIPs":["203.0.113.9"],"ports":[{"port":22,"protocol":"TCP"}]}}`,
	`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"web"},"spec":{"ports":[{"port":80}]}}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"a","namespace":"web","annotations":{"nginx.ingress.kubernetes.io/ssl-protocols":"TLSv1.2 TLSv1.3"}},"spec":{"tls":[{"hosts":["a.example"],"secretName":"t"}],"rules":[{"host":"a.example"}]}}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"a","namespace":"web"},"spec":{"rules":[{"host":"a.example"},{"host":"b.example"}]}}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"a","namespace":"web"},"spec":{"podSelector":{},"policyTypes":["Ingress","Egress"]}}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"a","namespace":"web"},"spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"ipBlock":{"cidr":"0.0.0.0/0","except":["10.0.0.0/8"]}}],"ports":[{"port":22,"protocol":"TCP"}]}]}}`,
	`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"a","namespace":"web"},"spec":{"podSelector":{"matchLabels":{"a":"a"}},"egress":[{"to":[{"namespaceSelector":{}}],"ports":[{"port":"http"}]}]}}`,
	`{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"a"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Delete","csi":{"driver":"d","volumeHandle":"h"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"topology.kubernetes.io/zone","operator":"In","values":["eu-west-1a"]}]}]}}}}`,
	`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a","namespace":"web"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"10Gi"}}}}`,
	`{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"a"},"provisioner":"ebs.csi.aws.com","parameters":{"encrypted":"true"},"reclaimPolicy":"Retain"}`,
	`{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"a"},"provisioner":"ebs.csi.aws.com"}`,
	`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"a","namespace":"web"},"spec":{"minReplicas":2,"maxReplicas":90,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"a"}}}`,
	`{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"a","namespace":"web"},"spec":{"hard":{"pods":"10"}}}`,
	`{"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"a","namespace":"web"},"spec":{"limits":[{"type":"Container","default":{"cpu":"1","memory":"1Gi"}}]}}`,
	`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"a","namespace":"web"},"spec":{"minAvailable":"50%","selector":{"matchLabels":{"a":"a"}}}}`,
	`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"a","namespace":"web"},"spec":{"minAvailable":0}}`,
	`{"apiVersion":"resource.k8s.io/v1","kind":"ResourceClaim","metadata":{"name":"a","namespace":"web"},"spec":{"devices":{"requests":[{"name":"gpu","exactly":{"deviceClassName":"gpu.example","count":2}}]}}}`,
	`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"web"},"data":{"password":"hunter2hunter2"}}`,
	`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"web"},"data":{"colour":"green"}}`,
	`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"web","annotations":{"kubernetes.io/service-account.name":"x"}},"type":"kubernetes.io/service-account-token"}`,
	`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"web"},"type":"Opaque"}`,
	`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"a","namespace":"web","annotations":{"eks.amazonaws.com/role-arn":"arn:aws:iam::111122223333:role/x"}}}`,
	`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"web","labels":{"pod-security.kubernetes.io/enforce":"restricted","data-classification":"confidential"}}}`,
	`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"a"},"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`,
	`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"a","namespace":"web"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]}`,
	`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"a"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},"subjects":[{"kind":"Group","apiGroup":"rbac.authorization.k8s.io","name":"system:unauthenticated"}]}`,
	`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"a","namespace":"web"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"lena"}]}`,
	`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"a"},"spec":{"policyName":"p","validationActions":["Audit"]}}`,
	`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"a"},"webhooks":[{"name":"a.example","failurePolicy":"Ignore","sideEffects":"None","admissionReviewVersions":["v1"],"clientConfig":{"url":"https://a.example/"}}]}`,
	`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a","namespace":"web"},"spec":{"serviceName":"a","replicas":3,"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Delete","whenScaled":"Retain"},"selector":{"matchLabels":{"a":"a"}},"template":{"metadata":{"labels":{"a":"a"}},"spec":{"serviceAccountName":"db","containers":[{"name":"a","image":"postgres:17","command":["postgres"],"env":[{"name":"POSTGRES_PASSWORD","value":"hunter2hunter2"}],"resources":{"limits":{"cpu":"1","memory":"2Gi"}}}]}}}}`,
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"web"},"spec":{"replicas":2,"paused":true,"strategy":{"rollingUpdate":{"maxUnavailable":"100%"}},"selector":{"matchLabels":{"a":"a"}},"template":{"metadata":{"labels":{"a":"a"}},"spec":{"priorityClassName":"spot","topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"topology.kubernetes.io/zone","whenUnsatisfiable":"DoNotSchedule"}],"containers":[{"name":"a","image":"shop/web@sha256:00","securityContext":{"readOnlyRootFilesystem":true,"privileged":true},"resources":{"limits":{"nvidia.com/gpu":"1"}}}]}}}}`,
	`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a","namespace":"web"},"spec":{"parallelism":7,"template":{"spec":{"restartPolicy":"Never","hostNetwork":true,"containers":[{"name":"a","image":"busybox"}]}}}}`,
}

// asked is a blueprint on each property of the vocabulary, for everything: it is
// violated by some values, and not by others.
func asked() string {
	var all strings.Builder
	for _, name := range vocab.Names() {
		p, _ := vocab.Find(name)
		condition := map[vocab.Type]string{
			vocab.Bool: "forbid: {P: true}", vocab.Int: "require: {P: {min: 5}}", vocab.Set: "forbid: {P: any}",
			vocab.Rules: "forbid: {P: {from: internet, ports: [22]}}", vocab.String: "require: {P: x}",
		}[p.Type]
		if p.Type == vocab.Enum {
			condition = "require: {P: {in: [" + p.Words[len(p.Words)-1] + "]}}"
		}
		all.WriteString("---\napiVersion: assent.dev/v1\nkind: Blueprint\nmetadata: {name: " + strings.ToLower(strings.ReplaceAll(name, ".", "-")) +
			"}\nspec: {purpose: p, for: {}, onViolation: deny, " + strings.Replace(condition, "P:", name+":", 1) + "}\n")
	}
	return all.String()
}

// The same object as JSON, YAML, protobuf and CBOR, and applied, has one verdict and
// the same reasons, for every property that a Kubernetes object says.
func TestEveryPropertyIsJudgedAlikeByEveryRoute(t *testing.T) {
	c := courtOf(t, broad+asked())
	properties, capabilities, kinds := map[string]bool{}, map[string]bool{}, map[string]bool{}
	calls, differ, verdicts := 0, 0, map[policy.Verdict]int{}
	for _, text := range objects {
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		all := routes(t, object)
		first := c.hear(t, all["JSON"])
		kinds[object["kind"].(string)], capabilities[first.Action.Capability] = true, true
		verdicts[first.Verdict]++
		for _, p := range first.Action.Props {
			properties[p.Name] = true
		}
		for route, call := range all {
			calls++
			d := c.hear(t, call)
			same := slices.Equal(told(d), told(first)) && len(d.Action.Props) == len(first.Action.Props)
			for i := range d.Action.Props {
				a, b := d.Action.Props[i], first.Action.Props[min(i, len(first.Action.Props)-1)]
				x, _ := json.Marshal(a.Value)
				y, _ := json.Marshal(b.Value)
				same = same && a.Name == b.Name && a.Known == b.Known && string(x) == string(y)
			}
			if !same {
				differ++
				t.Errorf("%s by %s:\n%v\nas JSON:\n%v", text, route, d.Action.Props, first.Action.Props)
			}
		}
	}
	t.Logf("%d objects of %d kinds, %d properties, %d capabilities: %d calls by 5 routes, %d judged differently; verdicts %v",
		len(objects), len(kinds), len(properties), len(capabilities), calls, differ, verdicts)
	if len(properties) < 45 || len(capabilities) < 12 {
		t.Errorf("only %d properties and %d capabilities", len(properties), len(capabilities))
	}
}

// told are the verdict and the codes and sources of what keeps a call from being allowed.
func told(d policy.Decision) []string {
	out := []string{d.Verdict.String()}
	for _, f := range d.Findings {
		if f.Verdict != policy.Allow {
			out = append(out, f.Code+" "+f.Source)
		}
	}
	slices.Sort(out)
	return out
}
