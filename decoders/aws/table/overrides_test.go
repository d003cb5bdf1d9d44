package table

import (
	"os"
	"testing"

	"go.yaml.in/yaml/v3"
)

// overridden lists SERVICE:OPERATION of every row of overrides.yaml.
func overridden(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("../overrides.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Service    string
		Operation  string
		Operations []string
		Reason     string
	}
	if err := yaml.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, r := range rows {
		if r.Reason == "" {
			t.Errorf("%s:%s%v has no reason", r.Service, r.Operation, r.Operations)
		}
		for _, op := range append(r.Operations, r.Operation) {
			out[r.Service+":"+op] = true
		}
	}
	return out
}
