package aws

import "strings"

// intrinsic reports whether an object is one of a template's own functions, whose
// value only CloudFormation will know: {"Ref": …}, {"Fn::Sub": …}.
func intrinsic(m map[string]any) (name string, ok bool) {
	if len(m) != 1 {
		return "", false
	}
	for k := range m {
		name = k
	}
	return name, name == "Ref" || strings.HasPrefix(name, "Fn::")
}
