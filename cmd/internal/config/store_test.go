package config

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestASharedModelIsReadAndItsPasswordNotShown(t *testing.T) {
	for content, want := range map[string]Store{
		"store: postgres://u:s3cret@h/d":                                {"postgres://u:s3cret@h/d", DefaultMaxAge},
		"store:\n  url: \"postgresql://u@h/d?password=s3cret\"":         {"postgresql://u@h/d?password=s3cret", DefaultMaxAge},
		"store: {max_age: 2m, url: \"postgres://u:s3cret@h:5433/d\"}\n": {"postgres://u:s3cret@h:5433/d", 2 * time.Minute},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "assent.yaml"), content)
		c, err := Load(where(dir, nil))
		if err != nil || c.Store != want {
			t.Errorf("%s: %+v, %v", content, c, err)
			continue
		}
		if shown := c.Store.String() + c.Store.shown()["url"]; strings.Contains(shown, "s3cret") || !strings.Contains(shown, "@h") || c.Store.shown()["max_age"] != want.MaxAge.String() {
			t.Errorf("%v", c.Store.shown())
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "assent.yaml"), "store: mysql://u:s3cret@h/d")
	if _, err := Load(where(dir, nil)); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	if len((Store{}).shown()) != 0 {
		t.Error("a file is shown as a database")
	}
}
