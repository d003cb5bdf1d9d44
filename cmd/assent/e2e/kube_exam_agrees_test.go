package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/decoders"
)

// agrees compares a decision with what the server logged.
func agrees(s *testimony, e auditEvent) error {
	if s.err != nil {
		return fmt.Errorf("undecodable to us, fine to the server: %w", s.err)
	}
	var n struct{ Verb, Group, Version, Resource, Subresource, Namespace, Name string }
	if err := json.Unmarshal(s.action.Native, &n); err != nil {
		return err
	}
	o := e.ObjectRef
	name := n.Name
	if name == "" && o.Name != "" && len(s.action.Targets) == 1 { // the log has it from the body
		urn := string(s.action.Targets[0].URN)
		name = urn[strings.LastIndex(urn, "/")+1:]
	}
	ours := [7]string{n.Verb, n.Group, n.Version, n.Resource, n.Subresource, n.Namespace, name}
	theirs := [7]string{e.Verb, o.APIGroup, o.APIVersion, o.Resource, o.Subresource, o.Namespace, o.Name}
	if n.Resource == "namespaces" && n.Namespace == "" {
		theirs[5] = "" // of a namespace that is created, the log has the name here too
	}
	if ours != theirs {
		return fmt.Errorf("\n ours   %q\n theirs %q", ours, theirs)
	}
	var params struct{ Object any }
	if len(s.action.Params) > 0 {
		if err := json.Unmarshal(s.action.Params, &params); err != nil {
			return err
		}
	}
	if params.Object != nil && e.RequestObject != nil {
		return within("", params.Object, e.RequestObject)
	}
	return nil
}

// dropped are the fields that the hostile send and no ConfigMap has.
var dropped = []string{".dryRun", ".Metadata"}

// sameTime: the server writes times in UTC, whatever they were written in.
func sameTime(a, b any) bool {
	x, err1 := time.Parse(time.RFC3339, fmt.Sprint(a))
	y, err2 := time.Parse(time.RFC3339, fmt.Sprint(b))
	return err1 == nil && err2 == nil && x.Equal(y)
}

// within reports what of an object that we read, by JSON or protobuf, is not in
// the object that the server read; the server's has defaults too.
func within(path string, ours, theirs any) error {
	switch ours := ours.(type) {
	case nil:
		return nil
	case map[string]any:
		other, _ := theirs.(map[string]any)
		for key, value := range ours {
			if slices.Contains(dropped, path+"."+key) {
				continue
			}
			if err := within(path+"."+key, value, other[key]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		other, _ := theirs.([]any)
		if len(other) != len(ours) {
			return fmt.Errorf("%s has %d items, the server's %d", path, len(ours), len(other))
		}
		for i, value := range ours {
			if err := within(fmt.Sprint(path, "[", i, "]"), value, other[i]); err != nil {
				return err
			}
		}
		return nil
	default:
		if ours == decoders.Redacted || path == ".apiVersion" || path == ".kind" || fmt.Sprint(ours) == fmt.Sprint(theirs) || sameTime(ours, theirs) {
			return nil
		}
		return fmt.Errorf("%s is %v, the server's %v", path, ours, theirs)
	}
}
