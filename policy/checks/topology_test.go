package checks

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

const topology = `    - {id: make, who: [bot], may: [create, update, attach, detach, delete], what: {capability: ["*"]}, in: ["*"]}
---
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: lab}
spec: {tier: sandbox, scope: [{aws: {accounts: ["210987654321"]}}]}
---
apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: tiers, owner: checkout}
spec:
  purpose: Who may be connected with whom.
  for: {capability: [compute.function, network.firewall]}
  zones:
    internet: {cidrs: [internet]}
    corp: {cidrs: [10.0.0.0/8], tag: {zone: corp}}
    pci: {tag: {zone: pci}}
    app: {tag: {zone: app}}
  topology:
    RULE
---
apiVersion: assent.dev/v1
kind: Exception
metadata: {name: for-a-while}
spec:
  waives: {blueprint: tiers, topology: [r]}
  for: {resource: excused}
  reason: It moves.
  from: "1970-01-01"
  until: "1970-01-20"
  approvedBy: human:dana@shop.example
`

const (
	fn     = model.URN("arn:aws:lambda:us-east-1:123456789012:function:web")
	cards  = model.URN("arn:aws:dynamodb:us-east-1:123456789012:table/cards")
	orders = model.URN("arn:aws:dynamodb:us-east-1:123456789012:table/orders")
	queue  = model.URN("arn:aws:sqs:us-east-1:123456789012:jobs")
	worker = model.URN("arn:aws:lambda:us-east-1:123456789012:function:worker")
	far    = model.URN("arn:aws:dynamodb:us-east-1:210987654321:table/far")
)

// tiered is an estate of a function that reads orders, and a queue behind which a
// worker reads cards.
func tiered(t testing.TB, more ...model.Relation) model.Snapshot {
	t.Helper()
	g := graph.New(graph.Config{})
	var resources []model.Resource
	for urn, zone := range map[model.URN]string{fn: "app", cards: "pci", orders: "shop", queue: "shop", worker: "app", far: "lab"} {
		f := strings.Split(string(urn), ":")
		kind := map[string]string{"lambda": "lambda:function", "dynamodb": "dynamodb:table", "sqs": "sqs:queue"}[f[2]]
		resources = append(resources, model.Resource{URN: urn, Platform: "aws", Type: kind, Account: f[4], Region: f[3], Tags: map[string]string{"zone": zone}})
	}
	g.Load(resources, append(more,
		model.Relation{From: fn, To: orders, Type: model.Reads},
		model.Relation{From: queue, To: worker, Type: model.Calls},
		model.Relation{From: worker, To: cards, Type: model.Reads},
	))
	return g.Snapshot()
}

func function(verb model.Verb, ties *model.Ties, props ...model.Property) model.Action {
	role := model.RoleTarget
	if verb == model.Create {
		role = model.RoleCreated
	}
	return model.Action{
		Actor: model.Actor{ID: "bot", Kind: model.Agent, Authn: "run"}, Platform: "aws", Service: "lambda", Operation: "UpdateFunctionConfiguration",
		Verb: verb, Capability: "compute.function", Account: "123456789012", Region: "us-east-1", Fidelity: model.Exact, Ties: ties, Props: props,
		Targets: []model.Target{{URN: fn, Type: "lambda:function", Role: role}},
	}
}

func names(to ...model.URN) *model.Ties {
	t := &model.Ties{Complete: true}
	for _, u := range to {
		t.Relations = append(t.Relations, model.Relation{From: fn, To: u, Type: model.Reads, Source: "Environment.Variables.TABLE"})
	}
	return t
}

func TestTopology(t *testing.T) {
	ghost := model.URN("arn:aws:dynamodb:us-east-1:123456789012:table/ghost")
	whole := func(ties *model.Ties) *model.Ties { ties.Whole = true; return ties }
	for name, c := range map[string]struct {
		rule   string
		a      model.Action
		denied string // part of the reason; empty: it conforms
	}{
		"must not, and does":                 {"noEdge: {to: {zone: pci}, edges: [reads]}", function(model.Update, names(cards)), "there is reads " + string(cards)},
		"must not, and does not":             {"noEdge: {to: {zone: pci}, edges: [reads]}", function(model.Update, names(orders)), ""},
		"must not, by another edge":          {"noEdge: {to: {zone: pci}, edges: [calls]}", function(model.Update, names(cards)), ""},
		"must not, to whom nobody knows":     {"noEdge: {to: {zone: pci}, edges: [reads]}", function(model.Update, names(ghost)), "it cannot be told of reads " + string(ghost)},
		"must not, and nobody looked":        {"noEdge: {to: {zone: pci}, edges: [reads]}", function(model.Update, nil), unseen},
		"must not, made anew":                {"noEdge: {to: {zone: pci}}", function(model.Create, names(cards)), "there is reads"},
		"must not, and is taken away":        {"noEdge: {to: {resource: orders}, edges: [reads]}", function(model.Detach, names(orders)), ""},
		"must not be named by":               {"noEdge: {from: {type: 'sqs:*'}}", function(model.Update, &model.Ties{Complete: true, Relations: []model.Relation{{From: queue, To: fn, Type: model.Calls}}}), "calls " + string(queue)},
		"must, and does":                     {"mustHaveEdge: {to: {resource: orders}, edges: [reads]}", function(model.Update, names()), ""},
		"must, and never did":                {"mustHaveEdge: {to: {resource: orders}, edges: [calls]}", function(model.Update, names()), "there surely is none"},
		"must, and would no more":            {"mustHaveEdge: {to: {resource: orders}, edges: [reads]}", function(model.Update, whole(names(cards))), "there surely is none"},
		"must, and perhaps no more":          {"mustHaveEdge: {to: {resource: orders}, edges: [reads]}", function(model.Update, names(cards)), "there surely is none"},
		"must, made anew without":            {"mustHaveEdge: {to: {resource: orders}}", function(model.Create, names()), "there surely is none"},
		"must, made anew with":               {"mustHaveEdge: {to: {resource: orders}}", function(model.Create, names(orders)), ""},
		"must, and it is detached":           {"mustHaveEdge: {to: {resource: orders}}", function(model.Detach, names(orders)), "there surely is none"},
		"may only, and does":                 {"onlyEdge: {to: {zone: pci}, edges: [reads]}", function(model.Create, names(cards)), ""},
		"may only, and does otherwise":       {"onlyEdge: {to: {zone: pci}, edges: [reads]}", function(model.Create, names(cards, orders)), "there is reads " + string(orders)},
		"may only, to whom nobody knows":     {"onlyEdge: {to: {zone: pci}, edges: [reads]}", function(model.Create, names(ghost)), "it cannot be told"},
		"a path":                             {"noPath: {to: {zone: pci}}", function(model.Update, names(queue)), "there is reads " + string(cards)},
		"a path through whom it may lead":    {"noPath: {to: {zone: pci}, unlessVia: {type: 'lambda:function', zone: app}}", function(model.Update, names(queue)), ""},
		"a path over other edges":            {"noPath: {to: {zone: pci}, edges: [reads]}", function(model.Update, names(queue)), ""},
		"no path":                            {"noPath: {to: {zone: pci}}", function(model.Update, names(orders)), ""},
		"a path that leads into the dark":    {"noPath: {to: {zone: pci}}", function(model.Update, names(ghost)), "it cannot be told"},
		"a path to it":                       {"noPath: {from: {resource: web}}", function(model.Update, names()), ""},
		"no more than":                       {"count: {to: {type: 'dynamodb:table'}, edges: [reads], atMost: 1}", function(model.Attach, names(cards)), "there are 2"},
		"no more than, and is":               {"count: {to: {type: 'dynamodb:table'}, edges: [reads], atMost: 2}", function(model.Attach, names(cards)), ""},
		"perhaps more than":                  {"count: {to: {type: 'dynamodb:table'}, edges: [reads], atMost: 1}", function(model.Update, names(cards)), "and perhaps 1 more"},
		"no fewer than":                      {"count: {to: {type: 'dynamodb:table'}, atLeast: 2}", function(model.Create, names(cards)), "there are 1"},
		"within its environment":             {"sameEnvironment: {edges: [reads]}", function(model.Create, names(cards)), ""},
		"in another environment":             {"sameEnvironment: {edges: [reads]}", function(model.Create, names(far)), "there is reads " + string(far)},
		"within its owner":                   {"sameOwner: {edges: [reads]}", function(model.Create, names(cards)), ""},
		"of nobody":                          {"sameOwner: {edges: [reads]}", function(model.Create, names(far)), "it cannot be told of reads " + string(far)},
		"over two":                           {"spread: {edges: [reads], over: resource, atLeast: 2}", function(model.Create, names(cards, orders)), ""},
		"over one":                           {"spread: {edges: [reads], over: resource, atLeast: 2}", function(model.Create, names(cards)), "it is over 1"},
		"over one region":                    {"spread: {edges: [reads], over: region, atLeast: 2}", function(model.Create, names(cards, orders)), "it is over 1"},
		"traffic from there":                 {"noEdge: {from: {zone: internet}, edges: [ingress]}", function(model.Update, nil, rule("0.0.0.0/0", 443, 443)), "ingress 0.0.0.0/0 on 443-443"},
		"traffic from elsewhere":             {"noEdge: {from: {zone: internet}, edges: [ingress]}", function(model.Update, nil, rule("10.1.0.0/16", 443, 443)), ""},
		"traffic on those ports":             {"noEdge: {from: {zone: internet}, edges: [ingress], ports: [22]}", function(model.Update, nil, rule("0.0.0.0/0", 20, 30)), "on 20-30"},
		"traffic on other ports":             {"noEdge: {from: {zone: internet}, edges: [ingress], ports: [22]}", function(model.Update, nil, rule("0.0.0.0/0", 443, 443)), ""},
		"traffic that cannot be told":        {"noEdge: {from: {zone: internet}, edges: [ingress]}", function(model.Update, nil, not1("network.ingress")), unseen},
		"traffic of a list":                  {"noEdge: {from: {zone: internet}, edges: [ingress]}", function(model.Update, nil, is1("network.ingress", []any{map[string]any{"prefixList": "pl-1"}})), "it cannot be told"},
		"only from there, on that":           {"onlyEdge: {from: {zone: corp}, edges: [ingress], ports: [443]}", function(model.Update, nil, rule("10.1.0.0/16", 443, 443)), ""},
		"only from there, and from more":     {"onlyEdge: {from: {zone: corp}, edges: [ingress]}", function(model.Update, nil, rule("0.0.0.0/0", 443, 443)), "ingress 0.0.0.0/0"},
		"only on that, and on more":          {"onlyEdge: {from: {zone: corp}, edges: [ingress], ports: [443]}", function(model.Update, nil, rule("10.1.0.0/16", 443, 444)), "on 443-444"},
		"what is deleted is not connected":   {"mustHaveEdge: {to: {resource: nobody}}", function(model.Delete, nil), ""},
		"traffic out, which nobody spoke of": {"noEdge: {to: {zone: internet}, edges: [egress]}", function(model.Update, nil, rule("0.0.0.0/0", 443, 443)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := compile(t, base+strings.Replace(topology, "RULE", "- {id: r, "+c.rule+"}", 1))
			d := judge(t, p, c.a, tiered(t))
			text, _ := json.Marshal(d.Findings)
			if c.denied == "" {
				if d.Verdict != policy.Allow {
					t.Errorf("%s: %s", d.Verdict, text)
				}
				return
			}
			first, _ := d.First()
			if d.Verdict != policy.Deny || first.Code != CodeTopology || !strings.Contains(first.Why, c.denied) || !strings.Contains(first.Source, "shop.yaml:") {
				t.Errorf("%s: %s", d.Verdict, text)
			}
		})
	}
}

// An exception waives a topology rule by its id, for what it names.
func TestAnExceptionWaivesATopologyRule(t *testing.T) {
	p := compile(t, base+strings.Replace(topology, "RULE", "- {id: r, noEdge: {to: {zone: pci}}}", 1))
	a := function(model.Update, names(cards))
	a.Targets[0].URN = "arn:aws:lambda:us-east-1:123456789012:function:excused"
	a.Ties.Relations[0].From = a.Targets[0].URN
	a.Targets[0].Role = model.RoleCreated
	if d := judge(t, p, a, tiered(t)); d.Verdict != policy.Allow || codes(d) != CodeWaived {
		t.Errorf("%s: %+v", d.Verdict, d.Findings)
	}
}

// With a ratchet a connection that was there already does not block a change that adds
// none; without, it does.
func TestTopologyRatchets(t *testing.T) {
	text := base + strings.Replace(topology, "RULE", "- {id: r, noEdge: {to: {zone: pci}, edges: [reads]}}", 1)
	old := tiered(t, model.Relation{From: fn, To: cards, Type: model.Reads})
	ratchet := strings.Replace(text, "  zones:\n", "  ratchet: true\n  zones:\n", 1)
	for name, c := range map[string]struct {
		text string
		s    model.Snapshot
		ties *model.Ties
		want policy.Verdict
	}{
		"old, with":         {ratchet, old, names(), policy.Allow},
		"old, without":      {text, old, names(), policy.Deny},
		"new, with":         {ratchet, tiered(t), names(cards), policy.Deny},
		"named again, with": {ratchet, old, names(cards), policy.Allow},
	} {
		if d := judge(t, compile(t, c.text), function(model.Attach, c.ties), c.s); d.Verdict != c.want {
			t.Errorf("%s: %s %+v", name, d.Verdict, d.Findings)
		}
	}
}

// One snapshot, one verdict: what the model was asked is enough to judge again.
func TestTopologyIsJudgedAgainFromMemory(t *testing.T) {
	p := compile(t, base+strings.Replace(topology, "RULE", "- {id: r, noPath: {to: {zone: pci}}}", 1))
	w := radius.NewWitness(tiered(t), false)
	a := function(model.Update, names(queue))
	was := judge(t, p, a, w)
	data, err := json.Marshal(w.Facts())
	if err != nil {
		t.Fatal(err)
	}
	var facts model.Facts
	if err := json.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}
	again := policy.Decision{ID: "dec_1", At: time.Unix(1, 0).UTC(), Action: a}
	if err := p.Judge(t.Context(), &again, radius.Recall(facts)); err != nil {
		t.Fatal(err)
	}
	if was.Verdict != policy.Deny || !reflect.DeepEqual(was.Findings, again.Findings) {
		t.Errorf("was %+v\nis %+v", was.Findings, again.Findings)
	}
	if forgot := judge(t, p, a, radius.Recall(model.Facts{})); forgot.Verdict != policy.Deny {
		t.Error("what was not recorded helps")
	}
}
