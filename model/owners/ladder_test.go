package owners

import (
	"encoding/json"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// world is a subnet in a network, made from a Terraform state.
func world(t *testing.T, tags, outer map[string]string) (*Book, model.Resource, model.Snapshot) {
	t.Helper()
	g := graph.New(graph.Config{})
	attrs := json.RawMessage(`{"terraform":{"source":"terraform 1234@7"}}`)
	g.Apply([]model.Observation{
		{Resource: model.Resource{URN: "net", Type: "net", Tags: outer}},
		{Resource: model.Resource{URN: "subnet", Type: "subnet", Tags: tags, Attrs: attrs},
			Relations: []model.Relation{{From: "subnet", To: "net", Type: model.Contains}}},
	})
	b := &Book{
		Codes:  []Codes{{Name: "CODEOWNERS", Repository: "acme/infra", File: parse(t, GitHub, "/infra/shop/ @acme/shop\n/infra/net.tf @acme/net\n")}},
		States: []State{{Lineage: "1234", Name: "shop-prod", Path: "infra/shop", Owner: "workers"}},
		Known: func(name string) (string, string, bool) {
			return "shop", "human:sue", name == "@acme/shop"
		},
		Made: func(u model.URN) (model.Making, bool) {
			return model.Making{Actor: "human:eve", Decision: "dec_1", Operation: "ec2:CreateSubnet"}, u == "subnet"
		},
	}
	r, _ := g.Snapshot().Resource("subnet")
	return b, r, g.Snapshot()
}

func TestEveryRungOfTheLadder(t *testing.T) {
	b, r, s := world(t, map[string]string{"Team": "tagged", "git_file": "infra/net.tf", "git_org": "acme", "git_repo": "infra"}, map[string]string{"owner": "outer"})
	var got [][3]string
	for _, c := range b.Claims(r, s) {
		got = append(got, [3]string{string(c.Rung), c.Owner, c.Source})
	}
	want := [][3]string{
		{"tag", "tagged", "tag Team"},
		{"codeowners", "@acme/net", "CODEOWNERS:2 /infra/net.tf for infra/net.tf (tag git_file)"},
		{"workspace", "workers", "workspace shop-prod"},
		{"container", "outer", "tag owner of net"},
		{"creator", "human:eve", "dec_1 ec2:CreateSubnet"},
	}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got[i], want[i])
		}
	}
	// Without tags, the state leads to the folder; a handle that a document has is its owner.
	b, r, s = world(t, nil, nil)
	all := b.Claims(r, s)
	if c := all[0]; c.Rung != CodeOwners || c.Owner != "shop" || c.Person != "human:sue" || c.Declared || c.Source != "CODEOWNERS:1 /infra/shop/ for infra/shop/ (workspace shop-prod), @acme/shop" {
		t.Errorf("%+v", all)
	}
	// A file of another repository is no link.
	b, r, s = world(t, map[string]string{"git_file": "infra/net.tf", "git_org": "acme", "git_repo": "other"}, nil)
	if c := b.Claims(r, s)[0]; c.Owner != "shop" {
		t.Errorf("%+v", c)
	}
}

func TestConflictsAreShownNeverSettledSilently(t *testing.T) {
	claim := func(rung Rung, owner string, declared bool) Claim {
		return Claim{Rung: rung, Owner: owner, Declared: declared}
	}
	for _, c := range []struct {
		name     string
		claims   []Claim
		said     string
		rivals   int
		conflict bool
	}{
		{"nobody", nil, "", 0, false},
		{"one", []Claim{claim(Creator, "eve", false)}, "eve", 0, false},
		{"a creator is no rival", []Claim{claim(Creator, "eve", false), claim(Tag, "a", false)}, "a", 0, false},
		{"what it lives in is narrowed", []Claim{claim(Tag, "a", true), claim(Container, "b", true)}, "a", 0, false},
		{"code and tag differ", []Claim{claim(CodeOwners, "b", false), claim(Tag, "a", false)}, "a", 0, true},
		{"two on one rung", []Claim{claim(CodeOwners, "b", false), claim(CodeOwners, "a", false)}, "", 2, true},
		{"two that say the same", []Claim{claim(CodeOwners, "a", false), claim(CodeOwners, "a", false)}, "a", 0, false},
		{"a nearer word against what is declared", []Claim{claim(Container, "b", true), claim(CodeOwners, "a", false)}, "a", 0, true},
		{"a word against a document", []Claim{claim(Document, "b", true), claim(Workspace, "a", false)}, "b", 0, true},
	} {
		a := Settle(c.claims)
		said := ""
		if a.Said != nil {
			said = a.Said.Owner
		}
		if said != c.said || len(a.Rivals) != c.rivals || a.Conflict != c.conflict {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}
