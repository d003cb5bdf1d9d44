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
	at     scene
	source string
	whole  bool // entries show everything there is about a resource
	out    []model.Observation
}

func (l *lesson) add(o model.Observation) {
	if len(l.out) < maxObservations {
		l.out = append(l.out, o)
	}
}

func (l *lesson) has(urn model.URN) bool {
	return slices.ContainsFunc(l.out, func(o model.Observation) bool { return o.Resource.URN == urn })
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
	for i := range s.Members {
		m := &s.Members[i]
		name := singular(m.Name)
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
	for _, r := range l.types(n) {
		if urn, ok := l.fill(r, map[string]any{"Name": lastSegment(value)}, n, ""); ok {
			l.add(model.Observation{Resource: l.resource(urn, r.Name, map[string]any{"Name": lastSegment(value)}, nil)})
			return
		}
	}
}

// types are the service's resource types that a noun means.
func (l *lesson) types(n string) []table.ResourceType {
	var out []table.ResourceType
	for _, r := range l.op.Service.ResourceTypes {
		if noun(r.Name) == n || stem(lastVariable(r.ARN)) == n {
			out = append(out, r)
		}
	}
	return out
}

func lastVariable(template string) string {
	all := variables(template)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// identity finds the structure's own ARN: written in it, or filled from a
// template with the ids in it.
func (l *lesson) identity(n string, e map[string]any, owner string) (urn, kind string, ok bool) {
	for _, key := range slices.Sorted(maps.Keys(e)) {
		value, isString := e[key].(string)
		lower := strings.ToLower(key)
		if !isString || !strings.HasSuffix(lower, "arn") {
			continue
		}
		if _, isARN := parseARN(value); !isARN {
			continue
		}
		kind := typeOfARN(value, l.op.Service)
		own := lower == "arn" || stem(key) == n || noun(kind) == stem(key) && strings.HasPrefix(n, stem(key))
		if own && slices.ContainsFunc(l.op.Service.ResourceTypes, func(r table.ResourceType) bool { return r.Name == kind }) {
			return value, kind, true
		}
	}
	for _, r := range l.types(n) {
		if urn, ok := l.fill(r, e, n, owner); ok {
			return urn, r.Name, true
		}
	}
	return "", "", false
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
			}
			if got > level {
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
	return r
}

// tags reads the three ways in which AWS writes tags.
func tags(e map[string]any) map[string]string {
	out := map[string]string{}
	for _, key := range []string{"Tags", "tags", "TagSet", "TagList"} {
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
				k, ok := m["Key"].(string)
				if !ok {
					k, ok = m["key"].(string)
				}
				value, isString := m["Value"].(string)
				if !isString {
					value, _ = m["value"].(string)
				}
				if ok {
					out[k] = value
				}
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
