package rego

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// allowed are the builtins that rules may use: pure functions of their
// arguments that do not make much out of little. Not here, among others:
// http.send, net.lookup_ip_addr, opa.runtime, rand.intn, uuid.rfc4122, trace,
// rego.parse_module (they look outside, or differ from run to run), and
// numbers.range, net.cidr_expand, bits.lsh (they can fill the memory faster than
// a time-out fires). time.now_ns is the decision's own time.
func allowed() []string {
	return []string{
		"abs", "all", "and", "any", "array.concat", "array.reverse", "array.slice", "assign", "base64.decode", "base64.encode",
		"base64.is_valid", "base64url.decode", "ceil", "concat", "contains", "count", "crypto.sha256", "div", "endswith", "eq",
		"equal", "floor", "format_int", "glob.match", "glob.quote_meta", "gt", "gte", "hex.decode", "hex.encode", "indexof",
		"internal.member_2", "internal.member_3", "internal.template_string", "intersection", "is_array", "is_boolean", "is_null",
		"is_number", "is_object", "is_set", "is_string", "json.filter", "json.is_valid", "json.marshal", "json.remove",
		"json.unmarshal", "lower", "lt", "lte", "max", "min", "minus", "mul", "neq", "net.cidr_contains",
		"net.cidr_contains_matches", "net.cidr_intersects", "net.cidr_is_valid", "net.cidr_merge", "object.filter", "object.get",
		"object.keys", "object.remove", "object.subset", "object.union", "or", "plus", "product", "regex.is_valid", "regex.match",
		"regex.replace", "regex.split", "rem", "replace", "round", "semver.compare", "semver.is_valid", "sort", "split", "sprintf",
		"startswith", "strings.any_prefix_match", "strings.any_suffix_match", "strings.count", "strings.reverse", "substring", "sum",
		"time.add_date", "time.clock", "time.date", "time.diff", "time.now_ns", "time.parse_duration_ns", "time.parse_ns",
		"time.parse_rfc3339_ns", "time.weekday", "to_number", "trim", "trim_left", "trim_prefix", "trim_right", "trim_space",
		"trim_suffix", "type_name", "union", "units.parse", "units.parse_bytes", "upper", "urlquery.decode", "walk",
	}
}

// capabilities are this version of OPA's, cut down to the allowed builtins and
// to no network at all.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	may := allowed()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		_, found := slices.BinarySearch(may, b.Name)
		return !found
	})
	c.AllowNet = []string{}
	return c
}
