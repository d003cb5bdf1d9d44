package compile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadCFN(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"data/AdditionalSpecs/StatefulResources.json": `{"ResourceTypes": {"AWS::X::Store": {}}}`,
		"data/schemas/resources/a.json": `{"typeName": "AWS::X::Store", "primaryIdentifier": ["/properties/Name", "/properties/Arn"],
			"createOnlyProperties": ["/properties/Name"], "replacementStrategy": "delete_then_create",
			"tagging": {"taggable": true, "tagProperty": "/properties/Tags"}}`,
		"data/schemas/resources/b.json": `{"typeName": "AWS::X::Store", "primaryIdentifier": ["/properties/Arn"],
			"createOnlyProperties": ["/properties/Key/*/Id", "/properties/Name"], "conditionalCreateOnlyProperties": ["/properties/Size"]}`,
	})
	types, err := readCFN(dir)
	if err != nil || len(types) != 1 {
		t.Fatal(types, err)
	}
	got := types[0]
	if !slices.Equal(got.CreateOnly, []string{"Key/*/Id", "Name"}) || !slices.Equal(got.MayCreateOnly, []string{"Size"}) {
		t.Errorf("a property that is create-only in one region's schema is create-only: %+v", got)
	}
	if !slices.Equal(got.PrimaryIdentifier, []string{"Name", "Arn"}) || !got.Stateful || !got.DeleteFirst || got.TagProperty != "Tags" {
		t.Errorf("%+v", got)
	}
}

func TestReadCFNSaysWhatIsWrong(t *testing.T) {
	none := t.TempDir()
	odd := t.TempDir()
	write(t, odd, map[string]string{
		"data/AdditionalSpecs/StatefulResources.json": `{}`,
		"data/schemas/resources/a.json":               `{"typeName": "AWS::X::Y", "createOnlyProperties": ["/definitions/Z"]}`,
	})
	for dir, want := range map[string]string{none: "give the folder of the Python package cfnlint", odd: `property path "/definitions/Z"`} {
		if _, err := readCFN(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
}
