package config

import (
	"net/url"

	"go.yaml.in/yaml/v3"
)

// Webhook is where people's own programs are told of what waits and what changed.
type Webhook struct {
	URL        string `json:"url,omitempty"`
	SecretFile string `json:"secret_file,omitempty"` // holds whsec_BASE64, which signs the messages
}

// shown is what may be shown of it: a path may be a secret.
func (w Webhook) shown() Webhook {
	if u, err := url.Parse(w.URL); err == nil && w.URL != "" {
		w.URL = u.Scheme + "://" + u.Host
	}
	return w
}

// webhook reads {url: URL, secret_file: PATH}.
func (r reader) webhook(n *yaml.Node) (w Webhook, err error) {
	err = r.fields(n, []string{"url", "secret_file"}, func(key string, _, value *yaml.Node) error {
		if key == "secret_file" {
			w.SecretFile, err = r.path(value)
			return err
		}
		if w.URL, err = r.text(value); err != nil {
			return err
		}
		if u, bad := url.Parse(w.URL); bad != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			return r.bad(value, "the url cannot be used; expected such as https://hooks.example/assent")
		}
		return nil
	})
	if err == nil && (w.URL == "" || w.SecretFile == "") {
		err = r.bad(n, "expected both: {url: https://hooks.example/assent, secret_file: PATH}")
	}
	return w, err
}
