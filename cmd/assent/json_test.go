package main_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/cli"
	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/doctor"
	"github.com/assent-iom/assent/cmd/internal/doctor/client"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// docs/json.md is the contract: each field of the program stands in its section,
// and each field of a section is in the program.
func TestTheJSONContractIsWhatIsWritten(t *testing.T) {
	data, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^#+ `).Split(string(data), -1) {
		title, body, _ := strings.Cut(part, "\n")
		sections[strings.SplitN(title, ":", 2)[0]] = body
	}
	shapes := cli.Shapes()
	for title, value := range map[string]any{
		"Decision": policy.Decision{}, "Action": model.Action{}, "Actor": model.Actor{}, "Outcome": ledger.Outcome{},
		"Verification": verify.Report{}, "Health": doctor.Result{}, "Client": client.Result{}, "Settings": config.Value{},
	} {
		shapes[title] = value
	}
	for title, value := range shapes {
		written := fieldsOf(sections[title])
		for name := range tagsOf(value) {
			if !written[name] {
				t.Errorf("section %s does not have the field %q of %T", title, name, value)
			}
		}
		for name := range written {
			if !tagsOf(value)[name] {
				t.Errorf("section %s has the field %q, but %T does not", title, name, value)
			}
		}
	}
}

var row = regexp.MustCompile("(?m)^\\| ((?:`[a-z_0-9]+` ?)+)\\|")

func fieldsOf(section string) map[string]bool {
	fields := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		for _, name := range strings.Fields(m[1]) {
			fields[strings.Trim(name, "`")] = true
		}
	}
	return fields
}

func tagsOf(v any) map[string]bool {
	tags := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			tags[name] = true
		}
	}
	return tags
}
