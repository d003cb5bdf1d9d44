package aws

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/decoders/aws/policydoc"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// readers read what takes more than a look: see properties.yaml.
var readers = map[string]func(f *findings, name string, h hit, at scene){
	"ingress": readIngress, "rule": readRule, "egress": readEgress, "acl": readACL, "grants": readGrants, "block": readBlock,
	"resource": readResource, "topic": readTopic, "identity": readIdentity, "trust": readTrust,
	"principal": readPrincipal, "role": readRole, "hash": readHash, "digest": readDigest,
	"ownerTag": readOwnerTag, "classTag": readClassTag, "unsaid": readUnsaid, "route": readRoute, "record": readRecord, "tls": readTLS,
	"accessLog": readAccessLog, "secrets": readSecrets, "hostNamespace": readHostNamespace, "zones": readZones, "gpu": readGPU, "engine": readEngine, "serverless": readServerless,
}

func set(name, pointer string, values ...any) model.Property {
	return model.Property{Name: name, Value: values, Known: true, Source: fromCall, Native: pointer}
}

// firewallRule is one value of network.ingress and network.egress.
func firewallRule(peer, value, protocol string, from, to any) map[string]any {
	rule := map[string]any{peer: value, "proto": protocol}
	if from != nil {
		rule["from"], rule["to"] = from, to
	}
	return rule
}

// peers are the members that name the other side of a rule, in every spelling,
// with the word that they mean. GroupId is one only inside UserIdGroupPairs:
// elsewhere it is the group that is changed.
var peers = [][2]string{
	{"CidrIp", "cidr"}, {"CidrIpv6", "cidr"}, {"SourceSecurityGroupId", "group"}, {"SourceSecurityGroupName", "group"},
	{"DestinationSecurityGroupId", "group"}, {"PrefixListId", "prefixList"}, {"SourcePrefixListId", "prefixList"},
	{"DestinationPrefixListId", "prefixList"}, {"GroupId", "group"}, {"GroupName", "group"},
}

func readIngress(f *findings, name string, h hit, _ scene) {
	readRules(f, name, "network.ingress.public", h)
}
func readEgress(f *findings, name string, h hit, _ scene) { readRules(f, name, "", h) }

// readRules reads one level that may hold rules: of a call, of one of its
// IpPermissions, or of a template.
func readRules(f *findings, name, public string, h hit) {
	m, ok := h.value.(map[string]any)
	if !ok {
		return
	}
	if cfn.IsFunction(m) {
		f.unknown(name, h.pointer)
		f.unknownIf(public, h.pointer)
		return
	}
	protocol, _ := m["IpProtocol"].(string)
	rules := func(level map[string]any, pointer string, pairs bool) {
		for _, peer := range peers {
			v, ok := level[peer[0]]
			if !ok || v == nil || !pairs && strings.HasPrefix(peer[0], "Group") {
				continue
			}
			at := pointer + "/" + peer[0]
			text, isText := v.(string)
			open, known := false, isText
			if isText {
				f.add(set(name, at, firewallRule(peer[1], text, protocol, m["FromPort"], m["ToPort"])))
			} else {
				f.unknown(name, at)
			}
			switch {
			case peer[1] == "cidr" && isText:
				open, known = wide(text)
			case peer[1] == "prefixList": // what it lists is not in the call
				known = false
			case peer[1] == "group": // whichever it is, it is not the internet
				known = true
			}
			if public == "" {
				continue
			}
			if !known {
				f.unknown(public, at)
				continue
			}
			f.add(model.Property{Name: public, Value: open, Known: true, Source: derived, Native: at})
		}
	}
	rules(m, h.pointer, false)
	for _, list := range []string{"IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds"} {
		for _, e := range hits(m[list], "[]", h.pointer+"/"+list, nil) {
			if entry, ok := e.value.(map[string]any); ok {
				rules(entry, e.pointer, true)
			}
		}
	}
	for _, e := range hits(m["IpPermissions"], "[]", h.pointer+"/IpPermissions", nil) {
		readRules(f, name, public, e)
	}
}

// readRule reads a rule whose direction only the model could tell.
func readRule(f *findings, name string, h hit, _ scene) {
	f.unknown(name, h.pointer)
	f.unknown("network.ingress.public", h.pointer)
}

func (f *findings) unknownIf(name, pointer string) {
	if name != "" {
		f.unknown(name, pointer)
	}
}

// wide reports whether a range reaches a large part of the internet: half of it
// is as good as all of it. A provider's IPv4 /8 and IPv6 /32 are the smallest
// that count.
func wide(cidr string) (open, known bool) {
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return false, false
	}
	p = p.Masked()
	if p.Addr().Is4() {
		return p.Bits() <= 8 && p != netip.MustParsePrefix("10.0.0.0/8") && p != netip.MustParsePrefix("127.0.0.0/8"), true
	}
	return p.Bits() <= 32 && !netip.MustParsePrefix("fc00::/7").Contains(p.Addr()), true
}

// readACL reads an entry of a network ACL.
func readACL(f *findings, name string, h hit, _ scene) {
	m, _ := h.value.(map[string]any)
	action, _ := m["RuleAction"].(string)
	egress, known := settled(m["Egress"], true)
	if out := name == "network.egress"; !strings.EqualFold(action, "allow") || out != (egress == true) && (known || m["Egress"] == nil) {
		return
	}
	ports, _ := m["PortRange"].(map[string]any)
	for _, member := range []string{"CidrBlock", "Ipv6CidrBlock"} {
		v, ok := m[member]
		if !ok || v == nil {
			continue
		}
		text, _ := v.(string)
		open, known := wide(text)
		if !known {
			f.unknown(name, h.pointer+"/"+member)
			if name == "network.ingress" {
				f.unknown("network.ingress.public", h.pointer+"/"+member)
			}
			continue
		}
		protocol, _ := m["Protocol"].(string)
		f.add(set(name, h.pointer+"/"+member, firewallRule("cidr", text, protocol, ports["From"], ports["To"])))
		if name == "network.ingress" {
			f.add(model.Property{Name: "network.ingress.public", Value: open, Known: true, Source: derived, Native: h.pointer + "/" + member})
		}
	}
}

// readGrants reads S3's own access lists: in headers, and in a body.
func readGrants(f *findings, name string, h hit, _ scene) {
	m, _ := h.value.(map[string]any)
	public := func(text, pointer string, write bool) {
		if !strings.Contains(text, "/groups/global/AllUsers") && !strings.Contains(text, "/groups/global/AuthenticatedUsers") {
			return
		}
		if write {
			f.add(model.Property{Name: "access.publicWrite", Value: true, Known: true, Source: fromCall, Native: pointer})
			return
		}
		f.add(model.Property{Name: name, Value: true, Known: true, Source: fromCall, Native: pointer})
	}
	for _, header := range []string{"GrantRead", "GrantFullControl", "GrantReadACP", "GrantWrite", "GrantWriteACP"} {
		if text, ok := m[header].(string); ok {
			public(text, "/"+header, strings.HasPrefix(header, "GrantWrite"))
		}
	}
	for _, g := range hits(any(m), "AccessControlPolicy.Grants.[]", "", nil) {
		grant, _ := g.value.(map[string]any)
		grantee, _ := grant["Grantee"].(map[string]any)
		uri, _ := grantee["URI"].(string)
		permission, _ := grant["Permission"].(string)
		public(uri, g.pointer, strings.HasPrefix(permission, "WRITE"))
	}
}

// readBlock reads a public access block: with all of it on, nothing is public;
// with less, something may be.
func readBlock(f *findings, name string, h hit, _ scene) {
	if h.pointer == "" {
		return // the call that takes it away: properties.of says unknown
	}
	m, _ := h.value.(map[string]any)
	for _, member := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
		if on, _ := settled(m[member], true); on != true {
			f.unknown(name, h.pointer+"/"+member)
			return
		}
	}
	f.add(model.Property{Name: name, Value: false, Known: true, Source: derived, Native: h.pointer})
}

// document reads a policy, written as text or, in a template, as an object.
func document(h hit) (policydoc.Document, bool) {
	v := h.value
	if text, ok := v.(string); ok {
		var err error
		if v, err = wire.ParseJSON([]byte(text)); err != nil {
			return policydoc.Document{}, false
		}
	}
	d, err := policydoc.New(v)
	return d, err == nil
}

func (f *findings) truth(name string, t policydoc.Truth, h hit) {
	if t == policydoc.Unknown {
		f.unknown(name, h.pointer)
		return
	}
	f.add(model.Property{Name: name, Value: t == policydoc.Yes, Known: true, Source: derived, Native: h.pointer})
}

// readResource reads the policy of a resource: whom it lets in.
func readResource(f *findings, name string, h hit, at scene) {
	if h.value == "" {
		return // an empty policy takes one away
	}
	d, ok := document(h)
	if !ok {
		f.unknown(name, h.pointer)
		f.unknown("access.crossAccount", h.pointer)
		f.unknown("access.publicRead", h.pointer)
		return
	}
	f.truth(name, d.Anonymous(), h)
	f.truth("access.publicRead", d.AnonymousMay("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"), h)
	all, whole := d.Principals()
	for _, p := range all {
		foreign(f, p, h, at)
	}
	if !whole {
		f.unknown("access.crossAccount", h.pointer)
	}
}

// foreign adds a principal of another account. Without the caller's own account
// every principal might be one.
func foreign(f *findings, p policydoc.Principal, h hit, at scene) {
	const name = "access.crossAccount"
	switch {
	case p.Kind == "Service" || p.Kind == "Federated" || p.Everybody() || p.Account() != "" && p.Account() == at.account:
	case p.Account() == "" || at.account == "":
		f.add(set(name, h.pointer, p.Name))
		f.unknown(name, h.pointer)
	default:
		f.add(set(name, h.pointer, p.Name))
	}
}

// readTopic reads the attribute of a topic, if it is the policy.
func readTopic(f *findings, name string, h hit, at scene) {
	if text, ok := h.value.(string); ok && strings.Contains(text, `"Statement"`) {
		readResource(f, name, h, at)
	}
}

func readIdentity(f *findings, name string, h hit, _ scene) {
	d, ok := document(h)
	if !ok {
		f.unknown(name, h.pointer)
		return
	}
	privilege, known := d.Privilege()
	if !known {
		f.unknown(name, h.pointer)
	}
	f.add(model.Property{Name: name, Value: privilege, Known: true, Source: derived, Native: h.pointer})
}

// readTrust reads who may take a role.
func readTrust(f *findings, name string, h hit, at scene) {
	d, ok := document(h)
	if !ok {
		f.unknown(name, h.pointer)
		f.unknown("access.anonymous", h.pointer)
		return
	}
	f.truth("access.anonymous", d.Anonymous(), h)
	if federated := d.OpenFederation(); federated != policydoc.No {
		f.truth("access.anonymous", federated, h)
	}
	all, whole := d.Principals()
	for _, p := range all {
		f.add(set(name, h.pointer, p.Name))
		foreign(f, p, h, at)
	}
	if !whole {
		f.unknown(name, h.pointer)
	}
}

// readPrincipal reads the one principal that a call lets in.
func readPrincipal(f *findings, name string, h hit, at scene) {
	text, ok := h.value.(string)
	switch {
	case !ok || text == "":
		f.unknown(name, h.pointer)
	case text == "*":
		f.unknown("access.anonymous", h.pointer) // other parameters may narrow it
	case !strings.HasSuffix(text, ".amazonaws.com") && !strings.HasSuffix(text, ".amazonaws.com.cn"):
		foreign(f, policydoc.Principal{Kind: "AWS", Name: text}, h, at)
	}
}

// readRole reads an instance profile, by ARN or by name.
func readRole(f *findings, name string, h hit, at scene) {
	v := h.value
	if m, ok := v.(map[string]any); ok {
		v = m["Arn"]
		if v == nil {
			v = m["Name"]
		}
	}
	text, ok := v.(string)
	if !ok || text == "" {
		f.unknown(name, h.pointer)
		return
	}
	if _, isARN := parseARN(text); !isARN {
		s := at.known()
		text = "arn:" + s.partition + ":iam::" + s.account + ":instance-profile/" + text
	}
	f.add(set(name, h.pointer, text))
}

// readHash identifies a script that is handed over, base64 or in a template's
// Fn::Base64, by the SHA-256 of its text.
func readHash(f *findings, name string, h hit, _ scene) {
	if sum, ok := scriptHash(h.value); ok {
		f.add(model.Property{Name: name, Value: sum, Known: true, Source: derived, Native: h.pointer})
		return
	}
	f.unknown(name, h.pointer)
}

// readDigest identifies code that is handed over as an archive.
func readDigest(f *findings, name string, h hit, _ scene) {
	if sum, ok := scriptHash(h.value); ok {
		f.add(set(name, h.pointer, sum))
		return
	}
	f.unknown(name, h.pointer)
}

func scriptHash(v any) (string, bool) {
	var script []byte
	switch v := v.(type) {
	case string:
		var err error
		if script, err = base64.StdEncoding.DecodeString(v); err != nil {
			return "", false
		}
	case map[string]any:
		text, ok := v["Fn::Base64"].(string)
		if !ok || strings.Contains(text, decoders.Redacted) {
			return "", false
		}
		script = []byte(text)
	default:
		return "", false
	}
	sum := sha256.Sum256(script)
	return "sha256:" + hex.EncodeToString(sum[:]), true
}
