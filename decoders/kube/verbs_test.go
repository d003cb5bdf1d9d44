package kube

import (
	"context"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// verbRows is the table of what is more than a create, an update or a delete.
var verbRows = []struct {
	request, contentType, body string
	verb                       model.Verb
	capability                 string
	mutates                    bool
}{
	// A connection is execute, whether it comes as GET or as POST.
	{"GET " + ns + "/pods/web/exec?command=id", "", "", model.Execute, "compute.workload", true},
	{"POST " + ns + "/pods/web/exec?command=id", "", "", model.Execute, "compute.workload", true},
	{"GET " + ns + "/pods/web/attach", "", "", model.Execute, "compute.workload", true},
	{"POST " + ns + "/pods/web/attach", "", "", model.Execute, "compute.workload", true},
	{"GET " + ns + "/pods/web/portforward", "", "", model.Execute, "compute.workload", true},
	{"POST " + ns + "/pods/web/portforward", "", "", model.Execute, "compute.workload", true},
	{"GET /api/v1/nodes/n/proxy/run", "", "", model.Execute, "compute.node", true},
	{"DELETE " + ns + "/services/web/proxy/x", "", "", model.Execute, "network.service", true},
	{"PATCH " + ns + "/pods/web/ephemeralcontainers", strategic, `{"spec":{}}`, model.Execute, "compute.workload", true},

	// Reviews and dry runs that the server honours change nothing.
	{"POST /apis/authorization.k8s.io/v1/subjectaccessreviews", "", `{}`, model.Read, "kubernetes.authorization.k8s.io", false},
	{"POST /apis/authentication.k8s.io/v1/tokenreviews", "", `{}`, model.Read, "kubernetes.authentication.k8s.io", false},
	{"POST " + ns + "/configmaps?dryRun=All", "", `{"metadata":{"name":"x"}}`, model.Create, "config", false},
	{"DELETE " + ns + "/configmaps/x", "", `{"dryRun":["All"]}`, model.Delete, "config", false},
	{"DELETE " + ns + "/configmaps/x?dryRun=All", "", `{}`, model.Delete, "config", true},
	{"POST " + ns + "/configmaps?dryRun=all", "", `{"metadata":{"name":"x"}}`, model.Create, "config", true},

	// What hands out a secret.
	{"GET " + ns + "/secrets/s", "", "", model.Reveal, "secret", false},
	{"GET " + ns + "/secrets?watch=1", "", "", model.Reveal, "secret", false},
	{"POST " + ns + "/serviceaccounts/robot/token", "", `{}`, model.Reveal, "identity.principal", false},
	{"PATCH " + ns + "/secrets/s?dryRun=All", merge, `{}`, model.Reveal, "secret", false},

	// Who may do what, and what watches over it.
	{"POST /apis/rbac.authorization.k8s.io/v1/clusterroles", "", `{"metadata":{"name":"x"}}`, model.Grant, "k8s.rbac", true},
	{"PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/x", merge, `{}`, model.Grant, "k8s.rbac", true},
	{"DELETE /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/x", "", "", model.Revoke, "k8s.rbac", true},
	{"PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval", "", `{"metadata":{"name":"x"}}`, model.Grant, "kubernetes.certificates.k8s.io", true},
	{"POST /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", "", `{"metadata":{"name":"x"}}`, model.Grant, "k8s.admission", true},
	{"DELETE /apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings", "", "", model.Grant, "k8s.admission", true},
	{"POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions", "", `{"metadata":{"name":"x"}}`, model.Create, "k8s.crd", true},
	{"POST " + ns + "/secrets", "", `{"metadata":{"name":"x"},"type":"kubernetes.io/service-account-token"}`, model.Grant, "secret", true},

	// Actions of their own.
	{"PATCH " + apps + "/deployments/web/scale", merge, `{"spec":{"replicas":3}}`, model.Scale, "compute.workload", true},
	{"PUT /apis/example.com/v1/namespaces/shop/widgets/w/scale", "", `{"metadata":{"name":"w"},"spec":{"replicas":3}}`, model.Scale, "kubernetes.example.com", true},
	{"POST " + ns + "/pods/web/eviction", "", `{"metadata":{"name":"web"}}`, model.Delete, "compute.workload", true},
	{"POST " + ns + "/pods/web/binding", "", `{"metadata":{"name":"web"}}`, model.Attach, "compute.workload", true},
	{"POST " + ns + "/bindings", "", `{"metadata":{"name":"web"}}`, model.Attach, "compute.workload", true},
	{"PATCH " + ns + "/pods/web/status", merge, `{"status":{}}`, model.Update, "compute.workload", true},
	{"PATCH " + ns + "/pods/web/resize", merge, `{"spec":{}}`, model.Update, "compute.workload", true},
	{"PUT " + ns + "/finalize", "", `{"metadata":{"name":"shop"}}`, model.Delete, "k8s.namespace", true},
	{"DELETE " + ns + "/pods?labelSelector=a%3Db", "", "", model.Delete, "compute.workload", true},

	// What no table knows is unknown, and a change.
	{"GET " + ns + "/pods/web/console", "", "", model.Unknown, "compute.workload", true},
	{"POST /healthz", "", "", model.Unknown, "kubernetes.nonresource", true},

	// A path that no API server serves itself may be another cluster's behind the same
	// host (a gateway, kcp, Rancher), or a sign-in: a GET there is no read.
	{"GET /clusters/root:org/api/v1/namespaces/shop/pods/web/exec?command=id", "", "", model.Unknown, "kubernetes.nonresource", true},
	{"GET /k8s/clusters/c-1/api/v1/namespaces/shop/secrets/s", "", "", model.Unknown, "kubernetes.nonresource", true},
	{"GET /oauth/authorize?response_type=token", "", "", model.Unknown, "kubernetes.nonresource", true},
	{"GET /oapi/v1/namespaces/shop/secrets", "", "", model.Unknown, "kubernetes.nonresource", true},
	{"GET /", "", "", model.Read, "kubernetes.nonresource", false},
	{"GET /api", "", "", model.Read, "kubernetes.nonresource", false},
	{"GET /apis/apps/v1", "", "", model.Read, "kubernetes.nonresource", false},
	{"HEAD /readyz/etcd", "", "", model.Read, "kubernetes.nonresource", false},
	{"GET /openapi/v3/apis/apps/v1", "", "", model.Read, "kubernetes.nonresource", false},
	{"GET /.well-known/openid-configuration", "", "", model.Read, "kubernetes.nonresource", false},
	{"GET /openid/v1/jwks", "", "", model.Read, "kubernetes.nonresource", false},
	{"FROB " + ns + "/pods/web", "", "", model.Unknown, "compute.workload", true},
}

func TestEveryRowOfTheVerbsTable(t *testing.T) {
	for _, row := range verbRows {
		a, err := testDecoder(t).Decode(context.Background(), callOf(t, row.request, row.contentType, row.body))
		if err != nil {
			t.Errorf("%s: %v", row.request, err)
			continue
		}
		if a.Verb != row.verb || a.Capability != row.capability || a.Mutates() != row.mutates {
			t.Errorf("%s %s: %s of %s, mutates %v; want %s of %s, %v", row.request, row.body, a.Verb, a.Capability, a.Mutates(), row.verb, row.capability, row.mutates)
		}
	}
}

func TestAnEphemeralContainerSaysItsImage(t *testing.T) {
	said := propsOf(t, "PATCH "+ns+"/pods/web/ephemeralcontainers", strategic, `{"spec":{"ephemeralContainers":[{"name":"d","image":"debug:1","securityContext":{"privileged":true}}]}}`)
	if missing := holds(said, `remote.exec=true image.ref=[{"registry":"docker.io","repo":"library/debug","tag":"1"}] container.privileged=true`); missing != nil {
		t.Errorf("want %s in %s", missing, said)
	}
	if said := propsOf(t, "GET "+ns+"/pods/web/exec?command=id", "", ""); strings.Contains(said, "image") {
		t.Errorf("exec says %s", said)
	}
}
