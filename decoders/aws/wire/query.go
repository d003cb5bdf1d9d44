package wire

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// formReader reads the dotted names of the query and ec2 protocols.
type formReader struct {
	*reader
	ec2     bool
	aliases map[string]alias // by member name: sqs.go
}

// alias is how a member was named before its service left the query protocol.
type alias struct{ name, key, value string }

// members reads the members of a structure out of the node that holds them.
func (f *formReader) members(s *table.Shape, node *formNode, into map[string]any, p *path) {
	for i := range s.Members {
		m := &s.Members[i]
		if kid := node.kid(f.name(m)); kid != nil {
			if v, ok := f.value(m, kid, p.child(m.Name)); ok {
				into[m.Name] = v
			}
		}
	}
	if s.Union && len(into) > 1 {
		f.note(p)
	}
}

func (f *formReader) name(m *table.Member) string {
	if f.ec2 {
		if m.QueryName != "" {
			return m.QueryName
		}
		if m.WireName == m.Name {
			return m.Name
		}
		return strings.ToUpper(m.WireName[:1]) + m.WireName[1:]
	}
	if a, ok := f.aliases[m.Name]; ok {
		return a.name
	}
	if m.Shape.Kind == table.List && flattened(m) && m.Shape.Elem.WireName != "" {
		return m.Shape.Elem.WireName // a flattened list is named by its items
	}
	return m.WireName
}

// value reads one member; ok is false when the node holds nothing for its shape.
func (f *formReader) value(m *table.Member, node *formNode, p *path) (v any, ok bool) {
	switch s := m.Shape; s.Kind {
	case table.Structure:
		if node.leaf {
			return nil, false // stays unused, so it becomes unknown
		}
		into := map[string]any{}
		f.members(s, node, into, p)
		return into, len(into) > 0
	case table.List:
		return f.list(m, node, p)
	case table.Map:
		return f.mapping(m, node, p)
	default:
		if !node.leaf {
			return nil, false
		}
		node.used = true
		v, fits := scalar(s.Kind, timestampFormat(m, iso8601), node.value)
		if !fits {
			f.note(p)
		}
		return v, true
	}
}

func (f *formReader) list(m *table.Member, node *formNode, p *path) (any, bool) {
	out := []any{}
	if node.leaf && node.value == "" { // an empty list
		node.used = true
		return out, true
	}
	if !f.ec2 && !flattened(m) {
		node = node.kid(elemName(m.Shape.Elem, "member"))
	}
	for i, item := range numbered(node) {
		if v, ok := f.value(m.Shape.Elem, item, p.item(i)); ok {
			out = append(out, v)
		}
	}
	return out, len(out) > 0
}

func (f *formReader) mapping(m *table.Member, node *formNode, p *path) (any, bool) {
	out := map[string]any{}
	if node.leaf && node.value == "" {
		node.used = true
		return out, true
	}
	if !flattened(m) {
		node = node.kid("entry")
	}
	keyName, valueName := elemName(m.Shape.Key, "key"), elemName(m.Shape.Value, "value")
	if a, ok := f.aliases[m.Name]; ok {
		keyName, valueName = a.key, a.value
	}
	for i, entry := range numbered(node) {
		key := entry.kid(keyName)
		if key == nil || !key.leaf {
			continue
		}
		if _, twice := out[key.value]; twice {
			f.note(p.child(key.value)) // its leaves stay unused and are kept raw
			continue
		}
		key.used = true
		value := entry.kid(valueName)
		if value == nil {
			out[key.value] = nil
			f.note(p.item(i))
			continue
		}
		if v, ok := f.value(m.Shape.Value, value, p.child(key.value)); ok {
			out[key.value] = v
		}
	}
	return out, len(out) > 0
}

// numbered gives the items of a list in the order of their numbers. 01 is not a
// number here: it might be item 1, or a second one.
func numbered(node *formNode) []*formNode {
	if node == nil {
		return nil
	}
	type item struct {
		n    uint64
		node *formNode
	}
	items := make([]item, 0, len(node.kids))
	for name, kid := range node.kids {
		n, err := strconv.ParseUint(name, 10, 32)
		if err == nil && name[0] != '0' && allDigits(name) {
			items = append(items, item{n, kid})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.n, b.n) })
	out := make([]*formNode, len(items))
	for i := range items {
		out[i] = items[i].node
	}
	return out
}

// notParameters are the names that sign or frame a query call.
var notParameters = map[string]bool{
	"Action": true, "Version": true, "AWSAccessKeyId": true, "Signature": true, "SignatureMethod": true,
	"SignatureVersion": true, "Timestamp": true, "Expires": true, "SecurityToken": true,
}

// isSigning reports whether a query parameter belongs to a presigned URL. Every
// other x-amz- name may stand for the header of that name, which to S3 is a
// parameter (x-amz-acl): it is not passed over.
func isSigning(name string) bool {
	if len(name) <= 6 || !strings.EqualFold(name[:6], "x-amz-") {
		return false
	}
	switch strings.ToLower(name[6:]) {
	case "algorithm", "credential", "date", "expires", "signedheaders", "signature", "security-token",
		"content-sha256", "region-set", "user-agent", "sdk-checksum-algorithm", "s3session-token", "id-2", "te":
		return true
	}
	return strings.EqualFold(name[6:min(len(name), 15)], "checksum-") // a digest of the body, hoisted out of the headers
}

// decodeForm reads a query or ec2 input.
func (r *reader) decodeForm(op *table.Operation, protocol string, pairs []pair, params map[string]any) error {
	root, err := formTree(pairs)
	if err != nil {
		return err
	}
	f := &formReader{reader: r, ec2: protocol == EC2, aliases: queryAliases(op)}
	if op.Input != nil {
		f.members(op.Input, root, params, nil)
	}
	root.leftovers(func(name, value string) {
		if !isSigning(name) && !notParameters[name] {
			r.keep(params, name, value, nil)
		}
	})
	return nil
}
