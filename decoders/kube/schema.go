package kube

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

// schemaText is the table of messages, made by cmd/k8sbox/schema. A line
//
//	=apps/v1 Deployment api/apps/v1.Deployment
//
// names the message of a kind, and a line
//
//	api/apps/v1.DeploymentSpec 1:replicas:i 2:selector:apis/meta/v1.LabelSelector …
//
// the fields of a message: number, JSON name ("-" for what JSON has inline) and
// type. Types are s text, b bytes, i and u numbers, t bool, d and f floats, *X a
// list, {X a map, or a message; ? after it means that JSON leaves out zero.
//
//go:generate sh -c "cd ../../cmd/k8sbox && CGO_ENABLED=0 go run -trimpath ./schema > ../../decoders/kube/schema.txt"
//go:embed schema.txt
var schemaText string

type schemaTable struct {
	kinds    map[string]string // "apps/v1 Deployment" → message
	messages map[string]map[int]schemaField
}

type schemaField struct {
	name, kind string
	omitZero   bool
}

// schema reads the table when the first protobuf body comes.
var schema = sync.OnceValue(func() schemaTable {
	t := schemaTable{kinds: map[string]string{}, messages: map[string]map[int]schemaField{}}
	for _, line := range strings.Split(schemaText, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0][0] == '=' && len(words) == 3:
			t.kinds[words[0][1:]+" "+words[1]] = words[2]
		default:
			fields := map[int]schemaField{}
			for _, w := range words[1:] {
				parts := strings.SplitN(w, ":", 3)
				number, _ := strconv.Atoi(parts[0]) // the table's test knows that it is one
				kind, omit := strings.CutSuffix(parts[2], "?")
				fields[number] = schemaField{parts[1], kind, omit}
			}
			t.messages[words[0]] = fields
		}
	}
	return t
})

// maxMessageDepth bounds nesting; JSONSchemaProps, which may nest freely, is in
// no kind of the table.
const maxMessageDepth = 64

// protobufObject turns an object of a known kind into what its JSON would be.
// ok is false for a kind that the table does not have.
func protobufObject(h *head, data []byte) (object map[string]any, ok bool, err error) {
	message, ok := schema().kinds[h.APIVersion+" "+h.Kind]
	if !ok {
		return nil, false, nil
	}
	value, err := messageValue(message, data, 0)
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
	if value, special, err := wellKnown(message, data); special {
		return value, err
	}
	fields := schema().messages[message]
	object := map[string]any{}
	seen := map[int]bool{}
	err := eachField(data, func(number int, value []byte, v uint64) error {
		f, known := fields[number]
		if !known {
			return fmt.Errorf("%s has no field %d", message, number)
		}
		if seen[number] && f.kind[0] != '*' && f.kind[0] != '{' {
			return fmt.Errorf("field %s occurs twice", f.name) // the server would merge them
		}
		seen[number] = true
		return setField(object, f, value, v, depth)
	})
	return object, err
}

func setField(object map[string]any, f schemaField, value []byte, v uint64, depth int) error {
	switch {
	case f.kind[0] == '*':
		item, err := fieldValue(f.kind[1:], value, v, depth)
		if err != nil {
			return err
		}
		items, _ := object[f.name].([]any)
		object[f.name] = append(items, item)
	case f.kind[0] == '{':
		return setEntry(object, f, value, depth)
	default:
		item, err := fieldValue(f.kind, value, v, depth)
		if err != nil || item == nil {
			return err
		}
		if f.omitZero && (item == "" || item == false || item == json.Number("0")) {
			delete(object, f.name)
			return nil
		}
		if f.name != "-" {
			object[f.name] = item
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
func setEntry(object map[string]any, f schemaField, data []byte, depth int) error {
	var key string
	var item any = zeroOf(f.kind[1:])
	err := eachField(data, func(number int, value []byte, v uint64) error {
		var err error
		switch {
		case number == 1:
			key = string(value)
		case number == 2 && f.kind[1] == '*': // a list in a map is a message of its items
			items := []any{}
			err = eachField(value, func(_ int, value []byte, v uint64) error {
				one, err := fieldValue(f.kind[2:], value, v, depth)
				items = append(items, one)
				return err
			})
			item = items
		case number == 2:
			item, err = fieldValue(f.kind[1:], value, v, depth)
		}
		return err
	})
	entries, _ := object[f.name].(map[string]any)
	if entries == nil {
		entries = map[string]any{}
		object[f.name] = entries
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
		return string(value), nil
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

// wellKnown reads the messages whose JSON is not an object.
func wellKnown(message string, data []byte) (value any, special bool, err error) {
	var text string
	var numbers [4]uint64
	var raw []byte
	read := func() error {
		return eachField(data, func(number int, value []byte, v uint64) error {
			if number < len(numbers) {
				numbers[number] = v
			}
			if value != nil {
				text, raw = string(value), value
			}
			return nil
		})
	}
	switch message {
	case "api/resource.Quantity", "apimachinery/pkg/api/resource.Quantity":
		err = read()
		return text, true, err
	case "apis/meta/v1.Time", "apis/meta/v1.MicroTime":
		if err = read(); err != nil || len(data) == 0 {
			return nil, true, err
		}
		at := time.Unix(int64(numbers[1]), int64(numbers[2])).UTC()
		if message == "apis/meta/v1.MicroTime" {
			return at.Format("2006-01-02T15:04:05.000000Z07:00"), true, nil
		}
		return at.Format(time.RFC3339), true, nil
	case "util/intstr.IntOrString":
		if err = read(); err != nil || numbers[1] == 1 {
			return text, true, err
		}
		return json.Number(strconv.FormatInt(int64(int32(numbers[2])), 10)), true, nil
	case "apis/meta/v1.FieldsV1", "runtime.RawExtension":
		if err = read(); err != nil || len(raw) == 0 {
			return nil, true, err
		}
		value, err = parseJSON(raw)
		return value, true, err
	}
	return nil, false, nil
}
