package config

import (
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger/remote"
)

// LedgerServer is where evidence is recorded instead of on this machine's disk.
type LedgerServer struct {
	URL       string `json:"url,omitempty"`
	Key       string `json:"key,omitempty"`        // the log's vkey
	TokenFile string `json:"token_file,omitempty"` // either this
	TokenEnv  string `json:"token_env,omitempty"`  // or the name of a variable that holds the token
	CAFile    string `json:"ca_file,omitempty"`    // of its certificate; empty: the system's roots
}

const serverExample = "{url: https://ledger.example:8431, key: NAME+HASH+KEY, token_file: PATH}"

// ledgerServer reads {url, key, token_file or token_env, ca_file}.
func (r reader) ledgerServer(n *yaml.Node) (s LedgerServer, err error) {
	err = r.fields(n, []string{"url", "key", "token_file", "token_env", "ca_file"}, func(key string, _, value *yaml.Node) (err error) {
		switch key {
		case "token_file":
			s.TokenFile, err = r.path(value)
		case "ca_file":
			s.CAFile, err = r.path(value)
		case "token_env":
			s.TokenEnv, err = r.text(value)
		case "url":
			if s.URL, err = r.text(value); err == nil {
				if bad := remote.CheckURL(s.URL); bad != nil {
					err = r.bad(value, "%v", bad)
				}
			}
		case "key":
			if s.Key, err = r.text(value); err == nil {
				if _, bad := note.NewVerifier(s.Key); bad != nil {
					err = r.bad(value, "%v; assent ledger vkey, at the ledger, prints it", bad)
				}
			}
		}
		return err
	})
	if err == nil && (s.URL == "" || s.Key == "" || (s.TokenFile == "") == (s.TokenEnv == "")) {
		err = r.bad(n, "expected url, key, and one of token_file and token_env: %s", serverExample)
	}
	return s, err
}
