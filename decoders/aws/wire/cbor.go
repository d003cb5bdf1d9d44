package wire

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// parseCBOR reads one CBOR item strictly: text keys only, none twice, nothing
// after it, bounded. Tag 0 and 1 become time.Time, byte strings []byte.
func parseCBOR(body []byte) (any, error) {
	if err := countCBOR(body); err != nil {
		return nil, err
	}
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  MaxDepth,
		MaxArrayElements: MaxNodes,
		MaxMapPairs:      MaxNodes,
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		return nil, err
	}
	var v any
	if err := mode.Unmarshal(body, &v); err != nil {
		return nil, err
	}
	return v, checkCBOR(v)
}

// countCBOR bounds the number of items before anything is allocated for them.
func countCBOR(body []byte) error {
	items, b := 0, newBudget(len(body))
	for i := 0; i < len(body); {
		if items++; items > 2*MaxNodes { // a map's key is an item too
			return errNodes
		}
		if err := b.pay(costItem); err != nil {
			return err
		}
		major, info := body[i]>>5, body[i]&31
		i++
		n := uint64(info)
		if info >= 24 && info <= 27 {
			size := 1 << (info - 24)
			if len(body)-i < size {
				return errors.New("truncated CBOR")
			}
			n = 0
			for _, b := range body[i : i+size] {
				n = n<<8 | uint64(b)
			}
			i += size
		}
		if (major == 2 || major == 3) && info != 31 { // text and bytes: skip the content
			if n > uint64(len(body)-i) {
				return errors.New("truncated CBOR")
			}
			i += int(n)
		}
	}
	return nil
}

// checkCBOR refuses names and tags that parsers disagree on.
func checkCBOR(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for name, item := range v {
			if err := checkKey(name); err != nil {
				return err
			}
			if err := checkCBOR(item); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := checkCBOR(item); err != nil {
				return err
			}
		}
	case cbor.Tag:
		return fmt.Errorf("CBOR tag %d is not one of the protocol's", v.Number)
	case cbor.SimpleValue:
		return fmt.Errorf("CBOR simple value %d is not one of the protocol's", v)
	}
	return nil
}
