package graph

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

func typed(urn, typ, attrs string, aliases ...string) model.Observation {
	o := see(urn, attrs, aliases...)
	o.Resource.Type, o.Resource.Platform = typ, "aws"
	if a, ok := parseARN(urn); ok {
		o.Resource.Account, o.Resource.Region = a.account, a.region
	}
	return o
}

func object(kind, namespace, name, attrs string, labels ...string) model.Observation {
	group, short, _ := strings.Cut(kind, "/")
	o := see(fmt.Sprintf("k8s://c/%s/%s/%s/%s", group, short, namespace, name), attrs)
	o.Resource.Type, o.Resource.Platform, o.Resource.Account, o.Resource.Region, o.Resource.Name = kind, "kubernetes", "c", namespace, name
	o.Resource.Tags = map[string]string{}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		o.Resource.Tags[k] = v
	}
	return o
}

// relations lists everything as "from -type-> to (confidence)", by last names.
func relations(s model.Snapshot) []string {
	var out []string
	short := func(u model.URN) string { return string(u[strings.LastIndexAny(string(u), "/:")+1:]) }
	s.Each(func(r model.Resource) bool {
		for _, d := range s.Dependencies(r.URN) {
			out = append(out, fmt.Sprintf("%s -%s-> %s (%s)", short(d.From), d.Type, short(d.To), d.Confidence))
		}
		return true
	})
	slices.Sort(out)
	return out
}

// inEveryOrder applies observations in many orders, and wants one answer.
func inEveryOrder(t *testing.T, all []model.Observation, want ...string) {
	t.Helper()
	slices.Sort(want)
	digest := ""
	for shift := range all {
		for _, turned := range []bool{false, true} {
			order := slices.Concat(all[shift:], all[:shift])
			if turned {
				slices.Reverse(order)
			}
			g := New(Config{})
			for _, o := range order {
				g.Apply([]model.Observation{o})
			}
			check(t, g)
			if got := relations(g.Snapshot()); !slices.Equal(got, want) {
				t.Fatalf("shift %d, turned %v\n got %s\nwant %s", shift, turned, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
			d := g.Snapshot().Version().Digest
			if digest != "" && d != digest {
				t.Fatal("the digest depends on the order")
			}
			digest = d
		}
	}
}

func TestRulesSayWhatAnAttributeMeans(t *testing.T) {
	arn := func(rest string) string { return "arn:aws:" + rest }
	inEveryOrder(t, []model.Observation{
		typed(vpc, "ec2:vpc", `{}`, "vpc-0aaaaaaa"),
		typed(subnet, "ec2:subnet", `{"VpcId":"vpc-0aaaaaaa"}`, "subnet-0bbbbbbb"),
		typed(group, "ec2:security-group", `{"VpcId":"vpc-0aaaaaaa"}`, "sg-0ccccccc"),
		typed(instance, "ec2:instance", `{"SubnetId":"subnet-0bbbbbbb","SecurityGroups":[{"GroupId":"sg-0ccccccc"}],"BlockDeviceMappings":[{"Ebs":{"VolumeId":"vol-01234567"}}]}`, "i-0ddddddd"),
		typed(arn("ec2:eu-west-1:111122223333:volume/vol-01234567"), "ec2:volume", `{"Attachments":[{"InstanceId":"i-0ddddddd"}]}`, "vol-01234567"),
		typed(arn("ec2:eu-west-1:111122223333:route-table/rtb-01234567"), "ec2:route-table", `{"Associations":[{"SubnetId":"subnet-0bbbbbbb"}],"VpcId":"vpc-0aaaaaaa"}`, "rtb-01234567"),
		typed(arn("autoscaling:eu-west-1:111122223333:autoScalingGroup:6f9619ff-8b86-d011-b42d-00cf4fc964ff:autoScalingGroupName/fleet"), "autoscaling:autoScalingGroup",
			`{"Instances":[{"InstanceId":"i-0ddddddd"}],"Other":"vol-01234567"}`),
	},
		"subnet-0bbbbbbb -contains-> vpc-0aaaaaaa (ruled)", "sg-0ccccccc -contains-> vpc-0aaaaaaa (ruled)",
		"i-0ddddddd -contains-> subnet-0bbbbbbb (ruled)", "i-0ddddddd -guarded-by-> sg-0ccccccc (ruled)",
		"i-0ddddddd -attached-> vol-01234567 (ruled)", "vol-01234567 -observes-> i-0ddddddd (ruled)",
		"subnet-0bbbbbbb -routes-via-> rtb-01234567 (ruled)", "rtb-01234567 -contains-> vpc-0aaaaaaa (ruled)",
		"i-0ddddddd -controls-> fleet (ruled)", "fleet -references-> vol-01234567 (mentioned)")
}

// Plain names match only through a rule, and only one thing: everything here is
// called orders or web.
func TestNamesMatchOnlyThroughARule(t *testing.T) {
	const at = "eu-west-1:111122223333:"
	all := []model.Observation{
		typed("arn:aws:sqs:"+at+"orders", "sqs:queue", `{"Name":"orders"}`),
		typed("arn:aws:sqs:us-east-1:111122223333:orders", "sqs:queue", `{}`),
		typed("arn:aws:dynamodb:"+at+"table/orders", "dynamodb:table", `{"TableName":"orders"}`),
		typed("arn:aws:sns:"+at+"orders", "sns:topic", `{"DisplayName":"orders"}`),
		typed("arn:aws:s3:::orders", "s3:bucket", `{"Name":"orders"}`),
		typed("arn:aws:rds:"+at+"db:orders", "rds:db", `{"DBInstanceIdentifier":"orders","DBParameterGroups":[{"DBParameterGroupName":"web"}]}`),
		typed("arn:aws:rds:"+at+"pg:web", "rds:pg", `{"DBParameterGroupName":"web"}`),
		typed("arn:aws:ec2:"+at+"security-group/sg-01234567", "ec2:security-group", `{"GroupName":"web"}`, "sg-01234567"),
		typed("arn:aws:elasticloadbalancing:"+at+"loadbalancer/web", "elasticloadbalancing:loadbalancer", `{"LoadBalancerName":"web"}`),
		typed("arn:aws:ecs:"+at+"cluster/web", "ecs:cluster", `{"clusterName":"web"}`),
		typed("arn:aws:eks:"+at+"cluster/web", "eks:cluster", `{"name":"web"}`),
		typed("arn:aws:eks:"+at+"nodegroup/web/main/1", "eks:nodegroup", `{"clusterName":"web","nodegroupName":"main"}`),
		typed("arn:aws:lambda:"+at+"function:orders", "lambda:function", `{"FunctionName":"orders","Environment":{"Variables":{"TABLE":"orders","OTHER":"web","QUEUE_URL":"https://sqs.eu-west-1.amazonaws.com/111122223333/orders"}}}`),
	}
	inEveryOrder(t, all,
		"orders -uses-config-> web (named)", // the database's parameter group
		"1 -runs-on-> web (named)",          // the node group's cluster
		"orders -reads-> orders (named)",    // the function's table, by the name of the variable
		"orders -reads-> orders (ruled)")    // and its queue, by URL

	t.Run("a name that two have is nobody's", func(t *testing.T) {
		g := New(Config{})
		g.Apply([]model.Observation{
			typed("arn:aws:rds:eu-west-1:*:pg:web", "rds:pg", `{}`), typed("arn:aws:rds:*:111122223333:pg:web", "rds:pg", `{}`), all[5]})
		if got := relations(g.Snapshot()); len(got) > 1 {
			t.Errorf("%q", got)
		}
	})
	t.Run("a type that comes later changes the meaning", func(t *testing.T) {
		g := New(Config{})
		bare := all[6]
		bare.Resource.Type = ""
		g.Apply([]model.Observation{all[5], bare})
		if got := relations(g.Snapshot()); len(got) != 0 {
			t.Fatalf("%q", got)
		}
		g.Apply([]model.Observation{all[6]})
		if got := relations(g.Snapshot()); len(got) != 1 {
			t.Errorf("%q", got)
		}
	})
}

func TestSelectorsHostsAndBindings(t *testing.T) {
	stated := func(o model.Observation, to, source string) model.Observation {
		o.Relations = append(o.Relations, model.Relation{From: o.Resource.URN, To: model.URN("k8s://c/" + to), Type: model.References, Source: source})
		return o
	}
	inEveryOrder(t, []model.Observation{
		object("core/Service", "shop", "cart", `{"spec":{"selector":{"app":"cart"}}}`),
		object("core/Service", "shop", "none", `{"spec":{"selector":{}}}`),
		object("core/Pod", "shop", "cart-1", `{}`, "app=cart", "v=1"),
		object("core/Pod", "shop", "cart-2", `{}`, "app=cart", "v=2"),
		object("core/Pod", "other", "cart-3", `{}`, "app=cart"),
		object("core/Pod", "shop", "web-1", `{"spec":{"containers":[{"env":[{"name":"CART_ADDR","value":"cart:7070"},{"name":"ROLE","value":"cart"},{"name":"V","value":"1.2:3"}]}]}}`, "app=web"),
		object("apps/Deployment", "shop", "cart-dep", `{"spec":{"template":{"metadata":{"labels":{"app":"cart"}}}}}`),
		object("networking.k8s.io/NetworkPolicy", "shop", "canary", `{"spec":{"podSelector":{"matchLabels":{"app":"cart"},"matchExpressions":[{"key":"v","operator":"In","values":["2"]}]}}}`),
		object("networking.k8s.io/NetworkPolicy", "other", "all", `{"spec":{"podSelector":{}}}`),
		stated(stated(object("rbac.authorization.k8s.io/RoleBinding", "shop", "bind", `{}`), "core/ServiceAccount/shop/robot", "subjects"), "rbac.authorization.k8s.io/Role/shop/reader", "roleRef"),
		object("rbac.authorization.k8s.io/Role", "shop", "reader", `{}`),
		object("core/ServiceAccount", "shop", "robot", `{}`),
	},
		"cart -forwards-to-> cart-1 (ruled)", "cart -forwards-to-> cart-2 (ruled)", "cart -forwards-to-> cart-dep (ruled)",
		"web-1 -calls-> cart (named)", "cart-2 -guarded-by-> canary (ruled)", "cart-3 -guarded-by-> all (ruled)",
		"robot -grants-> bind (stated)", "bind -grants-> reader (stated)")
}

func TestALabelThatChangesIsFollowed(t *testing.T) {
	g := New(Config{})
	g.Apply([]model.Observation{object("core/Service", "shop", "cart", `{"spec":{"selector":{"app":"cart"}}}`), object("core/Pod", "shop", "p", `{}`, "app=cart")})
	for _, step := range []struct {
		label string
		want  int
	}{{"app=web", 0}, {"app=cart", 1}} {
		g.Apply([]model.Observation{object("core/Pod", "shop", "p", `{}`, step.label)})
		check(t, g)
		if got := relations(g.Snapshot()); len(got) != step.want {
			t.Errorf("%s: %q", step.label, got)
		}
	}
}

func TestServiceHost(t *testing.T) {
	for s, want := range map[string]string{
		"cart:7070": "cart.", "http://cart": "cart.", "grpc://cart.shop:80/x": "cart.shop", "cart.shop.svc.cluster.local": "cart.shop",
		"cart": "", "10.0.0.1:80": "", "cart:http": "", "cart.example.com:443": "", "a b:80": "", "://x": "", "": "", "postgres://u:p@db:5432/x": "db.",
	} {
		name, namespace, ok := serviceHost(s)
		if got := name + "." + namespace; ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q %v, want %q", s, got, ok, want)
		}
	}
}

func TestParseRules(t *testing.T) {
	if all, err := parseRules(relationsTable); err != nil || len(all) < 150 {
		t.Errorf("%d rows, %v", len(all), err)
	}
	for _, bad := range []string{"a\tb\tc\treads", "a\tb\tc\teats\tid", "a\tb\tc\treads\tguess"} {
		if _, err := parseRules(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// FuzzSelector: no attributes make a selector panic, and what a selector of
// labels alone selects has them.
func FuzzSelector(f *testing.F) {
	for _, s := range []string{`{"app":"a"}`, `{"matchLabels":{"app":"a"}}`, `{"matchExpressions":[{"key":"app","operator":"NotIn","values":["b"]}]}`, `[]`, `{`, `null`} {
		f.Add(s, "app", "a")
	}
	f.Fuzz(func(t *testing.T, s, k, v string) {
		g := New(Config{})
		attrs, err := json.Marshal(map[string]any{"spec": map[string]any{"selector": json.RawMessage(s)}})
		if err != nil {
			return
		}
		pod := object("core/Pod", "n", "p", `{}`)
		pod.Resource.Tags[k] = v
		g.Apply([]model.Observation{object("core/Service", "n", "s", string(attrs)), pod})
		check(t, g)
		var plain map[string]string
		want := json.Unmarshal([]byte(s), &plain) == nil && len(plain) > 0
		for pk, pv := range plain {
			want = want && pk == k && pv == v
		}
		if json.Unmarshal([]byte(s), &plain) == nil && want != (len(relations(g.Snapshot())) == 1) {
			t.Errorf("selector %s on %s=%s: %v", s, k, v, relations(g.Snapshot()))
		}
	})
}
