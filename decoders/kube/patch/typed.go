package patch

import (
	"encoding/json"
	"strings"

	"github.com/assent-iom/assent/decoders/kube/schema"
)

// Typed writes an object as the server writes one of a built-in kind: without the
// zero values that its type leaves out, and with the defaults that every container
// and port gets. It changes v.
func Typed(m *schema.Message, v map[string]any) {
	if m == nil {
		return
	}
	for name, value := range v {
		f, known := m.JSON[name]
		if !known {
			continue
		}
		if f.OmitZero && zero(value) {
			delete(v, name)
			continue
		}
		switch value := value.(type) {
		case map[string]any:
			if f.Map() {
				for _, item := range value {
					typedItem(f, item)
				}
				continue
			}
			Typed(schema.Named(f.Type), value)
		case []any:
			for _, item := range value {
				typedItem(f, item)
			}
		}
	}
	if m.Name == "api/core/v1.Container" || m.Name == "api/core/v1.EphemeralContainer" {
		defaultContainer(v)
	}
	if f := m.JSON["protocol"]; f.Default != "" && v["protocol"] == nil && m.Name != "api/core/v1.PortStatus" {
		v["protocol"] = f.Default
	}
}

func typedItem(f schema.Field, item any) {
	if object, ok := item.(map[string]any); ok {
		Typed(schema.Named(f.Element()), object)
	}
}

func zero(v any) bool {
	n, isNumber := v.(json.Number)
	return v == nil || v == "" || v == false || isNumber && n == "0"
}

func defaultContainer(c map[string]any) {
	set := func(key, value string) {
		if c[key] == nil {
			c[key] = value
		}
	}
	set("terminationMessagePath", "/dev/termination-log")
	set("terminationMessagePolicy", "File")
	image, _ := c["image"].(string)
	pull := "IfNotPresent"
	if tag := image[strings.LastIndex(image, "/")+1:]; !strings.Contains(image, "@") && (!strings.Contains(tag, ":") || strings.HasSuffix(tag, ":latest")) {
		pull = "Always"
	}
	set("imagePullPolicy", pull)
}
