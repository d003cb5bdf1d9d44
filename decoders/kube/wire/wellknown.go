package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// wellKnown reads the messages whose JSON is not an object.
func wellKnown(message string, data []byte, depth int) (value any, special bool, err error) {
	var text string
	var numbers [4]uint64
	var raw []byte
	read := func() error {
		return eachField(data, func(number int, value []byte, v uint64) error {
			if number < len(numbers) {
				numbers[number] = v
			}
			if value == nil {
				return nil
			}
			var err error
			raw = value
			text, err = plainText(value)
			return err
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
	case "apis/meta/v1.FieldsV1", "runtime.RawExtension", extensions + "JSON":
		if err = read(); err != nil || len(raw) == 0 {
			return nil, true, err
		}
		value, err = JSON(raw)
		return value, true, err
	}
	if kind, ok := strings.CutPrefix(message, extensions+"JSONSchemaPropsOr"); ok {
		value, err = either(kind, data, depth)
		return value, true, err
	}
	return nil, false, nil
}

// extensions is the package of the messages of a CustomResourceDefinition.
const extensions = "apiextensions-apiserver/pkg/apis/apiextensions/v1."

// either reads the messages that are a schema or something else in JSON: a list
// of schemas (Array), a list of texts (StringArray), a truth value (Bool).
func either(kind string, data []byte, depth int) (any, error) {
	var one any
	var many []any
	allows := false
	err := eachField(data, func(number int, value []byte, v uint64) error {
		schemaAt := map[string]int{"Array": 1, "StringArray": 1, "Bool": 2}[kind]
		switch {
		case number == schemaAt || kind == "Array" && number == 2:
			inner, err := messageValue(extensions+"JSONSchemaProps", value, depth+1)
			if number == schemaAt {
				one = inner
			} else {
				many = append(many, inner)
			}
			return err
		case kind == "Bool" && number == 1:
			allows = v != 0
		case kind == "StringArray" && number == 2:
			text, err := plainText(value)
			many = append(many, text)
			return err
		default:
			return fmt.Errorf("JSONSchemaPropsOr%s has no field %d", kind, number)
		}
		return nil
	})
	switch {
	case many != nil:
		return many, err
	case one != nil:
		return one, err
	case kind == "Bool":
		return allows, err
	}
	return nil, err
}
