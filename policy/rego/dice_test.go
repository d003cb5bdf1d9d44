package rego_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// dice makes documents and actions out of few words, so that they meet.
type dice struct{ *rand.Rand }

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

func (d dice) one(in int) bool { return d.IntN(in) == 0 }

func some[T any](d dice, of ...T) (out []T) {
	for _, v := range of {
		if d.one(2) {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		out = append(out, pick(d, of...))
	}
	return out
}

var (
	people       = []string{"deploy", "helper", "dana", "ines"}
	kinds        = []intent.ActorKind{"pipeline", "agent", "human", "human"}
	accounts     = []string{"111122223333", "444455556666", "777788889999"}
	capabilities = []string{"storage.bucket", "storage.volume", "database.relational", ""}
	verbs        = []model.Verb{model.Create, model.Update, model.Delete, model.Grant, model.Reveal}
	urns         = []string{"arn:aws:s3:::ab", "arn:aws:s3:::AB", "arn:aws:s3:::a.b", "arn:aws:s3:::*", "arn:aws:s3:::a*b", "arn:aws:rds:eu-west-1:111122223333:db:ab", "arn:aws:rds:eu-west-1:111122223333:db:*", "*"}
)

// what is often anything: a few narrow things are enough for nothing to be allowed.
func (d dice) what() (w intent.What) {
	if d.one(2) {
		return w
	}
	if !d.one(3) {
		w.Capability = some(d, "storage.*", "storage.bucket", "storage.volume", "database.*", "*")
	}
	if d.one(3) {
		w.Resource = some(d, "arn:aws:s3:::a*", "arn:aws:s3:::ab", "arn:aws:s3:::*b", "arn:aws:s3:::a.b", "a*", "AB", "ab", "a*b*", "db:a*", "*")
	}
	if d.one(4) {
		w.Tag = map[string]string{"team": pick(d, "shop", "s*", "*")}
	}
	if d.one(5) {
		w.Operation = some(d, "s3:*", "s3:Create*", "rds:*", "s3:DeleteX")
	}
	if d.one(6) {
		w.Type = some(d, "s3:bucket", "s3:*", "rds:db")
	}
	if d.one(5) {
		w.Owner = pick(d, "shop", "data")
	}
	return w
}

func (d dice) who() intent.Words {
	if d.one(3) {
		return intent.Words{"*"}
	}
	return some(d, "deploy", "helper", "dana", "kind:agent", "kind:human", "owner:shop", "*")
}
func (d dice) in() intent.Words { return some(d, "prod", "test", "tier:production", "*") }
func few(d dice) *int           { n := d.IntN(4); return &n }

func (d dice) condition() intent.Condition {
	bound := func(c *intent.Condition, words ...string) {
		if !d.one(3) {
			c.Min = pick(d, words...)
		}
		if c.Min == "" || d.one(3) {
			c.Max = pick(d, words...)
		}
	}
	switch d.IntN(7) {
	case 0:
		return intent.Condition{Property: "encryption.atRest", Is: d.one(2)}
	case 1:
		c := intent.Condition{Property: "backup.retentionDays"}
		if d.one(3) {
			c.Is = int64(d.IntN(3) * 7)
		} else {
			bound(&c, "0", "7", "14")
		}
		return c
	case 2:
		c := intent.Condition{Property: "data.classification"}
		if d.one(3) {
			c.In = some(d, "public", "internal", "restricted")
		} else {
			bound(&c, "public", "confidential", "restricted")
		}
		return c
	case 3:
		c := intent.Condition{Property: "location.region"}
		switch d.IntN(3) {
		case 0:
			c.Any = true
		case 1:
			c.In = some(d, "eu-*", "us-east-1")
		default:
			c.Has = some(d, "eu-west-1", "us-*")
		}
		return c
	case 4:
		c := intent.Condition{Property: "network.ingress"}
		if !d.one(3) {
			c.From = pick(d, intent.Internet, "10.0.0.0/8", "0.0.0.0/0")
		}
		if c.From == "" || d.one(2) {
			c.Ports = some(d, 22, 443)
		}
		return c
	case 5:
		return intent.Condition{Property: "engine.version", Is: pick(d, "1.*", "1.2", "*")}
	}
	return intent.Condition{Property: pick(d, "encryption.atRest", "owner", "location.region"), Known: true}
}

func (d dice) conditions(most int) (all intent.Conditions) {
	for range d.IntN(most + 1) {
		all = append(all, d.condition())
	}
	return all
}

func (d dice) value(name string) any {
	switch name {
	case "encryption.atRest":
		return pick[any](d, true, false, "yes")
	case "backup.retentionDays":
		return pick[any](d, 0, 7, 14, int64(3), float64(7), "14", "many")
	case "data.classification":
		return pick[any](d, "public", "confidential", "secret")
	case "location.region":
		return pick[any](d, []any{}, []any{"eu-west-1"}, []any{"eu-west-1", "us-east-1"}, "us-west-2", []any{7, true})
	case "network.ingress":
		rule := func() any {
			r := map[string]any{"cidr": pick(d, "0.0.0.0/0", "10.1.0.0/16", "10.1.2.3/32", "fd00::/8", "::/0", "nowhere", ""), "proto": "tcp"}
			if d.one(4) {
				r["group"] = "sg-1"
			}
			if !d.one(4) {
				from := pick(d, 0, 22, 80)
				r["from"], r["to"] = from, from+pick(d, 0, 500)
			}
			return r
		}
		return pick[any](d, []any{rule()}, []any{rule(), rule()}, []any{}, []any{"all"})
	case "engine.version":
		return pick[any](d, "1.2", "1.*", "2", 1.5, nil)
	}
	return "x"
}

func (d dice) set() *intent.Set {
	s := &intent.Set{Digest: "sha256:x",
		Environments: []*intent.Environment{
			{Name: "prod", Tier: "production", Scope: []intent.Scope{{AWS: &intent.AWSScope{Accounts: accounts[:1]}}}, UnknownActions: pick(d, "", intent.UnknownHold, intent.UnknownObserve)},
			{Name: "test", Tier: "staging", Scope: []intent.Scope{{AWS: &intent.AWSScope{Accounts: accounts[1:2]}}}, UnknownActions: pick(d, "", intent.UnknownHold, intent.UnknownObserve)}},
		Owners: []*intent.Owner{
			{Name: "data", Accountable: "human:ines", Owns: []intent.Selector{{Tag: map[string]string{"team": "data"}}}},
			{Name: "shop", Accountable: "human:dana", Owns: []intent.Selector{{Tag: map[string]string{"team": "shop"}}, {AWS: &intent.OwnedAccount{Account: accounts[0]}}}}},
	}
	for _, e := range s.Environments { // it is a Friday
		e.Windows = []intent.Window{{Name: "open", Days: intent.Days{"fri"}, From: "00:00", To: "24:00"}, {Name: "shut", Days: intent.Days{"mon"}, From: "08:00", To: "17:00"}}
		if d.one(3) {
			e.Caps.Dependents = few(d)
		}
		if d.one(6) {
			f := intent.Freeze{Name: "sale", From: "2027-01-01T00:00:00Z", To: pick(d, intent.Moment("2027-01-02T00:00:00Z"), "2027-02-02T00:00:00Z")}
			if d.one(2) {
				f.Except = d.who()
			}
			e.Freezes = append(e.Freezes, f)
		}
	}
	for i, name := range people {
		a := &intent.Actor{Name: name, Kind: kinds[i], Owner: pick(d, "shop", "data"), Identify: []intent.Identity{{Run: name}}}
		if a.Kind == "human" {
			a.Person = "human:" + name
		} else if d.one(6) {
			a.OnBehalfOf = intent.Required
		}
		s.Actors = append(s.Actors, a)
	}
	doc := &intent.Intent{Name: "work", Owner: "shop"}
	for i := range 2 + d.IntN(4) {
		c := intent.Allow{ID: fmt.Sprint("a", i), Who: d.who(), May: some(d, verbs...), What: d.what(), In: d.in()}
		if d.one(3) {
			c.Must = d.conditions(2)
		}
		if d.one(4) {
			c.Limits.Dependents = few(d)
		}
		if d.one(6) {
			c.Limits.Targets = few(d)
		}
		if d.one(4) {
			c.When = &intent.When{Window: some(d, "open", "shut")}
			if d.one(2) {
				c.When.Ticket = some(d, "CHG*", "INC-1")
			}
			if d.one(3) {
				c.When.Evidence = map[string]string{"ref": "refs/heads/*"}
			}
		}
		if d.one(3) {
			c.Approvals = []intent.Approvals{{From: pick(d, "owner", "owner:shop", "owner:data", "dana", "deploy")}}
		}
		doc.Allow = append(doc.Allow, c)
	}
	for i := range max(0, d.IntN(7)-4) {
		c := intent.Never{ID: fmt.Sprint("n", i), What: d.what()}
		if c.What.Capability == nil {
			c.What.Resource = some(d, "arn:aws:s3:::a*", "a.b", "*b", "arn:aws:rds:*:AB")
		}
		if d.one(2) {
			c.Who = d.who()
		}
		if !d.one(3) {
			c.May = some(d, verbs...)
		}
		if d.one(2) {
			c.In = d.in()
		}
		if d.one(3) {
			no := d.one(2)
			c.Waivable = &no
		}
		doc.Never = append(doc.Never, c)
	}
	s.Intents = []*intent.Intent{doc}
	for i := range max(0, d.IntN(5)-2) {
		b := &intent.Blueprint{Name: fmt.Sprint("b", i), Owner: "shop", Require: d.conditions(2), Forbid: d.conditions(2), OnViolation: pick(d, "", "", intent.Warn)}
		if d.one(2) {
			b.For.Capability = some(d, "storage.*", "database.relational")
		}
		if d.one(3) {
			b.For.Verbs = some(d, verbs...)
		}
		if d.one(3) {
			b.For.In = d.in()
		}
		if yes := d.one(2); yes {
			b.Ratchet = &yes
		}
		s.Blueprints = append(s.Blueprints, b)
	}
	for i := range d.IntN(3) {
		s.Exceptions = append(s.Exceptions, d.exception(fmt.Sprint("e", i)))
	}
	return s
}

func (d dice) exception(name string) *intent.Exception {
	e := &intent.Exception{Name: name, Owner: "shop", Reason: "moving", ApprovedBy: "human:dana", From: "2027-01-01", Until: pick(d, intent.Day("2027-01-14"), "2027-01-15", "2027-03-01"),
		For: intent.Exempt{Resource: some(d, "arn:aws:s3:::a*", "ab", "*")}}
	if d.one(3) {
		e.For.Who = d.who()
	}
	if d.one(2) {
		e.Waives.Never = pick(d, "work/n0", "work/n1")
	} else {
		e.Waives.Blueprint = pick(d, "b0", "b1")
		e.Waives.Require, e.Waives.Forbid = intent.Words{"encryption.atRest", "location.region"}, intent.Words{"network.ingress", "backup.retentionDays"}
	}
	return e
}

func (d dice) props() (all []model.Property) {
	for _, name := range []string{"encryption.atRest", "backup.retentionDays", "data.classification", "location.region", "network.ingress", "engine.version", "owner"} {
		for range max(0, d.IntN(5)-3+d.IntN(2)) {
			all = append(all, model.Property{Name: name, Value: d.value(name), Known: !d.one(4), Source: "request"})
		}
	}
	return all
}

func (d dice) step() model.Action {
	a := model.Action{Platform: "aws", Service: pick(d, "s3", "rds"), Operation: pick(d, "CreateX", "DeleteX", "Z"),
		Verb: pick(d, append(verbs, model.Read)...), Capability: pick(d, capabilities...), Account: pick(d, append(accounts, accounts[0], accounts[0], accounts[1], accounts[1])...), Region: "eu-west-1", Fidelity: model.Exact, Props: d.props(), Before: d.props()}
	switch d.IntN(12) {
	case 0:
		a.Fidelity, a.Verb = model.Opaque, model.Unknown
	case 1:
		a.Fidelity, a.Unknown = model.Partial, []string{"body"}
	}
	for range pick(d, 0, 1, 1, 1, 2) {
		a.Targets = append(a.Targets, model.Target{URN: model.URN(pick(d, urns...)), Type: pick(d, "s3:bucket", "rds:db", ""), Role: pick(d, model.RoleTarget, model.RoleTarget, model.RoleCreated, model.RoleDependency)})
	}
	return a
}

// action is something that somebody does, and what the model says of it.
func (d dice) action() (model.Action, model.Facts) {
	a := d.step()
	if d.one(8) {
		a.Parts = []model.Action{d.step(), d.step()}
	}
	a.Actor = model.Actor{ID: pick(d, "deploy", "deploy", "deploy", "helper", "helper", "helper", "dana", "stranger"), Authn: "run-token", Kind: pick(d, "", model.Agent, model.Human)}
	if d.one(12) {
		a.Actor.Authn = ""
	}
	if d.one(4) {
		a.Actor.For = some(d, "dana", "helper")
	}
	if d.one(2) {
		a.Actor.Ticket = pick(d, "CHG1", "INC-1", "X")
		a.Actor.Claims = map[string]string{"ref": pick(d, "refs/heads/main", "")}
	}
	a.DryRun = d.one(30)
	f := model.Facts{Broken: &model.Broken{Count: d.IntN(4), Complete: !d.one(4)}}
	if d.one(2) {
		f.Names = map[string]model.URN{}
		for _, urn := range urns[:3] {
			if d.one(2) {
				f.Names[urn] = model.URN(urn)
				f.Resources = append(f.Resources, model.Resource{URN: model.URN(urn), Platform: "aws", Type: "s3:bucket", Account: a.Account, Tags: map[string]string{"team": pick(d, "shop", "data", "x")}})
			}
		}
	}
	return a, f
}
