package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/vocab"
)

// The vocabulary stands in the document as it is.
func TestTheVocabularyInTheDocumentsIsWhole(t *testing.T) {
	text, err := os.ReadFile("../../docs/intent.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range vocab.Names() {
		p, _ := vocab.Find(name)
		kind := string(p.Type)
		if sep := " "; p.Type == vocab.Enum {
			if p.Ordered {
				sep = " < "
			}
			kind += " " + strings.Join(p.Words, sep)
		}
		if row := "| `" + name + "` | " + kind + " | " + p.Means + " |\n"; !strings.Contains(string(text), row) {
			t.Errorf("docs/intent.md lacks the row %s", row)
		}
	}
}

// What the decoders say of properties is in the vocabulary's words.
func TestTheDecodersSpeakTheVocabulary(t *testing.T) {
	data, err := os.ReadFile("../../decoders/aws/properties.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^- \{name: ([A-Za-z.]+),`).FindAllStringSubmatch(string(data), -1)
	if len(rows) < 50 {
		t.Fatalf("only %d rows found: is the search broken?", len(rows))
	}
	for _, m := range rows {
		if _, ok := vocab.Find(m[1]); !ok {
			t.Errorf("decoders/aws says %s, which is no word of the vocabulary", m[1])
		}
	}
	files, err := filepath.Glob("../../decoders/kube/properties*.go")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	said := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`f\.(?:set|byDefault|unknown|verdict|number)\("([A-Za-z.]+)"`).FindAllStringSubmatch(string(data), -1) {
			said++
			if _, ok := vocab.Find(m[1]); !ok {
				t.Errorf("decoders/kube says %s, which is no word of the vocabulary", m[1])
			}
		}
	}
	if said < 30 {
		t.Errorf("only %d words found: is the search broken?", said)
	}
}

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
	if len(set.Environments)*len(set.Owners)*len(set.Actors)*len(set.Intents)*len(set.Rules)*len(set.Blueprints)*len(set.Exceptions) == 0 {
		t.Error("the example does not show every kind of document")
	}
}
