package config

import (
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/ledger/tlog"
)

// Witness is asked to cosign the ledger's checkpoints (https://c2sp.org/tlog-witness).
type Witness struct {
	URL string `json:"url"` // its submission prefix
	Key string `json:"key"` // its vkey, of type 0x04
}

// maxWitnesses bounds who is asked at each publication: they are asked one by one.
const maxWitnesses = 8

// witnesses reads URL: VKEY.
func (r reader) witnesses(n *yaml.Node) (out []Witness, err error) {
	err = r.fields(n, nil, func(at string, name, value *yaml.Node) error {
		u, bad := url.Parse(at)
		if bad != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" {
			return r.bad(name, "%q is no address of a witness; expected such as https://witness.example", at)
		}
		key, err := r.text(value)
		if err != nil {
			return err
		}
		if _, bad := tlog.NewWitness(key); bad != nil {
			return r.bad(value, "%v; the witness prints it: assent ledger witness --vkey", bad)
		}
		out = append(out, Witness{strings.TrimSuffix(at, "/"), key})
		return nil
	})
	if err == nil && len(out) > maxWitnesses {
		err = r.bad(n, "more than %d witnesses", maxWitnesses)
	}
	slices.SortFunc(out, func(a, b Witness) int { return strings.Compare(a.URL, b.URL) })
	return out, err
}
