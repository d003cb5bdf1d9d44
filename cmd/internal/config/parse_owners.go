package config

import (
	"go.yaml.in/yaml/v3"
)

// owners reads where it is written whose things are.
func (r reader) owners(n *yaml.Node) (out Owners, err error) {
	err = r.fields(n, []string{"codeowners", "states"}, func(key string, _, value *yaml.Node) (err error) {
		if value.Kind != yaml.SequenceNode || len(value.Content) > maxEntries {
			return r.bad(value, "expected a list of at most %d %s", maxEntries, key)
		}
		for _, item := range value.Content {
			if key == "codeowners" {
				var c Codeowners
				c, err = r.codeowners(item)
				out.Codeowners = append(out.Codeowners, c)
			} else {
				var s OwnedState
				s, err = r.ownedState(item)
				out.States = append(out.States, s)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (r reader) codeowners(n *yaml.Node) (c Codeowners, err error) {
	c.Syntax = "github"
	err = r.fields(n, []string{"file", "syntax", "repository"}, func(key string, _, value *yaml.Node) (err error) {
		switch key {
		case "file":
			c.File, err = r.path(value)
		case "syntax":
			c.Syntax, err = r.choice(value, "github", "gitlab")
		case "repository":
			c.Repository, err = r.text(value)
		}
		return err
	})
	if err == nil && c.File == "" {
		err = r.bad(n, "it needs a file: - {file: ../infra/CODEOWNERS, syntax: github}")
	}
	return c, err
}

func (r reader) ownedState(n *yaml.Node) (s OwnedState, err error) {
	err = r.fields(n, []string{"lineage", "name", "path", "owner"}, func(key string, _, value *yaml.Node) (err error) {
		to := map[string]*string{"lineage": &s.Lineage, "name": &s.Name, "path": &s.Path, "owner": &s.Owner}[key]
		*to, err = r.text(value)
		return err
	})
	if err == nil && (s.Lineage == "" || s.Path == "" && s.Owner == "") {
		err = r.bad(n, "it needs a lineage (terraform state pull | jq -r .lineage), and a path, an owner, or both")
	}
	return s, err
}
