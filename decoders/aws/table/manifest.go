package table

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

//go:embed MANIFEST.json
var embeddedManifest []byte

// Manifest says what a table was made from. That of the embedded table holds no
// time and no path of the machine, so that making it again gives the same bytes.
type Manifest struct {
	Table string `json:"table"` // the table's hash
	Bytes int    `json:"bytes"`
	AsOf  string `json:"as_of,omitempty"` // the day of the access levels, YYYY-MM-DD
	// Compiled is when a machine compiled its own; the embedded table has none.
	Compiled *time.Time `json:"compiled,omitempty"`
	// Forced is set where the machine's own is older than the embedded one, and
	// somebody wants it so.
	Forced  bool              `json:"forced,omitempty"`
	Counts  map[string]int    `json:"counts"`
	Sources map[string]Source `json:"sources"`
}

// Source is one of the things that a table was compiled from.
type Source struct {
	Version string `json:"version,omitempty"`
	Licence string `json:"licence,omitempty"`
	Hash    string `json:"hash"` // over the names and contents of the files that were read
}

// EmbeddedManifest is the manifest of the embedded table.
func EmbeddedManifest() (Manifest, error) { return ParseManifest(embeddedManifest) }

// ParseManifest reads a MANIFEST.json.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("reading manifest of aws table: %w", err)
	}
	return m, nil
}

// OlderThan reports whether a table was made from older service models.
func (m Manifest) OlderThan(other Manifest) bool {
	return older(m.Sources["botocore"].Version, other.Sources["botocore"].Version)
}

// older compares versions by their numbers.
func older(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		n, errX := strconv.Atoi(x[i])
		m, errY := strconv.Atoi(y[i])
		if errX != nil || errY != nil {
			return x[i] < y[i]
		}
		if n != m {
			return n < m
		}
	}
	return len(x) < len(y)
}
