package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

func where(dir string, env map[string]string) Where {
	return Where{Dir: dir, Getenv: func(k string) string { return env[k] }, Home: filepath.Join(dir, "home"), OS: "linux"}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The nearest file wins value by value, and each value knows where it is from.
func TestNearestFileWinsValueByValue(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "assent.yaml"), "mode: enforce\nintent: meant\n")
	write(t, filepath.Join(dir, "xdg", "assent", "assent.yaml"), "mode: observe\negress: deny\nledger: evidence\n")
	c, err := Load(where(dir, map[string]string{"XDG_CONFIG_HOME": filepath.Join(dir, "xdg")}))
	if err != nil {
		t.Fatal(err)
	}
	if c.Mode != policy.Enforce || c.Egress != proxy.EgressDeny {
		t.Errorf("mode %v, egress %v", c.Mode, c.Egress)
	}
	for what, pair := range map[string][2]string{
		"intent": {c.Intent, filepath.Join(dir, "meant")},
		"ledger": {c.Ledger, filepath.Join(dir, "xdg", "assent", "evidence")}, // relative to the file it stands in
		"model":  {c.Model, filepath.Join(dir, "home", ".local", "state", "assent", "model.db")},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s, want %s", what, pair[0], pair[1])
		}
	}
	for field, want := range map[string]string{FieldMode: "assent.yaml:1", FieldIntent: "assent.yaml:2", FieldListen: Default} {
		if got := c.Origin(field); got != want {
			t.Errorf("origin of %s: %s, want %s", field, got, want)
		}
	}
}

func TestWhatIsWrongIsNamedWithItsPlace(t *testing.T) {
	for content, want := range map[string]string{
		"mod: enforce":                                         `assent.yaml:1:1: unknown field "mod"; did you mean "mode"?`,
		"mode: enforced":                                       `assent.yaml:1:7: "enforced" is not a choice; did you mean "enforce"?`,
		"mode: observe\nmode: enforce":                         `given twice`,
		"listen: 8080":                                         `assent.yaml:1:9: "8080" is not an address`,
		"upstreams: [{hosts: a, too: b}]":                      `unknown field "too"; did you mean "to"?`,
		"upstreams: [{hosts: a}]":                              `needs both`,
		"upstreams: [{hosts: a, to: b}]":                       `not a server`,
		"listen: []":                                           `expected 1 to`,
		"listen: [\"a:1\", \"b:2\"]":                           `the proxy listens on a:1 already`,
		"listen: [{transparant: \"a:1\"}]":                     `did you mean "transparent"?`,
		"listen: [{transparent: a}]":                           `not an address`,
		"listen: [{transparent: \"a:1\", reverse: \"b:2\"}]":   `either transparent or reverse`,
		"listen: [{transparent: \"a:1\", to: \"https://h\"}]":  `no to:`,
		"listen: [{reverse: \"a:1\"}]":                         `to: https://HOST`,
		"listen: [{reverse: \"a:1\", to: \"https://h/path\"}]": `not a server`,
		"listen: [{reverse: \"a:1\", to: \"https://u:p@h\"}]":  `not a server`,
		"listen: [{actor: x}]":                                 `needs its kind`,
		"store: model.db":                                      `assent.yaml:1:8: this is not a database`,
		"store: {url: \"postgres://h/d\", max_age: 1s}":        `from 5s to`,
		"store: {max_age: 30s}":                                `no url`,
		"collect: {aws: {}}":                                   `expected a list`,
		"collect: {aws: [{role: admin}]}":                      `no role`,
		"collect: {aws: [{external_id: x}]}":                   `without a role`,
		"collect: {aws: [{events: my-queue}]}":                 `"my-queue" is no queue; expected arn:aws:sqs:REGION:ACCOUNT:NAME`,
		"collect: {aws: [{}, {}]}":                             `given twice`,
		"collect: {aws: [{region: x}]}":                        `did you mean "regions"?`,
		"governed: [a]":                                        `expected fields`,
		"governed: {'a/b': aws}":                               `not a host`,
		"mode: &x enforce\negress: *x":                         `expected a text`,
		"mode: enforce\n---\nmode: observe":                    `more than one document`,
		"[]":                                                   `expected fields`,
		"mode: {":                                              `assent.yaml`,
		"intent:":                                              `expected a text`,
		"limits: {tunels: 1}":                                  `unknown field "tunels"; did you mean "tunnels"?`,
		"limits: {tunnels: 0}":                                 `"0" is not a number from 1 to 65536`,
		"limits: {body: 1GiB}":                                 `"1GiB" is not a size up to 512MiB`,
		"limits: {body: 256MiB}":                               `body (256MiB) is more than one actor may hold, bodies (128MiB)`,
		"limits: {header: 1m}":                                 `"1m" is not a length of time from 1s to 10s`,
		"admin: a:b:c":                                         `"a:b:c" is not an address`,
	} {
		if _, err := Parse("assent.yaml", "/", []byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
}

func TestLimitsAndTheAdminDoorAreRead(t *testing.T) {
	c, err := Parse("assent.yaml", "/etc/assent", []byte("limits: {tunnels: 7, requests: 9, bodies: 64MiB, body: 2048KiB, header: 5s, idle: 90s}\nadmin: admin.sock"))
	want := proxy.Limits{Tunnels: 7, Requests: 9, Bodies: 64 << 20, Body: 2 << 20, Header: 5e9, Idle: 90e9}
	if err != nil || c.Limits != want || c.Admin != "/etc/assent/admin.sock" {
		t.Errorf("%+v %s %v", c.Limits, c.Admin, err)
	}
	for said, want := range map[string]string{"off": AdminOff, "127.0.0.1:9464": "127.0.0.1:9464", "/run/a:b.sock": "/run/a:b.sock"} {
		if c, err := Parse("assent.yaml", "/", []byte("admin: "+said)); err != nil || c.Admin != want {
			t.Errorf("%s: %q %v", said, c.Admin, err)
		}
	}
	if c, err = Parse("assent.yaml", "/", []byte("limits: {idle: 1h}")); err != nil || c.Limits.Tunnels != proxy.DefaultLimits().Tunnels {
		t.Errorf("what is not named has no default: %+v %v", c.Limits, err)
	}
}

func TestAChosenFileIsReadAloneAndMustExist(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "assent.yaml"), "mode: enforce\n")
	write(t, filepath.Join(dir, "other.yaml"), "egress: deny\n")
	w := where(dir, nil)
	w.Explicit = "other.yaml"
	c, err := Load(w)
	if err != nil || c.Mode != policy.Observe || c.Egress != proxy.EgressDeny {
		t.Errorf("got %+v, %v", c, err)
	}
	w.Explicit = "absent.yaml"
	if _, err := Load(w); err == nil {
		t.Error("a chosen file that does not exist must be an error")
	}
}

// The documented example holds the defaults, word for word.
func TestExampleIsTheDefaults(t *testing.T) {
	c, err := Parse("example.yaml", "/", []byte(Example))
	if err != nil {
		t.Fatal(err)
	}
	if d := defaults("/"); c.Mode != d.Mode || c.Listen != d.Listen || c.Egress != d.Egress {
		t.Errorf("the example says %+v, the defaults are %+v", c, d)
	}
	for _, field := range Fields() {
		if !strings.Contains(Example, field+":") {
			t.Errorf("the example does not document %s", field)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(Example))
	f.Add([]byte("mode: enforce\nupstreams:\n  - {hosts: \"*\", to: \"http://127.0.0.1:1\"}\n"))
	f.Add([]byte("governed: {a: aws}\nclusters: [a, b]\n---\n"))
	f.Add([]byte("&a mode: *a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", "/d", data)
		if err != nil {
			return
		}
		for _, u := range c.Upstreams {
			if u.To == nil || u.Hosts == "" {
				t.Errorf("half an upstream passed: %+v", u)
			}
		}
		c.Values()
	})
}

func TestListenersStandBesideTheProxy(t *testing.T) {
	c, err := Parse("assent.yaml", "/", []byte(`listen:
  - 127.0.0.1:8080
  - {transparent: "[::1]:15001", actor: deploy-agent}
  - {reverse: "127.0.0.1:8090", to: "https://sqs.us-east-1.amazonaws.com/", actor: batch}
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || len(c.Listeners) != 2 {
		t.Fatalf("%+v", c)
	}
	if l := c.Listeners[0]; l.Kind != Transparent || l.Address != "[::1]:15001" || l.Actor != "deploy-agent" || l.To != nil {
		t.Errorf("%+v", l)
	}
	if l := c.Listeners[1]; l.Kind != Reverse || l.To.String() != "https://sqs.us-east-1.amazonaws.com" || l.Actor != "batch" {
		t.Errorf("%+v", l)
	}
	whole := defaults("/")
	whole.merge(c)
	for _, v := range whole.Values() {
		if v.Field == FieldListen && fmt.Sprint(v.Value) != "[127.0.0.1:8080 map[actor:deploy-agent transparent:[::1]:15001] map[actor:batch reverse:127.0.0.1:8090 to:https://sqs.us-east-1.amazonaws.com]]" {
			t.Errorf("shown as %v", v.Value)
		}
	}
	if c, err = Parse("assent.yaml", "/", []byte(`listen: [{transparent: "127.0.0.1:15001"}]`)); err != nil || c.Listen != "" {
		t.Errorf("without the proxy: %+v %v", c, err)
	}
}
