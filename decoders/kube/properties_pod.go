package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// container is one container of a pod and where it is.
type container struct {
	spec map[string]any
	at   string
	init bool
}

func containersOf(pod map[string]any, at string) []container {
	var all []container
	for _, kind := range []string{"containers", "initContainers", "ephemeralContainers"} {
		for i, c := range list(pod, kind) {
			all = append(all, container{c, item(at+"/"+kind, i), kind != "containers"})
		}
	}
	return all
}

// pod says what a pod would be, whoever makes it. path is where its spec is.
func (f *facts) pod(rt Route, pod map[string]any, path string) {
	at := "/" + strings.ReplaceAll(path, ".", "/")
	all := containersOf(pod, at)
	if rt.Namespace != "" {
		f.set("network.segment", rt.Namespace, fromRequest, "")
	}
	f.images(all)
	f.isolation(pod, at)
	f.security(pod, all, at)
	f.confinement(pod, all, at)
	f.resources(all)
	f.scripts(all)
	f.environment(all)
	if name := text(pod, "serviceAccountName"); name != "" {
		f.set("identity.runsAs", name, fromRequest, at+"/serviceAccountName")
	} else {
		f.byDefault("identity.runsAs", "default")
	}
	f.spot(pod, at)
	f.spread(pod, at)
}

// images says which images run. What is signed only a registry knows.
func (f *facts) images(all []container) {
	var refs []any
	var versions []string
	for _, c := range all {
		image := text(c.spec, "image")
		if image == "" {
			continue
		}
		ref := imageRef(image)
		refs = append(refs, ref)
		if tag, _ := ref["tag"].(string); tag != "" {
			versions = append(versions, tag)
		}
	}
	if len(refs) == 0 {
		f.unknown("image.ref", "")
		return
	}
	f.set("image.ref", refs, fromRequest, "")
	f.unknown("image.signed", "")
	if len(versions) > 0 {
		f.set("engine.version", sorted(versions), derived, "")
	} else {
		f.unknown("engine.version", "")
	}
}

// imageRef takes an image's name apart as container runtimes do.
func imageRef(image string) map[string]any {
	ref := map[string]any{}
	rest, digest, pinned := strings.Cut(image, "@")
	if pinned {
		ref["digest"] = digest
	}
	if i := strings.LastIndex(rest, ":"); i > strings.LastIndex(rest, "/") {
		rest, ref["tag"] = rest[:i], rest[i+1:]
	} else if !pinned {
		ref["tag"] = "latest"
	}
	registry, repo, found := strings.Cut(rest, "/")
	if !found || !strings.ContainsAny(registry, ".:") && registry != "localhost" {
		registry, repo = "docker.io", rest
		if !found {
			repo = "library/" + rest
		}
	}
	ref["registry"], ref["repo"] = registry, repo
	return ref
}

// isolation says what of the node the pod shares.
func (f *facts) isolation(pod map[string]any, at string) {
	var spaces, paths []string
	for key, name := range map[string]string{"hostNetwork": "net", "hostPID": "pid", "hostIPC": "ipc"} {
		if pod[key] == true {
			spaces = append(spaces, name)
		}
	}
	for _, v := range list(pod, "volumes") {
		if host := dict(v, "hostPath"); host != nil {
			paths = append(paths, text(host, "path"))
		}
	}
	for name, set := range map[string][]string{"container.hostNamespaces": spaces, "container.hostPaths": paths} {
		if len(set) > 0 {
			f.set(name, sorted(set), fromRequest, at)
		} else {
			f.byDefault(name, []any{})
		}
	}
}

// security says how far the containers are confined: the least of them counts.
func (f *facts) security(pod map[string]any, all []container, at string) {
	outer := dict(pod, "securityContext")
	privileged, escalates, readOnly, nonRoot := false, false, true, true
	var added []string
	seccomp := ""
	for _, c := range all {
		own := dict(c.spec, "securityContext")
		privileged = privileged || own["privileged"] == true
		escalates = escalates || own["allowPrivilegeEscalation"] != false || own["privileged"] == true
		readOnly = readOnly && own["readOnlyRootFilesystem"] == true
		nonRoot = nonRoot && runsAsNonRoot(own, outer)
		added = append(added, stringsOf(dict(own, "capabilities"), "add")...)
		profile := text(dict(own, "seccompProfile"), "type")
		if profile == "" {
			profile = text(dict(outer, "seccompProfile"), "type")
		}
		if profile == "" || own["privileged"] == true {
			profile = "Unconfined"
		}
		if seccomp == "" || profile == "Unconfined" {
			seccomp = profile
		}
	}
	if len(all) == 0 && !f.whole {
		seccomp = text(dict(outer, "seccompProfile"), "type")
	}
	// In a patch the absence of a safe setting says nothing; a dangerous one does.
	f.verdict("container.privileged", privileged, true, at)
	f.verdict("container.privilegeEscalation", escalates, privileged, at)
	f.verdict("container.readOnlyRoot", readOnly, false, at)
	f.verdict("container.runAsNonRoot", nonRoot, false, at)
	switch {
	case f.whole || seccomp != "" && seccomp != "Unconfined" && len(all) == 0:
		f.set("container.seccomp", seccomp, fromRequest, at)
	default:
		f.unknown("container.seccomp", at)
	}
	if len(added) > 0 {
		f.set("container.capabilities", sorted(added), fromRequest, at)
	} else {
		f.byDefault("container.capabilities", []any{})
	}
}

// verdict says a truth value. certain is the value that one container is enough to
// settle, even where not all that is in the pod is known.
func (f *facts) verdict(name string, value bool, certain bool, at string) {
	if f.whole || value && certain {
		f.set(name, value, fromRequest, at)
		return
	}
	f.unknown(name, at)
}

func runsAsNonRoot(own, outer map[string]any) bool {
	if own["runAsUser"] == json.Number("0") || own["runAsUser"] == nil && outer["runAsUser"] == json.Number("0") {
		return false // whatever else it says
	}
	for _, key := range []string{"runAsNonRoot", "runAsUser"} {
		v, given := own[key]
		if !given {
			v = outer[key]
		}
		switch v := v.(type) {
		case bool:
			if v {
				return true
			}
		case json.Number:
			return v != "0"
		}
	}
	return false
}

// resources says how large the pod is.
func (f *facts) resources(all []container) {
	limited := len(all) > 0
	var cpu, memory, gpu float64
	known := true
	for _, c := range all {
		limits, requests := dict(dict(c.spec, "resources"), "limits"), dict(dict(c.spec, "resources"), "requests")
		limited = limited && limits["cpu"] != nil && limits["memory"] != nil
		if c.init {
			continue // they run before the others, not beside them
		}
		for key, sum := range map[string]*float64{"cpu": &cpu, "memory": &memory} {
			v, given := limits[key]
			if !given {
				known = false
				continue
			}
			n, ok := quantity(v)
			known = known && ok
			*sum += n
		}
		for key := range union(limits, requests) {
			if !isGPU(key) {
				continue
			}
			v, given := limits[key]
			if !given {
				v = requests[key]
			}
			n, ok := quantity(v)
			known = known && ok
			gpu += n
		}
	}
	f.verdict("container.limits", limited, false, "")
	if f.whole && known && len(all) > 0 {
		f.set("compute.size", map[string]any{"vcpu": cpu, "memGiB": math.Round(memory/(1<<30)*1000) / 1000, "gpu": gpu}, derived, "")
	} else {
		f.unknown("compute.size", "")
	}
	if f.whole || gpu > 0 {
		f.set("compute.gpu", map[string]any{"count": gpu}, derived, "")
	} else {
		f.unknown("compute.gpu", "")
	}
}

func union(a, b map[string]any) map[string]bool {
	out := map[string]bool{}
	for key := range a {
		out[key] = true
	}
	for key := range b {
		out[key] = true
	}
	return out
}

func isGPU(resource string) bool {
	vendor, name, _ := strings.Cut(resource, "/")
	return strings.HasSuffix(name, "gpu") || strings.HasPrefix(resource, "nvidia.com/mig-") || vendor == "gpu.intel.com"
}

// suffixes of k8s.io/apimachinery's Quantity.
var suffixes = map[string]float64{
	"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
	"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60,
}

// quantity reads 500m, 1.5Gi, 1e3.
func quantity(v any) (float64, bool) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	default:
		return 0, false
	}
	digits := strings.TrimRight(s, "numkKMGTPEi")
	factor, ok := suffixes[s[len(digits):]]
	n, err := strconv.ParseFloat(digits, 64)
	return n * factor, ok && err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
}

// scripts says, as a hash, what runs beside or in place of an image's own command.
func (f *facts) scripts(all []container) {
	var run []any
	for _, c := range all {
		for _, key := range []string{"command", "args"} {
			if v := values(c.spec, key); v != nil {
				run = append(run, v)
			}
		}
		if hook := dict(c.spec, "lifecycle")["postStart"]; hook != nil {
			run = append(run, hook)
		}
	}
	if len(run) == 0 {
		return
	}
	sum := sha256.Sum256(encode(run))
	f.set("instance.bootScript", "sha256:"+hex.EncodeToString(sum[:]), derived, "")
}

// environment says whether a secret's value is written into the pod.
func (f *facts) environment(all []container) {
	for _, c := range all {
		for i, env := range list(c.spec, "env") {
			value := text(env, "value")
			if value != "" && (namesSecret(env["name"]) || redactText(value) != value) {
				f.set("secret.inline", true, fromRequest, item(c.at+"/env", i)+"/value")
				return
			}
		}
	}
	f.byDefault("secret.inline", false)
}

// spot: the pod asks for nodes that may be taken away. Where it asks for nothing,
// the scheduler decides.
func (f *facts) spot(pod map[string]any, at string) {
	for key, v := range dict(pod, "nodeSelector") {
		value, _ := v.(string)
		if strings.EqualFold(value, "spot") || strings.HasSuffix(key, "gke-spot") || strings.HasSuffix(key, "gke-preemptible") {
			f.set("compute.spot", value != "false", fromRequest, at+"/nodeSelector/"+pointerKey(key))
			return
		}
	}
	class := strings.ToLower(text(pod, "priorityClassName"))
	if strings.Contains(class, "spot") || strings.Contains(class, "preemptible") {
		f.set("compute.spot", true, derived, at+"/priorityClassName")
		return
	}
	f.unknown("compute.spot", at+"/priorityClassName")
}

// spread: the pods are kept apart by zone.
func (f *facts) spread(pod map[string]any, at string) {
	for i, c := range list(pod, "topologySpreadConstraints") {
		if key := text(c, "topologyKey"); key == "topology.kubernetes.io/zone" || key == "failure-domain.beta.kubernetes.io/zone" {
			f.set("availability.multiZone", true, fromRequest, item(at+"/topologySpreadConstraints", i)+"/topologyKey")
			return
		}
	}
	f.byDefault("availability.multiZone", false)
}
