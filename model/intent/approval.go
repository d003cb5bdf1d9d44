package intent

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// mostApprovers bounds Approvals.Count: more people than answer for anything.
const mostApprovers = 10

// checkApprovals checks one requirement of a clause.
func (s *Set) checkApprovals(p *problems, a Approvals, ref func(Pos, string, string, []string), owners []string) {
	switch name, isOwner := strings.CutPrefix(a.From, "owner:"); {
	case a.From == "owner":
	case isOwner:
		ref(a.Pos, "Owner", name, owners)
	default:
		ref(a.Pos, "human Actor", a.From, s.people())
	}
	if a.Count != nil && (*a.Count < 1 || *a.Count > mostApprovers) {
		p.add(a.Pos, CodeValue, fmt.Sprintf("1 to %d", mostApprovers), "%d people cannot be asked for", *a.Count)
	}
	if a.Expires != nil && *a.Expires > LongestApproval {
		p.add(a.Pos, CodeValue, "at most "+LongestApproval.String(), "an approval good for %s is a standing permission", *a.Expires)
	}
}

// sshKey checks a line of a .pub file and returns it without its comment.
func sshKey(line string) (string, error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return line, errors.New("an SSH public key is written as TYPE BASE64")
	}
	wire, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(wire) < 4 || uint64(len(wire)) < 4+uint64(binary.BigEndian.Uint32(wire)) ||
		string(wire[4:4+binary.BigEndian.Uint32(wire)]) != fields[0] {
		return line, fmt.Errorf("%q is no SSH public key of type %s", fields[1], fields[0])
	}
	return fields[0] + " " + fields[1], nil
}
