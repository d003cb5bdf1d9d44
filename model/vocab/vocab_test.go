package vocab

import (
	"slices"
	"strings"
	"testing"
)

func TestTheTableIsWhole(t *testing.T) {
	names := Names()
	if len(names) < 73 {
		t.Fatalf("%d properties", len(names))
	}
	var listed []string
	for line := range strings.Lines(table) {
		if name, _, ok := strings.Cut(line, "\t"); ok && !strings.HasPrefix(line, "#") {
			listed = append(listed, name)
		}
	}
	if !slices.Equal(listed, names) {
		t.Error("properties.tsv is not sorted, or has a name twice")
	}
	for _, name := range names {
		p, _ := Find(name)
		if !slices.Contains([]Type{Bool, Int, String, Set, Rules, Enum}, p.Type) || p.Means == "" || (p.Type == Enum) != (len(p.Words) > 1) {
			t.Errorf("%+v", p)
		}
	}
	tls, _ := Find("tls.minVersion")
	if tls.Rank("1.2") != 2 || tls.Rank("9") != -1 {
		t.Errorf("%+v", tls)
	}
}
