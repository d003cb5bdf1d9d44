package postgres

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/assent-iom/assent/model"
)

// event is an observation as the log holds it. JSON does not tell "no tags" from
// "nothing said of tags", and a model does.
type event struct {
	model.Observation
	NoTags    bool `json:"no_tags,omitempty"`
	NoAliases bool `json:"no_aliases,omitempty"`
}

// encode writes an observation as a text that PostgreSQL takes, whatever was
// observed: attributes that are no JSON become a string, what is no UTF-8 is marked.
func encode(o model.Observation) (string, error) {
	r := &o.Resource
	if len(r.Attrs) > 0 && !json.Valid(r.Attrs) {
		quoted, err := json.Marshal(string(r.Attrs))
		if err != nil {
			return "", err
		}
		r.Attrs = quoted
	}
	e := event{Observation: o, NoTags: r.Tags != nil && len(r.Tags) == 0, NoAliases: r.Aliases != nil && len(r.Aliases) == 0}
	text, err := json.Marshal(e)
	return strings.ToValidUTF8(string(text), "\uFFFD"), err
}

// decode reads what encode wrote.
func decode(text string) (model.Observation, error) {
	var e event
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return model.Observation{}, fmt.Errorf("reading an event of the model's log: %w", err)
	}
	if e.NoTags {
		e.Resource.Tags = map[string]string{}
	}
	if e.NoAliases {
		e.Resource.Aliases = []string{}
	}
	return e.Observation, nil
}
