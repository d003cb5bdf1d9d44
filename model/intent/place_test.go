package intent

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The map of a set answers as the set does, which asks every environment.
func TestTheMapAnswersAsTheSetDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	words := func(from ...string) (w Words) {
		for range 1 + r.IntN(2) {
			w = append(w, from[r.IntN(len(from))])
		}
		return w
	}
	accounts := []string{"111", "112", "211", "11*", "*1", "*"}
	names := []string{"east", "west", "ea*", "*"}
	found := 0
	for range 400 {
		set := &Set{}
		for i := range 1 + r.IntN(6) {
			e := &Environment{Name: fmt.Sprint("e", i)}
			for range 1 + r.IntN(3) {
				var s Scope
				switch r.IntN(3) {
				case 0:
					s.AWS = &AWSScope{Accounts: words(accounts...)}
					if r.IntN(2) == 0 {
						s.AWS.Regions = words(append(names, "global")...)
					}
				case 1:
					s.Kubernetes = &KubernetesScope{Clusters: words(names...)}
					if r.IntN(2) == 0 {
						s.Kubernetes.Namespaces = words(names...)
					}
				default:
					s.Hosts = words(names...)
				}
				e.Scope = append(e.Scope, s)
			}
			set.Environments = append(set.Environments, e)
		}
		m := set.Map()
		for range 60 {
			p := Place{Platform: []string{"aws", "kubernetes", "other"}[r.IntN(3)], Account: append(accounts, "999", "")[r.IntN(8)], Region: append(names, "")[r.IntN(5)],
				Cluster: append(names, "north")[r.IntN(5)], Namespace: append(names, "")[r.IntN(5)], Host: append(names, "north")[r.IntN(5)]}
			env, possible := set.Locate(p)
			var room [1]*Environment
			mine, mayBe := m.Locate(p, room[:])
			if env != mine || !slices.Equal(possible, mayBe) {
				t.Fatalf("%v: %v %v, the map says %v %v", p, env, possible, mine, mayBe)
			}
			if env != nil {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("no place was found")
	}
}

// What has no region is where "global" is listed, before it is where its calls go.
func TestAResourceWithoutARegionIsWhereGlobalIsListed(t *testing.T) {
	env := func(name string, regions ...string) *Environment {
		return &Environment{Name: name, Scope: []Scope{{AWS: &AWSScope{Accounts: Words{"111122223333"}, Regions: regions}}}}
	}
	role := Place{Platform: "aws", Account: "111122223333", Region: "us-east-1", Global: true} // IAM is called in us-east-1
	machine := Place{Platform: "aws", Account: "111122223333", Region: "us-east-1"}
	for _, c := range []struct {
		envs          []*Environment
		role, machine string
	}{
		{[]*Environment{env("dev", "us-east-1"), env("prod", "eu-west-1", "global")}, "prod", "dev"},
		{[]*Environment{env("prod", "eu-west-1", "global")}, "prod", ""},
		{[]*Environment{env("dev", "us-east-1"), env("rest", "*")}, "rest", "dev"},
		{[]*Environment{env("dev", "us-east-1"), env("prod", "eu-west-1")}, "dev", "dev"},
		{[]*Environment{env("dev", "us-east-1"), env("rest")}, "dev", "dev"},
	} {
		s := &Set{Environments: c.envs}
		for _, locate := range []func(Place) *Environment{
			func(p Place) *Environment { e, _ := s.Locate(p); return e },
			func(p Place) *Environment { e, _ := s.Map().Locate(p, nil); return e },
		} {
			for p, want := range map[Place]string{role: c.role, machine: c.machine} {
				got := ""
				if e := locate(p); e != nil {
					got = e.Name
				}
				if got != want {
					t.Errorf("%+v is in %q, want %q", p, got, want)
				}
			}
		}
	}
}
