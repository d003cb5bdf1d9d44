package aws

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
)

// written writes the call of an operation (SERVICE:Operation) as a client would.
func written(t testing.TB, d *Decoder, name string, params map[string]any) decoders.Call {
	t.Helper()
	c, err := write(d, name, params)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

func write(d *Decoder, name string, params map[string]any) (decoders.Call, error) {
	service, operation, _ := strings.Cut(name, ":")
	s, ok := d.table.Service(service)
	if !ok {
		return decoders.Call{}, fmt.Errorf("no service %s", service)
	}
	op, ok := s.Operation(operation)
	if !ok {
		return decoders.Call{}, fmt.Errorf("no operation %s", name)
	}
	host := s.EndpointPrefix + ".us-east-1.amazonaws.com"
	if i := slices.Index([]string{"iam", "organizations", "cloudfront", "route53"}, service); i >= 0 {
		host = s.EndpointPrefix + ".amazonaws.com"
	}
	if service == "s3control" {
		host = "029608264753.s3-control.us-east-1.amazonaws.com"
	}
	i := slices.IndexFunc(s.Protocols, func(p string) bool {
		return slices.Contains([]string{wire.JSON, wire.RestJSON, wire.RestXML, wire.EC2, wire.Query}, p)
	})
	if i < 0 {
		return decoders.Call{}, fmt.Errorf("%s speaks %v", service, s.Protocols)
	}
	plain := *op
	plain.HostPrefix = ""
	c, err := wire.EncodeInput(&plain, s.Protocols[i], host, params)
	if errors.Is(err, wire.ErrNotWritten) {
		c, err = inXML(&plain, host, params)
	}
	if err != nil {
		return c, err
	}
	signed := []string{"host"}
	for name := range c.Header {
		signed = append(signed, strings.ToLower(name))
	}
	slices.Sort(signed)
	c.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20260101/us-east-1/"+s.SigningName+"/aws4_request, SignedHeaders="+strings.Join(signed, ";")+", Signature=0")
	return c, nil
}

// inXML writes a call whose body is XML.
func inXML(op *table.Operation, host string, params map[string]any) (decoders.Call, error) {
	rest := maps.Clone(params)
	head := *op
	in := *op.Input
	in.Members = nil
	root, body := op.InputRoot, &in
	inBody := map[string]any{}
	for _, m := range op.Input.Members {
		if m.Location == table.InBody {
			if v, ok := rest[m.Name]; ok {
				inBody[m.Name] = v
			}
			delete(rest, m.Name)
			if m.Payload {
				root, body = m.WireName, m.Shape
				inBody, _ = params[m.Name].(map[string]any)
			}
			continue
		}
		in.Members = append(in.Members, m)
	}
	head.Input = &in
	c, err := wire.EncodeInput(&head, wire.RestXML, host, rest)
	if err != nil {
		return c, err
	}
	if root == "" {
		root = op.Input.Name
	}
	if body == &in {
		body = op.Input
	}
	var b bytes.Buffer
	b.WriteString("<" + root + ">")
	xmlMembers(&b, body, inBody)
	b.WriteString("</" + root + ">")
	c.Body = b.Bytes()
	c.Header.Set("Content-Type", "application/xml")
	return c, nil
}

func xmlMembers(b *bytes.Buffer, s *table.Shape, fields map[string]any) {
	for i := range s.Members {
		if v, ok := fields[s.Members[i].Name]; ok && s.Members[i].Location == table.InBody {
			xmlMember(b, &s.Members[i], s.Members[i].WireName, v)
		}
	}
}

func xmlMember(b *bytes.Buffer, m *table.Member, name string, v any) {
	inside := func(f func()) {
		b.WriteString("<" + name + ">")
		f()
		b.WriteString("</" + name + ">")
	}
	switch m.Shape.Kind {
	case table.Structure:
		fields, _ := v.(map[string]any)
		inside(func() { xmlMembers(b, m.Shape, fields) })
	case table.List:
		items, _ := v.([]any)
		if m.Flattened || m.Shape.Flattened {
			for _, item := range items {
				xmlMember(b, m.Shape.Elem, name, item)
			}
			return
		}
		elem := m.Shape.Elem.WireName
		if elem == "" {
			elem = "member"
		}
		inside(func() {
			for _, item := range items {
				xmlMember(b, m.Shape.Elem, elem, item)
			}
		})
	default:
		inside(func() { _ = xml.EscapeText(b, []byte(fmt.Sprint(v))) })
	}
}

const (
	harmless = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::acme/*"}]}`
	ownTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::029608264753:root"}}]}`
)

// least is the smallest input that an operation takes, with names made up.
func least(op *table.Operation) map[string]any {
	if op.Input == nil {
		return map[string]any{}
	}
	m, _ := sample(&table.Member{Shape: op.Input}, 0).(map[string]any)
	return m
}

func sample(m *table.Member, depth int) any {
	switch m.Shape.Kind {
	case table.Structure:
		out := map[string]any{}
		for i := range m.Shape.Members {
			if inner := &m.Shape.Members[i]; inner.Required && depth < 6 {
				out[inner.Name] = sample(inner, depth+1)
			}
		}
		return out
	case table.List:
		return []any{sample(m.Shape.Elem, depth+1)}
	case table.Map:
		return map[string]any{}
	case table.Boolean:
		return false
	case table.Integer, table.Long, table.Float, table.Double:
		return json.Number("1")
	case table.Timestamp:
		return "2026-01-01T00:00:00Z"
	case table.Blob:
		return "aGVsbG8="
	case table.Document:
		return map[string]any{}
	}
	return sampleText(m.Name)
}

func sampleText(name string) string {
	lower := strings.ToLower(name)
	ids := map[string]string{"groupid": "sg-", "vpcid": "vpc-", "subnetid": "subnet-", "instanceid": "i-", "volumeid": "vol-", "snapshotid": "snap-",
		"imageid": "ami-", "networkaclid": "acl-", "routetableid": "rtb-", "networkinterfaceid": "eni-", "transitgatewayid": "tgw-"}
	switch {
	case ids[lower] != "":
		return ids[lower] + "0123456789abcdef0"
	case lower == "assumerolepolicydocument":
		return ownTrust
	case strings.HasSuffix(lower, "policydocument") || lower == "policy" || lower == "policyinjson" || lower == "policytext" || lower == "resourcepolicy":
		return harmless
	case strings.Contains(lower, "role") && strings.HasSuffix(lower, "arn") || lower == "role":
		return "arn:aws:iam::029608264753:role/app"
	case strings.HasSuffix(lower, "policyarn"):
		return "arn:aws:iam::aws:policy/ReadOnlyAccess"
	case lower == "loadbalancerarn":
		return "arn:aws:elasticloadbalancing:us-east-1:029608264753:loadbalancer/app/l/1"
	case lower == "listenerarn":
		return "arn:aws:elasticloadbalancing:us-east-1:029608264753:listener/app/l/1/1"
	case strings.HasPrefix(lower, "cidr"):
		return "10.0.0.0/16"
	case lower == "accountid":
		return "029608264753"
	case lower == "ruleaction":
		return "allow"
	}
	return "acme-" + strings.ToLower(name[:min(len(name), 3)])
}
