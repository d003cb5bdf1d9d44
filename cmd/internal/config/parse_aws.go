package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (r reader) collectAccounts(n *yaml.Node) (out []CollectAccount, err error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxEntries {
		return nil, r.bad(n, "expected a list of at most %d accounts: - {role: ARN, regions: [all]}, or - {} for the credentials that AWS tools find", maxEntries)
	}
	for _, item := range n.Content {
		var c CollectAccount
		err := r.fields(item, []string{"profile", "role", "external_id", "regions", "events"}, func(key string, _, value *yaml.Node) (err error) {
			switch key {
			case "profile":
				c.Profile, err = r.text(value)
			case "role":
				if c.Role, err = r.text(value); err == nil && !isRole(c.Role) {
					err = r.bad(value, "%q is no role; expected arn:aws:iam::ACCOUNT:role/NAME", c.Role)
				}
			case "external_id":
				c.ExternalID, err = r.text(value)
			case "events":
				if c.Events, err = r.text(value); err == nil && !isQueue(c.Events) {
					err = r.bad(value, "%q is no queue; expected arn:aws:sqs:REGION:ACCOUNT:NAME", c.Events)
				}
			case "regions":
				c.Regions, err = r.names(value)
			}
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case c.ExternalID != "" && c.Role == "":
			return nil, r.bad(item, "an external_id without a role: it is what a role's trust asks for")
		case slices.ContainsFunc(out, func(o CollectAccount) bool { return o.Role == c.Role && o.Profile == c.Profile }):
			return nil, r.bad(item, "the same account is given twice")
		}
		out = append(out, c)
	}
	return out, nil
}

func isRole(text string) bool {
	parts := strings.SplitN(text, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == "iam" && len(parts[4]) == 12 && strings.HasPrefix(parts[5], "role/")
}

func isQueue(text string) bool {
	parts := strings.Split(text, ":")
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == "sqs" && parts[3] != "" && len(parts[4]) == 12 && parts[5] != "" && !strings.ContainsAny(text, "*/? ")
}
