// Package helm reads the records that helm keeps of its releases. Helm writes one
// before it makes the first object of a chart, and the whole manifest is in it: a
// release can be judged, and refused, as a whole.
//
// A record is a Secret (or, by setting, a ConfigMap) named
// sh.helm.release.v1.NAME.vREVISION whose key release holds
// base64(gzip(JSON)), once more in base64 as all data of a Secret is.
package helm

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders/kube/wire"
)

const (
	prefix = "sh.helm.release.v1."
	// maxRelease bounds what a record unpacks to: the record itself is at most 1 MiB,
	// and text packs about ten to one.
	maxRelease = 16 << 20
	// maxObjects bounds the objects of a chart; the largest public ones have some 300.
	maxObjects = 2000
)

// Release is one revision of a release.
type Release struct {
	Name      string
	Namespace string
	Revision  int
	Status    string // pending-install, pending-upgrade, pending-rollback, uninstalling, deployed, …
	Objects   []map[string]any
	Hooks     []map[string]any // what helm makes beside them, before or after
}

// Is reports whether a Secret or ConfigMap of that name is a record.
func Is(name string) bool { return strings.HasPrefix(name, prefix) }

// Previous names the record of the revision before, "" for the first.
func Previous(name string) string {
	i := strings.LastIndex(name, ".v")
	if !Is(name) || i < 0 {
		return ""
	}
	n, err := strconv.Atoi(name[i+2:])
	if err != nil || n < 2 {
		return ""
	}
	return name[:i+2] + strconv.Itoa(n-1)
}

// Begins reports whether helm is about to act on what the record says. What a
// record says at the end, that it is deployed or superseded, has been acted on.
func (r *Release) Begins() bool {
	switch r.Status {
	case "deployed", "superseded", "failed", "uninstalled":
		return false
	}
	return true
}

// Removes reports whether the objects are about to be deleted.
func (r *Release) Removes() bool { return r.Status == "uninstalling" }

// Read reads a record. secret says that it is a Secret, whose data is base64.
func Read(object map[string]any, secret bool) (*Release, error) {
	data, _ := object["data"].(map[string]any)
	text, given := data["release"].(string)
	if secret && given {
		inner, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("reading a helm release: %w", err)
		}
		text = string(inner)
	}
	if plain, ok := object["stringData"].(map[string]any); ok && secret {
		if t, ok := plain["release"].(string); ok { // the server prefers it
			text, given = t, true
		}
	}
	if !given {
		return nil, fmt.Errorf("reading a helm release: it has no key release")
	}
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("reading a helm release: %w", err)
	}
	plain, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("unpacking a helm release: %w", err)
	}
	return parse(plain)
}

// unpack takes gzip off, within the bound; very old records are not packed.
func unpack(packed []byte) ([]byte, error) {
	if !bytes.HasPrefix(packed, []byte{0x1f, 0x8b, 0x08}) {
		return packed, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(reader, maxRelease+1))
	if err == nil && len(plain) > maxRelease {
		err = fmt.Errorf("it is larger than %d MiB", maxRelease>>20)
	}
	return plain, err
}

func parse(plain []byte) (*Release, error) {
	value, err := wire.JSON(plain) // strict: what two readers read in two ways is refused
	if err != nil {
		return nil, fmt.Errorf("reading a helm release: %w", err)
	}
	o, _ := value.(map[string]any)
	r := &Release{}
	r.Name, _ = o["name"].(string)
	r.Namespace, _ = o["namespace"].(string)
	if n, ok := o["version"].(json.Number); ok {
		r.Revision, _ = strconv.Atoi(n.String())
	}
	info, _ := o["info"].(map[string]any)
	r.Status, _ = info["status"].(string)
	manifest, ok := o["manifest"].(string)
	if !ok {
		return nil, fmt.Errorf("reading a helm release: it has no manifest")
	}
	if r.Objects, err = objects(manifest); err != nil {
		return nil, fmt.Errorf("reading the manifest of a helm release: %w", err)
	}
	hooks, _ := o["hooks"].([]any)
	if len(hooks) > maxObjects {
		return nil, fmt.Errorf("a helm release with more than %d hooks", maxObjects)
	}
	for _, h := range hooks {
		hook, _ := h.(map[string]any)
		text, _ := hook["manifest"].(string)
		made, err := objects(text)
		if err != nil {
			return nil, fmt.Errorf("reading a hook of a helm release: %w", err)
		}
		r.Hooks = append(r.Hooks, made...)
	}
	return r, nil
}

// objects reads a stream of YAML documents; a List stands for what is in it.
func objects(text string) ([]map[string]any, error) {
	docs, err := wire.Documents([]byte(text), maxObjects)
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for _, d := range docs {
		o, ok := d.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("a document is no object")
		}
		items, isList := o["items"].([]any)
		if kind, _ := o["kind"].(string); isList && strings.HasSuffix(kind, "List") {
			for _, item := range items {
				inner, ok := item.(map[string]any)
				if !ok || len(out) >= maxObjects {
					return nil, fmt.Errorf("a list of what is no object, or of more than %d", maxObjects)
				}
				out = append(out, inner)
			}
			continue
		}
		out = append(out, o)
	}
	return out, nil
}
