package kube

import (
	"reflect"
	"testing"
)

// Secrets are never stored: a command line keeps its words and loses its
// credentials.
func TestSecretsAreNeverStoredOfACommandLine(t *testing.T) {
	const r = "(redacted)"
	for _, c := range []struct{ in, want []string }{
		{[]string{"login", "--password", "hunter2", "--user", "ines"}, []string{"login", "--password", r, "--user", "ines"}},
		{[]string{"login", "--password=hunter2"}, []string{"login", "--password=" + r}},
		{[]string{"login", "-api-key", "hunter2"}, []string{"login", "-api-key", r}},
		{[]string{"login", "--password-stdin", "--verbose"}, []string{"login", "--password-stdin", "--verbose"}},
		{[]string{"env", "DB_PASSWORD=hunter2", "psql"}, []string{"env", "DB_PASSWORD=" + r, "psql"}},
		{[]string{"sh", "-c", "mysql --password hunter2 -h db; TOKEN='a b' run"}, []string{"sh", "-c", "mysql --password " + r + " -h db; TOKEN=" + r + " run"}},
		{[]string{"curl", "-H", "X-Api-Key: hunter2"}, []string{"curl", "-H", "X-Api-Key: " + r}},
		{[]string{"curl", "-H", "Authorization: Basic aW5lczpodW50ZXIy"}, []string{"curl", "-H", "Authorization: " + r}},
		{[]string{"post", `{"token": "hunter2", "n": 1}`}, []string{"post", `{"token": ` + r + `, "n": 1}`}},
		{[]string{"kubectl", "get", "secret", "db"}, []string{"kubectl", "get", "secret", "db"}},
		{[]string{"cat", "/var/run/secrets/token"}, []string{"cat", "/var/run/secrets/token"}},
		{[]string{"id"}, []string{"id"}},
	} {
		if got := redactCommand(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q\n got  %q\n want %q", c.in, got, c.want)
		}
	}
}

func TestSecretsAreNeverStoredOfWhatAContainerRuns(t *testing.T) {
	in := map[string]any{
		"kind": "Deployment",
		"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "command": []any{"run", "--token", "hunter2"}, "args": []any{"PASSWORD=hunter2"}}}},
	}
	want := map[string]any{
		"kind": "Deployment",
		"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "command": []any{"run", "--token", "(redacted)"}, "args": []any{"PASSWORD=(redacted)"}}}},
	}
	if got := redact(in, false); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

// People put passwords into ConfigMaps; a patch of one says no kind.
func TestSecretsAreNeverStoredOfAConfigMap(t *testing.T) {
	for _, in := range []map[string]any{
		{"kind": "ConfigMap", "data": map[string]any{"colour": "blue", "db.password": "hunter2"}},
		{"data": map[string]any{"colour": "blue", "db.password": "hunter2"}},
	} {
		data := redact(in, false).(map[string]any)["data"]
		if want := (map[string]any{"colour": "blue", "db.password": "(redacted)"}); !reflect.DeepEqual(data, want) {
			t.Errorf("%v", data)
		}
	}
}
