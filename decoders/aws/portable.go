package aws

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/decoders/aws/policydoc"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// Readers of properties whose values need a look at more than one member, or at a
// word's inside.

// The keys, in lower case and without dashes and underscores, of the tags that say
// whose a resource is, and how secret what it holds is.
var (
	ownerTags = []string{"owner", "team", "ownedby"}
	classTags = []string{"classification", "dataclassification", "dataclass", "sensitivity"}
)

func readOwnerTag(f *findings, name string, h hit, _ scene) { readTag(f, name, h, ownerTags) }
func readClassTag(f *findings, name string, h hit, _ scene) { readTag(f, name, h, classTags) }

// readTag reads one tag, in the three ways in which AWS writes tags.
func readTag(f *findings, name string, h hit, keys []string) {
	all := tags(map[string]any{"Tags": h.value})
	for _, key := range slices.Sorted(maps.Keys(all)) {
		plain := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(key))
		if slices.Contains(keys, plain) && all[key] != decoders.Redacted {
			f.add(model.Property{Name: name, Value: all[key], Known: true, Source: fromCall, Native: h.pointer})
		}
	}
}

// readUnsaid is a property that a call changes in a way that is not in the call.
func readUnsaid(f *findings, name string, h hit, _ scene) { f.unknown(name, h.pointer) }

// readRoute reads a route, if it is the default one: where everything goes.
func readRoute(f *findings, name string, h hit, _ scene) {
	m, _ := h.value.(map[string]any)
	for _, member := range []string{"DestinationCidrBlock", "DestinationIpv6CidrBlock"} {
		to, isText := m[member].(string)
		if m[member] != nil && !isText {
			f.unknown(name, h.pointer+"/"+member)
		}
		if to != "0.0.0.0/0" && to != "::/0" {
			continue
		}
		f.unknown(name, h.pointer+"/"+member)
		for _, by := range slices.Sorted(maps.Keys(m)) {
			via, ok := m[by].(string)
			if ok && by != member && by != "RouteTableId" && !strings.HasPrefix(by, "Destination") {
				delete(f.open, name)
				f.add(model.Property{Name: name, Value: via, Known: true, Source: fromCall, Native: h.pointer + "/" + by})
			}
		}
	}
}

// readRecord reads the record sets of a call, of one of its changes, or the one
// that a template writes.
func readRecord(f *findings, name string, h hit, at scene) {
	m, _ := h.value.(map[string]any)
	if cfn.IsFunction(m) {
		f.unknown(name, h.pointer)
		return
	}
	for _, path := range []string{"ChangeBatch.Changes.[].ResourceRecordSet", "ResourceRecordSet"} {
		for _, inner := range hits(any(m), path, h.pointer, nil) {
			readRecord(f, name, inner, at)
		}
	}
	whose, ok := m["Name"].(string)
	if !ok {
		if len(m) > 0 && (m["Name"] != nil || m["AliasTarget"] != nil || m["ResourceRecords"] != nil) {
			f.unknown(name, h.pointer)
		}
		return
	}
	record := map[string]any{"name": strings.TrimSuffix(strings.ToLower(whose), "."), "type": m["Type"]}
	var to []any
	for _, path := range []string{"AliasTarget.DNSName", "ResourceRecords.[].Value", "ResourceRecords.[]"} {
		for _, value := range hits(any(m), path, "", nil) {
			if text, ok := value.value.(string); ok {
				to = append(to, text)
			}
		}
	}
	if len(to) > 0 {
		record["target"] = to
	}
	f.add(set(name, h.pointer, record))
}

var (
	tlsWords   = regexp.MustCompile(`(?i)TLS[-_v]?1[._-]?([0-3])(?:[^0-9]|$)`)
	tls13First = regexp.MustCompile(`(?i)TLS13[-_]1[-_]([0-3])`)
)

// readTLS reads the lowest version of TLS out of the name of a policy.
func readTLS(f *findings, name string, h hit, _ scene) {
	text, _ := h.value.(string)
	version := ""
	switch {
	case tls13First.MatchString(text):
		version = "1." + tls13First.FindStringSubmatch(text)[1]
	case tlsWords.MatchString(text):
		version = "1." + tlsWords.FindStringSubmatch(text)[1]
	case text == "TLSv1" || text == "ELBSecurityPolicy-2016-08" || text == "ELBSecurityPolicy-2015-05" || text == "TLSv1_2016":
		version = "1.0"
	case strings.HasPrefix(text, "ELBSecurityPolicy-FS-2018"):
		version = "1.0"
	}
	if version == "" {
		f.unknown(name, h.pointer)
		return
	}
	f.add(model.Property{Name: name, Value: version, Known: true, Source: derived, Native: h.pointer})
}

// readAccessLog reads an attribute of a load balancer, if it is the access log.
func readAccessLog(f *findings, name string, h hit, _ scene) {
	m, _ := h.value.(map[string]any)
	if m["Key"] != "access_logs.s3.enabled" {
		return
	}
	on, known := settled(m["Value"], true)
	if _, isBool := on.(bool); !known || !isBool {
		f.unknown(name, h.pointer)
		return
	}
	f.add(model.Property{Name: name, Value: on, Known: true, Source: fromCall, Native: h.pointer})
}

var secretName = regexp.MustCompile(`(?i)passw|secret|token|api_?key|private_?key|credential`)

// readSecrets reads an environment, a map or a list of names and values: one whose
// name speaks of a secret holds it in the open. Without such a name nobody can tell.
func readSecrets(f *findings, name string, h hit, _ scene) {
	var names []string
	switch v := h.value.(type) {
	case map[string]any:
		names = slices.Sorted(maps.Keys(v))
	case []any:
		for _, e := range v {
			m, _ := e.(map[string]any)
			for _, key := range []string{"name", "Name"} {
				if text, ok := m[key].(string); ok {
					names = append(names, text)
				}
			}
		}
	}
	if i := slices.IndexFunc(names, secretName.MatchString); i >= 0 {
		f.add(model.Property{Name: name, Value: true, Known: true, Source: derived, Native: h.pointer})
	} else if len(names) > 0 {
		f.unknown(name, h.pointer)
	}
}

// readHostNamespace reads which of the host's namespaces a task shares.
func readHostNamespace(f *findings, name string, h hit, _ scene) {
	member := h.pointer[strings.LastIndexByte(h.pointer, '/')+1:]
	which := map[string]string{"pidmode": "pid", "ipcmode": "ipc", "networkmode": "net"}[strings.ToLower(member)]
	switch text, ok := h.value.(string); {
	case !ok:
		f.unknown(name, h.pointer)
	case text == "host":
		f.add(set(name, h.pointer, which))
	default:
		f.add(model.Property{Name: name, Value: []any{}, Known: true, Source: fromCall, Native: h.pointer})
	}
}

// readZones reads how many subnets a group spans: more than one is more than one
// zone, or may be, since two subnets can be in one.
func readZones(f *findings, name string, h hit, _ scene) {
	n := 0
	switch v := h.value.(type) {
	case string:
		n = len(strings.Split(v, ","))
	case []any:
		n = len(v)
	}
	if n == 1 {
		f.add(model.Property{Name: name, Value: false, Known: true, Source: derived, Native: h.pointer})
		return
	}
	f.unknown(name, h.pointer)
}

var gpuFamily = regexp.MustCompile(`^(?:ml\.)?((?:p|g|trn|inf|dl|vt)[0-9][a-z0-9-]*)\.`)

// readGPU reads whether machines of a type have accelerators: the families do. How
// many machines there are stands beside the type.
func readGPU(f *findings, name string, h hit, _ scene) {
	kind := h.value
	var count any
	if m, ok := kind.(map[string]any); ok {
		kind, count = m["InstanceType"], m["InstanceCount"]
	}
	text, ok := kind.(string)
	if !ok {
		f.unknown(name, h.pointer)
		return
	}
	p := model.Property{Name: name, Value: false, Known: true, Source: derived, Native: h.pointer}
	if m := gpuFamily.FindStringSubmatch(text); m != nil {
		value := map[string]any{"model": m[1]}
		if count != nil {
			value["count"] = count
		}
		p.Value = value
	}
	f.add(p)
}

// readEngine reads the version that an engine is changed to; a change that may be
// of the major version and does not say which is not known.
func readEngine(f *findings, name string, h hit, _ scene) {
	m, _ := h.value.(map[string]any)
	if text, ok := m["EngineVersion"].(string); ok {
		f.add(model.Property{Name: name, Value: text, Known: true, Source: fromCall, Native: "/EngineVersion"})
	} else if m["EngineVersion"] != nil || m["AllowMajorVersionUpgrade"] != nil {
		f.unknown(name, h.pointer)
	}
}

// readServerless reads a policy of OpenSearch Serverless, which has a form of its
// own: who may use a collection, and whether it is reached from the internet.
func readServerless(f *findings, name string, h hit, at scene) {
	text, _ := h.value.(string)
	v, err := wire.ParseJSON([]byte(text))
	if err != nil {
		f.unknown(name, h.pointer)
		return
	}
	for _, e := range hits(v, "[]", h.pointer, nil) {
		m, _ := e.value.(map[string]any)
		if open, ok := m["AllowFromPublic"].(bool); ok && name == "network.public" {
			f.add(model.Property{Name: name, Value: open, Known: true, Source: derived, Native: h.pointer})
		}
		for _, who := range texts(m["Principal"], "") {
			foreign(f, policydoc.Principal{Kind: "AWS", Name: who}, h, at)
		}
	}
}

// empty reports whether nothing is said.
func empty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return v == nil
}
