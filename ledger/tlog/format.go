package tlog

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"github.com/assent-iom/assent/ledger"
)

// FormatInclusion writes an inclusion proof with the checkpoint that it leads to
// (https://c2sp.org/tlog-proof).
func FormatInclusion(index uint64, proof []ledger.Hash, signed []byte) []byte {
	return format(fmt.Sprintf("c2sp.org/tlog-proof@v1\nindex %d\n", index), proof, signed)
}

// FormatConsistency writes a consistency proof with the checkpoint that it leads
// to: the body of an add-checkpoint request, which a witness takes as it is
// (https://c2sp.org/tlog-witness).
func FormatConsistency(old uint64, proof []ledger.Hash, signed []byte) []byte {
	return format(fmt.Sprintf("old %d\n", old), proof, signed)
}

func format(head string, proof []ledger.Hash, signed []byte) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	for _, h := range proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteString("\n")
	b.Write(signed)
	return b.Bytes()
}
