package intent

import (
	"fmt"
	"sort"
	"strings"
)

// The codes of problems; `assent help CODE` has a page for each.
const (
	CodeSyntax    = "AS6001" // not YAML, or not a document of ours
	CodeField     = "AS6002" // a field that does not exist
	CodeValue     = "AS6003" // a value of the wrong type, or not one of the choices
	CodeMissing   = "AS6004" // a required field is missing
	CodeDuplicate = "AS6005" // a name given twice
	CodeReference = "AS6006" // a name that nothing declares
	CodeTie       = "AS6007" // two environments equally specific
	CodeBound     = "AS6008" // too large, too deep, or an alias
	CodeFile      = "AS6009" // a file that cannot be read
	CodeRule      = "AS6010" // a rule that does not compile, or whose tests fail
)

// Problem is one thing that is wrong with a document.
type Problem struct {
	File       string `json:"file"`
	Line       int    `json:"line,omitempty"`
	Col        int    `json:"col,omitempty"`
	Code       string `json:"code"`
	Message    string `json:"message"`
	Suggestion string `json:"suggestion,omitempty"`
}

// String returns file:line:col: message (code); suggestion.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	fmt.Fprintf(&b, ": %s (%s)", p.Message, p.Code)
	if p.Suggestion != "" {
		b.WriteString("; " + p.Suggestion)
	}
	return b.String()
}

// Error is everything that is wrong with a set, sorted by place.
type Error struct{ Problems []Problem }

// Error returns one line a problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// problems collects, up to a bound.
type problems struct{ list []Problem }

// maxProblems bounds a report: more than anybody mends in one go.
const maxProblems = 200

func (p *problems) add(at Pos, code, suggestion, format string, args ...any) {
	if len(p.list) < maxProblems {
		p.list = append(p.list, Problem{File: at.File, Line: at.Line, Col: at.Col, Code: code,
			Message: fmt.Sprintf(format, args...), Suggestion: suggestion})
	}
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	sort.SliceStable(p.list, func(i, j int) bool {
		a, b := p.list[i], p.list[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
	return &Error{Problems: p.list}
}
