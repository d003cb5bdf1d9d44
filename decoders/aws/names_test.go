package aws

import (
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// The index of a service's types says of every noun what their words say.
func TestATypeIsTheNounThatItsWordsAre(t *testing.T) {
	services, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, info := range services.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		types := ownTypes(s)
		for i, r := range types {
			own := noun(r.Name)
			for _, n := range []string{own, singular(own), own + "s", own + "es", noun(types[(i*7+1)%len(types)].Name), stem(lastVariable(r.ARN)), ""} {
				var named, ended []table.ResourceType
				for _, r := range types {
					switch own := noun(r.Name); {
					case n != "" && (own == n || singular(own) == n || slices.Contains(otherNouns[r.Name], n)):
						named = append(named, r)
					case n != "" && strings.HasSuffix(r.ARN, "}") && stem(lastVariable(r.ARN)) == n:
						ended = append(ended, r)
					}
				}
				want := named
				if len(named) == 0 {
					want = ended
				}
				if got := kindsIn(s).types(n); !slices.EqualFunc(got, want, func(a, b table.ResourceType) bool { return a.Name == b.Name && a.ARN == b.ARN }) {
					t.Errorf("%s: %q is %v, by its words %v", s.Name, n, got, want)
				}
				told += len(want)
			}
		}
	}
	if told < 1000 {
		t.Errorf("only %d types are anything", told)
	}
}
