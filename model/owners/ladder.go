package owners

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Rung is a way to come to an owner.
type Rung string

// The rungs, nearest first.
const (
	Document   Rung = "document"   // an Owner document names the resource
	Tag        Rung = "tag"        // a tag or label does
	CodeOwners Rung = "codeowners" // the file that it is made from belongs to somebody
	Workspace  Rung = "workspace"  // the Terraform workspace that it is in does
	Container  Rung = "container"  // what it lives in does: namespace, account, environment, network
	Creator    Rung = "creator"    // somebody has made it, and the ledger says who
)

// Rungs returns them, nearest first.
func Rungs() []Rung { return []Rung{Document, Tag, CodeOwners, Workspace, Container, Creator} }

// Claim is an owner that one rung names.
type Claim struct {
	Rung       Rung             `json:"rung"`
	Owner      string           `json:"owner"`
	Person     string           `json:"person,omitempty"` // who answers for that owner, if it is declared
	Source     string           `json:"source"`
	Confidence model.Confidence `json:"confidence"`
	Declared   bool             `json:"declared"` // an Owner document says it
}

// ownerTags are the tags and labels by which people say whose a thing is.
var ownerTags = []string{"owner", "team", "backstage.io/owner"}

// maxUp bounds the way up through what contains what.
const maxUp = 8

// Book is everything that is written about owners beside the documents.
type Book struct {
	Codes  []Codes
	States []State
	// Known says which declared Owner a tag's value or a handle means, and who
	// answers for it; ok is false where none is.
	Known func(name string) (owner, person string, ok bool)
	// Made is who made a resource through the proxy.
	Made func(model.URN) (model.Making, bool)
}

// Codes is a CODEOWNERS file.
type Codes struct {
	Name       string // as it is shown
	Repository string // its tags name this one (org/name); empty: any
	File       *File
}

// State is a Terraform state that was taken in.
type State struct {
	Lineage string
	Path    string // where in the repository it is made from; empty: not known
	Owner   string // whose it is; empty: not said
	Name    string // the workspace's
}

// Claims returns what each rung says of a resource, beside the documents.
func (b *Book) Claims(r model.Resource, s model.Snapshot) []Claim {
	all := b.tags(r, Tag, model.Named, "")
	state := b.state(r)
	all = append(all, b.codes(r, state)...)
	if state != nil && state.Owner != "" {
		all = append(all, b.claim(Workspace, state.Owner, "workspace "+cmp.Or(state.Name, state.Lineage), model.Ruled))
	}
	all = append(all, b.containers(r, s)...)
	if b.Made != nil {
		if m, ok := b.Made(r.URN); ok && m.Actor != "" {
			c := b.claim(Creator, m.Actor, m.Decision+" "+m.Operation, model.Mentioned)
			all = append(all, c)
		}
	}
	return all
}

func (b *Book) claim(rung Rung, name, source string, sure model.Confidence) Claim {
	c := Claim{Rung: rung, Owner: name, Source: source, Confidence: sure}
	if b.Known != nil {
		if owner, person, ok := b.Known(name); ok {
			if c.Owner, c.Person = owner, person; owner != name {
				c.Source += ", " + name
			}
		}
	}
	return c
}

func (b *Book) tags(r model.Resource, rung Rung, sure model.Confidence, of string) (all []Claim) {
	for key, value := range r.Tags {
		if value != "" && slices.Contains(ownerTags, strings.ToLower(key)) {
			all = append(all, b.claim(rung, value, "tag "+key+of, sure))
		}
	}
	slices.SortFunc(all, func(x, y Claim) int { return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.Owner, y.Owner)) })
	return all
}

// containers is the nearest thing that it lives in and that has an owner's tag.
func (b *Book) containers(r model.Resource, s model.Snapshot) []Claim {
	at, seen := []model.URN{r.URN}, map[model.URN]bool{r.URN: true}
	for range maxUp {
		var up []model.URN
		var all []Claim
		for _, urn := range at {
			for _, d := range s.Dependencies(urn) {
				if d.Type != model.Contains || seen[d.To] {
					continue
				}
				seen[d.To] = true
				up = append(up, d.To)
				if in, ok := s.Resource(d.To); ok {
					all = append(all, b.tags(in, Container, model.Mentioned, " of "+string(d.To))...)
				}
			}
		}
		if len(all) > 0 || len(up) == 0 {
			return all
		}
		at = up
	}
	return nil
}

// state is the Terraform state that a resource is in.
func (b *Book) state(r model.Resource) *State {
	if len(b.States) == 0 || len(r.Attrs) == 0 {
		return nil
	}
	var in struct {
		Terraform struct{ Source string }
	}
	if json.Unmarshal(r.Attrs, &in) != nil {
		return nil
	}
	lineage, _, _ := strings.Cut(strings.TrimPrefix(in.Terraform.Source, "terraform "), "@")
	for i := range b.States {
		if b.States[i].Lineage == lineage {
			return &b.States[i]
		}
	}
	return nil
}

// codes is what CODEOWNERS says of the file that a resource is made from: the one
// that its tags name, or the folder of its Terraform state.
func (b *Book) codes(r model.Resource, state *State) (all []Claim) {
	for _, c := range b.Codes {
		path, by, sure := r.Tags["git_file"], "tag git_file", model.Named
		if repo := r.Tags["git_org"] + "/" + r.Tags["git_repo"]; path != "" && c.Repository != "" && repo != c.Repository {
			path = ""
		}
		if path == "" && state != nil && state.Path != "" {
			path, by, sure = strings.TrimSuffix(state.Path, "/")+"/", "workspace "+cmp.Or(state.Name, state.Lineage), model.Ruled
		}
		if path == "" {
			continue
		}
		for _, m := range c.File.Of(path) {
			if m.Optional {
				continue // GitLab asks them, and needs nobody's answer
			}
			for _, owner := range m.Owners {
				all = append(all, b.claim(CodeOwners, owner, fmt.Sprintf("%s:%d %s for %s (%s)", c.Name, m.Line, m.Pattern, path, by), sure))
			}
		}
	}
	return all
}

// Answer is what claims come to.
type Answer struct {
	// Said is the nearest claim, where nobody nearer or equally near says otherwise;
	// nil: nobody, or several.
	Said *Claim
	// Rivals are the owners on the nearest rung, where there are several.
	Rivals []string
	// Conflict: a claim differs from the nearest one, and is not only the wider one that
	// a nearer one narrows: what it lives in, or who has made it.
	Conflict bool
}

// Settle orders claims by their rung and says what they come to.
func Settle(claims []Claim) Answer {
	rank := func(c Claim) int { return slices.Index(Rungs(), c.Rung) }
	slices.SortStableFunc(claims, func(x, y Claim) int { return cmp.Compare(rank(x), rank(y)) })
	var a Answer
	for i, c := range claims {
		first := claims[0]
		if i > 0 && c.Owner != first.Owner && (c.Rung == first.Rung || rank(c) < rank(Claim{Rung: Container}) || c.Declared && !first.Declared) {
			a.Conflict = true
		}
		if c.Rung == claims[0].Rung && !slices.Contains(a.Rivals, c.Owner) {
			a.Rivals = append(a.Rivals, c.Owner)
		}
	}
	switch len(a.Rivals) {
	case 0:
	case 1:
		a.Said, a.Rivals = &claims[0], nil
	default:
		slices.Sort(a.Rivals)
	}
	return a
}
