package aws

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// lesson gathers what one answer shows.
type lesson struct {
	op     *table.Operation
	hand   hand
	at     scene
	source string
	whole  bool // entries show everything there is about a resource
	out    []model.Observation
}

// add adds what was seen, once: an answer that names a resource twice (its name in
// one list, all of it in another) teaches what says more.
func (l *lesson) add(o model.Observation) {
	if unlearned[o.Resource.Type] {
		return
	}
	for i := range l.out {
		if was := &l.out[i]; was.Resource.URN == o.Resource.URN && was.Gone == o.Gone && len(was.Relations)+len(was.Cut)+len(o.Relations)+len(o.Cut) == 0 {
			if was.Resource.Attrs == nil {
				*was = o
			}
			return
		}
	}
	if len(l.out) < maxObservations {
		l.out = append(l.out, o)
	}
}

// unlearned are the types that are data, not infrastructure: one for every upload
// or run would drown the model.
var unlearned = map[string]bool{"s3:object": true, "logs:log-stream": true, "states:execution": true, "route53:change": true}

// hasType reports whether the answer itself named a thing of a type: what it says
// is better than what can be made of the call.
func (l *lesson) hasType(kind string) bool {
	return slices.ContainsFunc(l.out, func(o model.Observation) bool { return o.Resource.Type == kind })
}

// entry looks at one structure of an answer, found under a name whose noun is n.
// A structure that is a resource is taken whole; inside any other, the search
// goes on. owner is the account that an outer structure names.
//
// Only what AWS itself has a shape for is looked at. The keys of a map (tags, an
// environment) and free JSON are a customer's own words: whoever may write those
// on one resource would write what is known of another.
func (l *lesson) entry(n string, e map[string]any, s *table.Shape, depth int, owner string) {
	if depth > 8 || len(l.out) >= maxObservations || s == nil {
		return
	}
	if s.Kind == table.Map {
		for _, key := range slices.Sorted(maps.Keys(e)) {
			if item, ok := e[key].(map[string]any); ok {
				l.entry(n, item, s.Value.Shape, depth+1, owner)
			}
		}
		return
	}
	if s.Kind != table.Structure {
		return
	}
	if id, ok := e["OwnerId"].(string); ok {
		owner = id
	}
	if urn, kind, ok := l.identity(n, e, owner); ok {
		attrs, err := json.Marshal(e)
		if err != nil {
			return
		}
		l.add(model.Observation{Resource: l.resource(urn, kind, e, attrs), Whole: l.whole && depth > 0})
		return
	}
	if urn, ok := tagged(e); ok {
		l.add(model.Observation{Resource: l.resource(urn, typeOfARN(urn, l.op.Service), e, nil)})
		return
	}
	for i := range s.Members {
		m := &s.Members[i]
		name := core(singular(m.Name))
		switch ends := stem(m.Name); {
		case name == "item" || name == "": // the things themselves
			name = n
		case name != ends && len(l.types(name)) == 0 && len(l.types(ends)) > 0: // DomainNames
			name = ends
		}
		switch v := e[m.Name].(type) {
		case map[string]any:
			l.entry(name, v, m.Shape, depth+1, owner)
		case []any:
			if m.Shape.Kind != table.List {
				continue
			}
			for _, item := range v {
				switch item := item.(type) {
				case map[string]any:
					l.entry(name, item, m.Shape.Elem.Shape, depth+1, owner)
				case string:
					l.named(stem(m.Name), item)
				}
			}
		}
	}
}

// named learns a resource of which an answer gives only the name: TableNames,
// QueueUrls.
func (l *lesson) named(n, value string) {
	if !strings.HasPrefix(l.op.Name, "List") {
		return
	}
	if _, isARN := parseARN(value); isARN {
		if kind := typeOfARN(value, l.op.Service); isNoun(kind, n) {
			urn := canonical(kind, value)
			l.add(model.Observation{Resource: l.resource(urn, kind, nil, nil)})
		}
		return
	}
	for _, r := range l.types(n) {
		if urn, ok := l.fill(r, map[string]any{"Name": lastSegment(value)}, n, ""); ok {
			l.add(model.Observation{Resource: l.resource(urn, r.Name, map[string]any{"Name": lastSegment(value)}, nil)})
			return
		}
	}
}

// types are the service's resource types that a noun means.
func (l *lesson) types(n string) []table.ResourceType { return kindsIn(l.op.Service).types(n) }

// lastVariable is the last of variables.
func lastVariable(template string) string {
	for {
		i := strings.LastIndex(template, "${")
		if i < 0 {
			return ""
		}
		name, _, _ := strings.Cut(template[i+2:], "}")
		if name != "Partition" && name != "Region" && name != "Account" {
			return name
		}
		template = template[:i]
	}
}

// identity finds the structure's own ARN: written in it, or filled from a
// template with the ids in it.
func (l *lesson) identity(n string, e map[string]any, owner string) (urn, kind string, ok bool) {
	_, subject := cutWord(l.op.Name)
	about := singular(subject)
	// A member that is named for the thing says more than one that is named for
	// what the thing is part of: LayerVersionArn, LayerArn.
	for _, near := range []bool{true, false} {
		for _, key := range slices.Sorted(maps.Keys(e)) {
			value, isString := e[key].(string)
			if !isString {
				continue
			}
			if _, isARN := parseARN(value); !isARN {
				continue
			}
			kind, name, lower := typeOfARN(value, l.op.Service), stem(key), strings.ToLower(key)
			own := lower == "arn" || name == n
			if !near {
				own = isNoun(kind, name) && (strings.HasPrefix(n, name) || strings.HasSuffix(n, name) || name == about)
			}
			if own && slices.ContainsFunc(ownTypes(l.op.Service), func(r table.ResourceType) bool { return r.Name == kind }) {
				return canonical(kind, value), kind, true
			}
		}
	}
	for _, r := range l.types(n) {
		if urn, ok := l.fill(r, e, n, owner); ok {
			return urn, r.Name, true
		}
	}
	return "", "", false
}

// tagged recognises a structure that says nothing but which tags a resource has.
func tagged(e map[string]any) (urn string, ok bool) {
	if tags(e) == nil {
		return "", false
	}
	for _, key := range slices.Sorted(maps.Keys(e)) {
		if lower := strings.ToLower(key); lower == "resourcearn" || lower == "resourceid" {
			value, _ := e[key].(string)
			if _, isARN := parseARN(value); isARN {
				return value, true
			}
		}
	}
	return "", false
}

// fill fills a type's template from a structure; every variable needs a value.
func (l *lesson) fill(r table.ResourceType, e map[string]any, n, owner string) (string, bool) {
	at := l.at
	if owner != "" {
		at.account = owner
	}
	values := map[string]string{}
	prefix, name := splitType(r.Name)
	for _, v := range variables(r.ARN) {
		level := 0
		for _, key := range slices.Sorted(maps.Keys(e)) {
			value, ok := e[key].(string)
			if !ok || value == "" {
				continue
			}
			got, lower := 0, strings.ToLower(key)
			switch {
			case prefix == "ec2" && !strings.HasSuffix(v, "Name"):
				if kind, ok := ec2Type(value); ok && kind == name {
					got = 9
				}
			case strings.EqualFold(key, v):
				got = 9
			case stem(key) == stem(v):
				got = 8
			case stem(key) == n && v == lastVariable(r.ARN):
				got = 7
			case (lower == "name" || lower == "id") && v == lastVariable(r.ARN):
				got = 5
			case strings.HasSuffix(lower, "name") && len(stem(key)) > 3 && strings.HasSuffix(stem(v), stem(key)) && v == lastVariable(r.ARN):
				got = 4 // the CatalogName of a data catalog
			}
			if got > level {
				if strings.HasSuffix(lower, "url") {
					value = at.ofURL(r.ARN, value)
				}
				values[v], level = value, got
			}
		}
		if level == 0 {
			return "", false
		}
	}
	if len(values) == 0 {
		return "", false
	}
	return at.fill(r.ARN, values), true
}

// resource describes one thing: name and tags by the customs of AWS.
func (l *lesson) resource(urn, kind string, e map[string]any, attrs json.RawMessage) model.Resource {
	r := model.Resource{URN: model.URN(urn), Platform: Name, Type: kind, Account: l.at.account, Region: l.at.region, Attrs: attrs, Source: l.source, Tags: tags(e)}
	if parts, ok := parseARN(urn); ok {
		if parts[4] != "" && parts[4] != "*" {
			r.Account = parts[4]
		}
		if parts[3] != "" && parts[3] != "*" {
			r.Region = parts[3]
		}
	}
	r.Name = r.Tags["Name"]
	for _, key := range slices.Sorted(maps.Keys(e)) {
		value, ok := e[key].(string)
		if !ok {
			continue
		}
		lower := strings.ToLower(key)
		if r.Name == "" && (lower == "name" || lower == noun(kind) || strings.HasSuffix(lower, "name") && stem(key) == noun(kind)) {
			r.Name = value
		}
		if id, isID := ec2Type(value); isID && "ec2:"+id == kind || lower == "dnsname" || lower == "queueurl" {
			r.Aliases = append(r.Aliases, value)
		}
	}
	if short, ok := shortened(kind, urn); ok {
		r.Aliases = append(r.Aliases, short)
	}
	return r
}

// tags reads all the ways in which AWS writes tags. Nil: none are spoken of.
func tags(e map[string]any) map[string]string {
	var out map[string]string
	for _, key := range slices.Sorted(maps.Keys(e)) {
		switch strings.ToLower(key) {
		case "tags", "tagset", "taglist", "tagslist", "resourcetags":
		default:
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		switch v := e[key].(type) {
		case map[string]any:
			for k, value := range v {
				if s, ok := value.(string); ok {
					out[k] = s
				}
			}
		case []any:
			for _, item := range v {
				m, _ := item.(map[string]any)
				if k, ok := either(m, "Key", "key", "TagKey"); ok {
					out[k], _ = either(m, "Value", "value", "TagValue")
				}
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// either is the first of some members that is a text.
func either(m map[string]any, keys ...string) (string, bool) {
	for _, key := range keys {
		if s, ok := m[key].(string); ok {
			return s, true
		}
	}
	return "", false
}
