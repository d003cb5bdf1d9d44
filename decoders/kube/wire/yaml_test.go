package wire

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestYAMLIsReadAsTheServerReadsIt(t *testing.T) {
	for text, want := range map[string]string{
		"a: yes":                           `{"a":true}`,
		"a: 'yes'":                         `{"a":"yes"}`,
		"a: 010":                           `{"a":8}`,
		"a: 1.50":                          `{"a":1.5}`,
		"a: 2001-01-01":                    `{"a":"2001-01-01"}`,
		"a: ~":                             `{"a":null}`,
		"a: &x {b: 1}\nc: *x":              `{"a":{"b":1},"c":{"b":1}}`,
		"a: |\n  x\n  y\n":                 `{"a":"x\ny\n"}`,
		"a: .inf":                          "",
		"a: !!binary aGk=":                 "",
		"1: x":                             `{"1":"x"}`,
		"yes: x":                           "", // a key that is no text
		"<<: {a: 1}":                       "",
		"a: &x [*x]":                       "",
		"a: [" + strings.Repeat("[", 2000): "",
	} {
		v, err := YAML([]byte(text))
		if got := written(v); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%.40q: %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestAnAliasBombIsRefused(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 9; i++ {
		was := string(rune('0' + i - 1))
		bomb += "a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.Repeat("*a"+was+",", 10) + "]\n"
	}
	if _, err := YAML([]byte(bomb)); err == nil {
		t.Error("it was read")
	}
}

func written(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
