package aws

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/decoders/mend"
	"github.com/assent-iom/assent/model"
)

// menders change what readers read: see properties.yaml. A reader that has none
// reads what only a person can choose: a key, a role, a route.
var menders = map[string]func(*place, hit, model.Want) bool{
	"ingress": mendRules, "egress": mendRules, "acl": mendACL, "grants": mendGrants, "block": mendBlock,
	"resource": mendPolicy(readResource), "topic": mendPolicy(readTopic), "identity": mendPolicy(readIdentity), "trust": mendPolicy(readTrust),
	"tls": mendTLS, "secrets": mendSecrets, "hostNamespace": mendHostNamespace, "accessLog": mendAccessLog,
}

// unwanted reports whether a range of addresses, on the ports of its rule, is what
// is not wanted.
func unwanted(w model.Want, cidr string, rule map[string]any) bool {
	if w.Property == "network.ingress.public" {
		open, known := wide(cidr)
		return open || !known
	}
	return mend.Lets(w, rule) || w.Empty
}

func inside(member string) string {
	if strings.Contains(strings.ToLower(member), "v6") {
		return mend.Inside.V6
	}
	return mend.Inside.V4
}

// mendRules narrows rules of a security group to one's own networks, or leaves out
// those that stand beside others.
func mendRules(p *place, h hit, w model.Want) bool {
	m, ok := h.value.(map[string]any)
	if !ok || cfn.IsFunction(m) {
		return false
	}
	protocol, _ := m["IpProtocol"].(string)
	bad := func(level any, member string) bool {
		entry, _ := level.(map[string]any)
		cidr, isText := entry[member].(string)
		return isText && unwanted(w, cidr, firewallRule("cidr", cidr, protocol, m["FromPort"], m["ToPort"]))
	}
	changed := false
	for _, member := range []string{"CidrIp", "CidrIpv6"} {
		if bad(m, member) {
			changed = p.set(h.pointer+"/"+member, inside(member)) || changed
		}
	}
	for _, ranges := range [][2]string{{"IpRanges", "CidrIp"}, {"Ipv6Ranges", "CidrIpv6"}} {
		list, member := ranges[0], ranges[1]
		entries, _ := m[list].([]any)
		good := slices.ContainsFunc(entries, func(e any) bool { return !bad(e, member) })
		kept := false
		for i, e := range slices.Backward(entries) {
			at := h.pointer + mend.Pointer(list, strconv.Itoa(i))
			switch {
			case !bad(e, member):
			case good || kept:
				changed = p.doc.Remove(p.base+at) || changed
			default:
				kept = p.set(at+"/"+member, inside(member))
				changed = changed || kept
			}
		}
	}
	for _, e := range hits(m["IpPermissions"], "[]", h.pointer+"/IpPermissions", nil) {
		changed = mendRules(p, e, w) || changed
	}
	return changed
}

func mendACL(p *place, h hit, w model.Want) bool {
	m, _ := h.value.(map[string]any)
	ports, _ := m["PortRange"].(map[string]any)
	changed := false
	for _, member := range []string{"CidrBlock", "Ipv6CidrBlock"} {
		cidr, ok := m[member].(string)
		if ok && unwanted(w, cidr, firewallRule("cidr", cidr, "", ports["From"], ports["To"])) {
			changed = p.set(h.pointer+"/"+member, inside(member)) || changed
		}
	}
	return changed
}

// mendGrants takes away what S3's access lists give to everybody.
func mendGrants(p *place, h hit, _ model.Want) bool {
	m, _ := h.value.(map[string]any)
	everybody := func(v any) bool {
		text, _ := v.(string)
		return strings.Contains(text, "/groups/global/AllUsers") || strings.Contains(text, "/groups/global/AuthenticatedUsers")
	}
	changed := false
	for _, header := range []string{"GrantRead", "GrantFullControl", "GrantReadACP", "GrantWrite", "GrantWriteACP"} {
		if everybody(m[header]) {
			changed = p.doc.Remove(p.base+h.pointer+"/"+header) || changed
		}
	}
	return p.doc.RemoveIf(p.base+h.pointer+"/AccessControlPolicy/Grants", func(v any) bool {
		grant, _ := v.(map[string]any)
		grantee, _ := grant["Grantee"].(map[string]any)
		return everybody(grantee["URI"])
	}) || changed
}

func mendBlock(p *place, h hit, w model.Want) bool {
	if _, ok := h.value.(map[string]any); !ok || h.pointer == "" || w.Is != false {
		return false
	}
	changed := false
	for _, member := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
		changed = p.set(h.pointer+"/"+member, true) || changed
	}
	return changed
}

// mendPolicy narrows a policy by what its reader says of each statement alone: its
// principals to one's own account, its actions to those that may be, or else the
// statement goes. The last one does not: a policy that says nothing is none.
func mendPolicy(read func(*findings, string, hit, scene)) func(*place, hit, model.Want) bool {
	return func(p *place, h hit, w model.Want) bool {
		text, isText := h.value.(string)
		v := h.value
		if isText {
			var err error
			if v, err = wire.ParseJSON([]byte(text)); err != nil {
				return false
			}
		}
		policy, _ := v.(map[string]any)
		statements, isList := policy["Statement"].([]any)
		if !isList {
			statements = []any{policy["Statement"]}
		}
		fine := func(statement map[string]any) bool {
			whole := maps.Clone(policy)
			whole["Statement"] = []any{statement}
			var f findings
			read(&f, w.Property, hit{whole, h.pointer}, p.at)
			return mend.Met(w, f.sorted())
		}
		var kept []any
		changed := false
		for _, s := range statements {
			statement, ok := s.(map[string]any)
			if !ok {
				return false
			}
			if !fine(statement) {
				changed = true
				if statement = narrower(statement, p.at, fine); statement == nil {
					continue
				}
			}
			kept = append(kept, statement)
		}
		if !changed || len(kept) == 0 {
			return false
		}
		if !isText {
			return p.set(h.pointer+"/Statement", kept)
		}
		policy = maps.Clone(policy)
		policy["Statement"] = kept
		data, err := json.Marshal(policy)
		return err == nil && p.set(h.pointer, string(data))
	}
}

// narrower is a statement that is fine, and as much of another as may be; nil if
// there is none.
func narrower(s map[string]any, at scene, fine func(map[string]any) bool) map[string]any {
	s = maps.Clone(s)
	if s["Principal"] != nil && at.account != "" {
		own := maps.Clone(s)
		own["Principal"] = map[string]any{"AWS": "arn:" + at.known().partition + ":iam::" + at.account + ":root"}
		if fine(own) {
			return own
		}
	}
	actions, isList := s["Action"].([]any)
	if !isList {
		actions = []any{s["Action"]}
	}
	var kept []any
	for _, a := range actions {
		text, _ := a.(string)
		service, all, _ := strings.Cut(text, ":")
		switch s["Action"] = []any{a}; {
		case fine(s):
			kept = append(kept, a)
		case text == "*" || text == "*:*": // as AWS's own PowerUserAccess says it
			most := maps.Clone(s)
			delete(most, "Action")
			most["NotAction"] = []any{"iam:*", "organizations:*", "sso:*"}
			if fine(most) {
				return most
			}
		case all == "*":
			for _, word := range []string{"Describe*", "Get*", "List*"} {
				kept = append(kept, service+":"+word)
			}
		}
	}
	if len(kept) == 0 {
		return nil
	}
	if s["Action"] = kept; !fine(s) {
		return nil
	}
	return s
}

// tlsPolicies are the services' own names, by member, of the oldest first.
var tlsPolicies = map[string][]string{
	"SslPolicy":              {"ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06"},
	"MinimumProtocolVersion": {"TLSv1.2_2021", "TLSv1.3_2025"},
	"SecurityPolicy":         {"TLS_1_2"}, "securityPolicy": {"TLS_1_2"},
	"TLSSecurityPolicy": {"Policy-Min-TLS-1-2-PFS-2023-10", "Policy-Min-TLS-1-2-2019-07"},
}

func mendTLS(p *place, h hit, w model.Want) bool {
	for _, name := range tlsPolicies[h.pointer[strings.LastIndexByte(h.pointer, '/')+1:]] {
		var f findings
		readTLS(&f, w.Property, hit{name, ""}, p.at)
		if props := f.sorted(); len(props) > 0 && mend.Met(w, props) {
			return p.set(h.pointer, name)
		}
	}
	return false
}

// mendSecrets takes secrets out of an environment; where they come from instead is
// its owner's to say.
func mendSecrets(p *place, h hit, w model.Want) bool {
	if w.Is != false {
		return false
	}
	changed := false
	m, _ := h.value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if secretName.MatchString(name) {
			changed = p.doc.Remove(p.base+h.pointer+mend.Pointer(name)) || changed
		}
	}
	return p.doc.RemoveIf(p.base+h.pointer, func(v any) bool {
		entry, _ := v.(map[string]any)
		lower, _ := entry["name"].(string)
		upper, _ := entry["Name"].(string)
		return secretName.MatchString(lower + upper)
	}) || changed
}

func mendHostNamespace(p *place, h hit, _ model.Want) bool {
	return h.value == "host" && p.doc.Remove(p.base+h.pointer)
}

func mendAccessLog(p *place, h hit, w model.Want) bool {
	m, _ := h.value.(map[string]any)
	return m["Key"] == "access_logs.s3.enabled" && w.Is == true && p.set(h.pointer+"/Value", "true")
}
