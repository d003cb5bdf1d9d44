package intent

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Each calls f for every document: its kind, its name, where it stands, and itself.
func (s *Set) Each(f func(kind, name string, at Pos, doc any)) {
	if s == nil {
		return
	}
	for _, d := range s.Environments {
		f("Environment", d.Name, d.Pos, d)
	}
	for _, d := range s.Actors {
		f("Actor", d.Name, d.Pos, d)
	}
	for _, d := range s.Owners {
		f("Owner", d.Name, d.Pos, d)
	}
	for _, d := range s.Intents {
		f("Intent", d.Name, d.Pos, d)
	}
	for _, d := range s.Rules {
		f("Rule", d.Name, d.Pos, d)
	}
	for _, d := range s.Blueprints {
		f("Blueprint", d.Name, d.Pos, d)
	}
	for _, d := range s.Exceptions {
		f("Exception", d.Name, d.Pos, d)
	}
	for _, d := range s.Resources {
		f("Resource", d.Name, d.Pos, d)
	}
}

// Compare names the documents, as KIND/NAME, that one set has and the other has not, or
// has with another content: sets with one digest have none.
func Compare(old, now *Set) (added, changed, removed []string) {
	was, is := old.contents(), now.contents()
	for _, name := range slices.Sorted(maps.Keys(is)) {
		switch before, known := was[name]; {
		case !known:
			added = append(added, name)
		case before != is[name]:
			changed = append(changed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, stays := is[name]; !stays {
			removed = append(removed, name)
		}
	}
	return added, changed, removed
}

// contents are the documents as they go into the digest.
func (s *Set) contents() map[string]string {
	all := map[string]string{}
	s.Each(func(kind, name string, _ Pos, doc any) { all[kind+"/"+name] = string(canonical(doc)) })
	return all
}

// canonical is the one form of everything that means the same.
func canonical(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil { // the documents hold only what JSON has words for
		panic(fmt.Sprintf("intent: encoding a set: %v", err))
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		panic(fmt.Sprintf("intent: decoding a set: %v", err))
	}
	if data, err = json.Marshal(sorted(tree, false)); err != nil {
		panic(fmt.Sprintf("intent: encoding a set: %v", err))
	}
	return data
}
