package checks

import (
	"net/url"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
)

// thing is one target with what is known of it.
type thing struct {
	urn, canon model.URN // as the call says; as the model knows it
	kind, role string
	perhaps    string // another type that it may be; empty: kind is told
	name       string
	known      bool              // the model knows it
	sketch     bool              // by its tags alone
	tags       map[string]string // of a known resource
	place      intent.Place
	env        *intent.Environment // nil: none, or it cannot be told
	possible   []*intent.Environment
	owner      *intent.Owner
	from       string
	by         By
	rivals     []string
	others     []string // who may own it instead, by tags that nobody has read

	only   [1]*intent.Environment // room for possible
	folded *spelling              // nil: nobody has asked
}

// unknown reports whether it is not known which resource this is.
func (t *thing) unknown() bool { return strings.Contains(t.name, "*") }

// thing looks a target up.
func (p *Program) thing(a *model.Action, target model.Target, s model.Snapshot) *thing {
	t := &thing{urn: target.URN, canon: target.URN, kind: target.Type, role: target.Role, name: name(target.URN)}
	if target.Role != model.RoleCreated { // what is created does not exist yet, whoever had its name before
		t.canon = canon(t.urn, s)
	}
	res, ok := radius.Brief(s, t.canon)
	if ok && target.Role != model.RoleCreated {
		t.known, t.sketch, t.tags = true, res.Sketch(), res.Tags
	} else {
		res = &model.Resource{}
	}
	t.perhaps = perhaps(target, res)
	t.place = place(a, t.urn, res)
	t.env, t.possible = p.where.Locate(t.place, t.only[:])
	t.owner, t.from, t.by, t.rivals = p.owners.of(t)
	t.others = p.owners.unread(t)
	return t
}

// perhaps is another type that a target may be of. A call without a body names an
// object of a kind that no table has by its plural (widgets, where Widget is meant):
// it is of the type of the object that the model knows, or of any of its group.
func perhaps(target model.Target, res *model.Resource) string {
	i := strings.LastIndexByte(target.Type, '/') + 1
	if !strings.HasPrefix(string(target.URN), "k8s://") || i == 0 || i == len(target.Type) || target.Type[i] < 'a' || target.Type[i] > 'z' {
		return ""
	}
	if res.Type != "" {
		return res.Type
	}
	return target.Type[:i] + "*"
}

// canon is the name under which the model knows what a call names.
func canon(urn model.URN, s model.Snapshot) model.URN {
	known, ok := s.Resolve(string(urn))
	if id := name(urn); !ok && strings.Contains(string(urn), "*") && len(id) > 5 && !strings.Contains(id, "*") {
		known, ok = s.Resolve(id) // its account is not in the call, but its id tells
	}
	if ok {
		return known
	}
	return urn
}

// place tells where a resource is: from its URN, else from what the model knows
// of it, else from where the call went.
func place(a *model.Action, urn model.URN, res *model.Resource) intent.Place {
	switch {
	case strings.HasPrefix(string(urn), "k8s://"):
		cluster, kind, namespace, name := kubeParts(string(urn))
		if kind == "Namespace" { // a namespace is a place of its own, as for the API server's own rules
			namespace = name
		}
		return intent.Place{Platform: "kubernetes", Cluster: cluster, Namespace: namespace}
	case a.Platform == "aws" || strings.HasPrefix(string(urn), "arn:"):
		f, ok := arnParts(string(urn))
		if !ok {
			f = [6]string{}
		}
		region, account := f[3], f[4]
		at := intent.Place{Platform: "aws", Account: first(account, res.Account, a.Account), Region: first(region, res.Region, a.Region),
			Global: ok && region == "" && f[2] != "s3"} // a bucket is in a region, which its ARN does not say
		if at.Account == "" {
			at.Account = "*"
		}
		if at.Region == "" && (region == "*" || f[2] == "s3") {
			at.Region = "*"
		}
		return at
	case a.Platform == "kubernetes":
		return intent.Place{Platform: "kubernetes", Cluster: first(a.Account, "*"), Namespace: a.Region}
	}
	return intent.Place{Platform: a.Platform, Host: first(a.Account, "*")}
}

// first returns the first word that says something.
func first(words ...string) string {
	for _, w := range words {
		if w != "" && w != "*" {
			return w
		}
	}
	return ""
}

// arnParts splits an ARN at its first five colons.
func arnParts(text string) (f [6]string, ok bool) {
	for i := range 5 {
		if f[i], text, ok = strings.Cut(text, ":"); !ok {
			return f, false
		}
	}
	f[5] = text
	return f, f[0] == "arn"
}

// kubeParts splits k8s://CLUSTER/GROUP/KIND/NAMESPACE/NAME from its end.
func kubeParts(urn string) (cluster, kind, namespace, name string) {
	rest := strings.TrimPrefix(urn, "k8s://")
	var end [4]string // group, kind, namespace, name
	for i := 3; i >= 0; i-- {
		at := strings.LastIndexByte(rest, '/')
		if at < 0 {
			return "*", "", "*", "*"
		}
		end[i], rest = unescaped(rest[at+1:]), rest[:at]
	}
	if strings.Contains(rest, "%") { // the parts of it one by one
		parts := strings.Split(rest, "/")
		for i := range parts {
			parts[i] = unescaped(parts[i])
		}
		rest = strings.Join(parts, "/")
	}
	return rest, end[1], end[2], end[3]
}

func unescaped(part string) string {
	if text, err := url.PathUnescape(part); err == nil {
		return text
	}
	return part
}

// name returns what people call a resource: an S3 key with its bucket, any other
// ARN without its type, a Kubernetes object's own name.
func name(urn model.URN) string {
	text := string(urn)
	if strings.HasPrefix(text, "k8s://") {
		_, _, _, name := kubeParts(text)
		return name
	}
	f, ok := arnParts(text)
	if !ok {
		return text
	}
	rest := f[5]
	if f[2] == "s3" {
		return rest
	}
	if i := strings.IndexAny(rest, "/:"); i >= 0 && i+1 < len(rest) {
		return rest[i+1:]
	}
	return rest
}
