package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// The overlay is what clients of other years still send: paths of older API
// versions, operations that the newest models no longer have, and whole services
// that AWS has ended. It comes from botocore's older versions and from the models
// of aws-sdk-go v1, which were frozen in July 2025. Only what differs is kept.

// live are the services that the newest models leave out although AWS has not
// ended them.
var live = map[string]string{
	"transcribe-streaming": "needs HTTP/2 in both directions, which botocore does not speak",
}

type overlay struct {
	infos []*table.Info
	byID  map[string]*table.Info // the models' serviceId
	parts []table.Partition
}

func (o *overlay) byName(name string) *table.Info {
	for _, i := range o.infos {
		if i.Name == name {
			return i
		}
	}
	return nil
}

// addSDK adds the models of aws-sdk-go v1.
func (o *overlay) addSDK(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "models", "apis", "*", "*", "api-2.json"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("reading older models: no models/apis/*/*/api-2.json in %s: give the folder of the Go module github.com/aws/aws-sdk-go", dir)
	}
	sort.Sort(sort.Reverse(sort.StringSlice(files))) // newest version of a service first
	for _, path := range files {
		var m rawModel
		if err := readJSON(path, &m); err != nil {
			return err
		}
		name := filepath.Base(filepath.Dir(filepath.Dir(path)))
		info := o.byID[m.Metadata.ServiceID]
		if info == nil {
			info = o.byName(name)
		}
		if info != nil {
			if err := addOld(info, m.Metadata.APIVersion, &m); err != nil {
				return fmt.Errorf("reading %s: %w", path, err)
			}
			continue
		}
		if info, err = compile(name, []string{m.Metadata.APIVersion}, &m); err != nil {
			return fmt.Errorf("compiling %s: %w", path, err)
		}
		addEndpoints(info, nil, o.parts)
		_, still := live[name]
		info.Retired = !still
		o.infos = append(o.infos, info)
		o.byID[m.Metadata.ServiceID] = info
	}
	sort.Slice(o.infos, func(i, j int) bool { return o.infos[i].Name < o.infos[j].Name })
	return nil
}

// addBotocore adds the older versions that botocore has of a service.
func addBotocore(info *table.Info, dir string, versions []string) error {
	for _, v := range versions {
		var m rawModel
		if err := readJSON(filepath.Join(dir, v, "service-2.json"), &m); err != nil {
			return err
		}
		if err := addOld(info, v, &m); err != nil {
			return fmt.Errorf("reading version %s of %s: %w", v, info.Name, err)
		}
	}
	return nil
}

// addOld adds what one older model of a service binds otherwise than the newest:
// another path of an operation that is still there, and operations that are not.
func addOld(info *table.Info, version string, m *rawModel) error {
	if !slices.Contains(info.Protocols, m.Metadata.Protocol) {
		info.Protocols = append(info.Protocols, m.Metadata.Protocol)
	}
	if p := m.Metadata.TargetPrefix; p != "" && info.TargetPrefix != "" && p != info.TargetPrefix {
		return fmt.Errorf("its target prefix was %s: the table has one a service", p)
	}
	rest := strings.HasPrefix(m.Metadata.Protocol, "rest-")
	bound := bindings(info)
	b := &shapeBuilder{raw: m.Shapes, done: map[string]*table.Shape{}}
	var gone []*table.Operation
	for _, name := range sortedKeys(m.Operations) {
		raw := m.Operations[name]
		key := binding(raw.HTTP.Method, raw.HTTP.RequestURI)
		if rest && bound[key] {
			continue // the same wire form, perhaps under another name
		}
		if now, ok := info.Operation(name); ok {
			if rest {
				if err := knownLabels(now, raw.HTTP.RequestURI); err != nil {
					return err
				}
				now.Older = append(now.Older, table.Binding{Version: version, Method: raw.HTTP.Method, URI: raw.HTTP.RequestURI})
			}
			continue
		}
		op := b.operation(name, raw)
		op.Retired = true
		gone = append(gone, op)
	}
	info.Operations = append(info.Operations, gone...)
	sort.Slice(info.Operations, func(i, j int) bool { return info.Operations[i].Name < info.Operations[j].Name })
	return b.err
}

// bindings are all that a service binds.
func bindings(info *table.Info) map[string]bool {
	bound := map[string]bool{}
	for _, op := range info.Operations {
		bound[binding(op.Method, op.URI)] = true
		for _, b := range op.Older {
			bound[binding(b.Method, b.URI)] = true
		}
	}
	return bound
}

var label = regexp.MustCompile(`\{([^}+]*)(\+?)\}`)

// binding is what a server tells REST operations apart by: labels have no names,
// and one trailing slash does not count.
func binding(method, uri string) string {
	path, query, _ := strings.Cut(uri, "?")
	return method + " " + label.ReplaceAllString(strings.TrimSuffix(path, "/"), "{$2}") + "?" + query
}

// knownLabels reports a label of an older path that the operation of today has
// no member for: its value would be lost.
func knownLabels(op *table.Operation, uri string) error {
	for _, l := range label.FindAllStringSubmatch(uri, -1) {
		if op.Input == nil || !slices.ContainsFunc(op.Input.Members, func(m table.Member) bool {
			return m.Location == table.InURI && m.WireName == l[1]
		}) {
			return fmt.Errorf("older path %s of %s: no member of today's input travels as {%s}", uri, op.Name, l[1])
		}
	}
	return nil
}

// sdkVersion reads the version of aws-sdk-go v1 from its own source.
func sdkVersion(dir string) (string, error) {
	path := filepath.Join(dir, "aws", "version.go")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`SDKVersion = "([^"]+)"`).FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("reading %s: no SDKVersion", path)
	}
	return string(found[1]), nil
}
