package kube

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders/mend"
)

// menders edit an object so that a property is as it is wanted. What is not here
// only a person can choose: an image, a size, a key, who answers for it.
var menders = map[string]func(*bench){
	"container.privileged":              func(b *bench) { b.unprivileged() },
	"container.privilegeEscalation":     func(b *bench) { b.unprivileged(); b.each("allowPrivilegeEscalation", b.want.Is) },
	"container.readOnlyRoot":            func(b *bench) { b.each("readOnlyRootFilesystem", b.want.Is) },
	"container.runAsNonRoot":            (*bench).nonRoot,
	"container.seccomp":                 (*bench).seccomp,
	"container.capabilities":            (*bench).capabilities,
	"container.dropsCapabilities":       func(b *bench) { b.each("capabilities/drop", []any{"ALL"}) },
	"container.hostNamespaces":          (*bench).hostNamespaces,
	"container.hostPaths":               func(b *bench) { b.volumes(func(v map[string]any) bool { return b.onHost(v) }) },
	"container.volumes":                 func(b *bench) { b.volumes(b.ofKind) },
	"container.hostPorts":               (*bench).hostPorts,
	"container.probedHosts":             (*bench).probedHosts,
	"container.unconfined":              (*bench).unconfined,
	"container.sysctls":                 func(b *bench) { b.doc.RemoveIf(b.pod+"/securityContext/sysctls", b.named) },
	"secret.inline":                     (*bench).secrets,
	"network.public":                    (*bench).public,
	"network.ingress":                   func(b *bench) { b.rules("/spec/ingress", "from") },
	"network.egress":                    func(b *bench) { b.rules("/spec/egress", "to") },
	"identity.privilege":                (*bench).privilege,
	"access.anonymous":                  (*bench).subjects,
	"access.publicRead":                 (*bench).subjects,
	"lifecycle.deletionProtection":      func(b *bench) { b.choose("/spec/persistentVolumeReclaimPolicy", "Retain", "Delete") },
	"lifecycle.diskDeletedWithInstance": (*bench).disks,
	"encryption.atRest":                 func(b *bench) { b.choose("/parameters/encrypted", "true", "false") },
	"scale.min":                         (*bench).scale,
	"scale.max":                         (*bench).scale,
	"change.immediate":                  func(b *bench) { b.doc.Set("/spec/paused", b.want.Is == false) },
}

// choose writes one word where the property is wanted true, and another for false.
func (b *bench) choose(pointer, yes, no string) {
	if b.want.Is == true {
		b.doc.Set(pointer, yes)
	} else {
		b.doc.Set(pointer, no)
	}
}

func (b *bench) unprivileged() {
	if b.want.Is != false {
		return
	}
	for _, c := range b.containers() {
		if at := c + "/securityContext/privileged"; b.at(at) == true {
			b.doc.Set(at, false)
		}
	}
}

func (b *bench) nonRoot() {
	for _, at := range b.contexts() {
		if b.at(at+"/runAsUser") == json.Number("0") {
			b.doc.Remove(at + "/runAsUser")
		}
		if b.at(at+"/runAsNonRoot") == false {
			b.doc.Remove(at + "/runAsNonRoot")
		}
	}
	b.doc.Set(b.pod+"/securityContext/runAsNonRoot", true)
}

func (b *bench) seccomp() {
	const best = "RuntimeDefault"
	if b.no(best) {
		return
	}
	for i, at := range b.contexts() {
		kind := b.at(at + "/seccompProfile/type")
		switch {
		case kind != nil && !b.no(kind):
		case i == 0:
			b.doc.Set(at+"/seccompProfile", map[string]any{"type": best})
		case kind != nil:
			b.doc.Remove(at + "/seccompProfile")
		}
	}
}

func (b *bench) capabilities() {
	for _, c := range b.containers() {
		b.doc.RemoveIf(c+"/securityContext/capabilities/add", b.no)
	}
}

func (b *bench) hostNamespaces() {
	for _, space := range [][2]string{{"hostIPC", "ipc"}, {"hostNetwork", "net"}, {"hostPID", "pid"}} {
		if at := b.pod + "/" + space[0]; b.at(at) == true && b.no(space[1]) {
			b.doc.Remove(at)
		}
	}
}

func (b *bench) onHost(v map[string]any) bool {
	host := dict(v, "hostPath")
	return host != nil && b.no(text(host, "path"))
}

func (b *bench) ofKind(v map[string]any) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(v)), func(key string) bool { return key != "name" && b.no(key) })
}

// volumes takes volumes away, and what mounts them.
func (b *bench) volumes(bad func(map[string]any) bool) {
	gone := map[string]bool{}
	b.doc.RemoveIf(b.pod+"/volumes", func(v any) bool {
		volume, _ := v.(map[string]any)
		if !bad(volume) {
			return false
		}
		gone[text(volume, "name")] = true
		return true
	})
	for _, c := range b.containers() {
		b.doc.RemoveIf(c+"/volumeMounts", func(v any) bool {
			mount, _ := v.(map[string]any)
			return gone[text(mount, "name")]
		})
	}
}

func (b *bench) hostPorts() {
	for _, c := range b.containers() {
		ports, _ := b.at(c + "/ports").([]any)
		for i, p := range ports {
			port, _ := p.(map[string]any)
			if n, ok := port["hostPort"].(json.Number); ok && b.no(n.String()) {
				b.doc.Remove(item(c+"/ports", i) + "/hostPort")
			}
		}
	}
}

func (b *bench) probedHosts() {
	for _, c := range b.containers() {
		for _, hook := range []string{"livenessProbe", "readinessProbe", "startupProbe", "lifecycle/postStart", "lifecycle/preStop"} {
			for _, kind := range []string{"httpGet", "tcpSocket"} {
				at := c + "/" + hook + "/" + kind + "/host"
				if host, ok := b.at(at).(string); ok && b.no(host) {
					b.doc.Remove(at)
				}
			}
		}
	}
}

// unconfined turns protections on again.
func (b *bench) unconfined() {
	for _, at := range b.contexts() {
		if b.no("seccomp") && b.at(at+"/seccompProfile/type") == "Unconfined" {
			b.doc.Set(at+"/seccompProfile", map[string]any{"type": "RuntimeDefault"})
		}
		if b.no("apparmor") && b.at(at+"/appArmorProfile/type") == "Unconfined" {
			b.doc.Remove(at + "/appArmorProfile")
		}
		if mount, _ := b.at(at + "/procMount").(string); (b.no("proc") || b.no("proc-of-own-users")) && mount != "" && mount != "Default" {
			b.doc.Remove(at + "/procMount")
		}
		if b.no("windows") && b.at(at+"/windowsOptions/hostProcess") == true {
			b.doc.Set(at+"/windowsOptions/hostProcess", false)
		}
		linux, _ := b.at(at + "/seLinuxOptions").(map[string]any)
		off := map[string]bool{}
		(*facts)(nil).profiles(map[string]any{"seLinuxOptions": linux}, off)
		if b.no("selinux") && off["selinux"] {
			b.doc.Remove(at + "/seLinuxOptions")
		}
	}
	if b.no("apparmor") {
		at := strings.TrimSuffix(b.pod, "/spec") + "/metadata/annotations"
		annotations, _ := b.at(at).(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(annotations)) {
			if profile := text(annotations, key); strings.HasPrefix(key, appArmorAnnotation) && profile != "runtime/default" && !strings.HasPrefix(profile, "localhost/") {
				b.doc.Remove(at + mend.Pointer(key))
			}
		}
	}
}

// named reports whether an entry's name may not stay.
func (b *bench) named(v any) bool {
	entry, _ := v.(map[string]any)
	return b.no(text(entry, "name"))
}

// secrets takes secret values out; where they come from instead is its owner's to say.
func (b *bench) secrets() {
	if b.want.Is != false {
		return
	}
	for _, c := range b.containers() {
		b.doc.RemoveIf(c+"/env", func(v any) bool {
			env, _ := v.(map[string]any)
			value := text(env, "value")
			return value != "" && (namesSecret(env["name"]) || redactText(value) != value)
		})
	}
	data, _ := b.at("/data").(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if value := text(data, key); b.kind == "ConfigMap" && value != "" && (secretNames.MatchString(key) || redactText(value) != value) {
			b.doc.Remove("/data" + mend.Pointer(key))
		}
	}
}

// public takes a service off the nodes' ports and the load balancer.
func (b *bench) public() {
	if b.kind != "Service" || b.want.Is != false {
		return
	}
	b.doc.Remove("/spec/externalIPs")
	if kind := b.at("/spec/type"); kind == "LoadBalancer" || kind == "NodePort" {
		b.doc.Set("/spec/type", "ClusterIP")
		for _, only := range []string{"loadBalancerSourceRanges", "loadBalancerIP", "loadBalancerClass", "externalTrafficPolicy", "healthCheckNodePort", "allocateLoadBalancerNodePorts"} {
			b.doc.Remove("/spec/" + only)
		}
		ports, _ := b.at("/spec/ports").([]any)
		for i := range ports {
			b.doc.Remove(item("/spec/ports", i) + "/nodePort")
		}
	}
}

// rules narrows the peers of a NetworkPolicy to one's own networks; a rule without
// peers is for everybody.
func (b *bench) rules(pointer, peers string) {
	if b.want.Empty {
		b.doc.Set(pointer, []any{})
		return
	}
	bad := func(rule map[string]any) bool {
		return slices.ContainsFunc(ruleOf(rule, peers), func(r any) bool { return mend.Lets(b.want, r) })
	}
	rules, _ := b.at(pointer).([]any)
	for i, v := range rules {
		rule, _ := v.(map[string]any)
		at := item(pointer, i) + "/" + peers
		if !bad(rule) {
			continue
		}
		if len(list(rule, peers)) == 0 {
			b.doc.Set(at, []any{map[string]any{"ipBlock": map[string]any{"cidr": mend.Inside.V4}}})
			continue
		}
		for j, peer := range list(rule, peers) {
			one := maps.Clone(rule)
			one[peers] = []any{peer}
			if !bad(one) {
				continue
			}
			to := mend.Inside.V4
			if strings.Contains(text(dict(peer, "ipBlock"), "cidr"), ":") {
				to = mend.Inside.V6
			}
			b.doc.Set(item(at, j)+"/ipBlock", map[string]any{"cidr": to})
		}
	}
}

// privilege takes from a role what goes too far, or binds one that does not.
func (b *bench) privilege() {
	if strings.HasSuffix(b.kind, "Binding") {
		for _, most := range slices.Backward(b.want.Only) {
			for _, name := range slices.Sorted(maps.Keys(wellKnownRoles)) {
				if wellKnownRoles[name] == most && b.at("/roleRef/kind") == "ClusterRole" {
					b.doc.Set("/roleRef/name", name)
					return
				}
			}
		}
		return
	}
	rules, _ := b.at("/rules").([]any)
	for i, v := range slices.Backward(rules) {
		rule, _ := v.(map[string]any)
		if !b.no(privilegeOf(rule)) {
			continue
		}
		kept := []any{}
		for _, verb := range stringsOf(rule, "verbs") {
			if one := maps.Clone(rule); !b.no(privilegeOf(with(one, "verbs", append(slices.Clone(kept), verb)))) {
				kept = append(kept, verb)
			}
		}
		if reading := []any{"get", "list", "watch"}; len(kept) == 0 && !b.no(privilegeOf(with(maps.Clone(rule), "verbs", reading))) {
			kept = reading // of a star
		}
		if len(kept) > 0 {
			b.doc.Set(item("/rules", i)+"/verbs", kept)
		} else {
			b.doc.Remove(item("/rules", i))
		}
	}
}

func with(m map[string]any, key string, value any) map[string]any {
	m[key] = value
	return m
}

// subjects takes everybody out of a binding.
func (b *bench) subjects() {
	if b.want.Is != false {
		return
	}
	b.doc.RemoveIf("/subjects", func(v any) bool {
		subject, _ := v.(map[string]any)
		name := text(subject, "name")
		return slices.Contains(everyone, name) && (b.want.Property == "access.publicRead" || name != "system:authenticated")
	})
}

func (b *bench) disks() {
	if b.kind == "StorageClass" {
		b.choose("/reclaimPolicy", "Delete", "Retain")
		return
	}
	b.choose("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted", "Delete", "Retain")
}

// scale writes the nearest number that may be.
func (b *bench) scale() {
	at := map[string]string{"Job": "/spec/parallelism", "CronJob": "/spec/jobTemplate/spec/parallelism"}[b.kind]
	switch {
	case b.kind == "HorizontalPodAutoscaler":
		at = "/spec/" + strings.TrimPrefix(b.want.Property, "scale.") + "Replicas"
	case at == "":
		at = "/spec/replicas"
	}
	for _, n := range []*int64{b.want.Least, b.want.Most} {
		if n != nil && b.no(b.at(at)) {
			b.doc.Set(at, json.Number(strconv.FormatInt(*n, 10)))
		}
	}
}

func splitDots(path string) []string { return strings.Split(path, ".") }
