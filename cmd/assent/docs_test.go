package main_test

import (
	"os"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/model/intent"
)

// The documents' examples are read by the same reader as the gate's.
func TestTheExamplesInTheDocumentsLoad(t *testing.T) {
	text, err := os.ReadFile("../../docs/intent.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, ok := strings.Cut(rest, "\n```")
	if !ok || len(example) < 1000 {
		t.Fatal("docs/intent.md has no example")
	}
	set, err := intent.Parse("docs/intent.md", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Compile(set); err != nil {
		t.Fatal(err)
	}
	if len(set.Environments)*len(set.Owners)*len(set.Actors)*len(set.Intents)*len(set.Rules) == 0 {
		t.Error("the example does not show every kind of document")
	}
}
