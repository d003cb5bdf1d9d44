package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/verify"
)

// keyLines is keys.jsonl: the entries as they were signed, each with its index.
func keyLines(named []verify.Keyed) []byte {
	var b bytes.Buffer
	for _, k := range named {
		fmt.Fprintf(&b, `{"index":%d,"entry":%s}`+"\n", k.Index, k.Envelope)
	}
	return b.Bytes()
}

// readKeys reads keys.jsonl. Only what keyLines writes is accepted.
func readKeys(dir string) ([]verify.Keyed, error) {
	data, err := read(dir, fileKeys)
	if err != nil {
		return nil, err
	}
	var named []verify.Keyed
	for line := range bytes.Lines(data) {
		var k struct {
			Index uint64          `json:"index"`
			Entry json.RawMessage `json:"entry"`
		}
		if err := json.Unmarshal(line, &k); err != nil {
			return nil, tampered("%s: %v", fileKeys, err)
		}
		named = append(named, verify.Keyed{Index: k.Index, Envelope: k.Entry})
	}
	if len(named) == 0 || !bytes.Equal(keyLines(named), data) {
		return nil, tampered("%s is not as it would be written", fileKeys)
	}
	return named, nil
}

// named takes the keys that the log had before the period.
func (d *deriver) named(named []verify.Keyed) error {
	for _, k := range named[min(1, len(named)):] {
		if err := d.rotated(k.Index, k.Envelope); err != nil {
			return err
		}
	}
	return nil
}

// rotated notes that an entry changes the key.
func (d *deriver) rotated(index uint64, envelope []byte) error {
	r, err := ledger.ParseRotation(envelope)
	if err == nil {
		d.pack.Before = append(d.pack.Before, Span{VKey: r.From, Last: index})
	}
	return err
}
