package table

import "errors"

// A service block is: strings, shapes, resource types, operations. Shapes refer
// to each other by number, so they may be recursive; 0 is "none".

func encodeService(s *Service) []byte {
	w := newWriter()
	shapes, ids := reachable(s)
	w.uint(len(shapes))
	for _, sh := range shapes {
		encodeShape(w, sh, ids)
	}
	types := map[string]int{}
	w.uint(len(s.ResourceTypes))
	for i, r := range s.ResourceTypes {
		types[r.Name] = i
		w.str(r.Name)
		w.str(r.ARN)
	}
	w.uint(len(s.Operations))
	for _, op := range s.Operations {
		w.str(op.Name)
		w.str(op.Method)
		w.str(op.URI)
		w.str(op.HostPrefix)
		w.uint(ids[op.Input])
		w.uint(ids[op.Output])
		w.str(op.InputRoot)
		w.str(op.OutputWrap)
		w.byte(byte(op.Access))
		w.byte(byte(op.AWSAccess))
		w.uint(packFlags(op.Readonly, op.Deprecated, op.NoAuth, op.Retired, len(op.Older) > 0))
		if len(op.Older) > 0 {
			encodeBindings(w, op.Older)
		}
		w.list(op.IAMActions)
		w.uint(len(op.Resources))
		for _, r := range op.Resources {
			w.uint(types[r.Name])
			w.uint(packFlags(r.Required))
		}
	}
	return w.bytes()
}

func encodeBindings(w *writer, l []Binding) {
	w.uint(len(l))
	for _, b := range l {
		w.str(b.Version)
		w.str(b.Method)
		w.str(b.URI)
	}
}

func decodeBindings(c *cursor) []Binding {
	l := make([]Binding, c.count())
	for i := range l {
		l[i] = Binding{Version: c.str(), Method: c.str(), URI: c.str()}
	}
	return l
}

// reachable numbers the shapes of a service from 1, in the order of first use.
func reachable(s *Service) ([]*Shape, map[*Shape]int) {
	ids := map[*Shape]int{nil: 0}
	var order []*Shape
	var walk func(*Shape)
	walk = func(sh *Shape) {
		if _, ok := ids[sh]; ok {
			return
		}
		ids[sh] = len(order) + 1
		order = append(order, sh)
		for i := range sh.Members {
			walk(sh.Members[i].Shape)
		}
		for _, m := range []*Member{sh.Elem, sh.Key, sh.Value} {
			if m != nil {
				walk(m.Shape)
			}
		}
	}
	for _, op := range s.Operations {
		walk(op.Input)
		walk(op.Output)
	}
	return order, ids
}

func encodeShape(w *writer, s *Shape, ids map[*Shape]int) {
	w.str(s.Name)
	w.byte(byte(s.Kind))
	w.uint(packFlags(s.Sensitive, s.Union, s.Flattened, s.EventStream, s.Streaming, s.Wrapper))
	w.str(s.TimestampFormat.String())
	switch s.Kind {
	case Structure:
		w.uint(len(s.Members))
		for i := range s.Members {
			encodeMember(w, &s.Members[i], ids)
		}
	case List:
		encodeMember(w, s.Elem, ids)
	case Map:
		encodeMember(w, s.Key, ids)
		encodeMember(w, s.Value, ids)
	}
}

func encodeMember(w *writer, m *Member, ids map[*Shape]int) {
	w.str(m.Name)
	w.uint(packFlags(m.WireName == m.Name, m.Required, m.Payload, m.Streaming, m.Flattened, m.XMLAttribute,
		m.JSONValue, m.HostLabel, m.Idempotency, m.QueryName != "", m.TimestampFormat != ProtocolTime))
	if m.WireName != m.Name {
		w.str(m.WireName)
	}
	if m.QueryName != "" {
		w.str(m.QueryName)
	}
	if m.TimestampFormat != ProtocolTime {
		w.str(m.TimestampFormat.String())
	}
	w.byte(byte(m.Location))
	w.uint(ids[m.Shape])
}

// decodeService fills a service from its block.
func decodeService(data []byte, s *Service) error {
	c := &cursor{data: data}
	c.strings()
	shapes := make([]Shape, c.count())
	d := shapeReader{c, shapes}
	for i := range shapes {
		d.shape(&shapes[i])
	}
	if n := c.count(); n > 0 {
		s.ResourceTypes = make([]ResourceType, n)
		for i := range s.ResourceTypes {
			s.ResourceTypes[i] = ResourceType{Name: c.str(), ARN: c.str()}
		}
	}
	ops := make([]Operation, c.count())
	s.Operations = make([]*Operation, len(ops))
	for i := range ops {
		op := &ops[i]
		s.Operations[i] = op
		op.Service = s
		op.Name, op.Method, op.URI, op.HostPrefix = c.str(), c.str(), c.str(), c.str()
		op.Input, op.Output = d.ref(), d.ref()
		op.InputRoot, op.OutputWrap = c.str(), c.str()
		op.Access, op.AWSAccess = Access(c.byte()), Access(c.byte())
		older := false
		unpackFlags(c.uint(), &op.Readonly, &op.Deprecated, &op.NoAuth, &op.Retired, &older)
		if older {
			op.Older = decodeBindings(c)
		}
		op.IAMActions = c.list()
		for n := c.count(); n > 0; n-- {
			t, required := c.uint(), c.uint() == 1
			if t >= len(s.ResourceTypes) {
				return errShort
			}
			r := s.ResourceTypes[t]
			r.Required = required
			op.Resources = append(op.Resources, r)
		}
	}
	return c.err
}

type shapeReader struct {
	*cursor
	shapes []Shape
}

func (d shapeReader) ref() *Shape {
	i := d.uint()
	if i == 0 {
		return nil
	}
	if i > len(d.shapes) {
		d.err = errShort
		return nil
	}
	return &d.shapes[i-1]
}

func (d shapeReader) timeFormat() TimeFormat {
	f, ok := TimeFormatOf(d.str())
	if !ok && d.err == nil {
		d.err = errors.New("a timestamp format that nobody knows")
	}
	return f
}

func (d shapeReader) shape(s *Shape) {
	s.Name, s.Kind = d.str(), Kind(d.byte())
	unpackFlags(d.uint(), &s.Sensitive, &s.Union, &s.Flattened, &s.EventStream, &s.Streaming, &s.Wrapper)
	s.TimestampFormat = d.timeFormat()
	switch s.Kind {
	case Structure:
		if n := d.count(); n > 0 {
			s.Members = make([]Member, n)
			for i := range s.Members {
				d.member(&s.Members[i])
			}
		}
	case List:
		s.Elem = new(Member)
		d.member(s.Elem)
	case Map:
		s.Key, s.Value = new(Member), new(Member)
		d.member(s.Key)
		d.member(s.Value)
	}
}

func (d shapeReader) member(m *Member) {
	m.Name = d.str()
	var same, query, stamp bool
	unpackFlags(d.uint(), &same, &m.Required, &m.Payload, &m.Streaming, &m.Flattened, &m.XMLAttribute,
		&m.JSONValue, &m.HostLabel, &m.Idempotency, &query, &stamp)
	m.WireName = m.Name
	if !same {
		m.WireName = d.str()
	}
	if query {
		m.QueryName = d.str()
	}
	if stamp {
		m.TimestampFormat = d.timeFormat()
	}
	m.Location = Location(d.byte())
	if m.Shape = d.ref(); m.Shape == nil { // every member has a shape
		d.err = errShort
	}
}
