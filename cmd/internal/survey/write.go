package survey

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/assent-iom/assent/model/intent"
)

// File is one to write.
type File struct{ Name, Text string }

// Files are a first set of documents about what was found, and the configuration
// that names them. Nothing in them allows anything.
func (f Found) Files() []File {
	return []File{
		{"assent.yaml", "# Written by assent init. What else can be set: assent config --example\nmode: observe    # enforce refuses what is not declared\nintent: intent\n"},
		{"intent/environments.yaml", f.environments()},
		{"intent/people.yaml", f.people()},
	}
}

type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) document(kind, metadata string) {
	if p.Len() > 0 && !strings.HasSuffix(p.String(), "\n\n") {
		p.line("---")
	}
	p.line("apiVersion: %s\nkind: %s\nmetadata: {%s}\nspec:", intent.APIVersion, kind, metadata)
}

// Owner is the document that answers for everything at first.
const Owner = "team"

func (f Found) environments() string {
	var p page
	p.line("# Where: the accounts and clusters that were found. Split them, join them, and say")
	p.line("# which tier each is: production, staging, development or sandbox.\n")
	for _, a := range f.Accounts {
		p.document("Environment", "name: aws-"+a.ID+", owner: "+Owner)
		p.line("  # tier: production")
		if len(a.Regions) > 0 {
			p.line("  scope: [{aws: {accounts: [%s]}}]   # seen in %s; regions: [global, …] narrows it", quote(a.ID), strings.Join(a.Regions, ", "))
		} else {
			p.line("  scope: [{aws: {accounts: [%s]}}]", quote(a.ID))
		}
	}
	for _, c := range f.Clusters {
		p.document("Environment", "name: "+nameOf("k8s-"+c)+", owner: "+Owner)
		p.line("  # tier: production")
		p.line("  scope: [{kubernetes: {clusters: [%s]}}]   # namespaces: [web, \"shop-*\"] narrows it", quote(c))
	}
	return p.String()
}

func (f Found) people() string {
	var p page
	p.line("# Who answers, and who approves.\n")
	p.document("Owner", "name: "+Owner)
	p.line("  accountable: %s   # exactly one person", quote(f.Person))
	p.line("  contact: {todo: \"fill me in\"}   # slack, oncall, mail")
	if len(f.Accounts) > 0 {
		p.line("  owns:")
	}
	for _, a := range f.Accounts {
		p.line("    - {aws: {account: %s}}", quote(a.ID))
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(f.Person, "human:"), "@")
	p.document("Actor", "name: "+nameOf(name))
	p.line("  kind: human\n  person: %s\n  owner: %s\n  identify:", quote(f.Person), Owner)
	p.line("    - {run: %s}   # as assent run calls who gives no --as", quote(f.Login))
	if f.Key != "" {
		p.line("    - {ssh: %s}   # %s: signs approvals", quote(f.Key), f.KeyFrom)
	}
	if len(f.Teams) > 0 {
		p.line("\n# CODEOWNERS names these. An Owner has exactly one person, so that is left to you:")
		for _, t := range f.Teams {
			p.line("#   {apiVersion: %s, kind: Owner, metadata: {name: %s}, spec: {accountable: \"human:NAME\", owns: [{tag: {team: %s}}]}}",
				intent.APIVersion, nameOf(t), nameOf(t))
		}
	}
	return p.String()
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always has an encoding
		return `""`
	}
	return string(b)
}

// maxName bounds a document's name that is made of something longer: an ARN.
const maxName = 60

// nameOf makes a document's name.
func nameOf(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := b.String()
	if len(name) > maxName { // the end of an ARN is what tells
		name = name[len(name)-maxName:]
	}
	if name = strings.Trim(name, "-"); name == "" {
		return "nobody"
	}
	return name
}
