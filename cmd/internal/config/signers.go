package config

import (
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/policy/signing"
)

// signers reads {keys: [LINE…], count: N}: who has to sign the declared documents.
func (r reader) signers(n *yaml.Node) (rule signing.Rule, err error) {
	err = r.fields(n, []string{"keys", "count"}, func(key string, _, value *yaml.Node) error {
		if key == "keys" {
			if value.Kind != yaml.SequenceNode || len(value.Content) == 0 || len(value.Content) > maxEntries {
				return r.bad(value, "expected a list of SSH public keys, as lines of .pub files: - ssh-ed25519 AAAA… dana")
			}
			for _, item := range value.Content {
				line, err := r.text(item)
				if err != nil {
					return err
				}
				rule.Keys = append(rule.Keys, line)
			}
			return nil
		}
		text, err := r.text(value)
		if err != nil {
			return err
		}
		if rule.Count, err = strconv.Atoi(text); err != nil || rule.Count < 1 {
			return r.bad(value, "%q is not how many have to sign; expected such as 2", text)
		}
		return nil
	})
	if err == nil && len(rule.Keys) == 0 {
		err = r.bad(n, "no keys are listed; expected {keys: [ssh-ed25519 AAAA… dana], count: 1}")
	}
	if err == nil {
		if bad := rule.Check(); bad != nil {
			err = r.bad(n, "%v", bad)
		}
	}
	return rule, err
}
