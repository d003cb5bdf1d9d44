package identify

import (
	"regexp"
	"strings"
)

// This file holds the bindings that are in no model. Each has its reason.

// searchByForm: the SDKs send cloudsearchdomain's Search as a POST whose form is
// the query string, because a search can outgrow a URL; its model has only the
// GET. wire.DecodeInput reads the form as the query string that it stands for.
const searchByForm = "cloudsearchdomain"

// binding is the method and query string that a call's route is looked up by.
func (c *call) binding(service string) (method string, q query) {
	if service == searchByForm && c.Method == "POST" && isForm(c.Header.Get("Content-Type")) {
		return "GET", query(c.Body)
	}
	return c.Method, c.q
}

// cell is the part of a Timestream host that endpoint discovery adds, and that no
// endpoint rule knows: query-cell1.timestream, ingest-cell2.timestream.
var cell = regexp.MustCompile(`^(query|ingest)-cell[0-9]+\.timestream$`)

// withoutCell is the host label that the endpoint rules know.
func withoutCell(label string) string {
	if strings.HasSuffix(label, ".timestream") {
		return cell.ReplaceAllString(label, "$1.timestream")
	}
	return label
}
