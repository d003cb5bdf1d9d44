package aws

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// roleMembers are how the names of members end that hand a role to a service:
// whoever may pass a role can do through the service what the role may.
var roleMembers = []string{"role", "rolearn", "roles", "rolearns", "instanceprofile", "instanceprofilearn"}

// notPassed are the services whose roles are what a call is about, or speaks of,
// and not what a service will act as.
var notPassed = []string{"iam", "sts", "kms", "sso-admin", "ram", "rolesanywhere", "securityhub"}

// passedRoles are the roles and instance profiles that a call hands to a service,
// sorted. (Those that go by a name alone are rows of properties.yaml.)
func passedRoles(service string, params map[string]any) []string {
	if slices.Contains(notPassed, service) {
		return nil
	}
	all, _ := fields(params)
	var out []string
	for _, f := range all {
		if !strings.Contains(f.value, ":iam:") || !slices.ContainsFunc(roleMembers, func(end string) bool { return strings.HasSuffix(f.lower, end) }) && f.lower != "arn" {
			continue
		}
		parts, ok := parseARN(f.value)
		if ok && parts[2] == "iam" && (strings.HasPrefix(parts[5], "role/") && f.lower != "arn" || strings.HasPrefix(parts[5], "instance-profile/")) && len(out) < maxTargets {
			out = append(out, f.value)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// runsAs says which roles a service will act as because of a call.
func runsAs(a *model.Action, params map[string]any) (model.Property, bool) {
	if !a.Verb.Mutates() || !slices.ContainsFunc(a.Targets, func(t model.Target) bool { return strings.HasPrefix(t.Type, "iam:") }) {
		return model.Property{}, false
	}
	roles := passedRoles(a.Service, params)
	if len(roles) == 0 {
		return model.Property{}, false
	}
	values := make([]any, len(roles))
	for i, r := range roles {
		values[i] = r
	}
	return model.Property{Name: "identity.runsAs", Value: values, Known: true, Source: fromCall}, true
}

// addProperty adds a property where its name has its place, unless a row has
// already said it.
func addProperty(all []model.Property, p model.Property) []model.Property {
	i, found := slices.BinarySearchFunc(all, p.Name, func(x model.Property, name string) int { return strings.Compare(x.Name, name) })
	if found {
		return all
	}
	return slices.Insert(all, i, p)
}
