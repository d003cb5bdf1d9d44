// Package kube understands calls to Kubernetes API servers.
//
// # What it claims
//
// The hosts that it was given (Config.Clusters): the API servers of kubeconfig
// files and of assent.yaml. A cluster may live below a path of a shared host
// (Rancher, a gateway); a call to such a host outside of every cluster's path is
// claimed too and is unknown.
//
// # How a call is read
//
// The head by the API server's own rules (route.go is its RequestInfo), on the
// decoded path, as Go's server does. Options as the server takes them
// (options.go): a DELETE with a body has its options from the body alone, and
// dryRun counts only when it is exactly All. The body (body.go) as JSON, YAML,
// CBOR or protobuf (the room schema has the built-in kinds; kubectl create sends it).
// What two readers could read in two ways is refused: keys that occur twice, a
// second value after the first, texts that are no UTF-8, dot segments in a path, a
// body that names another object than the URL.
//
// # Words
//
//   - Account is the cluster's name, Region the namespace, Service the API
//     group ("core" for the nameless one), Operation the server's verb and the
//     resource: "patch deployments/scale".
//   - A URN is k8s://CLUSTER/GROUP/KIND/NAMESPACE/NAME. NAMESPACE is empty for
//     what lives in no namespace, NAME is "*" for a collection or a name that the
//     server makes up. KIND is the plural resource where no table and no body
//     tells the kind.
//   - exec, attach, port-forward and proxy are execute by whatever method they
//     come (modern clients exec with GET). Reading secrets, and asking for a
//     service account's token, is reveal. RBAC, admission control, certificate
//     approval and token secrets are grant. Access reviews are reads.
//   - A call that impersonates has the impersonation as a part of its own: a
//     grant on the identity it takes.
//   - Native holds the server's words: verb, group, version, resource,
//     subresource, namespace, name, and what else only Kubernetes has words for.
//
// # What a call makes
//
// Properties are those of the resulting object: for a patch of any kind, of what
// patch makes of the object as it is (Config.Current), with what is absent read as
// the server's default. Params then has result, and changes, the paths that
// differ. Where the object is not known Unknown has "current", and only what the
// patch itself says is known. A helm release's record has a part for each object
// of its manifest. A delete has, as Affected, what Config.Takes says that goes along.
//
// # What it does not do
//
// It makes no call and holds no state: what has to be asked is for the rooms live and
// cascade to ask, as the caller. A server of an aggregated API that does not honour
// dryRun cannot be told from one that does. A protobuf body of a kind that no table
// has is Opaque: its names are read, its content is not. The result of a patch of
// a custom resource is known for merge and JSON patches alone.
package kube
