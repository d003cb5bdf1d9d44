package compile

import (
	"fmt"
	"slices"

	"github.com/assent-iom/assent/decoders/aws/table"
)

var kinds = map[string]table.Kind{
	"structure": table.Structure, "list": table.List, "map": table.Map, "string": table.String,
	"character": table.String, "integer": table.Integer, "short": table.Integer, "byte": table.Integer,
	"long": table.Long, "float": table.Float, "double": table.Double, "bigdecimal": table.Double,
	"biginteger": table.Long, "boolean": table.Boolean, "timestamp": table.Timestamp, "blob": table.Blob,
}

var locations = map[string]table.Location{
	"": table.InBody, "uri": table.InURI, "querystring": table.InQuery, "header": table.InHeader,
	"headers": table.InHeaders, "statusCode": table.InStatusCode,
}

// shapeBuilder turns raw shapes into shared table shapes; recursion ends at the
// shape that is being built.
type shapeBuilder struct {
	raw  map[string]rawShape
	done map[string]*table.Shape
	err  error
}

func (b *shapeBuilder) shape(name string) *table.Shape {
	if s, ok := b.done[name]; ok {
		return s
	}
	raw, ok := b.raw[name]
	kind, known := kinds[raw.Type]
	if !ok || !known {
		b.err = fmt.Errorf("shape %s of type %q", name, raw.Type)
		return nil
	}
	s := &table.Shape{
		Name: name, Kind: kind, Sensitive: raw.Sensitive, Union: raw.Union, Flattened: raw.Flattened,
		TimestampFormat: b.timeFormat(name, raw.TimestampFormat), EventStream: raw.EventStream, Streaming: raw.Streaming, Wrapper: raw.Wrapper,
	}
	if raw.Document {
		s.Kind = table.Document
	}
	b.done[name] = s
	switch s.Kind {
	case table.Structure:
		for _, m := range sortedKeys(raw.Members) {
			member := b.member(m, raw.Members[m])
			member.Required = slices.Contains(raw.Required, m)
			member.Payload = raw.Payload == m
			s.Members = append(s.Members, *member)
		}
	case table.List:
		s.Elem = b.member("", *raw.Member)
	case table.Map:
		s.Key, s.Value = b.member("", *raw.Key), b.member("", *raw.Value)
	}
	return s
}

func (b *shapeBuilder) timeFormat(of, name string) table.TimeFormat {
	f, ok := table.TimeFormatOf(name)
	if !ok {
		b.err = fmt.Errorf("%s is a timestamp written as %q", of, name)
	}
	return f
}

func (b *shapeBuilder) member(name string, raw rawRef) *table.Member {
	location, ok := locations[raw.Location]
	if !ok {
		b.err = fmt.Errorf("member %s travels in %q", name, raw.Location)
	}
	m := &table.Member{
		Name: name, WireName: raw.LocationName, QueryName: raw.QueryName, Location: location, Shape: b.shape(raw.Shape),
		Streaming: raw.Streaming, Flattened: raw.Flattened, XMLAttribute: raw.XMLAttribute, JSONValue: raw.JSONValue,
		HostLabel: raw.HostLabel, Idempotency: raw.IdempotencyToken, TimestampFormat: b.timeFormat(name, raw.TimestampFormat),
	}
	if m.WireName == "" {
		m.WireName = name
	}
	if m.Shape != nil && m.Shape.Streaming {
		m.Streaming = true
	}
	return m
}
