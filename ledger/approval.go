package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/assent-iom/assent/policy"
)

// Approval is a person's yes, as it was used for one action. Ticket and Signature
// are what the person signed and with what, byte for byte: ssh-keygen -Y verify
// checks them without this ledger's key.
type Approval struct {
	policy.Approval
	Ticket    string `json:"ticket"`
	Signature string `json:"signature"` // armored, as ssh-keygen -Y sign writes it
}

type approvalPredicate struct {
	Approval
	Decision string    `json:"decision"` // that it was used for
	Run      string    `json:"run,omitempty"`
	UsedAt   time.Time `json:"usedAt"`
}

// ApprovalStatement encodes an approval that is about to be used for a decision.
// Its subject is the ticket.
func ApprovalStatement(a Approval, d policy.Decision) ([]byte, error) {
	if a.ID != "sha256:"+sha256Hex([]byte(a.Ticket)) {
		return nil, fmt.Errorf("encoding approval %s: that is not the digest of its ticket", short(a.ID))
	}
	predicate, err := encodeJSON(approvalPredicate{Approval: a, Decision: d.ID, Run: d.Action.Run, UsedAt: d.At.UTC()})
	if err != nil {
		return nil, fmt.Errorf("encoding approval %s: %w", a.ID, err)
	}
	data, err := encodeStatement(KindApproval, []subject{{URI: ticketURI + a.Request, Digest: map[string]string{"sha256": sha256Hex([]byte(a.Ticket))}}}, predicate)
	if err == nil && len(data) > MaxStatement {
		err = fmt.Errorf("%d bytes, the limit is %d: answer fewer actions at once", len(data), MaxStatement)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding approval %s: %w", a.ID, err)
	}
	return data, nil
}

// ParseApproval reads an approval, and the decision that it was used for, back
// from its envelope or statement. Whose key signed is not checked here.
func ParseApproval(data []byte) (a Approval, decision string, err error) {
	st, err := Read(data)
	if err != nil {
		return Approval{}, "", fmt.Errorf("reading approval: %w", err)
	}
	if st.Kind != KindApproval {
		return Approval{}, "", fmt.Errorf("reading approval: the entry is a %s", st.Kind)
	}
	var p approvalPredicate
	if err := json.Unmarshal(st.wire.Predicate, &p); err != nil {
		return Approval{}, "", fmt.Errorf("reading approval: %w", err)
	}
	if want := sha256Hex([]byte(p.Ticket)); p.ID != "sha256:"+want || st.wire.Subject[0].Digest["sha256"] != want {
		return Approval{}, "", errors.New("reading approval: its id is not the digest of its ticket")
	}
	return p.Approval, p.Decision, nil
}
