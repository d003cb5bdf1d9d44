package aws

import (
	"maps"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/sql"
	"github.com/assent-iom/assent/model"
)

// state takes the verb of a call that carries SQL from its text. It returns the
// parameters with the table that the text names, for finding targets; the
// parameters themselves stay as they are.
func (d *Decoder) state(a *model.Action, params map[string]any) map[string]any {
	st := d.nested.statements[a.Name()]
	if st == nil {
		return params
	}
	text, _ := member(params, st.Member)
	words, isText := text.(string)
	if !isText {
		return params // the operation's own verb is a change
	}
	said := sql.Read(words, st.Functions)
	a.Verb = said.Verb
	if st.Table == "" || said.Table == "" || strings.HasPrefix(said.Table, "arn:") {
		return params
	}
	with := maps.Clone(params)
	with[st.Table] = said.Table
	return with
}
