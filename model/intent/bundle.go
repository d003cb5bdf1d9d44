package intent

import (
	"encoding/json"
	"fmt"
)

// source is one file as it was written.
type source struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// bundle is a set in one piece.
type bundle struct {
	Files []source `json:"files"`
}

// Bundle returns the documents as they were written, comments and all, in one
// piece. It is empty where nothing is declared.
func (s *Set) Bundle() []byte {
	if s.Empty() || len(s.sources) == 0 {
		return nil
	}
	data, err := json.Marshal(bundle{s.sources})
	if err != nil { // texts have a JSON form
		panic(fmt.Sprintf("intent: encoding a bundle: %v", err))
	}
	return data
}

// Unbundle reads what Bundle wrote, as strictly as Load. The caller compares the
// set's digest with the one it looks for.
func Unbundle(data []byte) (*Set, error) {
	var b bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("reading a bundle of documents: %w", err)
	}
	var p problems
	s := &Set{Files: len(b.Files)}
	total := 0
	for i, f := range b.Files {
		if total += len(f.Text); i >= maxFiles || total > maxSetBytes {
			p.add(Pos{File: f.Name}, CodeBound, "", "the documents are more than %d files, or larger than %d bytes together", maxFiles, maxSetBytes)
			break
		}
		s.parse(f.Name, []byte(f.Text), &p)
	}
	return s.finish(&p)
}
