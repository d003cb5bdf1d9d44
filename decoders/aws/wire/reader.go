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

// keep puts a value that the model does not know under its raw name. A raw name
// that covers a parameter under the model's name is one that two parsers could
// take for the other.
func (r *reader) keep(into map[string]any, name string, v any, p *path) {
	if r.tolerant {
		return
	}
	at := p.child(name)
	r.note(at)
	if _, taken := into[name]; taken {
		r.contradict("%s is a parameter and the name of another", at)
		return
	}
	into[name] = v
}

// memberNames tells which names a structure has. A few questions are answered by
// a scan, many by a set: neither the model nor the caller can make it quadratic.
func memberNames(s *table.Shape, questions int, name func(*table.Member) string) func(string) bool {
	if questions <= 8 {
		return func(want string) bool {
			for i := range s.Members {
				if name(&s.Members[i]) == want {
					return true
				}
			}
			return false
		}
	}
	set := make(map[string]bool, len(s.Members))
	for i := range s.Members {
		set[name(&s.Members[i])] = true
	}
	return func(want string) bool { return set[want] }
}

// wireName is the name of a body member on the wire.
func wireName(m *table.Member) string {
	if m.Location != table.InBody {
		return ""
	}
	return m.WireName
}

// modelName is the name of a member in Params.
func modelName(m *table.Member) string { return m.Name }

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
	if m.TimestampFormat != table.ProtocolTime {
		return m.TimestampFormat.String()
	}
	if m.Shape.TimestampFormat != table.ProtocolTime {
		return m.Shape.TimestampFormat.String()
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
