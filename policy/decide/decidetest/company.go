// Package decidetest is a company to measure on: its documents, its estate and what
// its actors do, the same for every engine that is held beside ours.
package decidetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
)

// Estate is 100,000 resources of 100 accounts, each with a tag: in every hundred a
// subnet, and 99 machines in it.
func Estate() model.Snapshot {
	var all []model.Observation
	for i := range 100_000 {
		account := fmt.Sprintf("%012d", 100+i/1000)
		kind, id, attrs := "instance", fmt.Sprintf("i-%016x", i), fmt.Sprintf(`{"SubnetId":"subnet-%016x"}`, i/100*100)
		if i%100 == 0 {
			kind, id, attrs = "subnet", fmt.Sprintf("subnet-%016x", i), `{}`
		}
		all = append(all, model.Observation{Whole: true, Resource: model.Resource{URN: model.URN("arn:aws:ec2:eu-west-1:" + account + ":" + kind + "/" + id), Platform: "aws",
			Type: "ec2:" + kind, Account: account, Region: "eu-west-1", Tags: map[string]string{"team": fmt.Sprintf("team-%d", i%40)}, Attrs: json.RawMessage(attrs)}})
	}
	g := graph.New(graph.Config{})
	g.Apply(all)
	return g.Snapshot()
}

// Company is documents with n clauses, one in twenty a never clause: 100
// environments, 40 owners by tag, 100 actors.
func Company(n int) *intent.Set {
	set := &intent.Set{Digest: "sha256:company"}
	for i := range 100 {
		set.Environments = append(set.Environments, &intent.Environment{Name: fmt.Sprintf("env-%02d", i), Tier: "production",
			Scope: []intent.Scope{{AWS: &intent.AWSScope{Accounts: intent.Words{fmt.Sprintf("%012d", 100+i)}}}}})
		set.Actors = append(set.Actors, &intent.Actor{Name: fmt.Sprintf("actor-%02d", i), Kind: "agent", Owner: "team-0", Identify: []intent.Identity{{Run: fmt.Sprintf("actor-%02d", i)}}})
	}
	for i := range 40 {
		name := fmt.Sprintf("team-%d", i)
		set.Owners = append(set.Owners, &intent.Owner{Name: name, Accountable: "human:x", Contact: map[string]string{"slack": "#" + name}, Owns: []intent.Selector{{Tag: map[string]string{"team": name}}}})
	}
	r := rand.New(rand.NewPCG(1, 2))
	doc := &intent.Intent{Name: "company", Owner: "team-0"}
	for i := range n {
		what := intent.What{Capability: intent.Words{fmt.Sprintf("cap.c%d", r.IntN(60))}}
		if i%20 == 0 {
			what.Owner = "nobody"
			doc.Never = append(doc.Never, intent.Never{ID: fmt.Sprintf("n%05d", i), May: intent.Verbs{model.Delete, model.Update}, What: what})
			continue
		}
		if i%3 == 0 {
			what.Capability = append(what.Capability, "compute.instance")
			what.Owner = fmt.Sprintf("team-%d", i%40)
		}
		doc.Allow = append(doc.Allow, intent.Allow{ID: fmt.Sprintf("a%05d", i), Who: intent.Words{fmt.Sprintf("actor-%02d", i%100)}, May: intent.Verbs{model.Update, model.Delete, model.Create}, What: what,
			In: intent.Words{fmt.Sprintf("env-%02d", i%100), fmt.Sprintf("env-%02d", r.IntN(100))}, Must: intent.Conditions{{Property: "encryption.atRest", Is: true}}})
	}
	set.Intents = []*intent.Intent{doc}
	return set
}

// Changes are n changes of Company's actors to machines of their own, all allowed.
func Changes(n int) []model.Action {
	var all []model.Action
	for j := 0; len(all) < n; j++ {
		i := j % 10_000 / 3 * 3 // the place of a clause about machines
		if i%20 == 0 {
			continue
		}
		env := i % 100
		for k := env * 1000; k < env*1000+1000; k++ {
			if k%100 != 0 && k%40 == i%40 && (k+j)%7 == 0 {
				all = append(all, model.Action{Actor: model.Actor{ID: fmt.Sprintf("actor-%02d", i%100), Authn: "run-token"}, Platform: "aws", Service: "ec2", Operation: "ModifyX", Verb: model.Update,
					Capability: "compute.instance", Account: fmt.Sprintf("%012d", 100+env), Region: "eu-west-1", Fidelity: model.Exact, Props: []model.Property{{Name: "encryption.atRest", Value: true, Known: true, Source: "request"}},
					Targets: []model.Target{{URN: model.URN(fmt.Sprintf("arn:aws:ec2:eu-west-1:%012d:instance/i-%016x", 100+env, k)), Type: "ec2:instance", Role: model.RoleTarget}}})
				break
			}
		}
	}
	return all
}

// Rules are three rules in Rego after the clauses of Company: two of them are about
// its changes, and deny none.
func Rules() (all []*intent.Rule) {
	for i := range 3 {
		capability, verb := []string{"compute.*", "compute.*", "cap.c1"}[i], []model.Verb{model.Update, model.Update, model.Delete}[i]
		all = append(all, &intent.Rule{Name: fmt.Sprintf("rule-%d", i), Owner: "team-0", For: intent.For{Capability: intent.Words{capability}, Verbs: intent.Verbs{verb}},
			Rego: intent.Text{Line: 1, Body: fmt.Sprintf("deny contains \"no\" if { input.action.region == \"mars-%d\" }", i)}, Tests: []intent.RuleTest{}})
	}
	return all
}
