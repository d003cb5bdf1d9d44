package aws

import (
	"strings"
	"sync"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// kinds are the resource types of a service, as every call asks for them.
type kinds struct {
	own   []table.ResourceType // one for each form of their ARNs
	forms [][]string           // of each, the six parts of its ARN; nil where it has others
	named map[string][]table.ResourceType
	ended map[string][]table.ResourceType // by the name of what ends their ARNs
}

// kindsOf has the kinds of the services that were asked for: there is one table, and
// what it says does not change.
var kindsOf sync.Map // *table.Service → *kinds

func kindsIn(s *table.Service) *kinds {
	if k, ok := kindsOf.Load(s); ok {
		return k.(*kinds)
	}
	k := &kinds{own: own(s, s.ResourceTypes), named: map[string][]table.ResourceType{}, ended: map[string][]table.ResourceType{}}
	for _, r := range k.own {
		form := strings.SplitN(r.ARN, ":", 6)
		if len(form) != 6 {
			form = nil
		}
		k.forms = append(k.forms, form)
		for _, n := range nounsOf(r.Name) {
			k.named[n] = append(k.named[n], r)
		}
		if last := lastVariable(r.ARN); strings.HasSuffix(r.ARN, "}") && last != "" {
			k.ended[stem(last)] = append(k.ended[stem(last)], r)
		}
	}
	was, _ := kindsOf.LoadOrStore(s, k)
	return was.(*kinds)
}

// ownTypes are the resource types of a service, one for each form of their ARNs. The
// list is everybody's: it must not be changed.
func ownTypes(s *table.Service) []table.ResourceType { return kindsIn(s).own }

// types are the resource types that a noun means: by their names, else by the name of
// what ends their ARNs.
func (k *kinds) types(n string) []table.ResourceType {
	if named := k.named[n]; len(named) > 0 {
		return named
	}
	return k.ended[n]
}
