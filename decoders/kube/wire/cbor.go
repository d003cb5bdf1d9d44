package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"github.com/fxamacker/cbor/v2"
)

// cborOptions are those of k8s.io/apimachinery's CBOR serializer: text may be
// written as byte strings, and what is ambiguous is refused.
var cborOptions = cbor.DecOptions{
	DupMapKey:             cbor.DupMapKeyEnforcedAPF,
	MaxNestedLevels:       64,
	MaxArrayElements:      1024,
	MaxMapPairs:           1024,
	IntDec:                cbor.IntDecConvertSignedOrFail,
	MapKeyByteString:      cbor.MapKeyByteStringForbidden,
	DefaultMapType:        reflect.TypeOf(map[string]any(nil)),
	DefaultByteStringType: reflect.TypeOf(""),
	ByteStringToString:    cbor.ByteStringToStringAllowedWithExpectedLaterEncoding,
	FieldNameByteString:   cbor.FieldNameByteStringAllowed,
	UnrecognizedTagToAny:  cbor.UnrecognizedTagContentToAny,
	TimeTagToAny:          cbor.TimeTagToRFC3339Nano,
	NaN:                   cbor.NaNDecodeForbidden,
	Inf:                   cbor.InfDecodeForbidden,
	BignumTag:             cbor.BignumTagForbidden,
}

// CBOR reads exactly one CBOR value into the same Go values that JSON
// makes.
func CBOR(data []byte) (any, error) {
	mode, err := cborOptions.DecMode()
	if err != nil {
		return nil, err
	}
	var v any
	if err := mode.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	return plainValue(v)
}

func plainValue(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			if _, err := plainText([]byte(key)); err != nil {
				return nil, err
			}
			plain, err := plainValue(item)
			if err != nil {
				return nil, err
			}
			v[key] = plain
		}
		return v, nil
	case []any:
		for i, item := range v {
			plain, err := plainValue(item)
			if err != nil {
				return nil, err
			}
			v[i] = plain
		}
		return v, nil
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), nil
	case float64:
		text, err := json.Marshal(v)
		return json.Number(text), err
	case string:
		return plainText([]byte(v))
	case nil, bool:
		return v, nil
	default:
		return nil, fmt.Errorf("a value of type %T", v)
	}
}
