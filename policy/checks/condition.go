package checks

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/vocab"
)

// truth is what is known of a condition.
type truth uint8

// The truths. The zero value is the one that never helps.
const (
	unknown truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// said returns what an action says of a property, defaults of the service
// included. What it leaves as it is, and what is not its matter, is not there.
func said(l *leaf, name string) []model.Property { return propsOf(l.Props, name) }

func propsOf(props []model.Property, name string) []model.Property {
	var all []model.Property
	for i, p := range props {
		switch {
		case p.Name != name:
		case all == nil: // most say a thing once
			all = props[i : i+1 : i+1]
		default:
			all = append(all, p)
		}
	}
	return all
}

// meets tells whether what an action says of a property is as a condition wants
// it. Where it says several things, all of them have to be.
func meets(c intent.Condition, all []model.Property) truth {
	return every(all, func(p model.Property) truth { return one(c, p) })
}

// violates tells whether something that an action says of a property is as a
// condition describes it.
func violates(c intent.Condition, all []model.Property) truth {
	return atLeastOne(all, func(p model.Property) truth { return one(c, p) })
}

// every is yes if all are, and no as soon as one is.
func every[T any](all []T, is func(T) truth) truth { return fold(all, no, yes, is) }

// atLeastOne is yes as soon as one is, and no if none may be.
func atLeastOne[T any](all []T, is func(T) truth) truth { return fold(all, yes, no, is) }

// fold returns decides as soon as one has that truth; else unknown if one is; else
// otherwise.
func fold[T any](all []T, decides, otherwise truth, is func(T) truth) truth {
	result := otherwise
	for _, v := range all {
		switch is(v) {
		case decides:
			return decides
		case unknown:
			result = unknown
		}
	}
	return result
}

// one holds one value against a condition.
func one(c intent.Condition, p model.Property) truth {
	if c.Known {
		return truthOf(p.Known)
	}
	if !p.Known {
		return unknown
	}
	if list, ok := p.Value.([]any); ok {
		return ofList(c, list)
	}
	switch {
	case c.Is != nil:
		return is(c.Is, p.Value)
	case c.Min != "" || c.Max != "":
		return between(c, p.Value)
	case len(c.In) > 0:
		return truthOf(some(c.In, text(p.Value), intent.Match))
	case c.Any:
		return truthOf(text(p.Value) != "")
	case len(c.Has) > 0: // a set that a decoder writes as its one value
		return truthOf(some(c.Has, text(p.Value), intent.Match))
	}
	return unknown
}

// ofList holds a set, or the rules of a firewall, against a condition.
func ofList(c intent.Condition, list []any) truth {
	switch {
	case c.Any:
		return truthOf(len(list) > 0)
	case len(c.In) > 0:
		return truthOf(!slices.ContainsFunc(list, func(v any) bool { return !some(c.In, text(v), intent.Match) }))
	case len(c.Has) > 0:
		return truthOf(slices.ContainsFunc(list, func(v any) bool { return some(c.Has, text(v), intent.Match) }))
	case c.From != "" || len(c.Ports) > 0:
		return atLeastOne(list, func(rule any) truth { return lets(c, rule) })
	case c.Is != nil:
		return every(list, func(v any) truth { return is(c.Is, v) })
	}
	return unknown
}

func is(want, got any) truth {
	switch want := want.(type) {
	case bool:
		b, ok := got.(bool)
		if !ok {
			return unknown
		}
		return truthOf(b == want)
	case int64:
		n, err := strconv.ParseInt(text(got), 10, 64)
		if err != nil {
			return unknown
		}
		return truthOf(n == want)
	case string:
		return truthOf(intent.Match(want, text(got)))
	}
	return unknown
}

// between holds a number, or a word of an ordered enum, against its bounds.
func between(c intent.Condition, got any) truth {
	p, _ := vocab.Find(c.Property)
	value, ok := rank(p, text(got))
	if !ok {
		return unknown
	}
	for _, bound := range []struct {
		word string
		sign float64
	}{{c.Min, 1}, {c.Max, -1}} {
		if bound.word == "" {
			continue
		}
		if limit, ok := rank(p, bound.word); !ok {
			return unknown
		} else if bound.sign*value < bound.sign*limit {
			return no
		}
	}
	return yes
}

// rank places a number, or a word of an ordered enum.
func rank(p vocab.Property, word string) (float64, bool) {
	if p.Ordered {
		i := p.Rank(word)
		return float64(i), i >= 0
	}
	n, err := strconv.ParseFloat(word, 64)
	return n, err == nil
}

// traffic is one rule of a firewall.
type traffic struct {
	CIDR, Group, Peer, PrefixList, Proto string
	From, To                             *int
}

func ruleOf(rule any) (r traffic, ok bool) {
	data, err := json.Marshal(rule)
	return r, err == nil && json.Unmarshal(data, &r) == nil
}

// lets tells whether a rule of a firewall lets in somebody from there, on one of
// these ports.
func lets(c intent.Condition, rule any) truth {
	r, ok := ruleOf(rule)
	if !ok {
		return unknown
	}
	from := yes
	if c.From != "" {
		from = reaches(c.From, r.CIDR)
		if r.CIDR == "" && (r.Group != "" || r.Peer != "") { // a group, and pods, are of this network
			from = no
		}
	}
	ports := yes
	if len(c.Ports) > 0 && r.From != nil && r.To != nil {
		ports = truthOf(slices.ContainsFunc(c.Ports, func(port int) bool { return port >= *r.From && port <= *r.To }))
	}
	if from == no || ports == no {
		return no
	}
	return min(from, ports)
}

// private are the addresses that nobody on the internet has.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::1/128"),
}

// reaches tells whether a rule for a range of addresses is for some of those.
func reaches(from, cidr string) truth {
	got, err := netip.ParsePrefix(cidr)
	if err != nil {
		return unknown
	}
	if from == intent.Internet {
		return truthOf(!slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Bits() <= got.Bits() && p.Contains(got.Addr()) }))
	}
	want, err := netip.ParsePrefix(from)
	if err != nil {
		return unknown
	}
	return truthOf(want.Overlaps(got))
}

// text writes a value as a document would.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool, int, int64, json.Number:
		return fmt.Sprint(v)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}
