package admission

import (
	"container/list"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// OriginsKept bounds what is remembered of objects: at some 150 bytes each this
// is 10 MiB, and the pods of a large cluster.
const OriginsKept = 1 << 16

// origins remembers with which decision an object came to be as it is, the ones
// that were touched last. Older ones are forgotten, and what follows from them is
// judged.
type origins struct {
	keep func(object, decision string) // what is remembered newly, beyond the process

	mu    sync.Mutex // guards all below
	order *list.List // of origin, newest in front
	by    map[string]*list.Element
}

type origin struct{ object, decision string }

func newOrigins() *origins {
	return &origins{keep: func(string, string) {}, order: list.New(), by: map[string]*list.Element{}}
}

func (o *origins) add(object, decision string) {
	if object == "" || decision == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if e, ok := o.by[object]; ok {
		e.Value = origin{object, decision}
		o.order.MoveToFront(e)
		return
	}
	o.by[object] = o.order.PushFront(origin{object, decision})
	if o.order.Len() > OriginsKept {
		last := o.order.Back()
		o.order.Remove(last)
		delete(o.by, last.Value.(origin).object)
	}
}

func (o *origins) of(object string) (decision string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e, ok := o.by[object]; ok {
		return e.Value.(origin).decision
	}
	return ""
}

// Objects are known by their uid, which nobody can choose; a namespace that is
// made or deleted by its name, which is all that a review of its content says.
func objectKey(cluster, uid string) string {
	if uid == "" {
		return ""
	}
	return cluster + "\nuid\n" + uid
}

func namespaceKey(cluster, namespace, operation string) string {
	return cluster + "\nnamespace\n" + operation + "\n" + namespace
}

// furnishes reports the two controllers that put into each new namespace what
// every namespace has: the default service account, and the cluster's CA.
func (u userInfo) furnishes() bool {
	const prefix = "system:serviceaccount:kube-system:"
	return u.Username == prefix+"service-account-controller" || u.Username == prefix+"root-ca-cert-publisher"
}

// parse reads the new object, or of a deletion the old one.
func (r *request) parse() (m metadata) {
	for _, raw := range []json.RawMessage{r.Object, r.OldObject} {
		if body(raw) != nil && json.Unmarshal(raw, &m) == nil && m.Metadata.UID != "" {
			return m
		}
	}
	return m
}

// controller reports whether the user is a part of the control plane: the
// controllers and the garbage collector have service accounts in kube-system, the
// scheduler and the kubelets names of their own. The API server vouches for these
// names, and whoever can take one of them has the cluster.
func (u userInfo) controller() bool {
	switch {
	case u.Username == "system:kube-controller-manager", u.Username == "system:kube-scheduler", u.Username == "system:apiserver":
		return true
	case strings.HasPrefix(u.Username, "system:node:"):
		return slices.Contains(u.Groups, "system:nodes")
	}
	return strings.HasPrefix(u.Username, "system:serviceaccount:kube-system:")
}

// parent is the decision that a controller's change is a consequence of, or "".
func (o *origins) parent(cluster string, r *request) string {
	m := r.parse()
	if id := o.of(objectKey(cluster, m.Metadata.UID)); id != "" {
		return id
	}
	for _, owner := range m.Metadata.Owners {
		// A deletion follows from any owner's, a change from the one that manages it.
		if !owner.Controller && r.Operation != "DELETE" {
			continue
		}
		if id := o.of(objectKey(cluster, owner.UID)); id != "" {
			return id
		}
	}
	if r.Namespace != "" && (r.Operation == "DELETE" || r.Operation == "CREATE" && r.UserInfo.furnishes()) {
		return o.of(namespaceKey(cluster, r.Namespace, r.Operation))
	}
	return ""
}

// remember keeps what a change that was let pass was let pass with.
func (o *origins) remember(cluster string, r *request, decision string) {
	keys := []string{objectKey(cluster, r.parse().Metadata.UID)}
	if r.Resource.Resource == "namespaces" && r.Resource.Group == "" && r.SubResource == "" {
		keys = append(keys, namespaceKey(cluster, r.Name, r.Operation))
	}
	for _, key := range keys {
		if known := o.of(key); key != "" && decision != "" {
			o.add(key, decision)
			if known != decision {
				o.keep(key, decision)
			}
		}
	}
}
