package kube

import (
	"encoding/json"
	"slices"
	"strings"
)

// Where the Pod Security Standards draw their lines.
var (
	// confinedTypes are the SELinux types of containers; others have more rights.
	confinedTypes = []string{"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
	// appArmorAnnotation named a container's profile before there was a field.
	appArmorAnnotation = "container.apparmor.security.beta.kubernetes.io/"
	// seccompAnnotations did so for seccomp, on servers before 1.27.
	seccompAnnotations = []string{"seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/"}
)

// confinement says which protections are turned off in so many words, and what of
// the node a pod reaches besides its namespaces and files.
func (f *facts) confinement(pod map[string]any, all []container, at string) {
	off := map[string]bool{}
	f.profiles(dict(pod, "securityContext"), off)
	for _, c := range all {
		f.profiles(dict(c.spec, "securityContext"), off)
	}
	ownUsers := pod["hostUsers"] == false
	if ownUsers && off["proc"] { // root there is nobody on the node
		delete(off, "proc")
		off["proc-of-own-users"] = true
	}
	for key, v := range dict(f.podMeta(at), "annotations") {
		profile, _ := v.(string)
		if strings.HasPrefix(key, appArmorAnnotation) && profile != "" && profile != "runtime/default" && !strings.HasPrefix(profile, "localhost/") {
			off["apparmor"] = true
		}
		older := slices.ContainsFunc(seccompAnnotations, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
		if older && profile != "runtime/default" && profile != "docker/default" && !strings.HasPrefix(profile, "localhost/") {
			off["seccomp-by-annotation"] = true
		}
	}
	var ports, kinds, sysctls, hosts []string
	drops := len(all) > 0
	for _, c := range all {
		for _, p := range list(c.spec, "ports") {
			if n, ok := p["hostPort"].(json.Number); ok && n != "0" {
				ports = append(ports, n.String())
			}
		}
		drops = drops && slices.Contains(stringsOf(dict(dict(c.spec, "securityContext"), "capabilities"), "drop"), "ALL")
		hosts = append(hosts, hookHosts(c.spec)...)
	}
	for _, v := range list(pod, "volumes") {
		for key := range v {
			if key != "name" {
				kinds = append(kinds, key)
			}
		}
	}
	for _, s := range list(dict(pod, "securityContext"), "sysctls") {
		sysctls = append(sysctls, text(s, "name"))
	}
	var turned []string
	for name := range off {
		turned = append(turned, name)
	}
	for name, set := range map[string][]string{"container.unconfined": turned, "container.hostPorts": ports, "container.volumes": kinds,
		"container.sysctls": sysctls, "container.probedHosts": hosts} {
		if len(set) > 0 {
			f.set(name, sorted(set), fromRequest, at)
		} else {
			f.byDefault(name, []any{})
		}
	}
	f.verdict("container.dropsCapabilities", drops, false, at)
	if ownUsers {
		f.set("container.runAsNonRoot", true, derived, at+"/hostUsers")
	}
	if text(dict(pod, "os"), "name") == "windows" { // it has no such thing
		for _, name := range []string{"container.dropsCapabilities", "container.privilegeEscalation", "container.seccomp"} {
			delete(f.found, name)
		}
	}
}

// podMeta is the metadata of the pod whose spec is at a place.
func (f *facts) podMeta(at string) map[string]any {
	v := any(f.object)
	for _, key := range strings.Split(strings.TrimSuffix(at, "/spec"), "/")[1:] {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	m, _ := v.(map[string]any)
	return dict(m, "metadata")
}

// profiles notes the protections that one security context turns off.
func (f *facts) profiles(context map[string]any, off map[string]bool) {
	note := func(name string, turned bool) {
		if turned {
			off[name] = true
		}
	}
	note("seccomp", text(dict(context, "seccompProfile"), "type") == "Unconfined")
	note("apparmor", text(dict(context, "appArmorProfile"), "type") == "Unconfined")
	mount := text(context, "procMount")
	note("proc", mount != "" && mount != "Default")
	note("windows", dict(context, "windowsOptions")["hostProcess"] == true)
	linux := dict(context, "seLinuxOptions")
	note("selinux", text(linux, "user") != "" || text(linux, "role") != "" || !slices.Contains(confinedTypes, text(linux, "type")))
}

// hookHosts are the hosts that probes and hooks of a container connect to.
func hookHosts(spec map[string]any) []string {
	var hosts []string
	add := func(handler map[string]any) {
		for _, kind := range []string{"httpGet", "tcpSocket"} {
			if host := text(dict(handler, kind), "host"); host != "" {
				hosts = append(hosts, host)
			}
		}
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		add(dict(spec, probe))
	}
	for _, hook := range []string{"postStart", "preStop"} {
		add(dict(dict(spec, "lifecycle"), hook))
	}
	return hosts
}
