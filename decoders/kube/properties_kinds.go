package kube

import (
	"net/netip"
	"slices"
	"strings"
)

// workload says how many pods there will be, and how they are replaced.
func (f *facts) workload(kind string) {
	switch kind {
	case "Deployment":
		f.number("scale.min", "/spec/replicas", 1)
		f.rollout()
		if paused, given := f.spec["paused"].(bool); given {
			f.set("change.immediate", !paused, fromRequest, "/spec/paused")
		} else {
			f.byDefault("change.immediate", true)
		}
	case "StatefulSet":
		f.number("scale.min", "/spec/replicas", 1)
		if when := text(dict(f.spec, "persistentVolumeClaimRetentionPolicy"), "whenDeleted"); when != "" {
			f.set("lifecycle.diskDeletedWithInstance", when == "Delete", fromRequest, "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted")
		} else {
			f.byDefault("lifecycle.diskDeletedWithInstance", false)
		}
	case "ReplicaSet", "ReplicationController":
		f.number("scale.min", "/spec/replicas", 1)
	case "Job":
		f.number("scale.max", "/spec/parallelism", 1)
	case "CronJob":
		f.number("scale.max", "/spec/jobTemplate/spec/parallelism", 1)
	}
}

// rollout: not all pods may be away at once while they are replaced.
func (f *facts) rollout() {
	const at = "/spec/strategy/rollingUpdate/maxUnavailable"
	strategy := dict(f.spec, "strategy")
	if text(strategy, "type") == "Recreate" {
		f.set("availability.disruptionBudget", false, fromRequest, "/spec/strategy/type")
		return
	}
	if v := f.at(at); v != nil {
		f.set("availability.disruptionBudget", v != "100%", fromRequest, at)
	} else {
		f.byDefault("availability.disruptionBudget", true) // 25%
	}
}

func (f *facts) disruption() {
	for key, none := range map[string]string{"minAvailable": "0", "maxUnavailable": "100%"} {
		if v := f.spec[key]; v != nil {
			value := strings.Trim(string(encode(v)), `"`)
			f.set("availability.disruptionBudget", value != none && !(key == "minAvailable" && value == "0%"), fromRequest, "/spec/"+key)
			return
		}
	}
	f.byDefault("availability.disruptionBudget", false)
}

// internalAnnotations keep a load balancer inside the network, by cloud.
var internalAnnotations = map[string]string{
	"service.beta.kubernetes.io/aws-load-balancer-internal": "true", "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
	"service.beta.kubernetes.io/azure-load-balancer-internal": "true", "networking.gke.io/load-balancer-type": "Internal",
	"cloud.google.com/load-balancer-type": "Internal", "alb.ingress.kubernetes.io/scheme": "internal",
}

func (f *facts) internal() string {
	for key, v := range dict(dict(f.object, "metadata"), "annotations") {
		if want := internalAnnotations[key]; want != "" && strings.EqualFold(want, asText(v)) {
			return "/metadata/annotations/" + pointerKey(key)
		}
	}
	return ""
}

func asText(v any) string { s, _ := v.(string); return s }

func (f *facts) service() {
	kind := text(f.spec, "type")
	inside := f.internal()
	switch {
	case len(values(f.spec, "externalIPs")) > 0:
		f.set("network.public", true, fromRequest, "/spec/externalIPs")
	case kind == "LoadBalancer" && inside != "":
		f.set("network.public", false, fromRequest, inside)
	case kind == "LoadBalancer" || kind == "NodePort":
		f.set("network.public", true, fromRequest, "/spec/type")
	case kind != "":
		f.set("network.public", false, fromRequest, "/spec/type")
	default:
		f.byDefault("network.public", false)
	}
	if ranges := stringsOf(f.spec, "loadBalancerSourceRanges"); len(ranges) > 0 {
		f.set("network.public.allowedSources", sorted(ranges), fromRequest, "/spec/loadBalancerSourceRanges")
	} else if kind == "LoadBalancer" && inside == "" {
		f.byDefault("network.public.allowedSources", []any{"0.0.0.0/0", "::/0"})
	}
	var protocols []string
	for _, port := range list(f.spec, "ports") {
		protocols = append(protocols, protocolOf(port))
	}
	if len(protocols) > 0 {
		f.set("network.listener.protocol", sorted(protocols), derived, "/spec/ports")
	}
}

// protocolOf says what is spoken at a service's port, by what the port says of
// itself and else by its well-known number.
func protocolOf(port map[string]any) string {
	app := strings.ToLower(text(port, "appProtocol"))
	number := strings.Trim(string(encode(port["port"])), `"`)
	switch {
	case app == "http" || app == "https" || app == "tls":
		return app
	case app == "" && number == "443":
		return "https"
	case app == "" && number == "80":
		return "http"
	case text(port, "protocol") != "":
		return strings.ToLower(text(port, "protocol"))
	}
	return "tcp"
}

func (f *facts) ingress() {
	class := text(f.spec, "ingressClassName")
	switch inside := f.internal(); {
	case inside != "":
		f.set("network.public", false, fromRequest, inside)
	case strings.Contains(class, "internal") || strings.Contains(class, "private"):
		f.unknown("network.public", "/spec/ingressClassName") // a name promises nothing
	default:
		f.set("network.public", true, derived, "/spec/ingressClassName")
	}
	covered := map[string]bool{}
	secrets := 0
	for _, tls := range list(f.spec, "tls") {
		secrets++
		for _, host := range stringsOf(tls, "hosts") {
			covered[host] = true
		}
	}
	hosts, all := []string{}, secrets > 0
	for _, rule := range list(f.spec, "rules") {
		host := text(rule, "host")
		if host != "" {
			hosts = append(hosts, host)
		}
		all = all && (covered[host] || len(covered) == 0)
	}
	f.verdict("encryption.inTransit", all, false, "/spec/tls")
	if f.whole {
		protocol := "http"
		if all {
			protocol = "https"
		}
		f.set("network.listener.protocol", []any{protocol}, derived, "/spec/tls")
	} else {
		f.unknown("network.listener.protocol", "/spec/tls")
	}
	if len(hosts) > 0 {
		var records []any
		for _, host := range sorted(hosts) {
			records = append(records, map[string]any{"name": host})
		}
		f.set("dns.record", records, fromRequest, "/spec/rules")
	}
	f.oldestTLS()
}

// tlsVersions in the spellings of ingress controllers, oldest first.
var tlsVersions = []struct{ spelled, version string }{
	{"tlsv1.0", "1.0"}, {"tlsv1.1", "1.1"}, {"tlsv1.2", "1.2"}, {"tlsv1.3", "1.3"},
	{"tls-1-0", "1.0"}, {"tls-1-1", "1.1"}, {"tls13-1-2", "1.2"}, {"tls-1-2", "1.2"}, {"tls13-1-3", "1.3"},
}

func (f *facts) oldestTLS() {
	for _, key := range []string{"nginx.ingress.kubernetes.io/ssl-protocols", "alb.ingress.kubernetes.io/ssl-policy"} {
		value := strings.ToLower(text(dict(dict(f.object, "metadata"), "annotations"), key)) + " "
		value = strings.ReplaceAll(value, "tlsv1 ", "tlsv1.0 ")
		for _, v := range tlsVersions {
			if strings.Contains(value, v.spelled) {
				f.set("tls.minVersion", v.version, fromRequest, "/metadata/annotations/"+pointerKey(key))
				return
			}
		}
	}
	f.unknown("tls.minVersion", "/metadata/annotations")
}

// metadataService is where clouds hand a machine its credentials.
var metadataService = netip.MustParseAddr("169.254.169.254")

func (f *facts) networkPolicy() {
	types := stringsOf(f.spec, "policyTypes")
	governs := func(kind, key string) bool {
		return slices.Contains(types, kind) || len(types) == 0 && (kind == "Ingress" || f.spec[key] != nil)
	}
	selector := dict(f.spec, "podSelector")
	everyPod := len(dict(selector, "matchLabels")) == 0 && len(values(selector, "matchExpressions")) == 0
	denies := false
	for _, d := range []struct{ kind, key, peers, name string }{
		{"Ingress", "ingress", "from", "network.ingress"}, {"Egress", "egress", "to", "network.egress"},
	} {
		if !governs(d.kind, d.key) {
			continue
		}
		rules := list(f.spec, d.key)
		denies = denies || everyPod && len(rules) == 0
		if !f.whole && f.spec[d.key] == nil {
			f.unknown(d.name, "/spec/"+d.key)
			continue
		}
		var out []any
		for _, rule := range rules {
			out = append(out, ruleOf(rule, d.peers)...)
		}
		f.set(d.name, append([]any{}, out...), fromRequest, "/spec/"+d.key)
	}
	f.verdict("network.defaultDeny", denies, false, "/spec/podSelector")
	if governs("Egress", "egress") {
		f.verdict("instance.metadataHardened", !reachesMetadata(list(f.spec, "egress")), false, "/spec/egress")
	}
}

// ruleOf spells a rule of a NetworkPolicy: each peer with each port.
func ruleOf(rule map[string]any, key string) []any {
	peers := []map[string]any{}
	for _, p := range list(rule, key) {
		if block := dict(p, "ipBlock"); block != nil {
			peer := map[string]any{"cidr": text(block, "cidr")}
			if except := stringsOf(block, "except"); len(except) > 0 {
				peer["except"] = anyOf(except)
			}
			peers = append(peers, peer)
			continue
		}
		peers = append(peers, map[string]any{"peer": string(encode(p))})
	}
	if len(list(rule, key)) == 0 {
		peers = []map[string]any{{"cidr": "0.0.0.0/0"}, {"cidr": "::/0"}}
	}
	ports := list(rule, "ports")
	if len(ports) == 0 {
		ports = []map[string]any{{"protocol": "-1"}}
	}
	var out []any
	for _, peer := range peers {
		for _, port := range ports {
			if len(out) >= maxRules {
				return out
			}
			one := map[string]any{"proto": "tcp"}
			for k, v := range peer {
				one[k] = v
			}
			if proto := text(port, "protocol"); proto != "" {
				one["proto"] = strings.ToLower(proto)
			}
			if p := port["port"]; p != nil {
				one["from"], one["to"] = p, p
				if end := port["endPort"]; end != nil {
					one["to"] = end
				}
			}
			out = append(out, one)
		}
	}
	return out
}

// maxRules bounds the rules that are spelled of one policy.
const maxRules = 1000

func reachesMetadata(rules []map[string]any) bool {
	for _, rule := range rules {
		peers := list(rule, "to")
		if len(peers) == 0 {
			return true
		}
		for _, p := range peers {
			block := dict(p, "ipBlock")
			if block == nil {
				continue
			}
			cidr, err := netip.ParsePrefix(text(block, "cidr"))
			if err != nil || !cidr.Contains(metadataService) {
				continue
			}
			if !slices.ContainsFunc(stringsOf(block, "except"), func(s string) bool {
				except, err := netip.ParsePrefix(s)
				return err == nil && except.Contains(metadataService)
			}) {
				return true
			}
		}
	}
	return false
}
