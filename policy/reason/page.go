package reason

import (
	_ "embed"
	"sort"
	"strings"
)

// Page explains one code.
type Page struct {
	Code  string `json:"code"`
	Title string `json:"title"`
	Next  string `json:"next"` // the step that a refusal names; OWNER stands for who is accountable
	// Again is when the same call may be tried again; empty: it stays refused.
	Again string `json:"again,omitempty"`
	Text  string `json:"text"` // what it means, with a wrong and a right example
}

//go:embed pages.md
var pages string

// Pages returns every page, sorted by code.
func Pages() []Page {
	var out []Page
	for _, section := range strings.Split("\n"+pages, "\n## ")[1:] {
		head, body, _ := strings.Cut(section, "\n")
		p := Page{Text: strings.TrimSpace(body)}
		p.Code, p.Title, _ = strings.Cut(strings.TrimSpace(head), " ")
		if first, rest, ok := strings.Cut(p.Text, "\n"); ok && strings.HasPrefix(first, "Next: ") {
			p.Next, p.Text = strings.TrimPrefix(first, "Next: "), strings.TrimSpace(rest)
		}
		if first, rest, ok := strings.Cut(p.Text, "\n"); ok && strings.HasPrefix(first, "Again: ") {
			p.Again, p.Text = strings.TrimPrefix(first, "Again: "), strings.TrimSpace(rest)
		}
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Code < out[j].Code })
	return out
}

// Find returns the page of a code.
func Find(code string) (Page, bool) {
	for _, p := range Pages() {
		if strings.EqualFold(p.Code, code) {
			return p, true
		}
	}
	return Page{}, false
}

// Render writes a page for a terminal.
func (p Page) Render() string {
	return p.Code + ": " + p.Title + "\n\n" + p.Text + "\n"
}
