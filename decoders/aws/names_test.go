package aws

import (
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// isNoun makes no word of a type, and tells what the words would.
func TestATypeIsTheNounThatItsWordsAre(t *testing.T) {
	services, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	types := []string{"x:", "x:s", "x:Ünis", "x:buses", "x:a-very-long-name-that-is-longer-than-any-that-was-ever-given-to-a-type"}
	for _, info := range services.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range ownTypes(s) {
			types = append(types, r.Name)
		}
	}
	words := func(resourceType, n string) bool {
		own := noun(resourceType)
		if n == "" {
			return false
		}
		for _, other := range otherNouns[resourceType] {
			if other == n {
				return true
			}
		}
		return own == n || singular(own) == n
	}
	told := 0
	for i, kind := range types {
		own := noun(kind)
		asked := []string{own, singular(own), own + "s", own + "es", noun(types[(i*7+1)%len(types)]), ""}
		if len(own) > 1 {
			asked = append(asked, own[:len(own)-1], own[:len(own)-1]+"y", own[1:])
		}
		for _, n := range asked {
			if isNoun(kind, n) != words(kind, n) {
				t.Errorf("%s is %q: %v, by its words %v", kind, n, isNoun(kind, n), words(kind, n))
			}
			if words(kind, n) {
				told++
			}
		}
	}
	if told < 1000 {
		t.Errorf("only %d of %d types are anything", told, len(types))
	}
	if n := testing.AllocsPerRun(100, func() { isNoun("ec2:Network-Interfaces", "networkinterface") }); n > 0 {
		t.Errorf("it makes %v pieces of garbage", n)
	}
}
