package mend

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/assent-iom/assent/model"
)

// Met tells whether all that an input says of a property is as it is wanted. What
// cannot be told is not; what is not said is left as it was.
func Met(w model.Want, props []model.Property) bool {
	for _, p := range props {
		if p.Name == w.Property && (!p.Known || !Value(w, p.Value)) {
			return false
		}
	}
	return true
}

// Value tells whether one value of a property is as it is wanted; of a set, all
// of it.
func Value(w model.Want, v any) bool {
	if list, ok := v.([]any); ok {
		if w.Empty {
			return len(list) == 0
		}
		return !slices.ContainsFunc(list, func(item any) bool { return !Item(w, item) })
	}
	return Item(w, v)
}

// Item tells whether one member of a set, or a value that is none, may be there.
func Item(w model.Want, v any) bool {
	switch {
	case w.Empty:
		return text(v) == ""
	case w.Is != nil:
		return text(v) == text(w.Is)
	case w.Least != nil || w.Most != nil:
		n, err := strconv.ParseFloat(text(v), 64)
		return err == nil && (w.Least == nil || n >= float64(*w.Least)) && (w.Most == nil || n <= float64(*w.Most))
	case len(w.Only) > 0:
		return fits(w.Only, v)
	case len(w.Without) > 0:
		return !fits(w.Without, v)
	case w.From != "" || len(w.Ports) > 0:
		return !Lets(w, v)
	}
	return false
}

func fits(patterns []string, v any) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return model.NewPattern(p).Fits(text(v)) })
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case map[string]any, []any:
		s, _ := encode(v)
		return s
	}
	return fmt.Sprint(v)
}

// Internet is everybody, as Want.From.
const Internet = "internet"

// Inside are the addresses that a rule for the internet is narrowed to: those of
// one's own networks.
var Inside = struct{ V4, V6 string }{"10.0.0.0/8", "fc00::/7"}

// Lets tells whether a rule of a firewall is, or may be, one that is not wanted.
func Lets(w model.Want, rule any) bool {
	var r struct {
		CIDR, Group, Peer string
		From, To          json.Number
	}
	data, err := json.Marshal(rule)
	if err != nil || json.Unmarshal(data, &r) != nil {
		return true
	}
	from, err1 := strconv.Atoi(r.From.String())
	to, err2 := strconv.Atoi(r.To.String())
	if len(w.Ports) > 0 && err1 == nil && err2 == nil && !slices.ContainsFunc(w.Ports, func(port int) bool { return port >= from && port <= to }) {
		return false
	}
	if w.From == "" {
		return true
	}
	if r.CIDR == "" {
		return r.Group == "" && r.Peer == ""
	}
	got, err := netip.ParsePrefix(r.CIDR)
	if err != nil {
		return true
	}
	if w.From != Internet {
		want, err := netip.ParsePrefix(w.From)
		return err != nil || want.Overlaps(got)
	}
	for _, own := range []string{Inside.V4, Inside.V6, "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"} {
		if p := netip.MustParsePrefix(own); p.Bits() <= got.Bits() && p.Contains(got.Addr()) {
			return false
		}
	}
	return true
}
