package wire

import (
	"fmt"
	"sort"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// reader carries what is found while one message is read.
type reader struct {
	unknown []string
	more    bool // something was left out that has no name: an event stream
	// tolerant: an answer, where elements that we do not know are left out.
	tolerant bool
	err      error // the first contradiction
}

// contradict records what two parsers could read in two ways.
func (r *reader) contradict(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// note names something that was not understood.
func (r *reader) note(p *path) {
	if len(r.unknown) < MaxUnknown {
		r.unknown = append(r.unknown, p.String())
	}
}

// keep puts a value that the model does not know under its raw name, without
// covering a value that the model does know.
func (r *reader) keep(into map[string]any, name string, v any, p *path) {
	if r.tolerant {
		return
	}
	r.note(p.child(name))
	for {
		if _, taken := into[name]; !taken {
			into[name] = v
			return
		}
		name += "?"
	}
}

func (r *reader) fidelity() model.Fidelity {
	if len(r.unknown) > 0 || r.more {
		return model.Partial
	}
	return model.Exact
}

func (r *reader) names() []string {
	sort.Strings(r.unknown)
	return r.unknown
}

// timestampFormat is the format of a member's timestamps, or the protocol's own.
func timestampFormat(m *table.Member, otherwise string) string {
	if m.TimestampFormat != "" {
		return m.TimestampFormat
	}
	if m.Shape.TimestampFormat != "" {
		return m.Shape.TimestampFormat
	}
	return otherwise
}

func flattened(m *table.Member) bool { return m.Flattened || m.Shape.Flattened }

func elemName(m *table.Member, otherwise string) string {
	if m == nil || m.WireName == "" {
		return otherwise
	}
	return m.WireName
}
