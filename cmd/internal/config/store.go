package config

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/model/store/postgres"
)

// The bounds of store: max_age. A follower looks every second, and may miss one or two.
const (
	DefaultMaxAge  = 30 * time.Second
	ShortestMaxAge = 5 * time.Second
	LongestMaxAge  = 24 * time.Hour
)

// Store is the database that holds the model in the stead of a file, for many proxies.
type Store struct {
	URL string // postgres://…; empty: the file does
	// MaxAge is how long it may not be heard before nothing is destroyed by what is
	// known.
	MaxAge time.Duration
}

// String is the URL without its password.
func (s Store) String() string { return postgres.Redacted(s.URL) }

// shown is what others may see of it.
func (s Store) shown() map[string]string {
	if s.URL == "" {
		return map[string]string{}
	}
	return map[string]string{"url": s.String(), "max_age": s.MaxAge.String()}
}

// StoreURL checks what --store says.
func StoreURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

const storeForm = "expected postgres://USER@HOST:5432/DATABASE, or {url: postgres://…, max_age: 30s}"

func (r reader) store(n *yaml.Node) (s Store, err error) {
	s.MaxAge = DefaultMaxAge
	if n.Kind == yaml.ScalarNode {
		s.URL, err = r.storeURL(n)
		return s, err
	}
	err = r.fields(n, []string{"url", "max_age"}, func(key string, _, value *yaml.Node) error {
		if key == "url" {
			s.URL, err = r.storeURL(value)
			return err
		}
		text, err := r.text(value)
		if err != nil {
			return err
		}
		var bad error
		if s.MaxAge, bad = time.ParseDuration(text); bad != nil || s.MaxAge < ShortestMaxAge || s.MaxAge > LongestMaxAge {
			return r.bad(value, "%q is not a length of time from %s to %s; expected such as 30s", text, ShortestMaxAge, LongestMaxAge)
		}
		return nil
	})
	if err == nil && s.URL == "" {
		err = r.bad(n, "store has no url; "+storeForm)
	}
	return s, err
}

// storeURL reads the URL. What it is is not repeated: it may hold a password.
func (r reader) storeURL(n *yaml.Node) (string, error) {
	text, err := r.text(n)
	if err == nil && !StoreURL(text) {
		err = r.bad(n, "this is not a database; "+storeForm)
	}
	return text, err
}
