package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Head is what a protobuf body says: its kind, everything of DeleteOptions and of
// the built-in kinds, and of others the names in their metadata.
type Head struct {
	APIVersion, Kind              string
	Name, GenerateName, Namespace string
	Object                        map[string]any // of a kind that schema.txt has
}

var protobufMagic = []byte("k8s\x00")

// Protobuf reads the envelope (runtime.Unknown) and, as far as every kind
// agrees, the object: field 1 is its metadata.
func Protobuf(data []byte) (*Head, error) {
	raw, found := bytes.CutPrefix(data, protobufMagic)
	if !found {
		return nil, fmt.Errorf("it does not begin with k8s\\x00")
	}
	h := &Head{}
	var object []byte
	seen := map[int]bool{}
	err := eachField(raw, func(number int, value []byte, _ uint64) error {
		if seen[number] {
			return fmt.Errorf("field %d of the envelope occurs twice", number)
		}
		seen[number] = true
		switch number {
		case 1: // typeMeta
			return eachField(value, func(number int, value []byte, _ uint64) error {
				var err error
				switch number {
				case 1:
					h.APIVersion, err = plainText(value)
				case 2:
					h.Kind, err = plainText(value)
				}
				return err
			})
		case 2: // raw
			object = value
		case 3, 4: // contentEncoding, contentType
			if text := string(value); text != "" && text != "application/vnd.kubernetes.protobuf" {
				return fmt.Errorf("the object inside is %q", text)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var known bool
	if h.Object, known, err = protobufObject(h, object); err != nil || known {
		return h, err
	}
	err = eachField(object, func(number int, value []byte, _ uint64) error {
		if number != 1 || value == nil {
			return nil
		}
		return eachField(value, func(number int, value []byte, _ uint64) error {
			var err error
			switch number {
			case 1:
				h.Name, err = plainText(value)
			case 2:
				h.GenerateName, err = plainText(value)
			case 3:
				h.Namespace, err = plainText(value)
			}
			return err
		})
	})
	return h, err
}

// plainText is a text, which has to be UTF-8: JSON could not say which other it is,
// and so nobody could tell what was judged.
func plainText(value []byte) (string, error) {
	if !utf8.Valid(value) {
		return "", fmt.Errorf("a text that is no UTF-8: %.40q", value)
	}
	return string(value), nil
}

// eachField calls f for each field of a message: value is set for length-
// delimited fields (never nil then), v for numbers.
func eachField(data []byte, f func(number int, value []byte, v uint64) error) error {
	for len(data) > 0 {
		tag, n := binary.Uvarint(data)
		if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return fmt.Errorf("a malformed field tag")
		}
		data = data[n:]
		number := int(tag >> 3)
		var value []byte
		var v uint64
		switch tag & 7 {
		case 0:
			if v, n = binary.Uvarint(data); n <= 0 {
				return fmt.Errorf("field %d: a malformed number", number)
			}
			data = data[n:]
		case 1, 5:
			size := 8
			if tag&7 == 5 {
				size = 4
			}
			if len(data) < size {
				return fmt.Errorf("field %d: cut short", number)
			}
			for i := size - 1; i >= 0; i-- { // little-endian
				v = v<<8 | uint64(data[i])
			}
			data = data[size:]
		case 2:
			length, n := binary.Uvarint(data)
			if n <= 0 || length > uint64(len(data)-n) {
				return fmt.Errorf("field %d: cut short", number)
			}
			value = data[n : n+int(length) : n+int(length)]
			data = data[n+int(length):]
		default:
			return fmt.Errorf("field %d: wire type %d", number, tag&7)
		}
		if err := f(number, value, v); err != nil {
			return err
		}
	}
	return nil
}
