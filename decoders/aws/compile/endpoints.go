package compile

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/identify/hosts"
	"github.com/assent-iom/assent/decoders/aws/table"
)

func readPartitions(path string) ([]table.Partition, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var raw struct {
		Partitions []struct {
			ID          string `json:"id"`
			RegionRegex string `json:"regionRegex"`
			Outputs     struct {
				DNSSuffix            string `json:"dnsSuffix"`
				DualStackDNSSuffix   string `json:"dualStackDnsSuffix"`
				ImplicitGlobalRegion string `json:"implicitGlobalRegion"`
			} `json:"outputs"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var out []table.Partition
	for _, p := range raw.Partitions {
		if _, err := regexp.Compile(p.RegionRegex); err != nil {
			return nil, fmt.Errorf("regions of %s: %w", p.ID, err)
		}
		o := p.Outputs
		out = append(out, table.NewPartition(p.ID, o.DNSSuffix, o.DualStackDNSSuffix, o.ImplicitGlobalRegion, p.RegionRegex))
	}
	return out, nil
}

// addEndpoints fills HostLabels and SigningNames from an endpoint rule set.
func addEndpoints(info *table.Info, rules any, partitions []table.Partition) {
	labels := map[string]bool{info.EndpointPrefix: true}
	names := map[string]bool{info.SigningName: true}
	bases := map[string]bool{}
	walkRules(rules, func(key, value string) {
		switch key {
		case "url":
			if u, ok := strings.CutPrefix(value, "https://"); ok {
				_, base, _ := strings.Cut(u, "/")
				bases[strings.TrimSuffix(base, "/")] = true
			}
			for _, u := range expand(value) {
				if label, ok := hostLabel(u, partitions); ok {
					labels[label] = true
				}
			}
		case "signingName":
			if !strings.Contains(value, "{") {
				names[value] = true
			}
		}
	})
	for _, base := range sortedKeys(bases) { // geo-maps answers under /v2
		if base != "" && !strings.Contains(base, "{") {
			info.BasePaths = append(info.BasePaths, "/"+base)
		}
	}
	for _, label := range sortedKeys(labels) {
		for _, op := range info.Operations { // "data-" + "servicediscovery" is one label
			p := op.HostPrefix
			if i := strings.LastIndex(p, "}"); i >= 0 {
				p = strings.TrimPrefix(p[i+1:], ".")
			}
			if p != "" {
				labels[p+label] = true
			}
		}
	}
	info.HostLabels, info.SigningNames = sortedKeys(labels), sortedKeys(names)
	// The service's own name stays first: it is what an alias is resolved to.
	sort.SliceStable(info.SigningNames, func(i, j int) bool {
		return info.SigningNames[i] == info.SigningName && info.SigningNames[j] != info.SigningName
	})
}

func walkRules(node any, visit func(key, value string)) {
	switch n := node.(type) {
	case map[string]any:
		for _, k := range sortedKeys(n) {
			if s, ok := n[k].(string); ok {
				visit(k, s)
			} else {
				walkRules(n[k], visit)
			}
		}
	case []any:
		for _, v := range n {
			walkRules(v, visit)
		}
	}
}

// expand writes out the one template variable that decides which service of a
// family answers (Kinesis: control-kinesis, data-kinesis).
func expand(url string) []string {
	if !strings.Contains(url, "{OperationType}") {
		return []string{url}
	}
	var out []string
	for _, t := range []string{"control", "data"} {
		out = append(out, strings.ReplaceAll(url, "{OperationType}", t))
	}
	return out
}

var variable = regexp.MustCompile(`\{[^}]*\}`)

// hostLabel reduces a URL template to the label that names the service.
func hostLabel(url string, partitions []table.Partition) (string, bool) {
	host, ok := strings.CutPrefix(url, "https://")
	if !ok {
		return "", false
	}
	host, _, _ = strings.Cut(host, "/")
	for _, p := range partitions {
		for _, suffix := range []string{p.DNS, p.DualStack} {
			host = strings.TrimSuffix(host, "."+suffix)
		}
	}
	labels := strings.Split(host, ".")
	if last := labels[len(labels)-1]; strings.HasSuffix(strings.ToLower(last), "dnssuffix}") {
		labels = labels[:len(labels)-1]
	}
	for i, l := range labels {
		if l == "{Region}" || strings.HasSuffix(l, "#implicitGlobalRegion}") || strings.HasSuffix(l, "#region}") {
			labels[i] = "us-east-1"
		}
	}
	for len(labels) > 0 && variable.MatchString(labels[0]) {
		labels = labels[1:]
	}
	host = strings.Join(labels, ".")
	if host == "" || strings.Contains(host, "{") {
		return "", false
	}
	label, _ := hosts.Reduce(host, func(l string) bool {
		return slices.ContainsFunc(partitions, func(p table.Partition) bool { return p.MatchesRegion(l) })
	})
	return label, label != ""
}
