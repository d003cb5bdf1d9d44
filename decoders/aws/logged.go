package aws

import (
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// Logged says what an event of CloudTrail does, by the same table as calls: its
// source is a host without a region (monitoring.amazonaws.com), its name the
// operation's, at times with a version after it (CreateFunction20150331v2). Where
// several services answer to the source, the gravest counts; what no table knows
// is unknown, under the names that the log has.
func (l *Live) Logged(source, event string) (service, operation string, verb model.Verb) {
	t := l.Table()
	label, _, _ := strings.Cut(source, ".amazonaws.com")
	service, operation, verb = label, event, model.Unknown
	infos := append(append([]*table.Info(nil), t.BySigningName(label)...), t.ByHost(label)...)
	if i, ok := t.Info(label); ok {
		infos = append(infos, i)
	}
	found := false
	for _, name := range []string{event, unversioned(event)} {
		for _, i := range infos {
			s, err := i.Load()
			if err != nil {
				continue
			}
			op, ok := s.Operation(name)
			if !ok {
				continue
			}
			if v := verbOf(op); !found || v.Mutates() && !verb.Mutates() {
				service, operation, verb, found = s.Name, name, v, true
			}
		}
		if found {
			return service, operation, verb
		}
	}
	return service, operation, verb
}

// unversioned cuts the version off an event's name: CreateDistribution2020_05_31,
// CreateFunction20150331v2.
func unversioned(event string) string {
	i := len(event)
	for i > 0 && strings.IndexByte("0123456789_v", event[i-1]) >= 0 {
		i--
	}
	if tail := event[i:]; i > 0 && strings.HasPrefix(tail, "20") && len(tail) >= len("20150331") {
		return event[:i]
	}
	return event
}
