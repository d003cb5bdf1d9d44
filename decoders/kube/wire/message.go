package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/assent-iom/assent/decoders/kube/schema"
)

// maxMessageDepth bounds nesting: the schemas of large CRDs nest some 60 levels,
// each of which is two messages.
const maxMessageDepth = 250

// protobufObject turns an object of a known kind into what its JSON would be.
// ok is false for a kind that the table does not have.
func protobufObject(h *Head, data []byte) (object map[string]any, ok bool, err error) {
	message, ok := schema.Kind(h.APIVersion, h.Kind)
	if h.Kind == "DeleteOptions" { // of every group
		message, ok = schema.Named("apis/meta/v1.DeleteOptions"), true
	}
	if !ok {
		return nil, false, nil
	}
	value, err := messageValue(message.Name, data, 0)
	if err != nil {
		return nil, true, err
	}
	object, _ = value.(map[string]any)
	object["apiVersion"], object["kind"] = h.APIVersion, h.Kind
	return object, true, nil
}

func messageValue(message string, data []byte, depth int) (any, error) {
	if depth > maxMessageDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxMessageDepth)
	}
	if value, special, err := wellKnown(message, data, depth); special {
		return value, err
	}
	m := schema.Named(message)
	if m == nil {
		return nil, fmt.Errorf("no message %s", message)
	}
	object := map[string]any{}
	seen := map[int]bool{}
	err := eachField(data, func(number int, value []byte, v uint64) error {
		f, known := m.Fields[number]
		if !known {
			return fmt.Errorf("%s has no field %d", message, number)
		}
		if seen[number] && f.Type[0] != '*' && f.Type[0] != '{' {
			return fmt.Errorf("field %s occurs twice", f.Name) // the server would merge them
		}
		seen[number] = true
		return setField(object, f, value, v, depth)
	})
	return object, err
}

func setField(object map[string]any, f schema.Field, value []byte, v uint64, depth int) error {
	switch {
	case f.Type[0] == '*':
		item, err := fieldValue(f.Type[1:], value, v, depth)
		if err != nil {
			return err
		}
		items, _ := object[f.Name].([]any)
		object[f.Name] = append(items, item)
	case f.Type[0] == '{':
		return setEntry(object, f, value, depth)
	default:
		item, err := fieldValue(f.Type, value, v, depth)
		if err != nil || item == nil {
			return err
		}
		if f.OmitZero && (item == "" || item == false || item == json.Number("0")) {
			delete(object, f.Name)
			return nil
		}
		if f.Name != "-" {
			object[f.Name] = item
			return nil
		}
		inline, _ := item.(map[string]any)
		for key, inner := range inline {
			object[key] = inner
		}
	}
	return nil
}

// setEntry adds one entry of a map: a message of a key and a value.
func setEntry(object map[string]any, f schema.Field, data []byte, depth int) error {
	var key string
	var item any = zeroOf(f.Type[1:])
	err := eachField(data, func(number int, value []byte, v uint64) error {
		var err error
		switch {
		case number == 1:
			key, err = plainText(value)
		case number == 2 && f.Type[1] == '*': // a list in a map is a message of its items
			items := []any{}
			err = eachField(value, func(_ int, value []byte, v uint64) error {
				one, err := fieldValue(f.Type[2:], value, v, depth)
				items = append(items, one)
				return err
			})
			item = items
		case number == 2:
			item, err = fieldValue(f.Type[1:], value, v, depth)
		}
		return err
	})
	entries, _ := object[f.Name].(map[string]any)
	if entries == nil {
		entries = map[string]any{}
		object[f.Name] = entries
	}
	entries[key] = item
	return err
}

func zeroOf(kind string) any {
	if kind == "s" || kind == "b" {
		return ""
	}
	return nil
}

func fieldValue(kind string, value []byte, v uint64, depth int) (any, error) {
	switch kind {
	case "s":
		return plainText(value)
	case "b":
		return base64.StdEncoding.EncodeToString(value), nil
	case "t":
		return v != 0, nil
	case "i":
		return json.Number(strconv.FormatInt(int64(v), 10)), nil
	case "u":
		return json.Number(strconv.FormatUint(v, 10)), nil
	case "d", "f":
		float := math.Float64frombits(v)
		if kind == "f" {
			float = float64(math.Float32frombits(uint32(v)))
		}
		text, err := json.Marshal(float)
		return json.Number(text), err
	case "?":
		return nil, fmt.Errorf("a field of a type that the table cannot say")
	}
	return messageValue(kind, value, depth+1)
}
