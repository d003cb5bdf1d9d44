package cfn

import (
	"bytes"
	"encoding/json"
	"sort"

	"go.yaml.in/yaml/v3"
)

// resourceLines says on which line of a YAML template each resource stands.
func resourceLines(top *yaml.Node) map[string]int {
	lines := map[string]int{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value != "Resources" {
			continue
		}
		list := top.Content[i+1].Content
		for j := 0; j+1 < len(list); j += 2 {
			lines[list[j].Value] = list[j].Line
		}
	}
	return lines
}

// jsonLines says on which line of a JSON template each resource stands. The
// template has been read before, so that it is known to be well-formed.
func jsonLines(body []byte) map[string]int {
	var starts []int // of lines, from the second on
	for i, b := range body {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	lines := map[string]int{}
	d := json.NewDecoder(bytes.NewReader(body))
	var path []string // the names on the way; "" in a list
	key := false      // the next text is a name
	for {
		token, err := d.Token()
		if err != nil {
			return lines
		}
		switch t := token.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				path = append(path, "")
				key = t == '{'
				continue
			}
			path = path[:len(path)-1]
		case string:
			if key {
				path[len(path)-1] = t
				if len(path) == 2 && path[0] == "Resources" {
					end := int(d.InputOffset())
					lines[t] = 1 + sort.SearchInts(starts, end)
				}
				key = false
				continue
			}
		}
		key = len(path) > 0 && path[len(path)-1] != ""
	}
}
