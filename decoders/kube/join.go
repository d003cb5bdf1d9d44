package kube

import (
	"net/http"
	"strings"

	"github.com/assent-iom/assent/decoders"
)

const (
	// auditID is the header under whose value the API server's audit log keeps a
	// call, if a client sends it.
	auditID = "Audit-Id"
	// maxAuditID bounds what is kept of a client's own: they are UUIDs.
	maxAuditID = 128
	// decisionPrefix is how every decision's id begins.
	decisionPrefix = "dec_"
)

var _ decoders.Joiner = (*Decoder)(nil)

// Join makes the decision's id the audit id. A client's own stays on a call that
// has no decision, unless it would pass for the id of one.
func (*Decoder) Join(id string, h http.Header) {
	switch {
	case id != "":
		h.Set(auditID, id)
	case strings.HasPrefix(h.Get(auditID), decisionPrefix):
		h.Del(auditID)
	}
}
